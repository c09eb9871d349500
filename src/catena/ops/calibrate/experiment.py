"""The next experiment: the measurements that would determine what the data leave open.

Candidates are measured outputs, and outputs nobody measured yet, under conditions and at times
that are given or made from the ranges of the model's inputs. They are judged by the information
they add: the smallest eigenvalue (E-optimality) first, the determinant (D-optimality) next.
Source: Atkinson, Donev and Tobias, Optimum Experimental Designs (2007).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np

from catena.core.spec import NUMERIC, Field
from catena.core.values import Batch, Padded, broadcast, take
from catena.ops.calibrate.information import Information, without_noise
from catena.ops.calibrate.objective import Target
from catena.ops.likelihood import Measurements
from catena.ops.likelihood.cells import EXACT
from catena.ops.likelihood.predict import Owner, Predictor

Array = np.ndarray[Any, Any]

#: Relative error taken for outputs that have no error model yet.
_ASSUMED = 0.1
#: Points along the axis that are tried, and how many measurements are proposed.
_TIMES, _PICKS = 24, 4


@final
@dataclass(frozen=True)
class Proposal:
    """Measurements proposed.

    Args:
        output: Output of each.
        at: Value of the axis, NaN without one.
        conditions: Inputs that differ from the first experiment, by name.
        before: Smallest eigenvalue of the information without them.
        after: With the measurement and those before it.
        resolved: Whether every combination is determined with them.
        text: In words.
    """

    output: tuple[str, ...]
    at: tuple[float, ...]
    conditions: Mapping[str, float]
    before: float
    after: tuple[float, ...]
    resolved: bool
    text: str


def propose_experiment(
    target: Target,
    theta: Array,
    found: Information,
    candidates: Sequence[Mapping[str, Any]] | None = None,
) -> Proposal | None:
    """Choose the experiment that adds most to what is least known.

    Args:
        target: What was calibrated.
        theta: The estimate, noise included (p,).
        found: The information so far.
        candidates: Conditions (numbers by input name) that could be realised; made from the
            bounds of the model's inputs when None.

    Returns:
        The proposal, or None when the model offers nothing further to measure.
    """
    likelihood = target.likelihood
    rows, conditions = _conditions(likelihood.data, likelihood.model, likelihood.predictor.ports, candidates)  # fmt: skip
    outputs = _outputs(likelihood.model, likelihood.data)
    if not outputs:
        return None
    data = grid(likelihood.data, rows, outputs, _times(likelihood.data))
    owners = tuple(_first_owner(owner, rows.size) for owner in likelihood.predictor.owners)
    predictor = Predictor(likelihood.model, data, owners, likelihood.count, likelihood.key)
    mean, slopes = predictor.with_jacobian(theta[None, : likelihood.count])
    scale = _scales(target, theta, data, mean[0])
    count = likelihood.count
    part = slopes[0] * found.scale[:count] / scale[:, None]
    good = np.isfinite(part).all(axis=1) & (scale > 0)
    if not good.any():
        return None
    noise = np.flatnonzero(~found.held[count:]) + count
    base = without_noise(found.matrix, np.arange(count), noise)
    return _greedy(target, data, conditions, part, good, base, found)


def _greedy(
    target: Target,
    data: Measurements,
    conditions: list[dict[str, float]],
    part: Array,
    good: Array,
    base: Array,
    found: Information,
) -> Proposal:
    """Pick the condition and output whose few best points raise the smallest eigenvalue most."""
    best: tuple[tuple[float, float], list[int], list[float]] | None = None
    groups: dict[tuple[int, int], list[int]] = {}
    for k in np.flatnonzero(good):
        groups.setdefault((int(data.row[k]), int(data.output[k])), []).append(int(k))
    for members in groups.values():
        matrix, picks, path = base, [], []
        for _ in range(min(_PICKS, len(members))):
            scores = [_score(matrix + np.outer(part[k], part[k])) for k in members]
            top = int(np.argmax([s[0] + 1e-12 * s[1] for s in scores]))
            picks.append(members[top])
            matrix = matrix + np.outer(part[members[top]], part[members[top]])
            path.append(_score(matrix)[0])
        score = _score(matrix)
        if best is None or score > best[0]:
            best = (score, picks, path)
    assert best is not None
    before = _score(base)[0]
    _, picks, path = best
    row = int(data.row[picks[0]])
    largest = float(np.linalg.eigvalsh(base)[-1]) if len(base) else 1.0
    structural = any(c.kind == "structural" for c in found.combinations)
    floor = 1e-8 * largest if structural else 4.0 * max(before, 1e-300)
    resolved = path[-1] > floor
    output = tuple(data.outputs[int(data.output[k])].name for k in picks)
    at = tuple(float(data.at[k]) for k in picks)
    text = _in_words(target, output, at, conditions[row], resolved)
    return Proposal(output, at, conditions[row], before, tuple(path), resolved, text)


def _score(matrix: Array) -> tuple[float, float]:
    values = np.linalg.eigvalsh(matrix)
    return float(max(values[0], 0.0)), float(np.log(np.maximum(values, 1e-300)).sum())


def _in_words(
    target: Target, output: tuple[str, ...], at: tuple[float, ...], conditions: Mapping[str, float], resolved: bool
) -> str:  # fmt: skip
    model, axis = target.likelihood.model, target.likelihood.data.axis
    said = f"measure {output[0]}"
    if axis is not None and np.isfinite(at).all():
        times = ", ".join(f"{t:.3g}" for t in sorted(set(at)))
        said += f" at {axis.name} {times} {axis.unit}".rstrip()
    if conditions:
        parts = [f"{n} = {v:.4g} {model.inputs[n].unit}".rstrip() for n, v in conditions.items()]
        said += f" with {', '.join(parts)}"
    if resolved:
        return said
    return f"no candidate determines every parameter; the best is to {said}, or to fix a parameter of the combination"  # fmt: skip


# Candidates -------------------------------------------------------------------------------


def grid(data: Measurements, rows: Batch, outputs: tuple[Field, ...], times: Array | None) -> Measurements:  # fmt: skip
    """Return imagined measurements of outputs at all points of some rows.

    Args:
        data: Measurements whose axis is taken.
        rows: Inputs.
        outputs: What is measured; outputs without the axis are measured once per row.
        times: Points along the axis.
    """
    values = dict(rows.values_)
    if data.axis is not None and times is not None:
        values[data.axis.name] = times[None, :]
    output, row, place, at = [], [], [], []
    for index, field in enumerate(outputs):
        curve = data.axis is not None and field.shape == data.axis.shape
        for r in range(rows.size):
            for point in range(len(times) if curve and times is not None else 1):
                output.append(index)
                row.append(r)
                place.append((point,) if curve else ())
                at.append(float(times[point]) if curve and times is not None else np.nan)
    k = len(output)
    return replace(
        data, batch=Batch(rows.schema, values, rows.size), outputs=outputs,
        experiment=np.zeros(rows.size, int), output=np.array(output), row=np.array(row),
        place=tuple(place), at=np.array(at), kind=np.full(k, EXACT), low=np.zeros(k),
        high=np.zeros(k), sd=np.full(k, np.nan), weight=np.ones(k), source=np.arange(k),
    )  # fmt: skip


def _outputs(model: Any, data: Measurements) -> tuple[Field, ...]:
    """Return outputs that are single numbers, or curves along the axis of the data."""
    shapes = [(), data.axis.shape if data.axis is not None else ()]
    return tuple(f for f in model.outputs if f.kind in NUMERIC and f.shape in shapes)


def _times(data: Measurements) -> Array | None:
    if data.axis is None:
        return None
    seen = data.at[np.isfinite(data.at)]
    low, high = float(seen.min(initial=0.0)), float(seen.max(initial=1.0))
    even = np.linspace(min(low, 0.0), 2.0 * high - low, _TIMES)
    early = low + (high - low) * np.geomspace(1e-3, 0.1, 6)
    return np.unique(np.concatenate([even, early, np.unique(seen)[:_TIMES]]))


def _conditions(
    data: Measurements, model: Any, ports: tuple[str, ...], given: Sequence[Mapping[str, Any]] | None
) -> tuple[Batch, list[dict[str, float]]]:  # fmt: skip
    """Return candidate rows of the model and what is changed in each."""
    base = {name: take(value, np.array([0])) for name, value in data.batch.items()}
    axis = data.axis.name if data.axis is not None else ""
    changes: list[dict[str, float]] = [{}]
    if given is not None:
        checked = [
            model.inputs.select(list(c)).validate(dict(c), where="candidates") for c in given
        ]
        changes = [{n: float(np.ravel(v)[0]) for n, v in c.items()} for c in checked]
    else:
        for field in model.inputs:
            if field.name in (*ports, axis) or field.shape or field.kind not in NUMERIC:
                continue
            if field.name in model.static_fields or field.name not in base:
                continue
            now = float(np.asarray(base[field.name]).ravel()[0])
            changes += [{field.name: v} for v in _levels(field, now)]
    size = len(changes)
    values: dict[str, Any] = {}
    for name, value in base.items():
        if isinstance(value, Padded):
            values[name] = broadcast(value, size).take(np.arange(size)) if size > 1 else value
            continue
        column = np.repeat(np.asarray(value), size, axis=0)
        for k, change in enumerate(changes):
            if name in change:
                column[k] = change[name]
        values[name] = column if name != axis else value
    return Batch(data.batch.schema, values, size), changes


def _levels(field: Field, now: float) -> list[float]:
    """Return values worth trying: the bounds where they are near enough, else a third and three times."""
    low, high = field.bounds
    low = now / 3.0 if low is None or field.low_open else max(float(low), min(now, now / 10.0))
    high = now * 3.0 if high is None or field.high_open else min(float(high), max(now, now * 10.0))
    if now == 0.0:
        low, high = float(field.bounds[0] or 0.0), float(field.bounds[1] or 1.0)
    return [v for v in (low, high) if np.isfinite(v) and v != now]


def _first_owner(owner: Owner, rows: int) -> Owner:
    """Return where a parameter enters candidate rows, which are variants of the first row."""
    return owner._replace(entries=np.full(rows, owner.entries[0]))


def _scales(target: Target, theta: Array, data: Measurements, mean: Array) -> Array:
    """Return the error each candidate would have."""
    likelihood = target.likelihood
    out = np.full(len(mean), np.nan)
    known = {noise.output.name: k for k, noise in enumerate(likelihood.noises)}
    for index, field in enumerate(data.outputs):
        mine = data.of(index)
        at = mean[mine]
        size = float(np.nanmax(np.abs(at), initial=0.0))
        assumed = _ASSUMED * np.maximum(np.abs(at), 0.05 * size)
        if field.name not in known:
            out[mine] = assumed
            continue
        k = known[field.name]
        noise = likelihood.noises[k]
        if noise.name == "given":
            out[mine] = float(np.median(likelihood.terms[k].sd))
            continue
        with np.errstate(invalid="ignore"):
            scale = noise.scale(at[None, :], likelihood.numbers(k, theta[None, :]), np.nan)[0]
        out[mine] = scale * np.abs(at) if noise.log else np.where(scale > 0, scale, assumed)
    return out
