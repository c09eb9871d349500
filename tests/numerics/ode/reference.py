"""A slow integrator that follows a call slot by slot: what the tables of a call mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from scipy.integrate import solve_ivp

from catena.numerics.ode import OdeSystem
from catena.numerics.ode.calls import Plan
from catena.numerics.ode.flat import flat_of


def outputs(system: OdeSystem, **inputs: Any) -> np.ndarray:
    """Return flat outputs (rows, t, no) of a call without crossings, masses or steady states."""
    checked = system._checked(None, inputs, "raise")
    return followed(system, checked.values_, checked.size)


def followed(system: OdeSystem, batch: Mapping[str, Any], size: int) -> np.ndarray:
    plan = Plan.of(system, batch)
    row, flat = plan.fill(plan.leaves(batch)), flat_of(system, plan.places)
    rhs, look = jax.jit(flat.rhs), jax.jit(flat.outputs)
    act = [jax.jit(action) for action in flat.actions]
    found = []
    for r in range(size):
        p, times, start, stops, actions, amounts, segment = (
            part[0 if len(part) == 1 else r] for part in row[:7]
        )
        t, y, slot, out = float(start), np.asarray(flat.initial(p)), 0, []
        while True:
            s = segment[slot]
            if actions[slot]:
                y = np.asarray(act[actions[slot] - 1](t, y, p, s, amounts[slot]))
            stop = stops[slot] if slot < len(stops) else np.inf
            last = slot == len(stops) or stop > times[-1]
            mine = times[(times >= t) & (times <= times[-1] if last else times < stop)]
            end = times[-1] if last else stop
            if end > t:
                solved = solve_ivp(
                    lambda t, y, p=p, s=s: np.asarray(rhs(t, y, p, s)), (t, end), y,
                    "LSODA", dense_output=True, rtol=1e-11, atol=1e-12,
                )  # fmt: skip
                out += [look(at, solved.sol(at), p, s) for at in mine]
                y = solved.y[:, -1]
            else:
                out += [look(at, y, p, s) for at in mine]
            if last:
                break
            t, slot = end, slot + 1
        found.append(np.stack(out))
    return np.stack(found)
