"""Second derivatives on the kernel: first derivatives of the system augmented by sensitivities.

Every row is solved once per first direction, beside the sensitivities in that direction, and
differentiated in all second directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.numerics.ode.calls import Leaves, Plan, Row, kernel_call
from catena.numerics.ode.compiled import compiled, prepare
from catena.numerics.ode.flat import Flat
from catena.numerics.ode.flat_augment import augment
from catena.numerics.ode.kernel.calls import Seeds
from catena.numerics.ode.kernel_steady import taken
from catena.numerics.ode.settings import SolverSettings

if TYPE_CHECKING:
    from catena.numerics.ode.compiled import Compiled

#: Numbers of a table held at once.
ROOM = 2**24


@final
@dataclass(frozen=True)
class SecondKernel:
    """The compiled augmented system.

    Args:
        flat: The original system.
        kernel: That of ``augment(flat)``.
        settings: Tolerances and limits.
        atol: Absolute tolerances of the original states (n,).
    """

    flat: Flat
    kernel: Compiled
    settings: SolverSettings
    atol: np.ndarray

    @classmethod
    def of(cls, flat: Flat, settings: SolverSettings, atol: np.ndarray) -> SecondKernel:
        """Compile.

        Raises:
            KernelUnsupported: a derivative holds something that has no scalar form.
        """
        kernel = compiled(augment(flat))
        prepare(kernel, tangents=True)
        return cls(flat, kernel, settings, atol)

    def table(
        self,
        plan: Plan,
        leaves: Leaves,
        active: tuple[str, ...],
        again: tuple[str, ...],
        size: int,
    ) -> np.ndarray:
        """Return second derivatives (size, directions of again, those of active, t, no).

        Args:
            plan: Where everything lies and when integration stops.
            leaves: NumPy values.
            active: Names of the leaves differentiated first; none moves output times.
            again: Names of those differentiated second.
            size: Number of rows.
        """
        row = plan.fill(leaves)
        first, second = (plan.directions(leaves, names) for names in (active, again))
        scale = _scale(leaves, active)
        one, two, nt = first["p"].shape[1], second["p"].shape[1], row.times.shape[1]
        out = np.empty((size, two, one, nt, self.flat.no))
        step = max(1, ROOM // max(1, one * two * nt * self.flat.no))
        for begin in range(0, size, step):
            some = slice(begin, min(begin + step, size))
            part, one_of, two_of, length = taken((row, first, second, scale), some)
            out[some] = self._part(part, one_of, two_of, length, some.stop - begin)
        return out

    def _part(self, row: Row, first: Any, second: Any, scale: np.ndarray, size: int) -> np.ndarray:
        one = first["p"].shape[1]
        many = _row_per_direction(row, first, scale, size)
        seeds = _wide_seeds(second, one, self.flat)
        s = self.settings
        outcome = self.kernel.run_tangents(
            kernel_call(many, size * one),
            seeds,
            s.rtol,
            np.tile(self.atol, 2),
            s.max_steps,
            s.threads,
        )
        assert outcome.tangents is not None
        table = outcome.tangents[..., self.flat.no :]
        table = table.reshape((size, one, *table.shape[1:])) / scale[:, :, None, None, None]
        return np.swapaxes(table, 1, 2)


def _scale(leaves: Leaves, active: tuple[str, ...]) -> np.ndarray:
    """Return the length of each direction (n or 1, directions): the value it moves.

    Sensitivities to relative changes have the magnitude of the states, so the tolerances of the
    states suit them.
    """
    named = leaves.named()
    values = [np.abs(named[name].reshape(len(named[name]), -1)) for name in active]
    rows = max(len(value) for value in values)
    wide = [np.broadcast_to(value, (rows, value.shape[1])) for value in values]
    size = np.concatenate(wide, axis=1)
    return np.where(size > 0, size, 1.0)


def _row_per_direction(row: Row, first: Any, scale: np.ndarray, size: int) -> Row:
    """Return one augmented row for every row and first direction, directions innermost."""
    one = first["p"].shape[1]

    def repeated(table: np.ndarray) -> np.ndarray:
        return table if len(table) == 1 else np.repeat(table, one, axis=0)

    def beside(table: np.ndarray) -> np.ndarray:
        """Lay a table (n or 1, ...) out by row and direction."""
        return np.broadcast_to(table[:, None], (size, one, *table.shape[1:]))

    p = np.concatenate([beside(row.p), np.broadcast_to(
        first["p"] * scale[..., None], (size, one, row.p.shape[1]))], axis=2)  # fmt: skip
    segment = row.segment
    moves = [first[name] for name in ("segment", "amount") if name in first]
    if moves:
        slots, ns = segment.shape[1:]
        wide = np.zeros((size, one, slots, 2 * ns + 1))
        wide[..., :ns] = beside(segment)
        if "segment" in first:
            wide[..., ns : 2 * ns] = first["segment"] * scale[..., None, None]
        if "amount" in first:
            wide[..., 2 * ns] = first["amount"] * scale[..., None]
        segment = wide.reshape((size * one, slots, 2 * ns + 1))
    else:
        more = np.zeros((*segment.shape[:2], segment.shape[2] + 1))
        segment = repeated(np.concatenate([segment, more], axis=2))
    return Row(p.reshape((size * one, -1)), repeated(row.times), repeated(row.start),
               repeated(row.slot_time), repeated(row.slot_action), repeated(row.slot_amount),
               segment)  # fmt: skip


def _wide_seeds(second: Any, one: int, flat: Flat) -> Seeds:
    """Return the second directions as directions of the augmented system."""

    def repeated(table: np.ndarray, more: int) -> np.ndarray:
        wide = np.concatenate([table, np.zeros((*table.shape[:-1], more))], axis=-1)
        return wide if len(wide) == 1 else np.repeat(wide, one, axis=0)

    amount, segment = second.get("amount"), second.get("segment")
    return Seeds(
        second["p"].shape[1],
        repeated(second["p"], flat.np),
        None if amount is None else repeated(amount, 0),
        None if segment is None else repeated(segment, flat.ns + 1),
    )
