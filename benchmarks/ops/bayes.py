"""Bayes: are posteriors calibrated, and do they match published ones?

Simulation-based calibration (S. Talts et al., arXiv:1804.06788) with 300 replicates on a linear
model with a closed form, a dose response and a dynamic model on the kernel; eight schools against
the reference posterior of posteriordb.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import catena as ct
from benchmarks.ops.rows import Row, Store
from catena.core.identity import split_key
from catena.core.model import Model
from catena.ops.bayes import bayes
from catena.ops.bayes.calibration import Ranks, judged, ranks_of
from catena.ops.bayes.diagnostics import RHAT
from catena.ops.bayes.problem import Problem

_VERSION = 1
_KEY = 20180418
#: Replicates of one cell: what a killed run may lose.
_CELL = 100

#: Eight schools (D. B. Rubin, J. Educ. Stat. 6 (1981) 377): estimated effects and standard errors.
EFFECTS = (28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0)
ERRORS = (15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0)
#: Reference posterior means and their Monte Carlo errors: posteriordb (M. Magnusson et al.,
#: arXiv:2407.04967), eight_schools-eight_schools_noncentered, 10,000 draws: theta 1 to 8, mu, tau.
REFERENCE = (6.15050, 4.93958, 3.90591, 4.79602, 3.61444, 4.05115, 6.31717, 4.88400, 4.41052, 3.60206)  # fmt: skip
REFERENCE_ERROR = (0.0557, 0.0462, 0.0542, 0.0475, 0.0461, 0.0485, 0.0499, 0.0543, 0.0330, 0.0319)


def line() -> tuple[Model, dict[str, Any], dict[str, str], str]:
    """Return a straight line with known noise: its posterior is normal, in closed form."""

    def body(a: Any, b: Any, x: Any) -> dict[str, Any]:
        return {"y": a + b * x}

    model = ct.model(id="sbc.line", inputs="a = 0, b = 1, x = 0", outputs="y", backend="jax")(body)
    x = np.linspace(-1.0, 2.0, 10)
    return model, {"x": x, "y": x}, {"a": "normal(0, 1)", "b": "normal(1, 0.5)"}, "additive(0.5)"


def dose_response() -> tuple[Model, dict[str, Any], dict[str, str], str]:
    """Return a Hill curve with unknown noise: bounded, logarithmic and positive priors."""

    def body(top: Any, ec50: Any, hill: Any, dose: Any) -> dict[str, Any]:
        import jax.numpy as jnp

        return {"effect": top / (1.0 + jnp.exp(-hill * (jnp.log(dose) - jnp.log(ec50))))}

    model = ct.model(
        id="sbc.hill", inputs="top = 1, ec50 [mg/L] >0 = 1, hill >0 = 1, dose [mg/L] >0 = 1",
        outputs="effect", backend="jax",
    )(body)  # fmt: skip
    dose = np.repeat(np.geomspace(0.05, 20.0, 8), 2)
    free = {"top": "0.5..1.5", "ec50": "log 0.2..5 mg/L", "hill": "lognormal(1.5, 30 %)",
            "effect.sd": "lognormal(0.1, 40 %)"}  # fmt: skip
    return model, {"dose": dose, "effect": dose / (1 + dose)}, free, "additive"


def absorption() -> tuple[Model, dict[str, Any], dict[str, str], str]:
    """Return oral absorption into one compartment with saturable elimination, on the kernel."""
    from catena.core.model import ModelInfo
    from catena.numerics.ode import OdeSystem

    def rates(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        absorbed = p["ka"] * y["gut"]
        return {"gut": -absorbed, "body": absorbed - p["vmax"] * y["body"] / (p["km"] + y["body"])}

    model = OdeSystem(
        ModelInfo(id="sbc.absorption", backend="jax"),
        "gut [mg] = 100, body [mg] = 0",
        "ka [1/h] > 0 = 1, vmax [mg/h] > 0 = 20, km [mg] > 0 = 30",
        rates,
        "amount [mg] (time)",
        lambda t, y, p, u: {"amount": y["body"]},
    )
    time = np.array([0.25, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 10.0])
    free = {"ka": "lognormal(1 1/h, 40 %)", "vmax": "lognormal(20 mg/h, 30 %)",
            "amount.cv": "lognormal(0.1, 30 %)"}  # fmt: skip
    return model, {"time": time, "amount": 50 * np.exp(-0.2 * time)}, free, "proportional"


CASES: dict[str, Callable[[], tuple[Model, dict[str, Any], dict[str, str], str]]] = {
    "line": line, "dose response": dose_response, "absorption (ODE)": absorption,
}  # fmt: skip


def problem_of(case: str) -> Problem:
    """Return likelihood and prior of a case."""
    model, data, free, noise = CASES[case]()
    return Problem(model, data, free, noise=noise)


def schools() -> tuple[Model, dict[str, Any], dict[str, str]]:
    """Return eight schools as a model: effects mu + tau z, tau half-Cauchy of scale 5.

    A share ``u`` uniform in 0 to 1 stands for tau = 5 tan(pi u / 2), whose distribution is half-Cauchy.
    """

    def body(mu: Any, u: Any, z: Any) -> dict[str, Any]:
        import jax.numpy as jnp

        tau = 5.0 * jnp.tan(0.5 * jnp.pi * u)
        return {"effect": mu[:, None] + tau[:, None] * z}

    model = ct.model(
        id="bayes.schools", inputs="mu = 0, u in 0..1 = 0.5, z (school)", outputs="effect (place)",
        backend="jax",
    )(body).at(z=np.zeros(8))  # fmt: skip
    data: dict[str, Any] = {f"effect[{k}]": [y] for k, y in enumerate(EFFECTS)}
    data |= {f"effect[{k}]_sd": [sd] for k, sd in enumerate(ERRORS)}
    free = {"mu": "normal(0, 5)", "u": "0..1", **{f"z[{k}]": "normal(0, 1)" for k in range(8)}}
    return model, data, free


def eight_schools(draws: int, key: int = _KEY) -> dict[str, Any]:
    """Return posterior means of theta 1 to 8, mu and tau with their Monte Carlo errors."""
    from catena.ops.bayes import diagnostics

    model, data, free = schools()
    found = bayes(model, data, free, draws=draws, chains=4, warmup=1000, target=0.95, key=key)
    chains = {n: v.reshape(4, draws) for n, v in found.diagnostics["draws"].items()}
    tau = 5.0 * np.tan(0.5 * np.pi * chains["u"])
    theta = [chains["mu"] + tau * chains[f"z[{k}]"] for k in range(8)]
    quantities = np.stack([*theta, chains["mu"], tau], axis=-1)
    return {
        "mean": quantities.mean(axis=(0, 1)).tolist(),
        "mcse": diagnostics.mcse_mean(quantities).tolist(),
        "rhat": float(max(diagnostics.rhat(quantities).max(), found.summary["rhat"])),
        "divergent": found.summary["divergent"],
    }


def _cell(case: str, start: int, count: int, draws: int) -> dict[str, Any]:
    found = ranks_of(problem_of(case), count, draws=draws, key=split_key(_KEY, f"{case} {start}"))
    return {name: np.asarray(getattr(found, name)).tolist()
            for name in ("names", "ranks", "rhat", "ess", "divergent")}  # fmt: skip


def _joined(cells: list[dict[str, Any]]) -> Ranks:
    parts = {name: np.concatenate([np.asarray(cell[name]) for cell in cells])
             for name in ("ranks", "rhat", "ess", "divergent")}  # fmt: skip
    return Ranks(tuple(cells[0]["names"]), kept=99, **parts)


def run(size: str, store: Store) -> list[Row]:
    """Return the figures."""
    replicates, cell, draws = (300, _CELL, 1000) if size == "full" else (40, 40, 300)
    rows, worst = [], 0.0
    for case in CASES:
        keys = [{"case": case, "start": start, "count": cell, "draws": draws, "version": _VERSION}
                for start in range(0, replicates, cell)]  # fmt: skip
        cells = store.cells(
            keys, lambda k: _cell(k["case"], k["start"], k["count"], k["draws"]), f"SBC {case}"
        )
        found = _joined(cells)
        result = judged(None, found, _KEY)
        worst = max(worst, result.summary["rhat_largest"])
        p = ", ".join(f"{n} {v:.2g}" for n, v in zip(found.names, result["p_value"], strict=True))
        rows.append(Row(
            f"SBC, {case}: chi-square of {replicates} ranks, L = 99", f"p = {p}",
            result.summary["p_smallest"], f"each >= 0.05 / {len(found.names)} (Bonferroni)",
            result.summary["calibrated"], note=f"R-hat < {RHAT} in "
            f"{100 * result.summary['share_converged']:.1f} % of the replicates, largest "
            f"{result.summary['rhat_largest']:.4f}; {int(found.divergent.sum())} divergent transitions",
        ))  # fmt: skip
    rows.append(Row("R-hat of all SBC posteriors", f"largest {worst:.4f}", worst, f"< {RHAT}",
                    worst < RHAT))  # fmt: skip
    return [*rows, *_schools_rows(size, store)]


def _schools_rows(size: str, store: Store) -> list[Row]:
    draws = 10_000 if size == "full" else 1000
    found = store.cell({"case": "schools", "draws": draws, "version": _VERSION},
                       lambda: eight_schools(draws))  # fmt: skip
    error = np.hypot(found["mcse"], REFERENCE_ERROR)
    distance = np.abs(np.subtract(found["mean"], REFERENCE)) / error
    far = float(distance.max())
    # The largest of ten standard errors exceeds 3.3 once in a hundred runs.
    return [
        Row("eight schools: posterior means of theta, mu, tau against posteriordb",
            f"largest distance {far:.2f} Monte Carlo errors (mu {found['mean'][8]:.3f}, tau "
            f"{found['mean'][9]:.3f})", far, "<= 3.3 (ten means)", far <= 3.3,
            peer=f"Stan: mu {REFERENCE[8]:.3f}, tau {REFERENCE[9]:.3f}",
            note=f"{4 * draws} draws, {found['divergent']} divergent transitions"),
        Row("eight schools: R-hat", f"{found['rhat']:.4f}", found["rhat"], f"< {RHAT}",
            found["rhat"] < RHAT),
    ]  # fmt: skip
