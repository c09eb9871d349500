"""Runs the stages of a PEtab problem for many parameter vectors at once, with derivatives.

All experiments of a stage and all parameter vectors are rows of one call of the compiled kernel.
Its forward sensitivities are the exact derivatives of the numbers returned; those of a state of rest
enter the experiments that start from it, through their initial states.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, final

import numpy as np

from catena.numerics.ode.compiled import compiled
from catena.numerics.ode.declare.checks import tolerances
from catena.numerics.ode.flat import Places, flat_of
from catena.numerics.ode.kernel.calls import Call, Outcome, Seeds
from catena.numerics.ode.kernel.workspace import CODES
from catena.numerics.ode.sbml.petab_plan import DECADES, Stage
from catena.numerics.ode.settings import SolverSettings

if TYPE_CHECKING:
    from catena.numerics.ode.compiled import Compiled

#: Change over a decade of time below which a state counts as at rest, relative to its size.
AT_REST = 1e-7
#: The same relative to the largest state of the row, for states that vanish.
_VANISHED = 1e-12
_WORDS = {
    "TOO_MANY": "needs more steps than max_steps", "TOO_SMALL": "needs ever smaller steps",
    "NOT_A_NUMBER": "leaves the numbers", "SINGULAR": "meets a singular matrix",
    "STORM": "is interrupted without end by its own events", "TERMINAL": "is ended by an event",
    "CANCELLED": "was cancelled",
}  # fmt: skip
_REASONS = {CODES[name]: words for name, words in _WORDS.items()}


@final
@dataclass(frozen=True)
class Ran:
    """What a stage returned for some parameter vectors.

    Args:
        out: Outputs (n, E, nt, no); nt is 1 where the state of rest was asked.
        tangents: Derivatives to the active parameters (n, E, nd, nt, no), or None.
        faults: Reason by parameter vector that failed.
    """

    out: np.ndarray
    tangents: np.ndarray | None
    faults: dict[int, str]


@final
class Runner:
    """One stage, compiled.

    Args:
        stage: The stage.
        count: Number of estimated parameters.

    Raises:
        BackendError: the equations hold something that cannot be compiled.
    """

    def __init__(self, stage: Stage, count: int) -> None:
        self.stage, self.count = stage, count
        self.kernel = _kernel(stage)
        self._moves = _moves(stage)
        self._carried = _carried(stage)

    def run(
        self,
        values: np.ndarray,
        slopes: np.ndarray | None,
        settings: SolverSettings,
        before: Ran | None = None,
    ) -> Ran:
        """Simulate all experiments.

        Args:
            values: Estimated parameters on the linear scale (n, p).
            slopes: Their derivatives to the scale on which they are estimated (n, p); with them
                the outcome carries derivatives.
            settings: Tolerances, limits, threads.
            before: What the stage that comes before returned.
        """
        stage, size = self.stage, len(values)
        inputs = np.repeat(stage.numbers[None], size, axis=0)
        row, column, index = stage.parameters
        inputs[:, row, column] = values[:, index]
        if before is not None:
            row, column, index = stage.states
            inputs[:, row, column] = before.out[:, stage.before_row[row], 0, index]
        call = self._call(inputs)
        atol = tolerances(settings, stage.system.layout)
        given = (settings.rtol, atol, settings.max_steps, settings.threads)
        if slopes is None or not stage.active.size:
            outcome = self.kernel.run(call, *given)
        else:
            seeds = self._seeds(inputs.shape, slopes, before)
            outcome = self.kernel.run_tangents(call, seeds, *given)
        return self._ran(outcome, size, slopes is not None, before)

    def _call(self, inputs: np.ndarray) -> Call:
        stage = self.stage
        size, experiments, width = inputs.shape
        rows = size * experiments
        times = np.tile(stage.times, (size, 1))
        return Call(rows, inputs.reshape(rows, width), times, np.zeros(1), np.zeros((1, 0)),
                    np.zeros((1, 1), dtype=np.int64), np.zeros((1, 1)), np.zeros((1, 1, 0)))  # fmt: skip

    def _seeds(self, shape: tuple[int, ...], slopes: np.ndarray, before: Ran | None) -> Seeds:
        """Return the directions: one per estimated parameter that an experiment depends on."""
        size, experiments, width = shape
        directions = self.stage.active.shape[1]
        moved = np.zeros((size, experiments, directions, width))
        row, direction, column, index = self._moves
        moved[:, row, direction, column] = slopes[:, index]
        if before is not None and before.tangents is not None:
            row, direction, column, source, place, index = self._carried
            moved[:, row, direction, column] = before.tangents[:, source, place, 0, index]
        return Seeds(directions, moved.reshape(size * experiments, directions, width))

    def _ran(self, outcome: Outcome, size: int, wanted: bool, before: Ran | None) -> Ran:
        stage = self.stage
        experiments = len(stage.experiments)
        out = outcome.out.reshape(size, experiments, *outcome.out.shape[1:])
        tangents = None
        if wanted:
            shape = (size, experiments, stage.active.shape[1], *out.shape[2:])
            given = outcome.tangents
            tangents = np.zeros(shape) if given is None else given.reshape(shape)
        faults = dict(before.faults) if before is not None else {}
        moving = np.zeros((size, experiments), dtype=bool)
        if stage.settled:
            out, tangents, moving = _settled(out, tangents)
        self._blame(faults, outcome, moving)
        return Ran(out, tangents, faults)

    def _blame(self, faults: dict[int, str], outcome: Outcome, moving: np.ndarray) -> None:
        """Add why parameter vectors failed; a state that is at rest was reached all the same."""
        stage = self.stage
        code, reached = (a.reshape(moving.shape) for a in (outcome.code, outcome.time))
        failed = moving if stage.settled else code != 0
        for n, e in np.argwhere(failed).tolist():
            why = f"does not come to rest by {DECADES[-1]:g}"
            if code[n, e]:
                why = f"{_REASONS.get(int(code[n, e]), 'fails')} at time {reached[n, e]:.4g}"
            name = stage.experiments[e][1]
            faults.setdefault(n, f"the experiment under condition {name!r} {why}")


def _kernel(stage: Stage) -> Compiled:
    system = stage.system
    places = Places.of(system, {field.name: () for field in system.parameters})
    return compiled(flat_of(system, places))


def _settled(
    out: np.ndarray, tangents: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Take outputs at the first time from which on they stay; tell which never do (n, E)."""
    size, experiments = out.shape[:2]
    with np.errstate(all="ignore"):
        scale = np.fmax.reduce(np.abs(out), axis=(2, 3), keepdims=True)
        still = np.abs(np.diff(out, axis=2)) <= AT_REST * np.abs(out[:, :, 1:]) + _VANISHED * scale
    rest = still.all(axis=3)
    first = 1 + rest.argmax(axis=2)
    rows, columns = np.ogrid[:size, :experiments]
    if tangents is not None:
        tangents = np.moveaxis(tangents, 2, 3)[rows, columns, first][:, :, :, None]
    return out[rows, columns, first][:, :, None], tangents, ~rest.any(axis=2)


def _moves(stage: Stage) -> tuple[np.ndarray, ...]:
    """Return (experiment, direction, input, parameter) of inputs that are parameters."""
    row, column, index = stage.parameters
    direction = np.array(
        [np.searchsorted(stage.active[e], k) for e, k in zip(row, index, strict=True)],
        dtype=np.intp,
    )
    return row, direction, column, index


def _carried(stage: Stage) -> tuple[np.ndarray, ...]:
    """Return (experiment, direction, input, row, direction and output of the stage before)."""
    found: list[tuple[int, ...]] = []
    if stage.before is not None:
        earlier = stage.before.active
        count = earlier.shape[1]
        for e, column, index in zip(*stage.states, strict=True):
            source = int(stage.before_row[e])
            for place in range(count):
                direction = int(np.searchsorted(stage.active[e], earlier[source, place]))
                if direction < stage.active.shape[1]:
                    found.append((e, direction, column, source, place, index))
    table = np.array(found, dtype=np.intp).reshape(-1, 6)
    return tuple(table.T)
