"""States and what is unknown about the model, as one vector that filters carry.

Unknown parameters of logarithmic scale are carried as logarithms, so that no estimate leaves their
sign; unknown rates of states are carried as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.ops.estimate.noise import DRIFT, FIRST, deviations, quantity, sizes_of

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.numerics.horizon.dynamics import Dynamics
    from catena.numerics.horizon.stepping import Stepping


@final
@dataclass(frozen=True, eq=False)
class Augmented:
    """A model as filters see it; the vector ``z`` holds the states, then the unknowns.

    Args:
        dynamics: Flat view of the model.
        logs: Which entries of ``z`` are logarithms (nz,).
        mean: Mean at the start (nz,).
        deviation: Standard deviation at the start (nz,).
        drift: Standard deviation gained per square root of time (nz,).
        low: Lower bounds (nz,), minus infinity where there are none.
        high: Upper bounds.
        method: One-step method of the integration.
        step: Longest integration step.
        outputs: Measured outputs.
        assumed: What was not told and had to be assumed.
    """

    dynamics: Dynamics
    logs: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    drift: np.ndarray
    low: np.ndarray
    high: np.ndarray
    method: str
    step: float
    outputs: tuple[str, ...]
    assumed: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the entries."""
        return (*self.dynamics.states, *self.dynamics.loose)

    def natural(self, z: Any) -> Any:
        """Return values in natural units (..., nz)."""
        return np.where(self.logs, np.exp(np.where(self.logs, z, 0.0)), z)

    def loose(self, z: Any) -> Any:
        """Return the loose values of the model inside a trace."""
        import jax.numpy as jnp

        n = len(self.dynamics.states)
        logs = self.logs[n:]
        return jnp.where(logs, jnp.exp(jnp.where(logs, z[n:], 0.0)), z[n:])

    def rhs(self, t: Any, z: Any, u: Any, q: Any) -> Any:
        """Return dz/dt; unknowns stay where they are. ``q`` is not used."""
        import jax.numpy as jnp

        n = len(self.dynamics.states)
        dx = self.dynamics.rhs(t, z[:n], u, self.loose(z))
        return jnp.concatenate([dx, jnp.zeros(len(self.names) - n)])

    @cached_property
    def places(self) -> np.ndarray:
        """Positions of the measured outputs among all outputs."""
        return np.array([self.dynamics.outputs.index(name) for name in self.outputs])

    def look(self, t: Any, z: Any, u: Any) -> Any:
        """Return the measured outputs (ny,)."""
        n = len(self.dynamics.states)
        return self.dynamics.look(t, z[:n], u, self.loose(z))[self.places]

    def advance(self, stepping: Stepping) -> Any:
        """Return ``(t, z, u, width) -> z``."""
        across = stepping.across(self.rhs)
        return lambda t, z, u, width: across(t, z, u, np.zeros(0), width)


def augmented(
    model: Model,
    outputs: Sequence[str],
    *,
    width: float,
    held: Sequence[str] = (),
    unknown: Mapping[str, Any] | None = None,
    disturbed: Mapping[str, Any] | None = None,
    process: Mapping[str, Any] | None = None,
    start: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
    inputs: np.ndarray | None = None,
    accuracy: float = 1e-6,
) -> Augmented:
    """Make a model ready for filtering.

    Args:
        model: An OdeSystem.
        outputs: Outputs that are measured.
        width: Typical time between samples.
        held: Inputs whose values come with every step.
        unknown: Parameters to estimate along, with the deviation of their prior: ``"30 %"``.
        disturbed: States with an unknown rate, with its deviation.
        process: Noise of the states per square root of time, e.g. ``{"x": "0.1 g/L"}``; that of
            unknowns lets them wander.
        start: First states: a value, or a pair (value, deviation).
        given: Values of the other parameters and inputs.
        inputs: Values of the held inputs at the start.
        accuracy: Accuracy of the integration over ``width``, relative to the size of every state.

    Raises:
        InputError: a name or value is wrong.
    """
    from catena.numerics.horizon.dynamics import DISTURBANCE, dynamics
    from catena.numerics.horizon.stepping import chosen

    where = f"estimate of {model.info.id}"
    unknown, disturbed = dict(unknown or {}), dict(disturbed or {})
    view = dynamics(model, held=held, loose=tuple(unknown), disturbed=tuple(disturbed), given=given)
    _check_outputs(view, outputs, where)
    x, first, assumed = _start(view, start or {}, where)
    logs = [_positive(view, name) for name in unknown]
    q = view.nominal
    logs_q = np.array([*logs, *([False] * len(disturbed))], dtype=bool)
    mean_q = np.where(logs_q, np.log(np.where(logs_q, q, 1.0)), q)
    spread = [quantity(text, view.units[name], abs(q[k]), where) / (q[k] if logs[k] else 1.0)
              for k, (name, text) in enumerate(unknown.items())]  # fmt: skip
    spread += [quantity(text, view.units[DISTURBANCE + name], 1.0, where)
               for name, text in disturbed.items()]  # fmt: skip
    names = (*view.states, *view.loose)
    sizes = np.concatenate([sizes_of(view, x), np.zeros(len(q))])
    drift, silent = deviations(
        _renamed(process or {}, disturbed), names, view.units, sizes, DRIFT, where
    )
    assumed += [f"noise of {name}" for name in silent if name in view.states]
    low, high = _bounds(view)
    u0 = np.zeros(len(held)) if inputs is None else inputs
    walk = chosen(view, x, u0[None], view.nominal, width, accuracy=accuracy, intervals=4)
    count, free = len(x), len(q)
    return Augmented(
        view, np.concatenate([np.zeros(count, dtype=bool), logs_q]), np.concatenate([x, mean_q]),
        np.concatenate([first, np.array(spread)]), drift,
        np.concatenate([low, np.full(free, -np.inf)]), np.concatenate([high, np.full(free, np.inf)]),
        walk.method, width / walk.steps, tuple(outputs), tuple(assumed),
    )  # fmt: skip


def _check_outputs(view: Dynamics, outputs: Sequence[str], where: str) -> None:
    if not outputs:
        raise InputError("Nothing is measured", where=where, why="no output is named",
                         fix=f"name some of {', '.join(view.outputs[:12])}")  # fmt: skip
    for name in outputs:
        if name not in view.outputs:
            raise InputError(f"No output {name!r}", where=where,
                             why=f"the outputs are {', '.join(view.outputs[:12])}",
                             fix=did_you_mean(name, view.outputs, "use one of these"))  # fmt: skip


def _renamed(process: Mapping[str, Any], disturbed: Mapping[str, Any]) -> dict[str, Any]:
    """Let unknown rates be named ``rate of x`` in the process noise, as in results."""
    from catena.numerics.horizon.dynamics import DISTURBANCE

    rates = {DISTURBANCE + name: text for name, text in disturbed.items()}
    return {**rates, **process}


def _start(
    view: Dynamics, start: Mapping[str, Any], where: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    x = view.started()
    spread: dict[str, Any] = {}
    for name, wish in start.items():
        if name not in view.states:
            raise InputError(f"No state {name!r}", where=where,
                             why=f"the states are {', '.join(view.states[:12])}",
                             fix=did_you_mean(name, view.states, "name a state"))  # fmt: skip
        value, *rest = wish if isinstance(wish, (tuple, list)) else (wish,)
        unit = view.units[name]
        plain, spelled = parse(value, unit)
        x[view.states.index(name)] = plain if spelled == unit else _converted(plain, spelled, unit)
        if rest:
            spread[name] = rest[0]
    first, silent = deviations(spread, view.states, view.units, sizes_of(view, x), FIRST, where)
    return x, first, [f"first deviation of {name}" for name in silent]


def parse(value: Any, unit: str) -> tuple[float, str]:
    """Return number and unit of a number or a text."""
    from catena.core.units import parse_quantity

    return parse_quantity(value, unit) if isinstance(value, str) else (float(value), unit)


def _converted(value: float, spelled: str, unit: str) -> float:
    from catena.core.units import conversion

    return float(conversion(spelled, unit).apply(value))


def _positive(view: Dynamics, name: str) -> bool:
    """Return whether an unknown is carried as a logarithm: it is declared positive."""
    system = view.system
    field = system.parameters[name] if name in system.parameters else system.forcing[name]
    low = field.bounds[0]
    declared = field.scale == "log" or (low is not None and low >= 0)
    return bool(declared and view.nominal[view.loose.index(name)] > 0)


def _bounds(view: Dynamics) -> tuple[np.ndarray, np.ndarray]:
    low, high = [], []
    for label in view.states:
        a, b = view.system.states[label.split("[")[0]].bounds
        low.append(-np.inf if a is None else a)
        high.append(np.inf if b is None else b)
    return np.array(low), np.array(high)
