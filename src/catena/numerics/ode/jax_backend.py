"""Rows solved by functions that JAX compiles: diffrax methods and matrix exponentials.

They differentiate in both modes and run where the kernel cannot: on graphics processors, for
right-hand sides without scalar form, and for derivatives of third order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import ceil, log
from typing import Any, final

import jax
import jax.numpy as jnp
import numpy as np

from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.backend import GOOD, Direction, Solution, Solve
from catena.numerics.ode.batching import MappedRows, map_rows
from catena.numerics.ode.calls import Leaves, Plan, Row
from catena.numerics.ode.derivative import two_way_tree
from catena.numerics.ode.flat import Flat
from catena.numerics.ode.linear import distinct_lengths
from catena.numerics.ode.report import Report
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.tracing import traced

enable_x64()


@final
class JaxRows:
    """Solves rows of one system.

    Args:
        flat: The system.
        solve: Solves one row inside a trace.
        settings: Limits and threads.
        backend: ``diffrax`` or ``expm``.
        method: Name of the method.
        fallback: Why it is not the kernel, or None.
    """

    def __init__(
        self,
        flat: Flat,
        solve: Solve,
        settings: SolverSettings,
        backend: str,
        method: str,
        fallback: str | None,
    ) -> None:
        self.flat, self.solve, self.settings = flat, solve, settings
        self.backend, self.method, self.fallback = backend, method, fallback
        self._programs: dict[Any, MappedRows] = {}

    def values(self, row: Row, size: int) -> tuple[np.ndarray, Report]:
        """Return flat outputs (size, t, no) and the report."""
        program = self._program("values", lambda row: self._one(row, "forward"))
        out, end = program(self._ready(row), size, self.settings.threads)
        report = Report(end.code, end.time, end.state, end.worst, end.steps, end.refused,
                        self.backend, self.method, self.fallback)  # fmt: skip
        return out, report

    def push(self, row: Row, moves: Mapping[str, Any], size: int) -> tuple[Any, Any]:
        """Return flat outputs and their directional derivatives (size, t, no).

        Args:
            row: All rows.
            moves: A direction, as ``Plan.seed`` returns it.
            size: Number of rows.
        """
        row = self._ready(row)

        def along(item: tuple[Row, Mapping[str, Any]]) -> Any:
            row, seeds = item
            return jax.jvp(
                lambda moved: self._one(_put(row, moved), "forward")[0],
                (_get(row, seeds),), (dict(seeds),),
            )  # fmt: skip

        program = self._program(("push", tuple(sorted(moves))), along)
        seeds = {name: _wide(value, row, name) for name, value in moves.items()}
        pair: tuple[Any, Any] = program((row, seeds), size, self.settings.threads)
        return pair

    def pull(self, plan: Plan, leaves: Leaves, cotangent: np.ndarray, size: int) -> dict[str, Any]:
        """Return gradients of ``sum(cotangent * output)`` to parameters and output times."""
        row = plan.fill(leaves)
        names = ["p", "times", "segment"] + ["cycle_segment"] * (row.cycle is not None)

        def back(item: tuple[Row, Any]) -> Any:
            row, seed = item
            moving = _get(row, names)
            _, pull_back = jax.vjp(lambda m: self._one(_put(row, m), "reverse")[0], moving)
            return pull_back(seed)[0]

        program = self._program("pull", back)
        pulled = program((self._ready(row), cotangent), size, self.settings.threads)
        counts = {key: schedule.slot_action.shape[1] for key, schedule in plan.schedules()}
        return plan.unseed({name: value[:, : counts[name]] if name in counts else value
                            for name, value in pulled.items()})  # fmt: skip

    def traced(self, plan: Plan, leaves: Leaves, size: int) -> Any:
        """Return flat outputs (size, t, no) inside a trace of the caller."""

        def differentiable_row(row: Row) -> Any:
            return two_way_tree(
                lambda r: self._one(r, "forward")[0], lambda r: self._one(r, "reverse")[0], row
            )

        return map_rows(differentiable_row, self._ready(plan.fill(leaves)), size)

    def forward(self, plan: Plan, leaves: Leaves, size: int) -> Any:
        """Return the same as ``traced``, for derivatives in forward mode only, of any order."""
        rows = jax.tree.map(jnp.asarray, self._ready(plan.fill(leaves)))
        return map_rows(lambda row: self._one(row, "forward")[0], rows, size)

    def _one(self, row: Row, direction: Direction) -> tuple[Any, Solution]:
        """Return one row's flat outputs (t, no) and report."""
        solution = self.solve(row, direction)
        slot = jnp.searchsorted(row.slot_time, jax.lax.stop_gradient(row.times), side="right")
        out = jax.vmap(self.flat.outputs, (0, 0, None, 0))(
            row.times, solution.states, row.p, row.segment[slot]
        )
        good = jnp.isin(solution.code, jnp.asarray(GOOD, dtype=float))
        return jnp.where(good, out, jnp.nan), solution._replace(states=jnp.zeros(0))

    def _program(self, name: Any, one: Callable[[Any], Any]) -> MappedRows:
        if name not in self._programs:
            device = self.settings.device
            self._programs[name] = MappedRows(one, self.settings.chunk, device)
        return self._programs[name]

    def _ready(self, row: Row) -> Row:
        """Pad slots to few distinct lengths (few compiled programs), find repeated intervals."""
        exact = self.backend == "expm"
        row = _padded(row, 2 if exact else 4)
        if row.cycle is not None:
            row = row._replace(cycle=_padded(row.cycle, 2))
        if exact and not traced(row.times):
            row = row._replace(lengths=distinct_lengths(row))
            if row.cycle is not None:
                row = row._replace(cycle=row.cycle._replace(lengths=distinct_lengths(row.cycle)))
        return row


def _get(row: Row, names: Iterable[str]) -> dict[str, Any]:
    """Return arrays of a row by the names of ``Plan.seed``."""
    return {name: row.cycle.segment if name == "cycle_segment" else getattr(row, name)
            for name in names}  # fmt: skip


def _put(row: Row, moved: Mapping[str, Any]) -> Row:
    """Return the row with other arrays, the inverse of ``_get``."""
    own = {name: value for name, value in moved.items() if name != "cycle_segment"}
    if "cycle_segment" in moved:
        own["cycle"] = row.cycle._replace(segment=moved["cycle_segment"])
    return row._replace(**own)


def _wide(value: np.ndarray, row: Row, name: str) -> np.ndarray:
    """Pad directions of segments to the padded slots of the row."""
    if not name.endswith("segment"):
        return value
    more = _get(row, [name])[name].shape[1] - value.shape[1]
    return np.pad(value, ((0, 0), (0, more), (0, 0)))


def _padded(row: Row, base: int) -> Row:
    """Raise the number of slots to a power of ``base`` (none stays none); they never come."""
    count = row.slot_time.shape[1]
    more = 0 if not count else base ** max(1, ceil(log(count, base) - 1e-9)) - count
    if not more:
        return row
    xp = jnp if traced(row.segment) or traced(row.slot_amount) else np
    return row._replace(
        slot_time=np.pad(row.slot_time, ((0, 0), (0, more)), constant_values=np.inf),
        slot_action=np.pad(row.slot_action, ((0, 0), (0, more))),
        slot_amount=xp.pad(row.slot_amount, ((0, 0), (0, more))),
        segment=xp.pad(row.segment, ((0, 0), (0, more), (0, 0)), mode="edge"),
    )
