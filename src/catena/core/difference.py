"""Derivatives by fourth-order differences, for models that offer no exact ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.values import broadcast

if TYPE_CHECKING:
    from catena.core.model import Model

Arrays = Mapping[str, Any]

#: Offsets (in steps) and weights of the fourth-order differences: central, and towards a side.
_CENTRAL = ((-2.0, -1.0, 1.0, 2.0), (1 / 12, -8 / 12, 8 / 12, -1 / 12))
_SIDED = ((0.0, 1.0, 2.0, 3.0), (-11 / 6, 3.0, -3 / 2, 1 / 3))


def difference(
    model: Model, batch: Arrays, tangents: Arrays, size: int, key: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Differentiate along a direction by fourth-order differences that respect the bounds.

    The step is scaled per row by the size of the values that move. Rows whose stencil would
    leave a bound use one-sided points.
    """
    moving = {name: value for name, value in tangents.items() if name in model.inputs}
    if len(moving) != len(tangents):
        return _difference_params(model, batch, tangents, size, key)
    base = {name: np.asarray(broadcast(batch[name], size), dtype=float) for name in moving}
    direction = {
        name: np.broadcast_to(np.asarray(v, float), base[name].shape) for name, v in moving.items()
    }
    step = _steps(model, base, direction, size)
    side = _side(model, base, direction, step)
    offsets = np.where(side[:, None] == 0, _CENTRAL[0], side[:, None] * np.asarray(_SIDED[0]))
    weights = np.where(side[:, None] == 0, _CENTRAL[1], side[:, None] * np.asarray(_SIDED[1]))
    values = model.evaluate(batch, size, key)
    slopes: dict[str, Any] = {n: np.zeros_like(v) for n, v in values.items() if _is_float(v)}
    for point in range(4):
        shift = offsets[:, point] * step
        moved = {**batch, **{n: base[n] + _rows(shift, base[n]) * direction[n] for n in moving}}
        at_point = model.evaluate(moved, size, key)
        for name in slopes:
            slopes[name] += _rows(weights[:, point] / step, slopes[name]) * at_point[name]
    return values, slopes


def _difference_params(
    model: Model, batch: Arrays, tangents: Arrays, size: int, key: int
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Differentiate along parameters (shared by all rows), and inputs with them, by rebuilding."""
    names = [name for name in tangents if name in model.params]
    inputs = {name: value for name, value in tangents.items() if name not in names}
    values, slopes = (
        difference(model, batch, inputs, size, key)
        if inputs
        else (model.evaluate(batch, size, key), {})
    )
    for name in names:
        value = np.asarray(model.param_values[name], float)
        direction = np.asarray(tangents[name], float)
        direction = np.broadcast_to(
            direction[0] if direction.ndim > value.ndim else direction, value.shape
        )
        step = 1e-3 * max(1e-3, float(np.max(np.abs(value))))
        for offset, weight in zip(*_CENTRAL, strict=True):
            moved = model.at(**{name: value + offset * step * direction}).evaluate(batch, size, key)
            for out in (n for n, v in values.items() if _is_float(v)):
                slopes[out] = slopes.get(out, 0.0) + weight / step * moved[out]
    return values, slopes


def _is_float(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind == "f"


def _rows(per_row: np.ndarray, like: np.ndarray) -> np.ndarray:
    return per_row.reshape((-1,) + (1,) * (like.ndim - 1))


def _steps(model: Model, base: Arrays, direction: Arrays, size: int) -> np.ndarray:
    """Pick h so that the moved components change by about 1e-3 of their size.

    A value of zero takes its size from the field's default: a step scaled by the zero itself
    would drown in rounding.
    """
    scale = np.full(size, np.inf)
    for name, value in base.items():
        speed = np.abs(direction[name])
        default = model.inputs[name].default
        typical = 0.0 if default is None else float(np.max(np.abs(np.asarray(default, float))))
        floor = max(1e-4, 1e-2 * typical)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.where(speed > 0, np.maximum(np.abs(value), floor) / speed, np.inf)
        scale = np.minimum(scale, ratio.reshape(size, -1).min(axis=1, initial=np.inf))
    return 1e-3 * np.where(np.isfinite(scale), scale, 1.0)


def _side(model: Model, base: Arrays, direction: Arrays, step: np.ndarray) -> np.ndarray:
    """Return 0 where the central stencil stays in bounds, else the side (+1, -1) that does."""
    outside = {1: np.zeros(len(step), bool), -1: np.zeros(len(step), bool)}
    for name, value in base.items():
        low, high = model.inputs[name].bounds
        for sign in (1, -1):
            end = value + sign * 2.0 * _rows(step, value) * direction[name]
            beyond = np.zeros(end.shape, bool)
            if low is not None:
                beyond |= end < low
            if high is not None:
                beyond |= end > high
            outside[sign] |= beyond.reshape(len(step), -1).any(axis=1)
    return np.where(outside[-1] & ~outside[1], 1, np.where(outside[1] & ~outside[-1], -1, 0))
