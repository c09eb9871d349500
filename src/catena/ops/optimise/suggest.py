"""The asking half of Bayesian optimisation: data in, the next experiments out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.ops.optimise.acquisition import Aim, acquisition, greedy
from catena.ops.optimise.ascent import best_points
from catena.ops.optimise.coordinates import Coordinates
from catena.ops.optimise.libraries import require
from catena.ops.optimise.process import Prior, Process

if TYPE_CHECKING:
    from catena.ops.space import Space

#: Candidates the search starts from: so many all over the space, and so many around the best.
CANDIDATES = 256

Goal = Literal["maximise", "minimise", "bounded"]
Bounds = Mapping[int, tuple[float | None, float | None]]


def suggest(
    space: Space,
    data_x: np.ndarray,
    data_y: np.ndarray,
    *,
    goals: Sequence[Goal],
    outcome_bounds: Bounds | None = None,
    q: int = 1,
    pending: np.ndarray | None = None,
    noise: float | Sequence[float] | None = None,
    reference: Sequence[float] | None = None,
    prior: Prior | None = None,
    exploit: int = 0,
    key: int = 0,
) -> np.ndarray:
    """Return the next points to try.

    Args:
        space: What is varied; its linear constraints hold for every suggestion.
        data_x: Points tried (n, d), in the variables' units (categories as their index).
        data_y: Outcomes (n, m); NaN is missing (failed or not measured).
        goals: Per outcome ``maximise``, ``minimise`` or ``bounded`` (only its bounds matter).
        outcome_bounds: Allowed (low, high) by position of an outcome; None leaves a side open.
        q: Number of points.
        pending: Points (k, d) under way, whose outcomes will come later.
        noise: Standard deviation of the outcomes (one, or one each); 0 for a deterministic
            model, None to infer it from the data.
        reference: Worst acceptable values of the wished outcomes, in their order (several
            objectives only); from the data by default.
        prior: Function from points (k, d) to expected outcomes (k, m). How far it is trusted is
            learned from the data, so that a wrong one is soon ignored.
        exploit: How many of the points go where the best outcome is predicted, whatever its
            uncertainty.
        key: 64-bit seed.

    Returns:
        Points (q, d).

    Raises:
        InputError: shapes do not fit, or no goal is to be maximised or minimised.

    Source: Balandat et al. (2020, arXiv:1910.06403) for BoTorch and its Monte Carlo acquisition.
    """
    x, y, waiting = _checked(space, data_x, data_y, goals, q, pending)
    coordinates = Coordinates(space)
    if _too_little(y, goals):
        return fill(space, q, np.concatenate([x, waiting]), key)
    require("botorch", "a suggestion from data")
    sign = np.array([-1.0 if goal == "maximise" else 1.0 for goal in goals])
    wished = tuple(k for k, goal in enumerate(goals) if goal != "bounded")
    aim = Aim(wished, _oriented(outcome_bounds or {}, sign),
              None if reference is None else np.asarray(reference, float) * sign[list(wished)])  # fmt: skip
    expected: Prior | None = None
    if prior is not None:
        expected = lambda z: np.asarray(prior(coordinates.decode(z)), dtype=float) * sign  # noqa: E731
    with quiet():
        process = Process(
            coordinates.encode(x),
            y * sign,
            [k in wished for k in range(len(goals))],
            coordinates.categories,
            _noise(noise, len(goals)),
            expected,
        )
        known = coordinates.encode(waiting)
        return coordinates.decode(next_points(process, coordinates, aim, q, known, exploit, key))


@contextmanager
def quiet() -> Iterator[None]:
    """Keep silent what BoTorch says about jitter and line searches: both are dealt with."""
    # Recording, as BoTorch switches some of its warnings on again by itself.
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("ignore")
        yield


def next_points(
    process: Process,
    coordinates: Coordinates,
    aim: Aim,
    q: int,
    waiting: np.ndarray,
    exploit: int,
    key: int,
    box: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Return the coordinates (q, d) to try next, given the fitted outcomes."""
    chosen = np.zeros((0, process.z.shape[1]))
    starts = candidates(process, coordinates, aim, key, box)
    if exploit and len(aim.wished) == 1:
        best = best_points(greedy(process, aim), coordinates, 1, starts, box=box)
        taken = np.concatenate([process.z, waiting])
        if np.abs(taken - best).max(axis=1).min() > 1e-5:
            chosen = best
    if len(chosen) < q:
        known = np.concatenate([waiting, chosen])
        worth = acquisition(process, aim, known, key)
        rest = best_points(worth, coordinates, q - len(chosen), starts, box=box)
        chosen = np.concatenate([chosen, rest])
    return _distinct(chosen, np.concatenate([process.z, waiting]), coordinates, key)


def candidates(
    process: Process,
    coordinates: Coordinates,
    aim: Aim,
    key: int,
    box: tuple[np.ndarray, np.ndarray] | None = None,
) -> np.ndarray:
    """Return feasible coordinates to start the search from: all over, and around the best."""
    space = coordinates.space
    spread = coordinates.encode(space.sample(CANDIDATES, split_key(key, "candidates")))
    if box is not None:
        spread = np.where(coordinates.category, spread, box[0] + spread * (box[1] - box[0]))
    rng = np.random.Generator(np.random.Philox(key=split_key(key, "around the best")))
    good = good_rows(process, aim)
    centres = process.z[good[rng.integers(0, len(good), CANDIDATES)]]
    reach = 10.0 ** rng.uniform(-3.0, -0.5, (CANDIDATES, 1))
    moved = centres + reach * rng.standard_normal(centres.shape)
    # Few coordinates change at a time: in many dimensions that is where improvement is.
    share = rng.random((CANDIDATES, 1)) ** 2
    keep = rng.random(centres.shape) > np.maximum(share, 1.0 / centres.shape[1])
    moved = np.where(keep, centres, moved)
    flip = coordinates.category & ~keep & (rng.random(centres.shape) < 0.3)
    random = np.floor(rng.random(centres.shape) * (coordinates.upper + 1.0))
    moved = np.where(flip, random, np.where(coordinates.category, centres, moved))
    low = np.zeros(len(coordinates.upper)) if box is None else box[0]
    high = coordinates.upper if box is None else box[1]
    near = coordinates.snap(np.clip(moved, low, high))
    points = np.concatenate([spread, near[space.inside(coordinates.decode(near))]])
    return np.asarray(coordinates.snap(points))


def good_rows(process: Process, aim: Aim) -> np.ndarray:
    """Return rows worth searching around: the best one, the Pareto set, or the least infeasible."""
    from catena.ops.optimise.pareto import pareto

    y = process.y
    known = np.flatnonzero(np.isfinite(y).all(axis=1))
    if not len(known):
        return np.arange(len(y))
    violation = aim.violation(y[known])
    if not (violation <= 0.0).any():
        return np.asarray(known[np.argsort(violation)[:3]])
    wished = y[known][:, list(aim.wished)]
    if len(aim.wished) > 1:
        return np.asarray(known[pareto(wished, violation)])
    allowed = known[violation <= 0.0]
    return np.asarray(allowed[np.argsort(y[allowed, aim.wished[0]])[:3]])


def fill(space: Space, q: int, known: np.ndarray, key: int) -> np.ndarray:
    """Return points (q, d) of a space-filling sample that keep away from known ones."""
    pool = space.sample(max(64, 8 * q), split_key(key, "fill"))
    u, taken = space.to_unit(pool), space.to_unit(known).reshape(-1, space.dim)
    if not len(taken):
        return np.asarray(pool[:q])
    chosen: list[int] = []
    distance = np.linalg.norm(u[:, None] - taken[None], axis=-1).min(axis=1)
    for _ in range(q):
        best = int(np.argmax(distance))
        chosen.append(best)
        distance = np.minimum(distance, np.linalg.norm(u - u[best], axis=-1))
    return np.asarray(pool[chosen])


def _distinct(
    chosen: np.ndarray, taken: np.ndarray, coordinates: Coordinates, key: int
) -> np.ndarray:
    """Replace points that repeat an earlier one by points away from all of them."""
    out: list[np.ndarray] = []
    for point in chosen:
        others = np.concatenate([taken, np.array(out).reshape(-1, taken.shape[1])])
        if len(others) and np.abs(others - point).max(axis=1).min() < 1e-9:
            known = coordinates.decode(others)
            new = fill(coordinates.space, 1, known, split_key(key, f"repeat {len(out)}"))
            point = coordinates.encode(new)[0]
        out.append(point)
    return np.array(out)


def _too_little(y: np.ndarray, goals: Sequence[Goal]) -> bool:
    """Tell whether some outcome has too few or only equal values to be modelled."""
    for k in range(len(goals)):
        seen = y[np.isfinite(y[:, k]), k]
        if len(seen) < 3 or float(np.ptp(seen)) <= 1e-12 * max(1.0, float(np.abs(seen).max())):
            return True
    return False


def _oriented(bounds: Bounds, sign: np.ndarray) -> dict[int, tuple[float | None, float | None]]:
    turned: dict[int, tuple[float | None, float | None]] = {}
    for k, (low, high) in bounds.items():
        if sign[k] < 0:
            low, high = (None if high is None else -high), (None if low is None else -low)
        turned[k] = (low, high)
    return turned


def _noise(noise: float | Sequence[float] | None, count: int) -> list[float] | None:
    if noise is None:
        return None
    return [float(value) for value in np.broadcast_to(np.asarray(noise, float), (count,))]


def _checked(
    space: Space,
    data_x: np.ndarray,
    data_y: np.ndarray,
    goals: Sequence[Goal],
    q: int,
    pending: np.ndarray | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x = np.asarray(data_x, dtype=float).reshape(-1, space.dim)
    y = np.asarray(data_y, dtype=float).reshape(-1, max(len(goals), 1))
    waiting = np.zeros((0, space.dim)) if pending is None else np.asarray(pending, float)
    for fault, why, fix in (
        (len(x) != len(y), f"{len(x)} points but {len(y)} rows of outcomes", "give one row each"),
        (not np.isfinite(x).all(), "a point holds NaN or an infinite number", "give whole points"),
        (np.isinf(y).any(), "an outcome is infinite", "give NaN where it is missing"),
        (not any(g in ("maximise", "minimise") for g in goals), "nothing is to be maximised "
         "or minimised", 'give goals, e.g. ["maximise"]'),
        (q < 1, f"{q} points are asked for", "ask for at least one"),
    ):  # fmt: skip
        if fault:
            raise InputError("Nothing can be suggested", where="suggest", why=why, fix=fix)
    return x, y, waiting.reshape(-1, space.dim)
