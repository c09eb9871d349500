from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.formats.petab import Parameter, Prior
from catena.formats.petab.problem import PriorKind, Scale
from catena.numerics.ode.sbml.petab_prior import SCALES, Priors, density

KINDS: tuple[PriorKind, ...] = get_args(PriorKind)
SCALE_NAMES: tuple[Scale, ...] = get_args(Scale)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", SCALE_NAMES)
def test_slopes_are_those_of_differences(kind: PriorKind, scale: Scale) -> None:
    prior, theta, step = Prior(kind, 0.2, 9.0), np.array([0.31, 0.9]), 1e-6
    one = density(prior, theta, SCALES[scale])
    above = density(prior, theta + step, SCALES[scale]).value
    below = density(prior, theta - step, SCALES[scale]).value
    np.testing.assert_allclose(one.slope, (above - below) / (2 * step), rtol=1e-6, atol=1e-8)
    assert (one.curvature >= 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_densities_of_the_value_integrate_to_one(kind: PriorKind) -> None:
    logged = kind.startswith("log")
    grid = np.geomspace(1e-9, 1e9, 400_001) if logged else np.linspace(-60.0, 60.0, 400_001)
    value = np.exp(density(Prior(kind, 0.4, 1.2), grid, 0.0).value)
    assert np.trapezoid(value, grid) == pytest.approx(1.0, abs=2e-3)


def test_priors_of_the_scale_differ_from_those_of_the_value() -> None:
    theta = np.array([0.0, 1.0])
    of_scale = density(Prior("parameterScaleNormal", 1.0, 0.5), theta, SCALES["log10"]).value
    of_value = density(Prior("normal", 10.0, 0.5), theta, SCALES["log10"]).value
    constant = -np.log(0.5) - 0.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(of_scale, [constant - 2.0, constant])
    np.testing.assert_allclose(of_value, [constant - 0.5 * 18.0**2, constant])


def test_all_parameters_together_and_outside_a_uniform() -> None:
    priors = Priors([
        Parameter("a", prior=Prior("normal", 0.0, 2.0)),
        Parameter("b"),
        Parameter("c", "log10", prior=Prior("uniform", 1.0, 10.0)),
    ])  # fmt: skip
    value, gradient, curvature = priors.scored(np.array([[1.0, 5.0, 0.5], [1.0, 5.0, 1.5]]))
    assert np.isfinite(value[0])
    assert value[1] == -np.inf
    np.testing.assert_allclose(gradient[0], [-0.25, 0.0, 0.0])
    np.testing.assert_allclose(np.diag(curvature[0]), [0.25, 0.0, 0.0])


def test_starts_follow_bounds_and_start_priors() -> None:
    unit = (np.arange(2000)[:, None] + 0.5) / 2000 * np.ones(4)
    bounds = np.array([[-3.0, -9.0, -2.0, 0.0], [1.0, 9.0, 2.0, 5.0]])
    starts = Priors([
        Parameter("a", "log10"),
        Parameter("b", "log10", start=Prior("parameterScaleNormal", 1.0, 0.5)),
        Parameter("c", "log10", start=Prior("logLaplace", 0.0, 9.0)),
        Parameter("d", start=Prior("uniform", 2.0, 3.0)),
    ]).starts(unit, bounds)  # fmt: skip
    assert ((starts >= bounds[0]) & (starts <= bounds[1])).all()
    np.testing.assert_allclose([starts[:, 0].min(), starts[:, 0].max()], [-3, 1], atol=2e-3)
    assert starts[:, 1].mean() == pytest.approx(1.0, abs=1e-3)
    assert starts[:, 1].std() == pytest.approx(0.5, abs=5e-3)
    assert (starts[:, 2] == 2.0).mean() == pytest.approx((starts[:, 2] == -2.0).mean())
    np.testing.assert_allclose([starts[:, 3].min(), starts[:, 3].max()], [2, 3], atol=1e-3)
    with pytest.raises(InputError, match="'a' has no bounds"):
        Priors([Parameter("a")]).starts(unit[:, :1], np.array([[-np.inf], [1.0]]))
