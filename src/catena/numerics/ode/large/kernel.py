"""The back end for systems of 1e3 to 1e5 states, with the interface of the machine-code kernel.

Rows are integrated one by one with a Rosenbrock method whose Jacobian comes from coloured
directional derivatives and whose matrix is factorised as a band where it can be; see
``docs/ode_large_systems.md`` for the page and the measurement behind the choice.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.numerics.ode.blas import one_thread
from catena.numerics.ode.kernel.calls import Call, Outcome, Seeds
from catena.numerics.ode.kernel.tableau import RODAS5P, Tableau
from catena.numerics.ode.large.control import Control
from catena.numerics.ode.large.functions import Functions
from catena.numerics.ode.large.rows import RowStopped, row_of, seeds_of
from catena.numerics.ode.large.tangents import Directions, Pushes
from catena.numerics.ode.large.walk import Walk

if TYPE_CHECKING:
    from catena.numerics.ode.flat import Flat
    from catena.numerics.ode.kernel.program import Watch

#: Directions differentiated in one pass: at most this many, and this many numbers per stage.
PASS, PASS_NUMBERS = 64, 2_000_000


class LargeKernel:
    """A large system ready to be integrated.

    Args:
        flat: The system.
        method: The Rosenbrock method.
    """

    def __init__(self, flat: Flat, method: Tableau = RODAS5P) -> None:
        from catena.core.jaxconfig import enable_x64

        enable_x64()
        self.method = method
        with _on_cpu(), one_thread():
            self.functions = Functions(flat)

    @classmethod
    def build(cls, flat: Flat, method: Tableau = RODAS5P) -> LargeKernel:
        """Find the structure of the Jacobian and compile the functions.

        Args:
            flat: The system; its mass may be None, a diagonal matrix, dense or sparse, or the
                diagonal (n,); 0 marks an algebraic equation.
            method: The Rosenbrock method.

        Raises:
            KernelUnsupported: A primitive makes the Jacobian full beyond memory, or the mass
                matrix is not diagonal.
        """
        return cls(flat, method)

    def facts(self) -> dict[str, Any]:
        """Return what was found about the system, for the record of a run."""
        jacobian = self.functions.jacobian
        return {
            "states": self.functions.size,
            "method": self.method.name,
            "entries": int(jacobian.pattern.nnz),
            "colours": jacobian.colours,
            "border": int(jacobian.border.size),
            "matrix": jacobian.solver,
        }

    def run(
        self,
        call: Call,
        rtol: float,
        atol: np.ndarray,
        max_steps: int,
        threads: int | None = None,
        progress: Watch | None = None,
    ) -> Outcome:
        """Integrate all rows.

        Args:
            call: The rows.
            rtol: Relative tolerance of one step.
            atol: Absolute tolerance of one step by state, (n,), or one for all.
            max_steps: Steps per row, accepted or refused.
            threads: Rows integrated side by side; None for one per core.
            progress: Called about ten times a second with the number of rows begun; an exception
                it raises ends the call.

        Returns:
            The outcome; a row that fails carries a code and does not stop the others.
        """
        job = _Job(self, call, (rtol, atol, max_steps))
        return _gathered(job.go(threads, progress))

    def run_tangents(
        self,
        call: Call,
        seeds: Seeds,
        rtol: float,
        atol: np.ndarray,
        max_steps: int,
        threads: int | None = None,
        progress: Watch | None = None,
        time_slopes: bool = False,
    ) -> Outcome:
        """Integrate all rows and the derivatives of their outputs in the given directions.

        The states alone decide the steps, hence the outputs equal those of ``run``; the
        derivatives are those of the discrete solution.

        Args:
            call: The rows.
            seeds: The directions.
            rtol: Relative tolerance of one step (of the states, not their derivatives).
            atol: Absolute tolerance of one step by state, (n,), or one for all.
            max_steps: Steps per row, accepted or refused.
            threads: Rows integrated side by side; None for one per core.
            progress: See ``run``; starts again for every pass of directions.
            time_slopes: Also return the derivatives of the outputs by the output times.
        """
        width = max(1, min(PASS, PASS_NUMBERS // self.functions.size))
        outcomes = []
        for first in range(0, max(seeds.directions, 1), width):
            span = slice(first, min(first + width, seeds.directions))
            job = _Job(self, call, (rtol, atol, max_steps), seeds, span, time_slopes)
            outcomes.append(_gathered(job.go(threads, progress)))
        result = outcomes[0]
        tangents = [o.tangents for o in outcomes if o.tangents is not None]
        result.tangents = np.concatenate(tangents, axis=1)
        return result

    @cached_property
    def pushes(self) -> Pushes:
        """Forward derivatives of the functions, compiled when first asked for."""
        return Pushes(self.functions)


class _Job:
    """One call under way.

    Args:
        kernel: The system.
        call: The rows.
        limits: Relative and absolute tolerance, largest number of steps.
        seeds: Directions, or None.
        span: Which of them.
        slopes: Whether derivatives by time are wanted.
    """

    def __init__(
        self,
        kernel: LargeKernel,
        call: Call,
        limits: tuple[float, Any, int],
        seeds: Seeds | None = None,
        span: slice = slice(0),
        slopes: bool = False,
    ) -> None:
        self.kernel, self.call, self.limits = kernel, call, limits
        self.seeds, self.span, self.slopes = seeds, span, slopes
        self._cancel = Event()
        self._begun: list[int] = []

    def go(self, threads: int | None, progress: Watch | None) -> list[tuple[Walk, RowStopped]]:
        """Integrate all rows and wait for them."""
        rows = range(self.call.rows)
        count = max(1, min(threads or os.cpu_count() or 1, self.call.rows))
        with one_thread():
            if count == 1 and progress is None:
                return [self._row(index) for index in rows]
            with ThreadPoolExecutor(count) as pool:
                futures = [pool.submit(self._row, index) for index in rows]
                self._attend(futures, progress)
        return [future.result() for future in futures]

    def _attend(
        self, futures: list[Future[tuple[Walk, RowStopped]]], progress: Watch | None
    ) -> None:
        left: set[Future[Any]] = set(futures)
        try:
            while left:
                left = wait(left, timeout=0.1).not_done
                if progress is not None:
                    progress(len(self._begun))
        except BaseException:
            self._cancel.set()
            raise

    def _row(self, index: int) -> tuple[Walk, RowStopped]:
        self._begun.append(index)
        with _on_cpu():
            walk = self._walk(index)
            return walk, walk.run()

    def _walk(self, index: int) -> Walk:
        functions, method = self.kernel.functions, self.kernel.method
        rtol, atol, max_steps = self.limits
        row = row_of(self.call, index)
        directions = None
        if self.seeds is not None:
            seeds = seeds_of(self.seeds, row, index, functions.size, self.span)
            directions = Directions(functions, self.kernel.pushes, seeds)
        tolerance = np.broadcast_to(np.asarray(atol, float), (functions.size,))
        control = Control(rtol, tolerance, method.order)
        return Walk(
            functions, method, row, control, max_steps, directions, self.slopes,
            lambda: not self._cancel.is_set(),
        )  # fmt: skip


def _on_cpu() -> Any:
    import jax

    return jax.default_device(jax.devices("cpu")[0])


def _gathered(rows: list[tuple[Walk, RowStopped]]) -> Outcome:
    walks = [walk for walk, _ in rows]

    def stacked(parts: list[np.ndarray | None]) -> np.ndarray | None:
        found = [part for part in parts if part is not None]
        return np.stack(found) if found else None

    return Outcome(
        out=np.stack([walk.record.out for walk in walks]),
        state=np.stack([walk.y for walk in walks]),
        code=np.array([ended.code for _, ended in rows], np.int64),
        time=np.array([walk.t for walk in walks]),
        worst=np.array([ended.worst for _, ended in rows], np.int64),
        steps=np.array([float(walk.steps) for walk in walks]),
        refused=np.array([float(walk.refused) for walk in walks]),
        tangents=stacked([walk.record.tangents for walk in walks]),
        time_slopes=stacked([walk.record.time_slopes for walk in walks]),
    )
