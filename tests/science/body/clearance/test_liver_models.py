"""Liver models: limits, order, published closed forms, independent numerics."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.science.body.clearance.conventions import LIVER_MODEL_NAMES
from catena.science.body.clearance.liver_models import (
    LIVER_MODELS,
    dispersion,
    extended,
    parallel_tube,
    well_stirred,
)
from catena.science.body.clearance.validation import collocated_extraction

FLOW = 90.0
COMPILED = {name: jax.jit(model) for name, model in LIVER_MODELS.items()}


@pytest.mark.parametrize("model", list(LIVER_MODELS.values()))
def test_low_clearance_is_limited_by_the_enzymes(model: object) -> None:
    cl = float(model(FLOW, 0.1, 0.01))  # type: ignore[operator]
    assert cl == pytest.approx(0.001, rel=2e-5)


@pytest.mark.parametrize("model", list(LIVER_MODELS.values()))
def test_high_clearance_is_limited_by_the_flow(model: object) -> None:
    assert float(model(FLOW, 1.0, 1e9)) == pytest.approx(FLOW, rel=1e-6)  # type: ignore[operator]
    assert float(model(FLOW, 1.0, 0.0)) == 0.0  # type: ignore[operator]


@settings(deadline=None)
@given(st.floats(1e-6, 1e6), st.floats(1e-4, 1.0), st.floats(1.0, 200.0))
def test_order_of_the_models(clint: float, fu: float, flow: float) -> None:
    mixed, between, plug = (
        float(COMPILED[name](flow, fu, clint))
        for name in ("well_stirred", "dispersion", "parallel_tube")
    )
    slack = 1e-9 * flow
    assert 0.0 <= mixed <= between + slack
    assert between <= plug + slack
    assert plug <= flow * (1 + 1e-12)


def test_every_named_model_exists() -> None:
    assert (*LIVER_MODELS, "extended") == LIVER_MODEL_NAMES


def test_values_at_equal_flow_and_removal() -> None:
    # fub CLint = Q: 1/2; 1 - 1/e; dispersion with a = sqrt(1.68), worked out by hand
    assert float(well_stirred(FLOW, 1.0, FLOW)) == pytest.approx(45.0)
    assert float(parallel_tube(FLOW, 1.0, FLOW)) == pytest.approx(FLOW * (1 - np.exp(-1)))
    a = np.sqrt(1 + 4 * 0.17)
    below = (1 + a) ** 2 * np.exp((a - 1) / 0.34) - (1 - a) ** 2 * np.exp(-(a + 1) / 0.34)
    assert float(dispersion(FLOW, 1.0, FLOW)) == pytest.approx(
        FLOW * (1 - 4 * a / below), rel=1e-12
    )


def test_dispersion_spans_plug_flow_to_mixed_pool() -> None:
    assert float(dispersion(FLOW, 1.0, 200.0, 1e-5)) == pytest.approx(
        float(parallel_tube(FLOW, 1.0, 200.0)), rel=1e-4
    )
    assert float(dispersion(FLOW, 1.0, 200.0, 1e4)) == pytest.approx(
        float(well_stirred(FLOW, 1.0, 200.0)), rel=1e-4
    )


@pytest.mark.parametrize("ratio", [0.01, 0.5, 3.0])
def test_dispersion_solves_its_differential_equation(ratio: float) -> None:
    exact = collocated_extraction(ratio, 0.17)
    assert float(dispersion(1.0, 1.0, ratio)) == pytest.approx(exact, rel=1e-8)


def test_extended_reduces_to_well_stirred_for_fast_exchange() -> None:
    fast = extended(FLOW, 0.2, 100.0, 20.0, 1e9, 1e9)
    assert float(fast) == pytest.approx(float(well_stirred(FLOW, 0.2, 120.0)), rel=1e-6)


def test_extended_is_limited_by_uptake_when_metabolism_is_fast() -> None:
    slow = extended(FLOW, 0.2, 1e9, 0.0, 30.0, 30.0)
    assert float(slow) == pytest.approx(float(well_stirred(FLOW, 0.2, 30.0)), rel=1e-6)


@pytest.mark.parametrize("model", list(LIVER_MODELS.values()))
@pytest.mark.parametrize("clint", [0.0, 1e-8, 100.0, 1e7])
def test_gradients_are_finite(model: object, clint: float) -> None:
    slope = jax.grad(lambda x: model(FLOW, 0.3, x))(clint)  # type: ignore[operator]
    assert np.isfinite(slope)
    if clint == 0.0:
        assert float(slope) == pytest.approx(0.3)
