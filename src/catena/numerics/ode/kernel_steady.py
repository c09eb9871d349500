"""Regimens at steady state on the kernel: Newton's method on the map of one dosing cycle.

The counterpart of ``steady`` for machine code: the cycle map and its derivatives come from a second
kernel whose outputs are the states.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.numerics.ode.calls import Row, kernel_call
from catena.numerics.ode.compiled import compiled
from catena.numerics.ode.flat import Flat
from catena.numerics.ode.kernel.calls import Seeds
from catena.numerics.ode.settings import SolverSettings

if TYPE_CHECKING:
    from catena.numerics.ode.compiled import Compiled

#: Newton rounds on the cycle map; a linear system needs one.
ROUNDS = 8


def seeds_of(directions: Mapping[str, Any], prefix: str, y0: Any) -> Seeds:
    """Return directions in the form the kernel takes.

    Args:
        directions: Arrays (n or 1, directions, ...) by name.
        prefix: "" for the rows themselves, ``cycle_`` for their cycles.
        y0: Directions of the initial states, or None.
    """
    given = (directions.get("p"), directions.get(f"{prefix}amount"),
             directions.get(f"{prefix}segment"), y0)  # fmt: skip
    count = max((part.shape[1] for part in given if part is not None), default=0)
    return Seeds(count, *given)


@final
@dataclass
class SteadyStart:
    """Finds the state before the first slot of rows whose regimen has gone on for ever."""

    kernel: Compiled
    settings: SolverSettings
    atol: np.ndarray

    @classmethod
    def of(cls, flat: Flat, settings: SolverSettings, atol: np.ndarray) -> SteadyStart:
        """Compile the system with its states as outputs."""
        states = replace(flat, no=flat.n, outputs=lambda t, y, p, s: y)
        return cls(compiled(states), settings, atol)

    def start(
        self, row: Row, size: int, directions: Mapping[str, Any]
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the states (size, n) and their derivatives (size, directions, n).

        States on which nothing depends, such as amounts excreted, have no steady value and stay
        as they are.
        """
        cycle = row.cycle._replace(p=row.p)
        y = self._initial(cycle, size)
        for _ in range(ROUNDS):
            after, gap, counts_only = self._linearised(cycle, size, y)
            change = np.linalg.solve(gap, np.where(counts_only, 0.0, after - y)[..., None])[..., 0]
            y = y + change
            largest = np.abs(change).max() / max(np.abs(y).max(), 1e-30)
            if not largest > 0.01 * self.settings.rtol:
                break
        if not directions:
            return y, None
        seeds = seeds_of(directions, "cycle_", None)
        moved = self._run_tangents(cycle, size, y, seeds).tangents[:, :, 0]
        _, gap, counts_only = self._linearised(cycle, size, y)
        moved = np.where(counts_only[:, None], 0.0, moved)
        return y, np.linalg.solve(gap[:, None], moved[..., None])[..., 0]

    def _initial(self, cycle: Row, size: int) -> np.ndarray:
        """Return the initial states: those of an empty integration."""
        now = cycle._replace(times=cycle.start[:, None], slot_time=cycle.slot_time[:, :0],
                             slot_action=np.zeros_like(cycle.slot_action[:, :1]),
                             slot_amount=cycle.slot_amount[:, :1],
                             segment=cycle.segment[:, :1])  # fmt: skip
        s = self.settings
        outcome = self.kernel.run(kernel_call(now, size), s.rtol, self.atol, s.max_steps, s.threads)
        return outcome.out[:, 0]

    def _linearised(
        self, cycle: Row, size: int, y: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the state a cycle later, I - d(later)/d(now), and which states only count."""
        n = y.shape[1]
        unit = np.eye(n)
        outcome = self._run_tangents(cycle, size, y, Seeds(n, y0=unit[None]))
        gap = unit - outcome.tangents[:, :, 0].swapaxes(1, 2)
        counts_only = np.abs(gap).max(axis=1) < 1e-9
        gap = np.where(counts_only[..., None], unit, gap)
        return outcome.out[:, 0], gap, counts_only

    def _run_tangents(self, cycle: Row, size: int, y: np.ndarray, seeds: Seeds) -> Any:
        s = self.settings
        return self.kernel.run_tangents(kernel_call(cycle, size, y), seeds, s.rtol, self.atol,
                                        s.max_steps, s.threads)  # fmt: skip


def taken(tree: Any, some: slice) -> Any:
    """Return some rows of tables (n, ...) in nested containers; shared ones (1, ...) stay."""
    if tree is None:
        return None
    if isinstance(tree, dict):
        return {name: taken(value, some) for name, value in tree.items()}
    if isinstance(tree, Row):
        return Row(*(taken(value, some) for value in tree))
    if isinstance(tree, tuple):
        return tuple(taken(value, some) for value in tree)
    return tree if len(tree) == 1 else tree[some]
