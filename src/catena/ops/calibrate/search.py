"""The searches of a multistart, moved together: evaluation, acceptance, trust radii, arrival."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from catena.ops.calibrate.learning import first_curvature, learnt
from catena.ops.calibrate.searches import Objective, RowObjective, Searches, Stops
from catena.ops.calibrate.trust import inside, propose

Array = np.ndarray[Any, Any]
Curved = tuple[Array, Array, Array]

#: Trust radius of a fresh search, as a fraction of the box per parameter.
_FIRST_RADIUS = 0.2
#: A search whose radius falls below this has nowhere to go.
_LEAST_RADIUS = 1e-14
#: Parameters this close to a bound they press against are put onto it.
_SNAP = 1e-4
#: Starts are moved off the bounds by this fraction of the box.
_MARGIN = 1e-6


@dataclass
class _State:
    """The searches under way, in coordinates whose box has unit length."""

    x: Array
    value: Array
    gradient: Array
    curvature: Array
    radius: Array
    status: Array
    converged: Array
    iterations: Array
    evaluations: Array
    learnt: Array


def searched(
    objective: Objective | RowObjective,
    lower: Array,
    upper: Array,
    theta: Array,
    stops: Stops,
    work: Any,
    label: str,
) -> Searches:
    """Run the searches; see ``multistart``."""
    finite = np.isfinite(upper - lower)
    width = np.where(finite, upper - lower, 1.0)
    origin = np.where(finite, lower, 0.0)
    low, high = (lower - origin) / width, (upper - origin) / width
    evaluate = _evaluator(objective, origin, width, len(theta))
    x = inside((theta - origin) / width, low, high, _MARGIN)
    state = _begun(x, evaluate, stops)
    first = state.value.copy()
    with _bar(work, len(x), label) as advance:
        for _ in range(stops.iterations):
            active = np.flatnonzero(state.status == "")
            if not len(active):
                break
            _advance(state, active, evaluate, low, high, stops)
            advance(len(active) - int((state.status == "").sum()))
        advance(int((state.status == "").sum()))
    state.status[state.status == ""] = "iterations used up"
    _onto_bounds(state, evaluate, low, high)
    return Searches(
        theta=np.clip(origin + width * state.x, lower, upper),
        value=state.value,
        gradient=state.gradient / width,
        converged=state.converged,
        iterations=state.iterations,
        evaluations=state.evaluations,
        status=[str(text) for text in state.status],
        first=first,
    )


def _onto_bounds(state: _State, evaluate: Evaluate, low: Array, high: Array) -> None:
    """Put parameters that press against a bound onto it: interior steps only come close."""
    up = (state.gradient < 0) & (high - state.x < _SNAP)
    down = (state.gradient > 0) & (state.x - low < _SNAP)
    rows = np.flatnonzero((up | down).any(axis=1) & np.isfinite(state.value))
    if not len(rows):
        return
    trial = np.where(up, high, np.where(down, low, state.x))[rows]
    value, gradient, _ = evaluate(trial, rows)
    state.evaluations[rows] += 1
    better = np.isfinite(gradient).all(axis=1) & (value <= state.value[rows])
    kept = rows[better]
    state.x[kept], state.value[kept] = trial[better], value[better]
    state.gradient[kept] = gradient[better]


def _begun(x: Array, evaluate: Evaluate, stops: Stops) -> _State:
    """Evaluate the starts."""
    n, p = x.shape
    value, gradient, curvature = evaluate(x, np.arange(n))
    state = _State(
        x=x, value=value, gradient=gradient,
        curvature=first_curvature(gradient) if curvature is None else curvature,
        radius=np.full(n, _FIRST_RADIUS * np.sqrt(p)),
        status=np.full(n, "", dtype=object), converged=np.zeros(n, bool),
        iterations=np.zeros(n, int), evaluations=np.ones(n, int),
        learnt=np.full(n, curvature is not None),
    )  # fmt: skip
    failed = ~_usable(value, gradient, state.curvature)
    state.value = np.where(failed, np.inf, value)
    state.gradient[failed], state.curvature[failed] = 0.0, 0.0
    state.status[failed] = "the start cannot be evaluated"
    enough = ~failed & (value <= stops.enough)
    state.status[enough], state.converged[enough] = "value reached", True
    return state


Evaluate = Callable[[Array, Array], tuple[Array, Array, Array | None]]


def _evaluator(objective: Any, origin: Array, width: Array, count: int) -> Evaluate:
    """Return values, gradients and curvatures in scaled coordinates, by what the objective has."""
    pads = bool(getattr(objective, "pads", False))
    curved = getattr(objective, "value_gradient_curvature", None)
    residuals = getattr(objective, "residuals_and_jacobian", None)

    by_row = bool(getattr(objective, "by_row", False))

    def raw(*given: Array) -> tuple[Array, Array, Array | None]:
        if curved is not None:
            value, gradient, curvature = curved(*given)
            return np.array(value, float), np.array(gradient, float), np.array(curvature, float)
        if residuals is not None:
            r, jacobian = residuals(*given)
            return _half_squares(np.asarray(r, float), np.asarray(jacobian, float))
        value, gradient = objective.value_and_gradient(*given)
        return np.array(value, float), np.array(gradient, float), None

    def evaluate(x: Array, numbers: Array) -> tuple[Array, Array, Array | None]:
        rows = len(x)
        theta = origin + width * x
        if pads:
            spare = _padded(rows, count) - rows
            theta = np.concatenate([theta, np.repeat(theta[:1], spare, axis=0)])
            numbers = np.concatenate([numbers, np.repeat(numbers[:1], spare)])
        value, gradient, curvature = raw(theta, numbers) if by_row else raw(theta)
        if curvature is not None:
            curvature = curvature[:rows] * width[:, None] * width
        return value[:rows], gradient[:rows] * width, curvature

    return evaluate


def _padded(rows: int, count: int) -> int:
    """Return the smallest of few batch sizes (all rows, a quarter, ...) that hold some rows."""
    size = count
    while -(-size // 4) >= rows and size > 1:
        size = -(-size // 4)
    return size


def _half_squares(residuals: Array, jacobian: Array) -> Curved:
    with np.errstate(invalid="ignore", over="ignore"):
        value = 0.5 * (residuals**2).sum(axis=1)
        gradient = np.einsum("nk,nkp->np", residuals, jacobian)
        return value, gradient, np.einsum("nki,nkj->nij", jacobian, jacobian)


def _usable(value: Array, gradient: Array, curvature: Array) -> Array:
    good = np.isfinite(value) & np.isfinite(gradient).all(axis=1)
    return np.asarray(good & np.isfinite(curvature).all(axis=(1, 2)))


def _advance(
    state: _State, active: Array, evaluate: Evaluate, low: Array, high: Array, stops: Stops
) -> None:
    """Take one step of every active search."""
    x, value, gradient = state.x[active], state.value[active], state.gradient[active]
    step = propose(x, gradient, state.curvature[active], state.radius[active], low, high)
    size = 1.0 + np.abs(value)
    flat = step.slope <= stops.gradient * size
    _end(state, active[flat], "gradient", True)
    done = ~flat & (step.predicted <= 1e-3 * stops.decrease * size)
    _end(state, active[done], "no decrease left", True)
    going = ~(flat | done)
    if not going.any():
        return
    active, x, value, gradient = active[going], x[going], value[going], gradient[going]
    step = replace(step, **{n: getattr(step, n)[going] for n in ("move", "predicted", "length")})
    trial = np.clip(x + step.move, low, high)
    new_value, new_gradient, new_curvature = evaluate(trial, active)
    new_gradient = np.where(np.isfinite(new_gradient), new_gradient, np.nan)
    state.evaluations[active] += 1
    state.iterations[active] += 1
    alone = new_curvature is None
    new_curvature = _taught(state, active, trial - x, new_gradient - gradient, new_curvature, stops)
    usable = _usable(new_value, new_gradient, new_curvature)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        drop = np.where(usable, value - new_value, -np.inf)
        ratio = np.where(usable, drop / np.maximum(step.predicted, 1e-300), -1.0)
    _resize(state, active, ratio, step.length)
    better = usable & (drop > 0)
    kept = active[better]
    state.x[kept], state.value[kept] = trial[better], new_value[better]
    state.gradient[kept] = new_gradient[better]
    told = usable if alone else better  # where nothing else is known a rejected step teaches, too
    state.curvature[active[told]] = new_curvature[told]
    _judge(state, active, drop, ratio, step.move, step.predicted, value, stops)


def _taught(
    state: _State, active: Array, move: Array, change: Array, given: Array | None, stops: Stops
) -> Array:
    """Return the new curvatures: those given, and those learnt where none is or it took long."""
    late = state.iterations[active] > stops.learn_after
    if given is not None and not late.any():
        return given
    learned, sound = learnt(state.curvature[active], ~state.learnt[active], move, change)
    state.learnt[active[sound]] = True
    return learned if given is None else np.where(late[:, None, None], learned, given)


def _resize(state: _State, active: Array, ratio: Array, length: Array) -> None:
    """Shrink the trust region after a poor step, widen it after a good one at its edge."""
    radius = state.radius[active]
    small = np.where(ratio < -0.5, 0.1, 0.25) * np.minimum(length, radius)
    wide = np.where((ratio > 0.75) & (length > 0.9 * radius), 2.0 * radius, radius)
    state.radius[active] = np.where(ratio < 0.25, small, wide)


def _judge(
    state: _State,
    active: Array,
    drop: Array,
    ratio: Array,
    move: Array,
    predicted: Array,
    before: Array,
    stops: Stops,
) -> None:
    """End the searches that have arrived or cannot go on."""
    size = 1.0 + np.abs(before)
    good = drop > 0
    still = good & (drop <= stops.decrease * size) & (ratio > 0.25)
    _end(state, active[still], "decrease", True)
    short = good & (np.abs(move).max(axis=1) <= stops.step) & (ratio > 0.25)
    _end(state, active[short & ~still], "step", True)
    stuck = state.radius[active] < _LEAST_RADIUS
    # Where rounding or solver noise hides a decrease this small, the search has arrived as well.
    hidden = ~good & (predicted <= 1e-9 * size)
    _end(state, active[hidden], "noise floor", True)
    _end(state, active[stuck & ~hidden], "trust region too small", False)
    enough = state.value[active] <= stops.enough
    _end(state, active[enough], "value reached", True)


def _end(state: _State, rows: Array, why: str, converged: bool) -> None:
    fresh = rows[state.status[rows] == ""]
    state.status[fresh] = why
    state.converged[fresh] = converged


def _bar(work: Any, total: int, label: str) -> Any:
    """Return the progress bar of ``work``, or one that stays silent."""
    from contextlib import nullcontext

    if work is None:
        return nullcontext(lambda units: None)
    return work.bar(total, label)
