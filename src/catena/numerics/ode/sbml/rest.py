"""Steady states: where a model comes to rest from its start.

The model is integrated first, so that the state of rest is the one its start leads to, and Newton's
method then sharpens it. Conserved totals make the Jacobian singular; they are added as equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from catena.core.errors import SolverError
from catena.core.spec import Schema
from catena.numerics.ode.system import OdeSystem

#: Times up to which the model is integrated before Newton's method is tried (time units).
_HORIZONS = (1e3, 1e5, 1e7, 1e9)
#: A state of rest may differ by this fraction from where the integration got to.
_NEAR = 0.05
_ITERATIONS = 12


@final
class Rest:
    """Finds states of rest of one model whose states are scalars.

    Args:
        system: The model.
    """

    def __init__(self, system: OdeSystem) -> None:
        import jax

        self.system = _bare(system)
        self.names = system.layout.names

        def flow(y: Any, t: Any, p: Any) -> Any:
            states = dict(zip(self.names, y, strict=True))
            return system.layout.join(system.rhs(t, states, p, {}), "rhs")

        self._flow = jax.jit(flow)
        self._slope = jax.jit(jax.jacfwd(flow))

    def states(self, batch: Mapping[str, Any], size: int) -> np.ndarray:
        """Return the states of rest (size, states) from the start given by the inputs.

        Args:
            batch: Inputs of the model without ``time``, each (1,) or (size,).
            size: Number of rows.

        Raises:
            SolverError: a row does not come to rest; the state that still moves is named.
        """
        found = np.full((size, len(self.names)), np.nan)
        waiting = np.arange(size)
        for horizon in _HORIZONS:
            rows = {name: np.broadcast_to(v, (size,))[waiting] for name, v in batch.items()}
            times = np.repeat([[0.0, horizon]], len(waiting), axis=0)
            result = self.system.predict({**rows, "time": times})
            reached = np.stack([result[name] for name in self.names], axis=2)
            for place, row in enumerate(waiting):
                values = {name: float(column[place]) for name, column in rows.items()}
                rest = self._sharpened(reached[place], horizon, self._parameters(values))
                if rest is not None:
                    found[row] = rest
            waiting = np.flatnonzero(np.isnan(found).any(axis=1))
            if not len(waiting):
                return found
        first = {name: float(column[-1]) for name, column in rows.items()}
        raise self._restless(reached[-1, -1], horizon, first)

    def _parameters(self, values: dict[str, float]) -> dict[str, Any]:
        derive = self.system.derive
        return {**values, **(derive(values) if derive is not None else {})}

    def _sharpened(self, reached: np.ndarray, t: float, p: Mapping[str, Any]) -> np.ndarray | None:
        """Return the root of the right-hand side next to the last state, or None.

        Args:
            reached: States at the start and at ``t`` (2, states).
            t: Time.
            p: Parameters.
        """
        last, largest = reached[-1], max(np.abs(reached).max(), 1e-300)
        y = last
        for _ in range(_ITERATIONS):
            flow, slope = np.asarray(self._flow(y, t, p)), np.asarray(self._slope(y, t, p))
            if not (np.isfinite(flow).all() and np.isfinite(slope).all()):
                return None
            step, totals = _step(slope, flow, np.abs(y) + 1e-10 * largest)
            y = y + step
            if (np.abs(step) <= 1e-9 * np.abs(y) + 1e-14 * largest).all():
                near = np.abs(y - last) <= _NEAR * np.abs(y) + 1e-10 * largest
                drift = np.abs(totals @ flow) * t
                kept = drift <= np.abs(totals) @ (_NEAR * np.abs(y) + 1e-10 * largest)
                return y if near.all() and kept.all() else None
        return None

    def _restless(self, y: np.ndarray, t: float, values: dict[str, float]) -> SolverError:
        flow = np.asarray(self._flow(y, t, self._parameters(values)))
        worst = self.system.layout.names[int(np.argmax(np.abs(flow) / (np.abs(y) + 1e-12)))]
        return SolverError("The model does not come to rest", where=f"model {self.system.info.id}",
                           why=f"{worst} still moves at time {t:g}",
                           fix="check the condition before the experiment")  # fmt: skip


def _bare(system: OdeSystem) -> OdeSystem:
    """Return the same model with its states as outputs."""
    return OdeSystem(
        system.info,
        system.states,
        system.parameters,
        system.rhs,
        Schema(field.with_(default=None, shape=("time",)) for field in system.states),
        _look,
        initial=system.initial,
        derive=system.derive,
        crossings=system.crossings,
        mass=system.mass,
        settings=system.settings,
        time_unit=system.time_unit,
    )


def _look(t: Any, y: Mapping[str, Any], p: Any, u: Any) -> dict[str, Any]:
    return dict(y)


def _step(slope: np.ndarray, flow: np.ndarray, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return Newton's step that keeps conserved totals, and these totals.

    Left null vectors of the Jacobian are totals that the model conserves (if the flow does not
    change them either); the step must not change them.

    Args:
        slope: Jacobian (states, states).
        flow: Right-hand side (states,).
        unit: Size that counts as one, per state.

    Returns:
        The step (states,) and the totals as weights of the states (totals, states).
    """
    slope = slope * unit
    largest = np.abs(slope).max(axis=1)
    scale = np.where(largest > 0, largest, 1.0)
    scaled = slope / scale[:, None]
    left, sizes, _ = np.linalg.svd(scaled)
    totals = left[:, sizes <= 1e-11 * max(sizes[0], 1e-300)].T / scale
    rows = totals * unit
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    matrix = np.vstack([scaled, rows / np.where(norms > 0, norms, 1.0)])
    target = np.concatenate([-flow / scale, np.zeros(len(rows))])
    step: np.ndarray = np.linalg.lstsq(matrix, target, rcond=1e-13)[0] * unit
    return step, totals
