"""Propagation of input distributions through any model, on one shared axis of draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from catena.core.distribution import Distribution
from catena.core.drawing import draw
from catena.core.errors import InputError, did_you_mean
from catena.core.identity import content_key, split_key
from catena.core.result import Result
from catena.core.spec import NUMERIC, Field, Schema
from catena.core.values import Batch, Padded, rows_of

if TYPE_CHECKING:
    from catena.core.model import Model

Over = str | tuple[str, ...] | list[str] | Mapping[str, Any] | None
#: Ends of the 90 % interval.
_ENDS = (0.05, 0.95)
#: Rows evaluated in one call; bounds the memory of large samples.
_BLOCK = 200_000


def sample(
    model: Model,
    inputs: Mapping[str, Any] | None = None,
    draws: int = 1000,
    key: int = 0,
    *,
    over: Over = None,
    correlation: Any = None,
    method: Literal["latin", "plain"] = "latin",
    on_error: Literal["raise", "skip"] = "raise",
) -> Result:
    """Propagate input distributions through a model; all outputs share one axis of draws.

    Args:
        model: Any model; in a chain every node sees the same draws, so correlation is kept.
        inputs: Values of the inputs that are not drawn (n rows).
        draws: Number of draws.
        key: Seed of the draws and of the model.
        over: Inputs to draw: names, or distributions by name (``{"dose": "10..400 mg"}``). By
            default all inputs that declare a distribution and are not given in ``inputs``.
        correlation: See ``draw``.
        method: See ``draw``.
        on_error: ``skip`` leaves out draws that fail for any row (``diagnostics["draws"]``
            says how many are left).

    Returns:
        Medians as values, ``lower`` and ``upper`` as the 90 % interval, and ``samples`` as
        arrays (draw, n, *shape); the drawn inputs are in ``diagnostics["drawn"]``.

    Raises:
        InputError: nothing can be drawn, or values do not fit.
    """
    given = dict(inputs or {})
    schema = _drawn(model, given, over)
    drawn = draw(schema, draws, key, correlation, method)
    fixed = {name: value for name, value in given.items() if name not in drawn}
    centre = {name: float(np.median(values)) for name, values in drawn.items()}
    whole = model.inputs.validate({**fixed, **{n: _typed(schema[n], v) for n, v in centre.items()}})
    n = whole.size
    parts, kept, warnings = [], [], []
    per_block = max(1, _BLOCK // max(n, 1))
    for start in range(0, draws, per_block):
        stop = min(start + per_block, draws)
        batch = {
            name: _repeated(drawn[name][start:stop], n, schema[name])
            if name in drawn
            else _tiled(value, stop - start, n)
            for name, value in whole.items()
        }
        seed = key if start == 0 else split_key(key, f"block {start}")
        result = model.predict(_decoded(model.inputs, batch), key=seed, on_error=on_error)
        ok = np.array([text == "ok" for text in result.status]).reshape(stop - start, n)
        good = np.asarray(ok.all(axis=1))
        parts.append(_by_draw(result, ok, good, n))
        kept.append(good)
        warnings += result.warnings
    return _summary(model, schema, parts, np.concatenate(kept), drawn, whole, key, warnings)


def _drawn(model: Model, given: Mapping[str, Any], over: Over) -> Schema:
    """Return the fields to draw, with their distributions."""
    if over is None:
        fields = [f for f in model.inputs if f.distribution is not None and f.name not in given]
    else:
        names = [over] if isinstance(over, str) else list(over)
        for name in names:
            if name not in model.inputs:
                raise InputError(f"No input {name!r}", where=f"model {model.info.id}",
                                 why="only inputs can be drawn",
                                 fix=did_you_mean(name, model.inputs.names, "see describe()"))  # fmt: skip
        fields = [model.inputs[name] for name in names]
        if isinstance(over, Mapping):
            fields = [
                field.with_(distribution=_distribution(over[field.name], field)) for field in fields
            ]
    lacking = [field.name for field in fields if field.distribution is None or field.shape]
    if lacking or not fields:
        raise InputError(
            "Nothing to draw" if not fields else f"Cannot draw {', '.join(lacking)}",
            where=f"model {model.info.id}",
            why="no input declares a distribution"
            if not fields
            else "no distribution of a single number",
            fix='say over={"clearance": "lognormal(12 L/h, 30 %)"}',
        )
    return Schema(fields)


def _distribution(given: Any, field: Field) -> Distribution:
    return given if isinstance(given, Distribution) else Distribution.parse(str(given), field.unit)


def _typed(field: Field, value: float) -> Any:
    return round(value) if field.kind == "integer" else value


def _repeated(values: np.ndarray, n: int, field: Field) -> np.ndarray:
    repeated = np.repeat(values, n)
    return repeated.astype(np.int64) if field.kind == "integer" else repeated


def _tiled(value: Any, draws: int, n: int) -> Any:
    """Repeat rows once per draw; constants stay constants, so their nodes run once."""
    if rows_of(value) == 1:
        return value
    rows = np.tile(np.arange(n), draws)
    return value.take(rows) if isinstance(value, Padded) else value[rows]


def _decoded(schema: Schema, batch: Mapping[str, Any]) -> Any:
    size = max(rows_of(value) for value in batch.values())
    return Batch(schema, batch, size)


def _by_draw(result: Result, ok: np.ndarray, good: np.ndarray, n: int) -> dict[str, np.ndarray]:
    """Fold the rows of complete draws into (draw, n, *shape)."""
    # Rows of the result are the good rows only; keep those whose whole draw is good.
    whole = np.repeat(good, n)[ok.ravel()]
    found = {}
    for name, value in result.values_.items():
        if isinstance(value, np.ndarray):
            found[name] = value[whole].reshape((int(good.sum()), n, *value.shape[1:]))
    return found


def _summary(
    model: Model,
    schema: Schema,
    parts: list[dict[str, np.ndarray]],
    kept: np.ndarray,
    drawn: dict[str, np.ndarray],
    whole: Any,
    key: int,
    warnings: list[str],
) -> Result:
    names = list(parts[0]) if parts else []
    samples = {name: np.concatenate([part[name] for part in parts]) for name in names}
    if not kept.any():
        raise InputError("No draw is left", where=f"model {model.info.id}",
                         why=f"all {len(kept)} draws failed", fix="check the distributions")  # fmt: skip
    values, lower, upper = {}, {}, {}
    for name, array in samples.items():
        if model.outputs[name].kind in NUMERIC:
            lower[name], values[name], upper[name] = np.quantile(
                array, (_ENDS[0], 0.5, _ENDS[1]), axis=0
            )
        else:
            values[name] = _most_frequent(array)
    provenance = {
        **model._provenance(whole, key),
        "draws": len(kept),
        "sample_key": content_key(drawn),
        "warnings": sorted(set(warnings)),
    }
    return Result(
        model.outputs.select(values), values, whole.size, inputs=whole, lower=lower, upper=upper,
        samples=samples, provenance=provenance, model=model,
        diagnostics={"drawn": {n: v[kept] for n, v in drawn.items()}, "draws": int(kept.sum())},
    )  # fmt: skip


def _most_frequent(array: np.ndarray) -> np.ndarray:
    flat = array.reshape(len(array), -1)
    out = np.empty(flat.shape[1], dtype=array.dtype)
    for column in range(flat.shape[1]):
        items = list(flat[:, column])
        out[column] = max(set(items), key=items.count)
    return out.reshape(array.shape[1:])


__all__ = ["draw", "sample"]
