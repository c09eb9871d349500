"""A compiled system, called with NumPy arrays: rows spread over lanes, lanes over threads."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.numerics.ode.kernel.build import ENTRY, compiled
from catena.numerics.ode.kernel.calls import Call, Outcome, Seeds
from catena.numerics.ode.kernel.machine import vector_lanes
from catena.numerics.ode.kernel.tableau import RODAS5P, Tableau
from catena.numerics.ode.kernel.workspace import CALL, CODES, LANE

if TYPE_CHECKING:
    from catena.numerics.ode.flat import Flat

#: Directions differentiated in one pass; more would not fit a core's cache.
PASS = 32
#: Told how many rows have been begun, now and then, while a call runs.
Watch = Callable[[int], None]


@final
class Kernel:
    """Machine code that integrates many rows of one system.

    Args:
        flat: The system.
        tableau: The Rosenbrock method.
        lanes: Rows that step together on one thread; None for what a register holds.
    """

    def __init__(self, flat: Flat, tableau: Tableau = RODAS5P, lanes: int | None = None) -> None:
        self.flat, self.tableau = flat, tableau
        self.lanes = lanes or vector_lanes()
        self._lock = threading.Lock()
        self._codes: dict[bool, _Code] = {}

    @classmethod
    def build(cls, flat: Flat, tableau: Tableau = RODAS5P, lanes: int | None = None) -> Kernel:
        """Compile a system, or load it from the cache.

        Raises:
            KernelUnsupported: the right-hand side, outputs or actions hold something that has no
                scalar form; names the primitive and the line.
            SolverError: the equations cannot be solved for all states.
        """
        kernel = cls(flat, tableau, lanes)
        kernel.prepare(tangents=False)
        return kernel

    def prepare(self, tangents: bool) -> None:
        """Compile now what ``run`` or, with tangents, ``run_tangents`` needs."""
        self._code(tangents)

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
            atol: Absolute tolerance of one step by state (n,).
            max_steps: Step attempts per row.
            threads: Threads to use; None for one per core.
            progress: Called about ten times a second with the number of rows begun.

        Returns:
            The outcome; rows that failed carry a code and do not stop the others.
        """
        run = _Run(self._code(tangents=False), self, call, None, False)
        return run.go(rtol, atol, max_steps, threads, progress)

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

        Args:
            call: The rows.
            seeds: The directions.
            rtol: Relative tolerance of one step (of the states, not their derivatives).
            atol: Absolute tolerance of one step by state (n,).
            max_steps: Step attempts per row.
            threads: Threads to use; None for one per core.
            progress: See ``run``; starts again for every 32 directions.
            time_slopes: Also return the derivatives of the outputs to the output times.
        """
        code = self._code(tangents=True)
        outcomes = []
        for first in range(0, max(seeds.directions, 1), PASS):
            some = _some(seeds, first, min(first + PASS, seeds.directions))
            run = _Run(code, self, call, some, time_slopes)
            outcomes.append(run.go(rtol, atol, max_steps, threads, progress))
        result = outcomes[0]
        if len(outcomes) > 1:
            result.tangents = np.concatenate([o.tangents for o in outcomes], axis=1)
        return result

    def _code(self, tangents: bool) -> _Code:
        with self._lock:
            if tangents not in self._codes:
                sizes, library = compiled(self.flat, self.tableau, self.lanes, tangents)
                self._codes[tangents] = _Code(sizes, library)
            return self._codes[tangents]


@final
class _Code:
    """Loaded machine code and the workspace it needs."""

    def __init__(self, sizes: dict[str, int], library: Any) -> None:
        self.workspace, self.block = sizes["workspace"], sizes["block"]
        pointer = ctypes.c_void_p
        self.drive = library.function(ENTRY, None, pointer, pointer, pointer)


@final
class _Run:
    """One call under way: its arrays and the descriptor that points to them."""

    def __init__(
        self, code: _Code, kernel: Kernel, call: Call, seeds: Seeds | None, slopes: bool
    ) -> None:
        flat = kernel.flat
        self.code, self.kernel, self.rows = code, kernel, call.rows
        self.directions = 0 if seeds is None else seeds.directions
        nt, slots = call.times.shape[1], call.slot_time.shape[1]
        self.fields = {"ROWS": call.rows, "NT": nt, "SLOTS": slots,
                       "DIRECTIONS": self.directions, "SLOPES": int(slopes)}  # fmt: skip
        self.held: list[np.ndarray] = []
        self._given("P", call.p, (flat.np,))
        self._given("TIMES", call.times, (nt,))
        self._given("START", call.start, ())
        self._given("SLOT_TIME", call.slot_time, (slots,))
        self._given("SLOT_ACTION", call.slot_action, (slots + 1,), np.int64)
        self._given("SLOT_AMOUNT", call.slot_amount, (slots + 1,))
        self._given("SEGMENT", call.segment, (slots + 1, flat.ns))
        self._given("Y0", call.y0, (flat.n,))
        if seeds is not None:
            d = self.directions
            p = np.zeros((1, d, flat.np)) if seeds.p is None else seeds.p
            self._given("DP", p, (d, flat.np))
            self._optional("DAMOUNT", seeds.amount, (d, slots + 1))
            self._optional("DSEGMENT", seeds.segment, (d, slots + 1, flat.ns))
            self._optional("DY0", seeds.y0, (d, flat.n))
        rows = call.rows
        self.outcome = Outcome(
            out=self._made("OUT", np.full((rows, nt, flat.no), np.nan)),
            state=self._made("STATE", np.full((rows, flat.n), np.nan)),
            code=self._made("CODE", np.full(rows, CODES["CANCELLED"])),
            time=self._made("TIME", np.full(rows, np.nan)),
            worst=self._made("WORST", np.zeros(rows, dtype=np.int64)),
            steps=self._made("STEPS", np.zeros(rows)),
            refused=self._made("REFUSED", np.zeros(rows)),
        )
        if seeds is not None:
            wanted = (rows, self.directions, nt, flat.no)
            self.outcome.tangents = self._made("TANGENTS", np.full(wanted, np.nan))
            if slopes:
                rates = np.full((rows, nt, flat.no), np.nan)
                self.outcome.time_slopes = self._made("RATES", rates)
        self.queue = self._made("QUEUE", np.zeros(1, dtype=np.int64))
        self.cancel = self._made("CANCEL", np.zeros(1, dtype=np.int64))

    def _made(self, name: str, array: np.ndarray) -> np.ndarray:
        """Register an array the code writes to; empty ones are not pointed into."""
        self.held.append(array)
        self.fields[name] = array.ctypes.data
        return array

    def _given(
        self, name: str, array: np.ndarray | None, shape: tuple[int, ...], kind: type = np.float64
    ) -> None:
        """Register an input array with its stride from row to row."""
        if array is None:
            self.fields[name] = self.fields[f"{name}_STRIDE"] = 0
            return
        whole: np.ndarray = np.ascontiguousarray(array, dtype=kind)
        if whole.shape[1:] != shape or len(whole) not in (1, self.rows):
            raise ValueError(f"{name}: shape {whole.shape}, expected ({self.rows} or 1, *{shape})")
        self._made(name, whole)
        own = len(whole) > 1
        self.fields[f"{name}_STRIDE"] = int(np.prod(shape, dtype=np.int64)) if own else 0

    def _optional(self, name: str, array: np.ndarray | None, shape: tuple[int, ...]) -> None:
        """Register directions that may be absent: the code then reads one number times zero."""
        self.fields[f"HAS_{name}"] = int(array is not None)
        if array is None:
            self._made(name, np.zeros(max(1, shape[-1])))
            self.fields[f"{name}_STRIDE"] = 0
        else:
            self._given(name, array, shape)

    def go(
        self,
        rtol: float,
        atol: np.ndarray,
        max_steps: int,
        threads: int | None,
        progress: Watch | None,
    ) -> Outcome:
        """Run the code on the given number of threads and wait for it."""
        n = self.kernel.flat.n
        self._made("ATOL", np.ascontiguousarray(np.broadcast_to(atol, (n,)), dtype=float))
        self._made("RTOL", np.array([rtol]))
        self.fields["MAX_STEPS"] = max_steps
        groups = -(-self.rows // self.kernel.lanes)
        count = max(1, min(threads or os.cpu_count() or 1, groups))
        call = np.array([self.fields.get(name, 0) for name in CALL], dtype=np.int64)
        length = self.code.workspace + self.directions * self.code.block
        # A lane that never gets a row computes on ones.
        spaces = [np.ones(length + 64) for _ in range(count)]
        lanes = [np.zeros(len(LANE) * self.kernel.lanes, dtype=np.int64) for _ in range(count)]

        def work(k: int) -> None:
            self.code.drive(call.ctypes.data, spaces[k].ctypes.data, lanes[k].ctypes.data)

        if count == 1 and progress is None:
            work(0)
            return self.outcome
        team = [
            threading.Thread(target=work, args=(k,), name=f"catena-ode-{k}") for k in range(count)
        ]
        for thread in team:
            thread.start()
        try:
            for thread in team:
                while thread.is_alive():
                    thread.join(0.1)
                    if progress is not None:
                        progress(min(int(self.queue[0]), self.rows))
        except BaseException:
            self.cancel[0] = 1
            for thread in team:
                thread.join()
            raise
        return self.outcome


def _some(seeds: Seeds, first: int, last: int) -> Seeds:
    """Return the directions ``first`` to ``last``."""

    def part(array: np.ndarray | None) -> np.ndarray | None:
        return None if array is None else array[:, first:last]

    return Seeds(
        last - first, part(seeds.p), part(seeds.amount), part(seeds.segment), part(seeds.y0)
    )
