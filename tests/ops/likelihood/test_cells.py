from __future__ import annotations

import math

import numpy as np
import pytest

from catena.core.errors import RowFault
from catena.core.spec import Field
from catena.ops.likelihood.cells import (
    ABOVE,
    BELOW,
    BETWEEN,
    EXACT,
    BadCell,
    Cell,
    read_cell,
    read_censoring,
    read_numbers,
)

PLASMA = Field("plasma", unit="mg/L", bounds=(0, None))
NONE = (None, None)


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (1.5, Cell(EXACT, 1.5, 1.5)),
        ("1.5", Cell(EXACT, 1.5, 1.5)),
        ("1e-3", Cell(EXACT, 1e-3, 1e-3)),
        ("<0.5", Cell(BELOW, -math.inf, 0.5)),
        ("< 500 ug/L", Cell(BELOW, -math.inf, 0.5)),
        (">9", Cell(ABOVE, 9.0, math.inf)),
        ("≥9", Cell(ABOVE, 9.0, math.inf)),
        ("0.1..0.5", Cell(BETWEEN, 0.1, 0.5)),
        ("[0.1, 0.5]", Cell(BETWEEN, 0.1, 0.5)),
        ("", None),
        (".", None),
        ("NA", None),
        (None, None),
        (math.nan, None),
    ],
)
def test_what_a_cell_says(value: object, cell: Cell | None) -> None:
    assert read_cell(value, "mg/L", PLASMA, NONE) == cell


def test_units_of_the_column_apply_to_bare_numbers() -> None:
    cell = read_cell("<500", "ug/L", PLASMA, NONE)
    assert cell is not None
    assert cell.high == pytest.approx(0.5)
    exact = read_cell(2000.0, "ug/L", PLASMA, NONE)
    assert exact is not None
    assert exact.low == pytest.approx(2.0)


def test_limits_censor_numbers_and_words() -> None:
    assert read_cell(0.04, "mg/L", PLASMA, (0.05, 10.0)) == Cell(BELOW, -math.inf, 0.05)
    assert read_cell("BLQ", "mg/L", PLASMA, (0.05, None)) == Cell(BELOW, -math.inf, 0.05)
    assert read_cell(12.0, "mg/L", PLASMA, (0.05, 10.0)) == Cell(ABOVE, 10.0, math.inf)


@pytest.mark.parametrize("value", ["much", "0.5..0.1", "BLQ", "1 kg", -1.0, True, "1,5", math.inf])
def test_nonsense_is_refused(value: object) -> None:
    with pytest.raises(BadCell):
        read_cell(value, "mg/L", PLASMA, NONE)


def test_companions() -> None:
    faults: list[RowFault] = []
    sd = read_numbers([0.1, None, "0.3", "x", -1.0], "plasma_sd", faults, positive=True)
    np.testing.assert_array_equal(sd, [0.1, np.nan, 0.3, np.nan, np.nan])
    assert [fault.row for fault in faults] == [3, 4]
    faults.clear()
    side = read_censoring([0, 1, "below", -1.0, "", "sideways"], "c", faults)
    assert side.tolist() == [0, 1, 1, -1, 0, 0]
    assert [fault.row for fault in faults] == [5]
