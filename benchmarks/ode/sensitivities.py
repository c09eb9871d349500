"""Derivatives of 49 plasma concentrations to 10 parameters, for 1,000 patients of the ensemble.

Error: the largest ``|s - reference|`` over times, over the largest ``|reference|`` over times of
that parameter and patient, then the largest over both. The reference integrates the variational
equations with LSODA at rtol 1e-10 on a few patients.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from functools import partial
from typing import Any, final

import numpy as np

from benchmarks.ode import pbpk30
from benchmarks.ode.pbpk30 import NAMES, STATES, TIMES, VENOUS_VOLUME, start
from benchmarks.ode.peers import Casadi, Diffrax
from benchmarks.ode.records import Table
from benchmarks.timing import alternate

VENOUS, SIZE = STATES.index("venous"), NAMES.index("size")
Solve = Callable[[np.ndarray], np.ndarray]


def concentration_slopes(amounts: Any, slopes: Any, values: np.ndarray) -> np.ndarray:
    """Turn venous amounts (n, 49) and their derivatives (n, 49, 10) into those of plasma."""
    volume = VENOUS_VOLUME * values[:, SIZE]
    out = np.asarray(slopes) / volume[:, None, None]
    out[:, :, SIZE] -= np.asarray(amounts) / (volume * values[:, SIZE])[:, None]
    return out


def ours(method: str, rtol: float = pbpk30.RTOL, atol: float = pbpk30.ATOL) -> Solve:
    """Return our forward Jacobian through the public call, on one thread like the peers."""
    model = pbpk30.system(plasma=True, method=method, rtol=rtol, atol=atol, threads=1)

    def solve(values: np.ndarray) -> np.ndarray:
        found = model.jacobian(pbpk30.inputs(values), of="plasma", wrt=NAMES, mode="forward")
        return np.stack([found["plasma", name] for name in NAMES], axis=-1)

    return solve


@final
class CasadiSensitivities:
    """CasADi's forward sensitivities: CVODES on the equations and ten directions together."""

    def __init__(self) -> None:
        self.engine = Casadi()
        self.built: dict[int, Any] = {}

    def run(self, values: np.ndarray) -> Any:
        """Return derivatives of all states as CasADi gives them: the part that is timed."""
        casadi, count, wide = self.engine.casadi, len(values), len(NAMES)
        if count not in self.built:
            one = self.engine.integrator(pbpk30.RTOL, pbpk30.ATOL)
            self.built[count] = one.forward(wide).map(count)
        first = casadi.repmat(casadi.DM(start()), 1, count)
        seeds = casadi.repmat(casadi.DM.eye(wide), 1, count)
        return self.built[count](x0=first, p=values.T, fwd_p=seeds)["fwd_xf"]

    def plasma(self, values: np.ndarray) -> np.ndarray:
        """Return derivatives (n, 49, 10) of plasma; the states come from a second, plain run."""
        count, wide = len(values), len(NAMES)
        slopes = np.asarray(self.run(values))[VENOUS].reshape(count, wide, len(TIMES) - 1)
        slopes = np.concatenate([np.zeros((count, wide, 1)), slopes], axis=2).swapaxes(1, 2)
        amounts = self.engine.solve(values, pbpk30.RTOL, pbpk30.ATOL)[:, :, VENOUS]
        return concentration_slopes(amounts, slopes, values)


@final
class DiffraxSensitivities:
    """diffrax's forward mode on Kvaerno5, patient by patient."""

    def __init__(self) -> None:
        import diffrax
        import jax

        one = Diffrax().one(pbpk30.RTOL, pbpk30.ATOL, diffrax.ForwardMode())

        def both(parameters: Any) -> Any:
            return jax.jacfwd(lambda p: (one(p)[:, VENOUS],) * 2, has_aux=True)(parameters)

        mapped = jax.jit(lambda rows: jax.lax.map(both, rows))
        self.run = lambda rows: jax.block_until_ready(mapped(rows))

    def plasma(self, values: np.ndarray) -> np.ndarray:
        """Return derivatives (n, 49, 10) of plasma."""
        slopes, amounts = self.run(values)
        return concentration_slopes(amounts, slopes, values)


def reference_of(values: np.ndarray, rtol: float = 1e-10) -> np.ndarray:
    """Return derivatives (n, 49, 10) from the variational equations, by SciPy's LSODA."""
    import jax
    import jax.numpy as jnp
    from scipy.integrate import odeint

    from benchmarks.ode.flat_model import flat_slopes

    slopes = flat_slopes(pbpk30.system())
    n = len(STATES)

    @jax.jit
    def grown(t: Any, both: Any, p: Any, dp: Any) -> Any:
        values, moved = jax.jvp(lambda y, q: slopes(t, y, q), (both[:n], p), (both[n:], dp))
        return jnp.concatenate([values, moved])

    # One direction at a time: LSODA's difference Jacobian grows with the square of the states.
    first = np.concatenate([start(), np.zeros(n)])
    solve = partial(odeint, lambda t, *rest: np.asarray(grown(t, *rest)), first, TIMES,
                    tfirst=True, rtol=rtol, atol=1e-3 * rtol, mxstep=100_000)  # fmt: skip
    both = np.array([[solve(args=(row, dp)) for dp in np.eye(len(NAMES))] for row in values])
    moved = both[..., n + VENOUS].swapaxes(1, 2)
    return concentration_slopes(both[:, 0, :, VENOUS], moved, values)


def error_of(slopes: np.ndarray, reference: np.ndarray) -> float:
    """Return the error defined above."""
    size = np.abs(reference).max(axis=1)
    error = np.abs(slopes - reference).max(axis=1) / size
    return float(np.where(np.isfinite(error), error, np.inf).max())


def report(size: str = "full", method: str = "auto") -> list[Table]:
    """Return seconds and errors of the sensitivities, ours and the peers'.

    Args:
        size: ``small`` takes 8 patients, and one for the slow parts.
        method: Our solver method.
    """
    full = size == "full"
    values = pbpk30.patients(1000 if full else 8)
    few = values[: 3 if full else 1]
    reference = reference_of(few)
    mine = ours(method)
    records: list[dict[str, Any]] = []
    peers: list[tuple[str, Callable[[], Any], int, str]] = [
        ("CasADi CVODES", CasadiSensitivities, len(values), ">= 5"),
        ("diffrax Kvaerno5", DiffraxSensitivities, 10 if full else 1, ""),
    ]
    for name, make, count, target in peers:
        rows = values[:count]
        try:
            peer = make()
        except ImportError as error:
            records.append({"peer": name, "peer ms/patient": f"not installed ({error.name})"})
            continue
        # Ours always gets all patients: per-patient times of a handful would mean little.
        mines, its = alternate(partial(mine, values), partial(peer.run, rows), 3 if full else 1)
        ms, peer_ms = 1e3 * min(mines) / len(values), 1e3 * min(its) / count
        records.append(
            {"peer": name, "peer ms/patient": peer_ms, "our ms/patient": ms,
             "times faster": peer_ms / ms, "target": target,
             "by median": statistics.median(its) / count
             / (statistics.median(mines) / len(values)),
             "peer error": error_of(peer.plasma(few), reference),
             "our error": error_of(mine(few), reference), "peer patients": count}
        )  # fmt: skip
    return [Table(f"Sensitivities 49 x 10, {len(values)} patients, rtol 1e-6", records)]
