"""Checks of gradients, declared properties, intervals and time grids."""

from __future__ import annotations

import numpy as np

from catena.core.contract.report import Failed, NotApplicable
from catena.core.contract.subject import ROWS, Subject
from catena.core.spec import NUMERIC
from catena.core.values import Padded


def gradients(subject: Subject) -> str:
    """C16."""
    model = subject.model
    if not model.capabilities.gradient:
        raise NotApplicable("the model offers no gradient (central differences are used)")
    names = [field.name for field in subject.scalars()]
    if subject.quick:
        # Back ends compile once per input; a solver takes long to compile.
        some = 1 if model.capabilities.dynamic else 4
        names = names[:: max(1, len(names) // some)][:some]
    wrt = tuple(names)
    of = _outputs(subject)
    if not wrt or not of:
        raise NotApplicable("there is no real input and output to differentiate")
    exact = model.jacobian(subject.inputs, of=of, wrt=wrt)
    rough = model.jacobian(subject.inputs, of=of, wrt=wrt, mode="difference")
    allowed = 2e-2 if model.capabilities.dynamic else 1e-5
    worst = 0.0
    for pair, slope in exact.items():
        worst = max(worst, _gap(subject, pair, np.asarray(slope), np.asarray(rough[pair])))
        if not worst <= allowed:
            raise Failed(
                f"d {pair[0]} / d {pair[1]} differs by {worst:.2g} from central differences"
            )
    return f"{len(exact)} pairs at {ROWS} points, worst {worst:.1g}"


def _outputs(subject: Subject) -> tuple[str, ...]:
    """Return the scalar real outputs and the first one with dimensions."""
    real = [f for f in subject.model.outputs if f.kind in NUMERIC and f.name in subject.base]
    plain = [f for f in real if not isinstance(subject.base.values_[f.name], Padded)]
    wide = [f.name for f in plain if f.shape]
    return (*(f.name for f in plain if not f.shape), *wide[:1])


def _gap(subject: Subject, pair: tuple[str, str], exact: np.ndarray, rough: np.ndarray) -> float:
    """Return the largest difference relative to the slopes' own scale.

    A slope that is tiny against output per input is compared with that ratio instead, because
    differences of nearly equal numbers carry no digits.
    """
    if not np.all(np.isfinite(exact)):
        return float("inf")
    output = float(np.max(np.abs(subject.base.values_[pair[0]])))
    step = float(np.max(np.abs(subject.inputs[pair[1]])))
    floor = 1e-3 * output / max(step, 1e-12)
    scale = max(float(np.max(np.abs(rough))), floor, 1e-300)
    return float(np.max(np.abs(exact - rough))) / scale


def properties(subject: Subject) -> str:
    """C25."""
    declared = getattr(subject.model, "properties", None)
    if callable(declared):
        declared = declared()
    if not declared:
        raise NotApplicable("the author declares no properties")
    size = 20 if subject.quick else 200
    batch = subject.make(size, seed=1)
    result = subject.model.predict(batch)
    for name, holds in declared.items():
        met = np.broadcast_to(np.asarray(holds(batch.full(), result.values_)), (size,))
        if not met.all():
            raise Failed(f"{name!r} does not hold on row {int(np.flatnonzero(~met)[0])} of {size}")
    return f"{', '.join(declared)} on {size} rows"


def intervals(subject: Subject) -> str:
    """C26."""
    if not subject.model.capabilities.uncertainty:
        raise NotApplicable("the model offers no intervals")
    result = subject.base
    if not result.lower or set(result.lower) != set(result.upper):
        raise Failed("uncertainty is declared, but the result has no lower and upper ends")
    for name, lower in result.lower.items():
        if np.any(np.asarray(lower) > np.asarray(result.upper[name])):
            raise Failed(f"the interval of {name} is upside down")
    hook = getattr(subject.model, "coverage_data", None)
    if not callable(hook):
        return "ends in order; no coverage_data() to test the coverage on"
    inputs, observed = hook()
    found = subject.model.predict(inputs)
    for name, truth in observed.items():
        inside = (found.lower[name] <= truth) & (truth <= found.upper[name])
        n, share = inside.size, float(np.mean(inside))
        if abs(share - 0.9) > 3.0 * np.sqrt(0.9 * 0.1 / n):
            raise Failed(f"90 % intervals of {name} hold {share:.0%} of {n} observations")
    return f"coverage tested on {', '.join(observed)}"


def time_grid(subject: Subject) -> str:
    """C27."""
    model = subject.model
    if not model.capabilities.dynamic:
        raise NotApplicable("the model is not dynamic")
    grids = [
        f
        for f in model.inputs
        if f.shape == (f.name,) and f.kind in NUMERIC and f.name in subject.inputs
    ]
    if not grids or isinstance(subject.inputs[grids[0].name], Padded):
        raise NotApplicable("the model takes no common time grid")
    axis = grids[0].name
    points = np.shape(subject.inputs[axis])[1]
    keep = np.unique([0, points // 3, points // 2, points - 1])
    shared = [f for f in model.inputs if axis in f.shape and f.name in subject.inputs]
    values = subject.values()
    for field in shared:
        values[field.name] = np.take(values[field.name], keep, axis=1 + field.shape.index(axis))
    coarse = model.predict(values)
    checked = []
    for field in model.outputs:
        if axis not in field.shape or field.kind not in NUMERIC or field.name not in coarse:
            continue
        where = 1 + field.shape.index(axis)
        fine = np.take(np.asarray(subject.base.values_[field.name]), keep, axis=where)
        scale = max(float(np.max(np.abs(subject.base.values_[field.name]))), 1e-300)
        gap = float(np.max(np.abs(fine - coarse.values_[field.name]))) / scale
        if not gap <= 1e-3:
            raise Failed(f"{field.name} differs by {gap:.2g} of its peak on a coarser output grid")
        checked.append(field.name)
    return f"{len(checked)} series at {len(keep)} of {points} points"
