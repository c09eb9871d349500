"""Numbers of a card: units, uncertainty, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from catena.core.errors import UnitError
from catena.formats.compound import Number


def test_value_converts_with_its_unit() -> None:
    assert Number(value=67, unit="mL/min").to("L/h") == pytest.approx(4.02)
    with pytest.raises(UnitError):
        Number(value=67, unit="mL/min").to("mg")


@settings(deadline=None)
@given(value=st.floats(1e-6, 1e6), fold=st.floats(1.05, 20))
def test_fold_holds_95_percent(value: float, fold: float) -> None:
    law = Number(value=value, unit="", fold=fold).distribution("")
    assert law is not None
    low, high = law.ppf(np.array([0.025, 0.975]))
    assert high == pytest.approx(value * fold, rel=1e-6)
    assert low == pytest.approx(value / fold, rel=1e-6)


def test_distribution_is_in_the_unit_asked_for() -> None:
    law = Number(value=60, unit="mL/min", sd=6).distribution("L/h")
    assert law is not None
    assert law.parameters == pytest.approx((3.6, 0.36))
    triangle = Number(value=0.5, unit="", range=(0.2, 1.0)).distribution("")
    assert triangle is not None
    assert triangle.parameters == (0.2, 0.5, 1.0)
    assert Number(value=1, unit="").distribution("") is None


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"value": 1, "cv": 0.2, "sd": 0.1}, "one of cv"),
        ({"value": 0, "cv": 0.2}, "above 0"),
        ({"value": 3, "range": (1, 2)}, "does not hold"),
        ({"value": 3, "range": (3, 3)}, "does not hold"),
        ({"value": float("nan")}, "finite"),
        ({"value": 1, "fold": 1}, "greater than 1"),
        ({"value": 1, "cv": -0.1}, "greater than 0"),
    ],
)
def test_contradictions_are_refused(parts: dict[str, object], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        Number.model_validate({"unit": "", **parts})
