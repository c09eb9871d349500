"""What a back end is given (one row's problem) and what it returns; every method fits this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol, final

from catena.numerics.ode.forcing import Interpolation, value_at
from catena.numerics.ode.layout import Layout
from catena.numerics.ode.settings import SolverSettings

#: ``forward`` loops run until done and take tangents; ``reverse`` loops keep checkpoints.
Direction = Literal["forward", "reverse"]

#: What ended the integration of a row (``Solution.code``).
DONE, TOO_MANY_STEPS, STEP_TOO_SMALL = 0.0, 1.0, 2.0
REASONS = {
    TOO_MANY_STEPS: "needed more than max_steps steps",
    STEP_TOO_SMALL: "the step size fell below the resolution of time",
}


class Steady(NamedTuple):
    """A regimen that has been going on for ever; arrays of one row, per dosed state (d,)."""

    interval: Any
    bolus: Any
    rate: Any
    duration: Any


class Row(NamedTuple):
    """Everything that makes one row's problem; a pytree of arrays.

    Args:
        parameters: Values by name.
        times: Output times (t,), not decreasing.
        start: Start time.
        stops: Times to stop at (s,), padded with inf.
        bolus: Amounts entering at each slot (s + 1, d); slot 0 is the start.
        rate: Infusion rates from each slot on (s + 1, d).
        reset: 1 where states return to their initial values (s + 1,).
        forcing: (times, values) by name.
        steady: Steady-state regimen, or None when no row of the call has one.
        lengths: Distinct lengths of the intervals between moments, when few and known (k,).
    """

    parameters: Mapping[str, Any]
    times: Any
    start: Any
    stops: Any
    bolus: Any
    rate: Any
    reset: Any
    forcing: Mapping[str, tuple[Any, Any]]
    steady: Steady | None
    lengths: Any = None


class Solution(NamedTuple):
    """States at the output times and how the integration went (floats, so tangents can ride)."""

    states: Any  # (t, n)
    code: Any
    time: Any  # last time reached
    state: Any  # (n,) state there
    worst: Any  # position of the state with the largest error when the last step was refused
    steps: Any
    refused: Any


@final
@dataclass(frozen=True)
class Problem:
    """A declared system as functions of vectors.

    Args:
        layout: Places of the states.
        rhs: The author's f(t, y, p, u) over mappings.
        dosed: Positions of the dosed states (d,).
        initial: The author's h(p), or None for the declared initial values.
        derive: Values computed once from the parameters and added to them, or None.
        interpolation: Kind of each forcing.
        linear: The right-hand side is affine in y and does not depend on t.
        free: States that do not act on each other directly; see ``elimination``.
    """

    layout: Layout
    rhs: Callable[..., Mapping[str, Any]]
    dosed: tuple[int, ...]
    initial: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None
    derive: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None
    interpolation: Mapping[str, Interpolation]
    linear: bool
    free: tuple[int, ...] = ()

    def parameters(self, row: Row) -> dict[str, Any]:
        """Return the parameters with what is derived from them."""
        values = dict(row.parameters)
        return {**values, **self.derive(values)} if self.derive else values

    def start(self, parameters: Mapping[str, Any]) -> Any:
        """Return the initial state vector."""
        import jax.numpy as jnp

        if self.initial is None:
            return jnp.asarray(self.layout.initial)
        given = self.initial(parameters)
        full = {**self.layout.split(jnp.asarray(self.layout.initial)), **given}
        return self.layout.join(full, "initial")

    def inputs(self, forcing: Mapping[str, tuple[Any, Any]], t: Any, since: Any) -> dict[str, Any]:
        """Return the forcing values at ``t``; see ``forcing.value_at`` for ``since``."""
        return {
            name: value_at(times, values, t, since, self.interpolation[name])
            for name, (times, values) in forcing.items()
        }

    def slope(self, t: Any, y: Any, p: Mapping[str, Any], u: Mapping[str, Any], rate: Any) -> Any:
        """Return dy/dt (n,) with infusions of ``rate`` (d,)."""
        dy = self.layout.join(self.rhs(t, self.layout.split(y), p, u), "the right-hand side")
        return dy if rate is None else self.infuse(dy, rate)

    def infuse(self, vector: Any, amounts: Any) -> Any:
        """Return a state-sized vector with ``amounts`` (d,) added at the dosed states."""
        import numpy as np

        if not self.dosed:
            return vector
        return vector.at[np.asarray(self.dosed)].add(amounts)


class OdeBackend(Protocol):
    """A way to solve one row; must be traceable by JAX, so that rows can be mapped over."""

    def solve(
        self, problem: Problem, row: Row, settings: SolverSettings, direction: Direction
    ) -> Solution:
        """Return the states at the row's output times."""
        ...
