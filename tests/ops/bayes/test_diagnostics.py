"""R-hat, effective sample sizes and the verdict."""

from __future__ import annotations

import numpy as np
import pytest

from catena.ops.bayes import diagnostics


def autoregressive(phi: float, chains: int = 4, n: int = 4000, key: int = 0) -> np.ndarray:
    rng = np.random.default_rng(key)
    noise = rng.standard_normal((chains, n))
    out = np.empty_like(noise)
    out[:, 0] = noise[:, 0] / np.sqrt(1 - phi**2)
    for t in range(1, n):
        out[:, t] = phi * out[:, t - 1] + noise[:, t]
    return out


@pytest.mark.parametrize("phi", [0.0, 0.5, 0.9, -0.4])
def test_effective_size_of_autoregressive_chains(phi):
    draws = autoregressive(phi)
    wanted = draws.size * (1 - phi) / (1 + phi)
    assert diagnostics.ess_bulk(draws) == pytest.approx(wanted, rel=0.2)
    assert diagnostics.mcse_mean(draws) == pytest.approx(np.std(draws) / np.sqrt(wanted), rel=0.15)


def test_figures_equal_those_of_blackjax():
    import blackjax
    import jax

    draws = autoregressive(0.7, n=500).astype(np.float32)
    wanted = {name: float(jax.jit(getattr(blackjax, name))(draws))
              for name in ("rhat", "ess_bulk", "ess_tail")}  # fmt: skip
    assert diagnostics.rhat(draws) == pytest.approx(wanted["rhat"], abs=2e-4)
    assert diagnostics.ess_bulk(draws) == pytest.approx(wanted["ess_bulk"], rel=0.01)
    assert diagnostics.ess_tail(draws) == pytest.approx(wanted["ess_tail"], rel=0.01)


def test_rhat_sees_shifted_and_wider_chains():
    draws = np.random.default_rng(1).standard_normal((4, 500, 3))
    draws[0, :, 1] += 1.0  # another place
    draws[0, :, 2] *= 4.0  # the same place, another width
    found = diagnostics.rhat(draws)
    assert found[0] < 1.01
    assert found[1] > 1.05
    assert found[2] > 1.05


def test_rhat_sees_chains_that_drift_together():
    drifting = np.random.default_rng(2).standard_normal((4, 500)) + np.linspace(0, 3, 500)
    assert diagnostics.rhat(drifting) > 1.1


def test_energy_fraction_of_good_and_stuck_energies():
    rng = np.random.default_rng(3)
    good = rng.standard_normal((4, 2000))
    slow = np.cumsum(0.05 * rng.standard_normal((4, 2000)), axis=1)
    np.testing.assert_allclose(diagnostics.energy_fraction(good), 2.0, rtol=0.1)
    assert diagnostics.energy_fraction(slow).max() < 0.1


def judge(draws: np.ndarray, **parts: object) -> diagnostics.Verdict:
    return diagnostics.verdict(
        ["a"], diagnostics.rhat(draws)[None], diagnostics.ess_bulk(draws)[None],
        diagnostics.ess_tail(draws)[None], len(draws), **parts,
    )  # fmt: skip


def test_verdicts_name_every_reason():
    good = autoregressive(0.0, n=1000)
    assert judge(good).converged
    shifted = good + np.arange(4)[:, None]
    bad = judge(shifted, divergent=0.2, energy=np.array([0.9, 0.1]))
    assert not bad.converged
    assert len(bad.reasons) == len(bad.advice) == 4
    assert "R-hat of a" in bad.reasons[0]
    assert "one chain" in judge(good[:1]).reasons[0]


def test_draws_that_never_move_are_not_converged():
    assert not judge(np.ones((4, 500))).converged
