"""Jacobians over any model, and what they say about which input drives an output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from catena.core.backend import differentiable
from catena.core.difference import difference
from catena.core.errors import InputError
from catena.core.spec import NUMERIC
from catena.core.values import Batch, broadcast, take

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model

Mode = Literal["auto", "forward", "reverse", "difference"]


@final
class Jacobian(dict[tuple[str, str], np.ndarray]):
    """Derivatives by (output, input), with the mode used and warnings."""

    mode: str = "forward"
    warnings: tuple[str, ...] = ()


def jacobian(
    model: Model,
    batch: Batch,
    of: str | tuple[str, ...] | None,
    wrt: str | tuple[str, ...] | None,
    mode: Mode,
    key: int,
) -> Jacobian:
    """Return row-wise derivatives; see ``Model.jacobian``."""
    outputs = _outputs(model, of)
    inputs = _inputs(model, batch, wrt)
    if mode == "auto":
        mode = _choose(model, batch, outputs, inputs)
    result = Jacobian()
    result.mode = mode
    if mode == "difference":
        result.warnings = (f"{model.info.id} has no exact gradient: central differences were used",)
    if mode == "reverse":
        _reverse(model, batch, outputs, inputs, key, result)
    else:
        _forward(model, batch, outputs, inputs, key, result, mode == "difference")
    return result


def _outputs(model: Model, of: str | tuple[str, ...] | None) -> list[str]:
    if of is None:
        return [field.name for field in model.outputs if field.kind in NUMERIC and not field.ragged]
    return [model.outputs[name].name for name in ((of,) if isinstance(of, str) else of)]


def _inputs(model: Model, batch: Batch, wrt: str | tuple[str, ...] | None) -> list[str]:
    if wrt is None:
        return differentiable(model, batch)
    names = [wrt] if isinstance(wrt, str) else list(wrt)
    real = set(differentiable(model, batch)) | {f.name for f in model.params if f.kind in NUMERIC}
    for name in names:
        if name not in real:
            raise InputError(f"No derivative to {name!r}", where=f"model {model.info.id}",
                             why="it is not a real-valued input or parameter",
                             fix=f"choose among {', '.join(sorted(real))}")  # fmt: skip
    return names


def _choose(model: Model, batch: Batch, outputs: list[str], inputs: list[str]) -> Mode:
    """Take reverse mode when there are clearly fewer output numbers than input numbers."""
    if not model.capabilities.gradient:
        return "difference"
    if any(name not in model.inputs for name in inputs):
        return "forward"
    into = sum(_count(batch[name]) for name in inputs)
    if into <= 4 or any(model.outputs[name].shape for name in outputs):
        return "forward"
    return "reverse" if 2 * len(outputs) < into else "forward"


def _count(value: Any) -> int:
    return int(np.prod(np.shape(value)[1:], dtype=int))


def _forward(
    model: Model,
    batch: Batch,
    outputs: list[str],
    inputs: list[str],
    key: int,
    result: Jacobian,
    by_difference: bool,
) -> None:
    """One directional derivative per input component; rows are independent, so all at once."""
    for name in inputs:
        shape = np.shape(batch[name])[1:] if name in batch else np.shape(model.param_values[name])
        columns = []
        for component in range(int(np.prod(shape, dtype=int))):
            seed = np.zeros((batch.size, int(np.prod(shape, dtype=int))))
            seed[:, component] = 1.0
            tangent = {name: seed.reshape((batch.size, *shape))}
            if by_difference:
                _, slopes = difference(model, batch.values_, tangent, batch.size, key)
            else:
                _, slopes = model.jvp(batch.values_, tangent, batch.size, key)
            columns.append({out: np.asarray(slopes[out]) for out in outputs})
        for out in outputs:
            stacked = np.stack([column[out] for column in columns], axis=-1)
            result[out, name] = stacked.reshape((*stacked.shape[:-1], *shape))


def _reverse(
    model: Model,
    batch: Batch,
    outputs: list[str],
    inputs: list[str],
    key: int,
    result: Jacobian,
) -> None:
    """One pull-back per output component."""
    shapes = {
        out: v.shape
        for out, v in model.evaluate(batch.values_, batch.size, key).items()
        if out in outputs
    }
    for out in outputs:
        inner = shapes[out][1:]
        count = int(np.prod(inner, dtype=int))
        rows: dict[str, list[np.ndarray]] = {name: [] for name in inputs}
        for component in range(count):
            seed = np.zeros((batch.size, count))
            seed[:, component] = 1.0
            pulled = model.vjp(batch.values_, {out: seed.reshape(shapes[out])}, batch.size, key)
            for name in inputs:
                rows[name].append(np.asarray(pulled[name]))
        for name in inputs:
            stacked = np.stack(rows[name], axis=1)
            result[out, name] = stacked.reshape((batch.size, *inner, *stacked.shape[2:]))


def explain(model: Model, inputs: Batch, of: str, row: int) -> pd.DataFrame:
    """Rank the real scalar inputs by their effect on the mean of an output at one row.

    The elasticity is the relative change of the output per relative change of the input. Where
    an input declares a distribution, ``share`` is its first-order share of the output variance.
    """
    import pandas as pd

    one = single_row(inputs, row)
    names = [n for n in differentiable(model, one) if not model.inputs[n].shape]
    slopes = jacobian(model, one, of, tuple(names), "auto", 0)
    output = np.asarray(model.evaluate(one.values_, 1, 0)[of])
    level = float(output.mean())
    rows = []
    for name in names:
        value, field = float(np.asarray(one[name]).ravel()[0]), model.inputs[name]
        slope = float(slopes[of, name].mean())
        spread = spread_of(field)
        rows.append({
            "input": name, "value": value, "unit": field.unit, "slope": slope,
            "elasticity": slope * value / level if level else float("nan"),
            "variance": None if spread is None else (slope * spread) ** 2,
        })  # fmt: skip
    frame = pd.DataFrame(
        rows, columns=["input", "value", "unit", "slope", "elasticity", "variance"]
    )
    total = frame["variance"].sum(skipna=True)
    frame["share"] = frame.pop("variance").astype(float) / total if total else float("nan")
    order = frame["share"].fillna(0.0) * 1e6 + frame["elasticity"].abs().fillna(0.0)
    return frame.loc[order.sort_values(ascending=False).index].reset_index(drop=True)


def spread_of(field: Any) -> float | None:
    """Return the standard deviation of a field's distribution (half the 16-84 % range)."""
    if field.distribution is None:
        return None
    low, high = field.distribution.ppf(np.array([0.158655, 0.841345]))
    return float(high - low) / 2.0


def single_row(batch: Batch, row: int) -> Batch:
    """Return one row of a batch as a batch of its own."""
    if not 0 <= row < max(batch.size, 1):
        raise InputError(f"No row {row}", where="explain", why=f"the batch has {batch.size} rows",
                         fix="choose an existing row")  # fmt: skip
    picked: Mapping[str, Any] = {
        name: take(
            broadcast(value, batch.size), np.array([row]) if batch.size > 1 else np.array([0])
        )
        for name, value in batch.items()
    }
    return Batch(batch.schema, picked, 1)
