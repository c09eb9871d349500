"""Distributions: quantiles against closed forms, text with units, contradictions refused."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.distribution import Distribution
from catena.core.errors import CatenaError, SchemaError, UnitError

U = np.linspace(0.0005, 0.9995, 20_001)


def test_lognormal_has_the_median_and_cv_it_names() -> None:
    values = Distribution.parse("lognormal(12 L/h, 30 %)", "mL/min").ppf(U)
    assert np.median(values) == pytest.approx(200.0, rel=1e-9)
    assert values.std() / values.mean() == pytest.approx(0.30, rel=0.01)


@pytest.mark.parametrize(
    ("text", "quantiles"),
    [
        ("normal(10, 2)", {0.5: 10.0, 0.975: 10 + 2 * 1.959964}),
        ("uniform(2, 4)", {0.25: 2.5, 0.5: 3.0}),
        ("loguniform(1, 100)", {0.5: 10.0, 0.75: 10**1.5}),
        ("triangular(0, 1, 2)", {0.5: 1.0, 0.125: 0.5, 0.875: 1.5}),
        ("discrete(5, 7)", {0.2: 5.0, 0.8: 7.0}),
    ],
)
def test_quantiles(text: str, quantiles: dict[float, float]) -> None:
    distribution = Distribution.parse(text)
    for probability, value in quantiles.items():
        assert distribution.ppf(np.array(probability)) == pytest.approx(value, rel=1e-6)


def test_ranges_take_the_unit_of_their_end() -> None:
    assert Distribution.parse("10..400 mg", "g").parameters == pytest.approx((0.01, 0.4))
    assert Distribution.parse("0.01..0.06 1/h", "1/h").name == "uniform"


@pytest.mark.parametrize(
    "text",
    ["gaussian(1, 2)", "normal(1)", "normal(1, -2)", "lognormal(-1, 30 %)", "5..1", "nonsense",
     "uniform(1, 1)", "loguniform(0, 1)", "triangular(2, 1, 3)", "normal(a, b)", "discrete()"],
)  # fmt: skip
def test_contradictions_are_refused(text: str) -> None:
    with pytest.raises(CatenaError) as caught:
        Distribution.parse(text)
    assert isinstance(caught.value, (SchemaError, UnitError))
    assert caught.value.fix


def test_wrong_dimension_is_refused() -> None:
    with pytest.raises(UnitError):
        Distribution.parse("lognormal(12 mg, 30 %)", "L/h")
