"""Local searches from many starts, advanced together: one batch of evaluations per iteration.

An objective says what it knows: values and gradients always; a positive semi-definite curvature
(Fisher information, Gauss-Newton) or residuals with their Jacobian where it can. Without either,
the curvature is learnt from the gradients (BFGS); searches that take long learn in any case. The
steps are those of ``trust``.

Sources: Raue and others 2013 (doi:10.1371/journal.pone.0074335) on multistart and waterfalls;
Froehlich and Sorger 2022 (doi:10.1371/journal.pcbi.1010322) on trust regions and curvatures.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from catena.core.errors import InputError
from catena.ops.calibrate.search import searched
from catena.ops.calibrate.searches import Objective, RowObjective, Searches, Stops

__all__ = ["Objective", "RowObjective", "Searches", "Stops", "draw_starts", "multistart"]

Array = np.ndarray[Any, Any]


def multistart(
    objective: Objective | RowObjective,
    bounds: Any,
    starts: Any,
    *,
    stops: Stops | None = None,
    work: Any = None,
    key: object | None = None,
    label: str = "multistart",
) -> Searches:
    """Minimise from every start inside the bounds; all searches share their evaluations.

    Args:
        objective: See ``Objective``.
        bounds: Lower and upper bounds (2, p), in the objective's coordinates; may be infinite.
            Finite boxes are scaled to unit length inside.
        starts: Start positions (n, p) inside the bounds.
        stops: When to end.
        work: A ``Work`` for the progress bar and the cache.
        key: Content key under which ``work`` keeps the outcome, so that a killed run resumes.
        label: Text of the progress bar.

    Returns:
        The end of every search.

    Raises:
        InputError: bounds contradict each other, or a start lies outside them.
    """
    lower, upper = _box(bounds)
    theta = _checked_starts(starts, lower, upper)
    chosen = stops or Stops()

    def search() -> dict[str, Any]:
        return searched(objective, lower, upper, theta, chosen, work, label).plain()

    if work is not None and key is not None:
        return Searches(**work.kept((key, lower, upper, theta, str(chosen)), search))
    return Searches(**search())


def draw_starts(bounds: Any, count: int, key: int = 0, method: str = "latin") -> Array:
    """Draw start positions that fill a finite box evenly (n, p).

    Args:
        bounds: Lower and upper bounds (2, p).
        count: Number of starts.
        key: Seed.
        method: ``latin`` (hypercube) or ``sobol``.

    Raises:
        InputError: the box is not finite or the method unknown.
    """
    from scipy.stats import qmc

    lower, upper = _box(bounds)
    if not np.isfinite(upper - lower).all():
        raise InputError("Starts need a finite box", where="multistart",
                         why="a bound is infinite", fix="give both bounds of every parameter")  # fmt: skip
    if method not in ("latin", "sobol"):
        raise InputError(f"Unknown way to draw starts {method!r}", where="multistart",
                         fix='use "latin" or "sobol"')  # fmt: skip
    rng = np.random.default_rng(key)
    if method == "latin":
        unit = qmc.LatinHypercube(len(lower), rng=rng).random(count)
    else:
        power = max(int(np.ceil(np.log2(max(count, 1)))), 0)
        unit = qmc.Sobol(len(lower), rng=rng).random_base2(power)[:count]
    return np.asarray(lower + unit * (upper - lower))


def _box(bounds: Any) -> tuple[Array, Array]:
    box = np.asarray(bounds, dtype=float)
    if box.ndim != 2 or box.shape[0] != 2 or not box.shape[1]:
        raise InputError("Bounds are two rows, lower and upper", where="multistart",
                         why=f"got an array of shape {box.shape}", fix="pass an array (2, p)")  # fmt: skip
    wrong = np.flatnonzero(~(box[0] < box[1]))
    if len(wrong):
        raise InputError("Contradictory bounds", where=f"multistart, parameter {wrong[0]}",
                         why=f"{box[0, wrong[0]]:g} is not below {box[1, wrong[0]]:g}",
                         fix="give the lower bound first")  # fmt: skip
    return box[0], box[1]


def _checked_starts(starts: Any, lower: Array, upper: Array) -> Array:
    theta = np.atleast_2d(np.asarray(starts, dtype=float))
    if theta.ndim != 2 or theta.shape[1] != len(lower) or not len(theta):
        raise InputError("Starts do not fit the bounds", where="multistart",
                         why=f"starts have shape {theta.shape}, there are {len(lower)} parameters",
                         fix="pass an array (n, p)")  # fmt: skip
    slack = 1e-9 * np.where(np.isfinite(upper - lower), upper - lower, 1.0)
    outside = ~((theta >= lower - slack) & (theta <= upper + slack)).all(axis=1)
    if outside.any():
        raise InputError(f"{outside.sum()} starts lie outside the bounds", where="multistart",
                         why=f"the first is start {np.flatnonzero(outside)[0]}",
                         fix="draw starts inside the bounds")  # fmt: skip
    return np.asarray(np.clip(theta, lower, upper))
