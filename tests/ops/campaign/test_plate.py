"""Plates and worklists."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.ops.campaign.factors import parse_factors
from catena.ops.campaign.plate import Stocks, layout, well_names, worklist

IDS = [f"1-{k:02d}" for k in range(1, 41)]


def test_every_replicate_and_control_has_a_well_of_its_own():
    places = layout(IDS, replicates=3, controls={"blank": 4, "standard": 2}, key=5)
    wells = list(zip(places["plate"], places["well"], strict=True))
    assert len(set(wells)) == len(wells)
    counts = Counter(places["experiment"])
    assert all(counts[name] == 3 for name in IDS)
    plates = int(max(places["plate"]))
    assert counts["blank"] == 4 * plates
    assert plates == int(np.ceil(120 / 90))


def test_a_plate_is_a_block_of_replicates():
    places = layout(IDS, replicates=2, wells=48, controls={"blank": 8}, key=1)
    first = [n for p, n, r in zip(places["plate"], places["experiment"], places["replicate"], strict=True)
             if p == 1 and r > 0]  # fmt: skip
    assert sorted(first) == IDS  # all experiments once, then the next replicate


def test_the_outer_ring_can_be_left_empty():
    assert len(well_names(96, edge=False)) == 60
    places = layout(IDS, edge=False)
    assert not any(
        well.startswith(("A", "H")) or well[1:] in ("1", "12") for well in places["well"]
    )
    assert well_names(1536)[-1] == "AF48"


def test_volumes_make_the_concentrations():
    space = parse_factors({"glucose": "0..20 g/L", "salt": "0..0.1 mol/L", "medium": ["A", "B"]})
    x = np.array([[20.0, 0.05, 0.0], [5.0, 0.0, 1.0]])
    stocks = Stocks({"glucose": "100 g/L", "salt": "500 mmol/L"}, volume="0.2 mL")
    found = worklist(space, x, ["a", "b"], layout(["a", "b"], key=1), stocks)
    rows = {
        (e, s): v
        for e, s, v in zip(found["experiment"], found["source"], found["volume"], strict=True)
    }
    assert rows == {("a", "glucose"): 40.0, ("a", "salt"): 20.0, ("a", "diluent"): 140.0,
                    ("b", "glucose"): 10.0, ("b", "diluent"): 190.0}  # fmt: skip


@pytest.mark.parametrize(
    ("stocks", "why"),
    [
        (Stocks({"glucose": "25 g/L", "salt": "0.11 mol/L"}), "in a well of 200"),
        (Stocks({"glucose": "100 g/L"}), "salt has no stock"),
        (Stocks({"glucose": "100 g/L", "salt": "50 mol/L"}), "below the smallest"),
    ],
)
def test_what_cannot_be_mixed_is_refused_by_name(stocks, why):
    space = parse_factors({"glucose": "0..20 g/L", "salt": "0..0.1 mol/L"})
    with pytest.raises(InputError) as caught:
        worklist(space, np.array([[20.0, 0.1]]), ["a"], layout(["a"]), stocks)
    assert why in caught.value.why


def test_refuses_plates_that_do_not_exist():
    with pytest.raises(InputError, match="No plate"):
        layout(IDS, wells=100)
    with pytest.raises(InputError, match="No well is left"):
        layout(IDS, wells=6, controls={"blank": 6})
    with pytest.raises(InputError, match="Nothing to place"):
        layout([])
