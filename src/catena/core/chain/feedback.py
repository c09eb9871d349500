"""Solvers for nodes that feed each other: find x with x = G(x), all rows at once.

Rows are independent problems. They iterate together, so that every node sees whole batches; a
row that has converged keeps its value while the others go on.

Sources: D. G. Anderson, J. ACM 12 (1965) 547, doi:10.1145/321296.321305 (mixing in the form of
H. F. Walker and P. Ni, SIAM J. Numer. Anal. 49 (2011) 1715, doi:10.1137/10078356X).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol, final, get_args

import numpy as np

from catena.core.errors import ChainError, closest

Method = Literal["fixed_point", "newton", "anderson"]
METHODS: tuple[str, ...] = get_args(Method)
#: A Newton step that makes things worse is halved at most this often.
_HALVINGS = 6
#: Values smaller than this share of the first guess count as zero in the stopping test.
_SMALL = 1e-3


@final
@dataclass(frozen=True)
class Feedback:
    """How a cycle of nodes is solved.

    Args:
        method: ``fixed_point`` (repeat until nothing changes), ``newton`` (uses the nodes'
            gradients; quadratic) or ``anderson`` (mixes the last iterates; no gradients).
        tol: Largest change |G(x) - x| allowed, relative to the size of x.
        max_iter: Number of passes through the cycle before giving up.
        relaxation: Share of each step that is taken, in (0, 1]; below 1 damps oscillation.
        memory: Iterates mixed by ``anderson``.
    """

    method: Method = "newton"
    tol: float = 1e-10
    max_iter: int = 100
    relaxation: float = 1.0
    memory: int = 5

    def __post_init__(self) -> None:
        problem = ""
        if self.method not in METHODS:
            near = closest(str(self.method), METHODS) or METHODS
            problem = f"unknown method {self.method!r}; use {' or '.join(near)}"
        elif not 0.0 < self.tol < 1.0:
            problem = f"tol is {self.tol}, must lie between 0 and 1"
        elif self.max_iter < 1 or self.memory < 1:
            problem = "max_iter and memory must be at least 1"
        elif not 0.0 < self.relaxation <= 1.0:
            problem = f"relaxation is {self.relaxation}, must lie in (0, 1]"
        if problem:
            raise ChainError("Bad feedback settings", where="feedback", why=problem,
                             fix='write Feedback(method="newton", tol=1e-10, max_iter=100)')  # fmt: skip

    @classmethod
    def parse(cls, given: Any) -> Feedback | dict[str, Feedback] | None:
        """Read a method name, settings, or settings by group; see ``Chain``.

        Raises:
            ChainError: the settings are not understood.
        """
        if given is None or isinstance(given, cls):
            return given
        if isinstance(given, str):
            return cls(method=given)  # type: ignore[arg-type]
        if not isinstance(given, Mapping):
            raise ChainError("Bad feedback settings", where="feedback", why=f"got {given!r:.80}",
                             fix='write feedback="newton"')  # fmt: skip
        names = {item.name for item in fields(cls)}
        if given and set(given) <= names:
            return cls(**given)
        groups = {str(name): cls.parse(item) for name, item in given.items()}
        wrong = [name for name, item in groups.items() if not isinstance(item, Feedback)]
        if wrong:
            raise ChainError("Bad feedback settings", where="feedback",
                             why=f"{wrong[0]!r} is neither a setting nor a group with settings",
                             fix=f"settings are {', '.join(sorted(names))}")  # fmt: skip
        return {name: item for name, item in groups.items() if isinstance(item, Feedback)}

    def to_dict(self) -> dict[str, Any]:
        """Return the settings that differ from the defaults, and the method."""
        plain = asdict(Feedback())
        return {n: v for n, v in asdict(self).items() if n == "method" or v != plain[n]}


@final
@dataclass(frozen=True)
class Solution:
    """What a solver found.

    Args:
        x: Unknowns (n, m).
        converged: Per row, whether the stopping test holds.
        history: Scaled residual per pass and row (passes, n).
    """

    x: np.ndarray
    converged: np.ndarray
    history: np.ndarray

    @property
    def passes(self) -> np.ndarray:
        """Number of passes per row until it converged."""
        return np.asarray(np.isfinite(self.history).sum(axis=0))


def solve(
    settings: Feedback,
    g: Callable[[np.ndarray], np.ndarray],
    x0: np.ndarray,
    jacobian: Callable[[], np.ndarray],
) -> Solution:
    """Find x = g(x) for every row.

    Args:
        settings: Method, tolerance and limits.
        g: One pass through the cycle: (n, m) to (n, m).
        x0: Start (n, m).
        jacobian: Derivative (n, m, m) of ``g`` where it was last called (for ``newton``).

    Returns:
        The solution; the last call of ``g`` was at ``Solution.x``.
    """
    x = np.array(x0, dtype=float)
    small = _SMALL * np.where(x == 0.0, 1.0, np.abs(x))
    active = np.ones(len(x), dtype=bool)
    converged = np.zeros(len(x), dtype=bool)
    step = _STEPS[settings.method](settings, jacobian)
    history: list[np.ndarray] = []
    for passes in range(1, settings.max_iter + 1):
        gx = np.asarray(g(x), dtype=float)
        with np.errstate(invalid="ignore", over="ignore"):
            residual = gx - x
            scale = np.maximum(np.maximum(np.abs(x), np.abs(gx)), small)
            error = np.max(np.abs(residual) / scale, axis=1, initial=0.0)
        history.append(np.where(active, error, np.nan))
        converged |= active & (error <= settings.tol)
        active &= ~converged
        if not active.any() or passes == settings.max_iter:
            break
        with np.errstate(all="ignore"):
            moved = step.next(x, residual, small)
        # A row that has left the numbers cannot come back; the others go on.
        active &= np.isfinite(moved).all(axis=1)
        if not active.any():
            break
        x = np.where(active[:, None], moved, x)
    return Solution(x, converged, np.stack(history))


class _Stepper(Protocol):
    """Proposes where to look next."""

    def next(self, x: np.ndarray, residual: np.ndarray, small: np.ndarray) -> np.ndarray:
        """Return the next unknowns (n, m), given g(x) - x and what counts as small."""
        ...


@final
class _Simple:
    """x <- x + relaxation * (g(x) - x)."""

    def __init__(self, settings: Feedback, jacobian: Callable[[], np.ndarray]) -> None:
        self._share = settings.relaxation

    def next(self, x: np.ndarray, residual: np.ndarray, small: np.ndarray) -> np.ndarray:
        return np.asarray(x + self._share * residual)


@final
class _Newton:
    """Newton's method on g(x) - x, halving steps that make a row worse."""

    def __init__(self, settings: Feedback, jacobian: Callable[[], np.ndarray]) -> None:
        self._share = settings.relaxation
        self._jacobian = jacobian
        self._from: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None
        self._halved: np.ndarray = np.zeros(0, dtype=int)

    def next(self, x: np.ndarray, residual: np.ndarray, small: np.ndarray) -> np.ndarray:
        size = np.linalg.norm(residual, axis=1)
        if self._from is None:
            self._halved = np.zeros(len(x), dtype=int)
            worse = np.zeros(len(x), dtype=bool)
        else:
            before = self._from[2]
            worse = ~(size <= before) & (self._halved < _HALVINGS)
        slope = np.eye(x.shape[1]) - self._jacobian()
        step = self._share * linear_solve(slope, residual)
        base = x
        if self._from is not None:
            self._halved = np.where(worse, self._halved + 1, 0)
            base = np.where(worse[:, None], self._from[0], x)
            step = np.where(worse[:, None], self._from[1] / 2.0, step)
            size = np.where(worse, self._from[2], size)
        self._from = (base, step, size)
        return np.asarray(base + step)


@final
class _Anderson:
    """Anderson's mixing: the combination of past residuals that is least, moved on."""

    def __init__(self, settings: Feedback, jacobian: Callable[[], np.ndarray]) -> None:
        self._share = settings.relaxation
        self._memory = settings.memory
        self._past: list[tuple[np.ndarray, np.ndarray]] = []

    def next(self, x: np.ndarray, residual: np.ndarray, small: np.ndarray) -> np.ndarray:
        self._past.append((x, residual))
        depth = min(self._memory, x.shape[1]) + 1
        self._past = self._past[-depth:]
        if len(self._past) == 1:
            return np.asarray(x + self._share * residual)
        xs = np.stack([item[0] for item in self._past], axis=-1)
        rs = np.stack([item[1] for item in self._past], axis=-1)
        dx, dr = np.diff(xs, axis=-1), np.diff(rs, axis=-1)
        finite = np.isfinite(dr).all(axis=(1, 2)) & np.isfinite(residual).all(axis=1)
        weights = np.zeros((len(x), dr.shape[-1]))
        # Unknowns may differ by many powers of ten: weigh each by its own size.
        scale = np.maximum(np.abs(x), small)[:, :, None]
        if finite.any():
            inverse = np.linalg.pinv((dr / scale)[finite], rcond=1e-12)
            weights[finite] = (inverse @ (residual[:, :, None] / scale)[finite])[:, :, 0]
        mixed = ((dx + self._share * dr) @ weights[:, :, None])[:, :, 0]
        return np.asarray(x + self._share * residual - mixed)


_STEPS: dict[str, Callable[[Feedback, Callable[[], np.ndarray]], _Stepper]] = {
    "fixed_point": _Simple,
    "newton": _Newton,
    "anderson": _Anderson,
}


def linear_solve(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve (n, m, m) systems; a singular row gets its least-squares solution, NaN stays NaN."""
    try:
        return np.asarray(np.linalg.solve(matrix, right[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        out = np.full(right.shape, np.nan)
        for row in np.flatnonzero(np.isfinite(matrix).all(axis=(1, 2))):
            out[row] = np.linalg.lstsq(matrix[row], right[row], rcond=None)[0]
        return out
