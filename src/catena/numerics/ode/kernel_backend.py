"""Rows solved by compiled machine code, and its first derivatives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.numerics.ode.calls import Leaves, Plan, Row, kernel_call
from catena.numerics.ode.compiled import facts, prepare
from catena.numerics.ode.flat import Flat
from catena.numerics.ode.kernel.calls import Outcome
from catena.numerics.ode.kernel_second import SecondKernel
from catena.numerics.ode.kernel_steady import SteadyStart, seeds_of, taken
from catena.numerics.ode.report import Report
from catena.numerics.ode.settings import SolverSettings
from catena.numerics.ode.watching import RowBar, watched

if TYPE_CHECKING:
    from catena.numerics.ode.compiled import Compiled

#: Numbers of a table of derivatives held at once.
ROOM = 2**25


@final
class KernelRows:
    """Solves rows of one system by its kernel.

    Args:
        flat: The system.
        kernel: The same, compiled.
        settings: Tolerances, limits, threads.
        atol: Absolute tolerances (n,).
    """

    fallback = None

    def __init__(
        self, flat: Flat, kernel: Compiled, settings: SolverSettings, atol: np.ndarray
    ) -> None:
        self.flat, self.kernel, self.settings, self.atol = flat, kernel, settings, atol
        self.backend, self.method = facts(kernel)
        self._start: SteadyStart | None = None
        self._second: SecondKernel | None = None

    def values(self, row: Row, size: int) -> tuple[np.ndarray, Report]:
        """Return flat outputs (size, t, no) and the report."""
        outcome = self.run(row, size)
        report = Report(outcome.code, outcome.time, outcome.state, outcome.worst, outcome.steps,
                        outcome.refused, self.backend, self.method, self.fallback)  # fmt: skip
        return outcome.out, report

    def push(self, row: Row, moves: Mapping[str, Any], size: int) -> tuple[Any, Any]:
        """Return flat outputs and their directional derivatives; see ``JaxRows.push``."""
        directions = {name: value[:, None] for name, value in moves.items() if name != "times"}
        times = moves.get("times")
        outcome = self.run_tangents(row, directions, size, time_slopes=times is not None)
        slope = np.zeros_like(outcome.out)
        if directions and outcome.tangents is not None:
            slope += outcome.tangents[:, 0]
        if times is not None and outcome.time_slopes is not None:
            slope += outcome.time_slopes * times[..., None]
        return outcome.out, slope

    def pull(self, plan: Plan, leaves: Leaves, cotangent: np.ndarray, size: int) -> dict[str, Any]:
        """Return gradients of ``sum(cotangent * output)`` to parameters and output times."""
        gradient = np.zeros((size, self.flat.np))
        slopes = np.zeros((size, cotangent.shape[1]))
        for some, outcome in self._tables(plan, leaves, list(leaves.parameters), size, True):
            here = cotangent[some]
            assert outcome.tangents is not None
            assert outcome.time_slopes is not None
            gradient[some] = np.einsum("rdto,rto->rd", outcome.tangents, here)
            slopes[some] = np.einsum("rto,rto->rt", outcome.time_slopes, here)
        return plan.named(gradient, slopes)

    def jacobian(
        self, plan: Plan, leaves: Leaves, names: list[str], wanted: np.ndarray, size: int
    ) -> np.ndarray:
        """Return derivatives of flat outputs to the numbers of some parameters, in one pass.

        Args:
            plan: Where everything lies and when integration stops.
            leaves: NumPy values.
            names: Parameters.
            wanted: Positions of the outputs.
            size: Number of rows.

        Returns:
            Array (size, directions, t, outputs).
        """
        parts = [
            np.array(outcome.tangents[..., wanted])
            for _, outcome in self._tables(plan, leaves, names, size, False)
            if outcome.tangents is not None
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _tables(
        self, plan: Plan, leaves: Leaves, names: list[str], size: int, time_slopes: bool
    ) -> Iterator[tuple[slice, Outcome]]:
        """Yield derivatives to parameters for some rows at a time, to bound the memory."""
        row = plan.fill(leaves)
        basis = plan.directions(leaves, [f"p.{name}" for name in names])
        numbers = basis["p"].shape[1] * row.times.shape[1] * self.flat.no
        room = max(1, ROOM // max(1, numbers))
        for first in range(0, size, room):
            some = slice(first, min(first + room, size))
            part, directions = taken((row, basis), some)
            yield some, self.run_tangents(part, directions, some.stop - first, time_slopes)

    def traced(self, plan: Plan, leaves: Leaves, size: int) -> Any:
        """Return flat outputs (size, t, no) inside a trace of the caller."""
        from catena.numerics.ode.kernel_derivative import traced_outputs

        return traced_outputs(self, plan, leaves, size)

    def prepare(self, plan: Plan, tangents: bool) -> None:
        """Compile now what call-backs will run: nothing may be traced inside one."""
        prepare(self.kernel, tangents)
        if plan.schedule.cycle is not None:
            prepare(self._steady().kernel, True)

    def augmented(self) -> SecondKernel:
        """Return the kernel of second derivatives."""
        if self._second is None:
            self._second = SecondKernel.of(self.flat, self.settings, self.atol)
        return self._second

    # Runs of the machine code ----------------------------------------------------------------

    def run(self, row: Row, size: int) -> Outcome:
        """Integrate all rows."""
        y0 = row.y0 if row.cycle is None else self._steady().start(row, size, {})[0]
        s = self.settings
        call = kernel_call(row, size, y0)
        if not watched():
            return self.kernel.run(call, s.rtol, self.atol, s.max_steps, s.threads)
        with RowBar("integrating rows", size) as bar:
            return self.kernel.run(call, s.rtol, self.atol, s.max_steps, s.threads, bar)

    def run_tangents(
        self, row: Row, directions: Mapping[str, Any], size: int, time_slopes: bool = False
    ) -> Outcome:
        """Integrate all rows and their derivatives.

        Args:
            row: All rows.
            directions: Arrays (n or 1, directions, ...) of ``p``, ``amount``, ``segment``,
                ``cycle_amount`` and ``cycle_segment``, those that move.
            size: Number of rows.
            time_slopes: Also the derivatives to the output times.
        """
        y0, dy0 = row.y0, None
        if row.cycle is not None:
            y0, dy0 = self._steady().start(row, size, directions)
        seeds = seeds_of(directions, "", dy0)
        s = self.settings
        call, given = kernel_call(row, size, y0), (s.rtol, self.atol, s.max_steps, s.threads)
        if not watched():
            return self.kernel.run_tangents(call, seeds, *given, time_slopes=time_slopes)
        with RowBar("integrating rows and derivatives", size) as bar:
            return self.kernel.run_tangents(call, seeds, *given, bar, time_slopes)

    def _steady(self) -> SteadyStart:
        if self._start is None:
            self._start = SteadyStart.of(self.flat, self.settings, self.atol)
        return self._start
