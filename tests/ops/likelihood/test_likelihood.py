"""Log-likelihoods against closed forms, gradients against differences, all kinds of data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from fit_models import bateman, decay, line, pharmacokinetics, slopes_of
from scipy import stats

import catena
from catena.core.errors import InputError
from catena.ops.likelihood import Likelihood
from catena.ops.space import Space
from catena.ops.variable import Variable

T = np.linspace(0.0, 5.0, 9)
MEAN = 10.0 * np.exp(-0.7 * T)
SEEN = MEAN * np.exp(0.1 * np.random.default_rng(3).standard_normal(9))
MIXED = [">9.05", *SEEN[1:4], f"{SEEN[4] - 0.1}..{SEEN[4] + 0.2}", *SEEN[5:7], "<0.6", "<0.55"]
OVER = {"k": "log 0.01..10 1/h", "a": "0.1..100 mg/L"}


def likelihood(seen: Any = SEEN, **options: Any) -> Likelihood:
    model = decay(options.pop("backend", "jax"))
    return Likelihood(model, {"t": T, "c": list(seen)}, Space.of(model, OVER), **options)


def vectors(found: Likelihood) -> np.ndarray:
    theta = np.array([[0.6, 9.0], [1.1, 12.0], [0.7, 10.3]])
    return np.concatenate([theta, np.full((3, len(found.names) - 2), 0.31)], axis=1)


def test_additive_normal_against_scipy() -> None:
    found = likelihood(noise="additive")
    assert found.names == ("k", "a", "c.sd")
    theta = np.array([[0.7, 10.0, 0.4]])
    expected = stats.norm(MEAN, 0.4).logpdf(SEEN).sum()
    np.testing.assert_allclose(found.value(theta), [expected], rtol=1e-12)
    np.testing.assert_allclose(found.pointwise(theta).sum(axis=1), [expected], rtol=1e-12)


def test_log_normal_is_the_density_of_the_measurement_itself() -> None:
    found = likelihood(noise="lognormal")
    cv = 0.25
    sd = np.sqrt(np.log1p(cv**2))
    expected = stats.lognorm(sd, scale=MEAN).logpdf(SEEN).sum()
    np.testing.assert_allclose(found.value([[0.7, 10.0, cv]]), [expected], rtol=1e-12)


def test_censored_normal_closed_form() -> None:
    model = line()
    seen = {"x": [0.0, 1.0, 2.0, 3.0], "y": ["<1", 2.0, ">5", "5..7"]}
    found = Likelihood(model, seen, Space.of(model, ["a", "b"]), noise="additive(0.8)")
    mean = np.array([0.5, 2.0, 3.5, 5.0])
    law = stats.norm(mean, 0.8)
    expected = (
        law.logcdf(1)[0] + law.logpdf(2.0)[1] + law.logsf(5)[2]
        + np.log(law.cdf(7)[3] - law.cdf(5)[3])
    )  # fmt: skip
    np.testing.assert_allclose(found.value([[0.5, 1.5]]), [expected], rtol=1e-12)


def test_far_tails_of_censored_data_stay_finite() -> None:
    model = line()
    seen = {"x": [0.0, 1.0, 2.0], "y": ["<1", "40..41", 3.0]}
    found = Likelihood(model, seen, Space.of(model, ["a", "b"]), noise="additive(0.5)")
    value, gradient = found.value_and_gradient([[60.0, -30.0]])
    assert np.isfinite(value).all()
    np.testing.assert_allclose(
        gradient, slopes_of(found.value, np.array([[60.0, -30.0]])), rtol=1e-5
    )


@pytest.mark.parametrize("seen", [SEEN, MIXED], ids=["exact", "censored"])
@pytest.mark.parametrize(
    "noise", ["additive", "proportional", "combined", "combined1", "lognormal", "student(4)", "laplace"]
)  # fmt: skip
def test_gradients(noise: str, seen: Any) -> None:
    found = likelihood(seen, noise=noise)
    theta = vectors(found)
    value, gradient, curvature = found.value_gradient_curvature(theta)
    np.testing.assert_allclose(found.value(theta), value, rtol=1e-13)
    expected = slopes_of(found.value, theta)
    np.testing.assert_allclose(gradient, expected, rtol=2e-6, atol=2e-6 * np.abs(expected).max())
    assert np.linalg.eigvalsh(curvature).min() > -1e-9


@pytest.mark.parametrize("loss", ["huber", "soft_l1", "cauchy"])
def test_gradients_of_robust_losses(loss: str) -> None:
    found = likelihood(noise="additive", loss=loss)
    theta = vectors(found)
    expected = slopes_of(found.value, theta)
    np.testing.assert_allclose(found.value_and_gradient(theta)[1], expected, rtol=1e-5, atol=1e-4)


def test_curvature_is_the_negative_hessian_at_a_perfect_fit() -> None:
    found = likelihood(MEAN, noise="additive(0.4)")
    theta = np.array([[0.7, 10.0]])
    step = 1e-5
    hessian = np.zeros((2, 2))
    for k in range(2):
        move = np.zeros((1, 2))
        move[0, k] = step
        up, down = (found.value_and_gradient(theta + s * move)[1][0] for s in (1, -1))
        hessian[k] = (up - down) / (2 * step)
    np.testing.assert_allclose(found.value_gradient_curvature(theta)[2][0], -hessian, rtol=1e-5)


def test_a_model_without_gradients_takes_differences() -> None:
    exact, other = likelihood(noise="additive"), likelihood(noise="additive", backend="numpy")
    theta = vectors(exact)
    np.testing.assert_allclose(
        other.value_and_gradient(theta)[1], exact.value_and_gradient(theta)[1], rtol=1e-6
    )


@pytest.mark.parametrize("noise", ["lognormal", "student(4)"])
def test_the_traced_function_agrees(noise: str) -> None:
    import jax

    found = likelihood(MIXED, noise=noise)
    theta = vectors(found)
    assert found.traced is not None
    value, gradient = jax.jit(jax.vmap(jax.value_and_grad(found.traced)))(theta)
    expected = found.value_and_gradient(theta)
    np.testing.assert_allclose(value, expected[0], rtol=1e-10)
    np.testing.assert_allclose(gradient, expected[1], rtol=1e-8)


def test_weights_multiply_and_known_deviations_are_used() -> None:
    model = decay()
    rows = {"t": T, "c": SEEN, "c_sd": np.full(9, 0.4), "weight": [2.0] + [1.0] * 8}
    found = Likelihood(model, rows, Space.of(model, OVER))
    assert found.names == ("k", "a")
    each = stats.norm(MEAN, 0.4).logpdf(SEEN)
    np.testing.assert_allclose(found.value([[0.7, 10.0]]), [each.sum() + each[0]], rtol=1e-12)
    r, jacobian = found.residuals(np.array([0.7, 10.0]))
    np.testing.assert_allclose(r[1:], ((SEEN - MEAN) / 0.4)[1:], rtol=1e-10)
    _, gradient = found.value_and_gradient([[0.7, 10.0]])
    np.testing.assert_allclose(-(r @ jacobian), gradient[0], rtol=1e-9)


def test_residuals_are_refused_for_censored_data() -> None:
    with pytest.raises(InputError, match="No residuals"):
        likelihood(MIXED, noise="additive(1)").residuals(np.array([0.7, 10.0]))


def pk_rows() -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for name, dose in (("a", 100.0), ("b", 300.0)):
        rows.append({"id": name, "time": 0.0, "amt": dose, "cmt": "depot", "conc": None})
        rows += [
            {"id": name, "time": t, "conc": float(bateman(np.array([t]), dose, 1.2, 2.0, 10.0)[0]) * f}
            for t, f in zip((0.5, 2.0, 6.0) if name == "a" else (1.0, 4.0, 12.0, 24.0), (1.1, 0.9, 1.05, 0.97), strict=False)
        ]  # fmt: skip
    return pd.DataFrame(rows)


PK_OVER = {"ka": "log 0.1..10", "cl": "log 0.1..20", "v": "log 1..100"}


def test_an_ode_with_doses_against_its_closed_form() -> None:
    model = pharmacokinetics()
    found = Likelihood(model, pk_rows(), Space.of(model, PK_OVER), noise="proportional(10 %)")
    theta = np.array([[1.2, 2.0, 10.0], [0.8, 2.5, 12.0]])
    for row, vector in enumerate(theta):
        mean = [bateman(np.array([t]), (100.0, 300.0)[r], *vector)[0]
                for t, r in zip(found.data.at, found.data.row, strict=True)]  # fmt: skip
        np.testing.assert_allclose(found.predict(theta)[row], mean, rtol=1e-7)
    expected = slopes_of(found.value, theta, 1e-5)
    np.testing.assert_allclose(found.value_and_gradient(theta)[1], expected, rtol=1e-5, atol=1e-4)


def test_local_parameters_differ_between_experiments() -> None:
    model = pharmacokinetics()
    found = Likelihood(
        model, pk_rows(), Space.of(model, PK_OVER), noise="lognormal(20 %)", local=("v",)
    )
    assert found.names == ("ka", "cl", "v@a", "v@b")
    theta = np.array([[1.2, 2.0, 10.0, 14.0]])
    expected = slopes_of(found.value, theta, 1e-5)
    np.testing.assert_allclose(found.value_and_gradient(theta)[1], expected, rtol=1e-5, atol=1e-5)
    first = found.data.row == 0
    mean = bateman(found.data.at[~first], 300.0, 1.2, 2.0, 14.0)
    np.testing.assert_allclose(found.predict(theta)[0][~first], mean, rtol=1e-7)


def test_replicates_scatter_as_the_noise_says() -> None:
    found = likelihood(noise="lognormal")
    drawn = found.simulate(np.tile([[0.7, 10.0, 0.2]], (4000, 1)), key=5)
    np.testing.assert_allclose(np.median(drawn, axis=0), MEAN, rtol=0.02)
    np.testing.assert_allclose(np.log(drawn).std(axis=0), np.sqrt(np.log1p(0.04)), rtol=0.05)
    np.testing.assert_array_equal(
        drawn, found.simulate(np.tile([[0.7, 10.0, 0.2]], (4000, 1)), key=5)
    )


def test_failed_rows_are_minus_infinity_with_a_reason() -> None:
    model = line()
    found = Likelihood(
        model,
        {"x": [1.0, 2.0, 3.0], "y": [1.0, 2.0, 3.5]},
        Space.of(model, ["a", "b"]),
        noise="lognormal(10 %)",
    )
    value, gradient = found.value_and_gradient([[0.1, 1.0], [-50.0, 1.0]])
    assert np.isfinite(value[0])
    assert value[1] == -np.inf
    assert not gradient[1].any()
    assert list(found.failures) == [1]


def test_what_cannot_be_calibrated_is_refused() -> None:
    model = decay()
    with pytest.raises(InputError, match="local but not free"):
        likelihood(local=("t",))
    with pytest.raises(InputError, match="positive data"):
        likelihood([0.0, *SEEN[1:]], noise="lognormal")
    with pytest.raises(InputError, match="cannot use censored"):
        likelihood(MIXED, loss="huber")
    with pytest.raises(InputError, match="do not fit"):
        likelihood().value([[1.0]])
    with pytest.raises(InputError, match="leaves what the model allows"):
        Likelihood(model, {"t": T, "c": SEEN}, Space.of(model, {"k": "log 0.01..20"}))
    whole = Space([Variable("n", "integer", 1, 5)])
    with pytest.raises(InputError, match="cannot be calibrated"):
        Likelihood(model, {"t": T, "c": SEEN}, whole)


@pytest.mark.parametrize("noise", ["combined", "lognormal"])
def test_reverse_mode_agrees_with_forward_mode(noise: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = likelihood(MIXED, noise=noise)
    theta = vectors(found)
    forward = found.value_and_gradient(theta)
    monkeypatch.setattr("catena.ops.likelihood.likelihood._REVERSE_FROM", 0)
    reverse = found.value_and_gradient(theta)
    np.testing.assert_allclose(reverse[0], forward[0], rtol=1e-12)
    np.testing.assert_allclose(reverse[1], forward[1], rtol=1e-9, atol=1e-9)


def test_numbers_inside_an_input_with_a_dimension() -> None:
    @catena.model(id="test.poly", inputs="w (term), x", outputs="y", backend="jax")
    def model(w: Any, x: Any) -> dict[str, Any]:
        return {"y": w[:, 0] + w[:, 1] * x + w[:, 2] * x**2}

    model = model.at(w=[1.0, 2.0, 3.0])
    x = np.linspace(-1.0, 1.0, 8)
    rows = {"x": x, "y": 0.5 - x + 2 * x**2}
    found = Likelihood(
        model, rows, Space.of(model, {"w[0]": "-5..5", "w[2]": "-5..5"}), noise="additive(0.1)"
    )
    assert found.names == ("w[0]", "w[2]")
    theta = np.array([[0.4, 1.5]])
    np.testing.assert_allclose(found.predict(theta)[0], 0.4 + 2 * x + 1.5 * x**2)
    np.testing.assert_allclose(
        found.value_and_gradient(theta)[1], slopes_of(found.value, theta), rtol=1e-6
    )
    assert np.asarray(found.at(theta[0]).inputs["w"].default).tolist() == [0.4, 2.0, 1.5]


def test_parameters_that_rows_share_can_be_free() -> None:
    @catena.model(
        id="test.shared",
        inputs="x",
        outputs="y",
        params="slope in 0..10 = 1, offset in -5..5 = 0",
        backend="jax",
    )
    def model(x: Any, slope: Any, offset: Any) -> dict[str, Any]:
        return {"y": slope * x + offset}

    x = np.linspace(0.0, 4.0, 6)
    found = Likelihood(
        model, {"x": x, "y": 2 * x + 1}, Space.of(model, ["slope", "offset"]), noise="additive(0.1)"
    )
    theta = np.array([[1.5, 0.5], [2.0, 1.0]])
    np.testing.assert_allclose(found.predict(theta), [1.5 * x + 0.5, 2 * x + 1])
    expected = slopes_of(found.value, theta)
    np.testing.assert_allclose(found.value_and_gradient(theta)[1], expected, rtol=1e-6, atol=1e-4)
    assert found.at(theta[0]).params["slope"].default == 1.5


def test_the_traced_function_of_other_measurements() -> None:
    import jax

    found = likelihood(MIXED, noise="lognormal(15 %)")
    theta = np.array([0.7, 10.0])
    assert found.traced_at is not None
    assert found.traced is not None
    traced, traced_at = jax.jit(found.traced), jax.jit(found.traced_at)
    np.testing.assert_allclose(traced_at(theta, found.measured), traced(theta))
    moved = found.measured.copy()
    moved[1] *= 1.1
    again = likelihood([*MIXED[:1], SEEN[1] * 1.1, *MIXED[2:]], noise="lognormal(15 %)")
    np.testing.assert_allclose(traced_at(theta, moved), again.value(theta)[0], rtol=1e-10)
    assert found.labels == ["c"] * 9
    assert found.experiments[2] == "2"
    np.testing.assert_allclose(found.outputs(theta), found.predict(theta))


def test_replicates_of_a_random_model_are_runs_of_their_own() -> None:
    from catena.core.model import Capabilities

    @catena.model(id="test.coin", inputs="mean in -5..5, x", outputs="y",
                  capabilities=Capabilities(stochastic=True))  # fmt: skip
    def model(mean: Any, x: Any, key: Any) -> dict[str, Any]:
        rng = np.random.default_rng(int(key))
        return {"y": mean + rng.standard_normal(len(mean))}

    rows = {"x": [1.0, 1.0, 1.0], "y": [0.0, 1.0, 2.0]}
    found = Likelihood(model, rows, Space.of(model, ["mean"]), noise="additive(1)")
    drawn = found.outputs(np.array([[0.0]]), key=3)
    assert len(set(drawn[0])) == 3
