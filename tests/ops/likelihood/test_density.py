from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from catena.core.errors import InputError
from catena.ops.likelihood.density import Density, density_of

ALL = [Density(), Density("student", 4.0), Density("laplace"), Density("huber", 1.345),
       Density("soft_l1"), Density("cauchy")]  # fmt: skip
Z = np.array([-30.0, -3.0, -1.0, -0.2, 0.0, 0.4, 1.3, 5.0, 20.0])


def pdf(density: Density, z: float) -> float:
    return float(np.exp(-density.loss(np.asarray(z)) - density.constant))


@pytest.mark.parametrize("density", ALL, ids=lambda d: d.name)
def test_densities_integrate_to_one(density: Density) -> None:
    assert 2 * quad(lambda z: pdf(density, z), 0, np.inf)[0] == pytest.approx(1.0, abs=1e-7)


@pytest.mark.parametrize("density", ALL, ids=lambda d: d.name)
def test_slopes_are_derivatives(density: Density) -> None:
    at = Z[Z != 0]
    numeric = (density.loss(at + 1e-6) - density.loss(at - 1e-6)) / 2e-6
    np.testing.assert_allclose(density.slope(at), numeric, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("density", "peer"),
    [(ALL[0], stats.norm), (ALL[1], stats.t(4)), (ALL[2], stats.laplace), (ALL[5], stats.cauchy)],
    ids=["normal", "student", "laplace", "cauchy"],
)
def test_against_scipy(density: Density, peer: stats.rv_continuous) -> None:
    np.testing.assert_allclose(-density.loss(Z) - density.constant, peer.logpdf(Z), rtol=1e-12)
    np.testing.assert_allclose(density.log_below(Z), peer.logcdf(Z), rtol=1e-9, atol=1e-12)


def test_cauchy_is_student_with_one_degree_of_freedom() -> None:
    np.testing.assert_allclose(
        Density("cauchy").log_below(Z), Density("student", 1.0).log_below(Z), rtol=1e-9
    )


@pytest.mark.parametrize("density", ALL, ids=lambda d: d.name)
def test_information_is_the_variance_of_the_score(density: Density) -> None:
    def slope(z: float) -> float:
        return float(density.slope(np.asarray(z)))

    location = 2 * quad(lambda z: slope(z) ** 2 * pdf(density, z), 0, np.inf)[0]
    scale = 2 * quad(lambda z: (z * slope(z) - 1) ** 2 * pdf(density, z), 0, np.inf)[0]
    np.testing.assert_allclose(density.information, (location, scale), rtol=1e-6)


@pytest.mark.parametrize("density", ALL, ids=lambda d: d.name)
def test_draws_follow_the_density(density: Density) -> None:
    drawn = density.draw(np.random.default_rng(1), (4000,))
    ends = np.linspace(-2.0, 2.0, 9)
    expected = [0.5 + np.sign(e) * quad(lambda z: pdf(density, z), 0, abs(e))[0] for e in ends]
    np.testing.assert_allclose([(drawn < e).mean() for e in ends], expected, atol=0.03)


def test_traced_values_agree() -> None:
    import jax.numpy as jnp

    from catena.core.jaxconfig import enable_x64

    enable_x64()
    for density in ALL:
        np.testing.assert_allclose(density.loss(jnp.asarray(Z), jnp), density.loss(Z), rtol=1e-12)
        if density.censors:
            traced = np.asarray(density.log_below(jnp.asarray(Z), jnp))
            np.testing.assert_allclose(traced, density.log_below(Z), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("asked", [("hubber", None), ("student", -1.0), ("laplace", 2.0)])
def test_nonsense_is_refused(asked: tuple[str, float | None]) -> None:
    with pytest.raises(InputError):
        density_of(*asked)
