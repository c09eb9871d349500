"""Risk measures over scenarios."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.ops.optimise.robust import Risk


@pytest.mark.parametrize(
    ("text", "expected"),
    [("mean", 5.5), ("worst", 10.0), ("quantile 0.9", 9.0), ("cvar 80 %", 9.0), ("cvar 0.9", 9.5)],
)
def test_measures_of_one_to_ten(text: str, expected: float) -> None:
    values = np.array([[3.0, 1, 2, 10, 9, 8, 4, 5, 6, 7]])
    weights = Risk.parse(text).weights(values)
    assert weights.sum() == pytest.approx(1.0)
    assert (weights * values).sum() == pytest.approx(expected)


@pytest.mark.parametrize("text", ["luck", "quantile 1.5", "cvar x", "mean of all"])
def test_unknown_measures_are_refused(text: str) -> None:
    with pytest.raises(InputError):
        Risk.parse(text)
