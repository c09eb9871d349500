"""Makes sensible inputs of a model from its schema, or varies the author's example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.contract.report import Failed
from catena.core.errors import InputError
from catena.core.model import Model
from catena.core.spec import Field
from catena.core.values import Batch, Padded

#: Texts of the kinds that have an obvious smallest example.
_TEXTS = {
    "molecule": ("CCO", "c1ccccc1O", "CC(=O)Oc1ccccc1C(=O)O"),
    "sequence": ("MKTAYIAKQR", "GSHMLEDPVA", "MVLSPADKTN"),
    "text": ("one", "two", "three"),
}
_POINTS = 6


def inputs_of(
    model: Model,
    size: int,
    seed: int,
    rows: Mapping[str, Any] | None = None,
    cautious: bool = False,
) -> Batch:
    """Return ``size`` valid rows of inputs.

    Args:
        model: The model; its optional ``example_inputs()`` gives values where random ones make
            no sense (tables, structures, inputs that depend on each other).
        size: Number of rows.
        seed: The rows are a function of it.
        rows: Values given by the caller, instead of ``example_inputs``.
        cautious: Keep defaults and examples as they are instead of varying them.

    Raises:
        Failed: no valid rows could be made; the reason says which field stands in the way.
    """
    hook = getattr(model, "example_inputs", None)
    example = dict(rows) if rows is not None else dict(hook()) if callable(hook) else {}
    rng = np.random.default_rng(seed)
    try:
        if not example:
            values = _from_schema(model, size, rng, keep_defaults=cautious)
        else:
            values = example if cautious else _from_example(model, example, size, rng)
        return _checked(model, values, size)
    except InputError as error:
        # Models whose inputs depend on each other refuse most random rows.
        if not cautious:
            return inputs_of(model, size, seed, rows, cautious=True)
        subject = "example_inputs() is refused" if example else "no valid inputs could be made"
        raise Failed(f"{subject}: {error.why}") from error


def _checked(model: Model, values: Mapping[str, Any], size: int) -> Batch:
    batch = model.inputs.validate(values, where=f"model {model.info.id}")
    faults = model._check(batch)
    if faults:
        raise InputError("Bad input", rows=faults, why=faults[0].why)
    return Batch(batch.schema, batch.full() if batch.size == size else _tiled(batch, size), size)


def _tiled(batch: Batch, size: int) -> dict[str, Any]:
    """Repeat the rows of a batch until there are ``size``."""
    index = np.arange(size) % batch.size
    return {
        name: value.take(index) if isinstance(value, Padded) else value[index]
        for name, value in batch.full().items()
    }


def _from_example(
    model: Model, example: Mapping[str, Any], size: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Tile the example and vary its scalar reals by a few percent within the bounds."""
    base = model.inputs.validate(example, where=f"example of {model.info.id}")
    values = _tiled(base, size)
    for field in model.inputs:
        if field.kind == "real" and not field.shape and field.name in values:
            spread = values[field.name] * rng.uniform(0.95, 1.05, size)
            values[field.name] = _within(field, spread)
    return values


def _from_schema(
    model: Model, size: int, rng: np.random.Generator, keep_defaults: bool
) -> dict[str, Any]:
    """Draw every input, or only those without a default."""
    lengths = _lengths(model)
    values: dict[str, Any] = {}
    for field in model.inputs:
        fixed = keep_defaults or field.name in model.static_fields
        if fixed and field.default is not None and field.distribution is None:
            continue
        if field.optional and field.default is None:
            continue
        made = _values(field, size, rng, lengths)
        if made is not None:
            values[field.name] = made
    return values


def _lengths(model: Model) -> dict[str, int]:
    """Return lengths of dimensions: as labelled or as the defaults have them."""
    lengths: dict[str, int] = {}
    for field in model.inputs:
        shape = (
            np.shape(field.default) if field.default is not None and field.kind != "table" else ()
        )
        if len(shape) == len(field.shape):
            lengths |= dict(zip(field.shape, shape, strict=True))
        if field.labels:
            lengths[field.shape[0]] = len(field.labels)
    return lengths


def _values(field: Field, size: int, rng: np.random.Generator, lengths: Mapping[str, int]) -> Any:
    if field.kind == "table":
        return None if field.default is not None else [_record(field, rng)]
    if field.kind == "category":
        return [field.choices[row % len(field.choices)] for row in range(size)]
    if field.kind == "boolean":
        return np.arange(size) % 2 == 0
    if field.kind in ("structure", "graph"):
        return None
    if field.kind in _TEXTS:
        texts = (str(field.default),) if field.default is not None else _TEXTS[field.kind]
        return [texts[row % len(texts)] for row in range(size)]
    shape = (size, *(lengths.get(dim, _POINTS) for dim in field.shape))
    return _numbers(field, shape, rng)


def _record(field: Field, rng: np.random.Generator) -> dict[str, Any]:
    record = {}
    for column in field.columns or ():
        if column.default is None and not column.optional:
            made = _values(column, 1, rng, {})
            if made is not None:
                record[column.name] = made[0]
    return record


def _numbers(field: Field, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if is_coordinate(field):
        return _within(field, _grid(field, shape))
    if field.distribution is not None:
        values = field.distribution.ppf(rng.uniform(0.1, 0.9, shape))
    elif field.default is not None:
        values = _around(field, np.asarray(field.default, dtype=float), shape, rng)
    else:
        values = _between(field, shape, rng)
    values = np.round(values) if field.kind == "integer" else values
    return _within(field, values)


def is_coordinate(field: Field) -> bool:
    """Tell whether a field holds the positions along its own dimension, as a time grid does."""
    return bool(field.shape) and field.shape[-1] == field.name and not field.labels


def _grid(field: Field, shape: tuple[int, ...]) -> np.ndarray:
    """A dimension's own coordinate (time, wavelength) is an increasing grid."""
    if field.default is not None and np.ndim(field.default):
        return np.broadcast_to(np.asarray(field.default, dtype=float), shape)
    low, high = field.bounds
    start = low if low is not None else 0.0
    stop = high if high is not None and high < start + 24.0 else start + 24.0
    return np.broadcast_to(np.linspace(start, stop, shape[-1]), shape)


def _around(
    field: Field, default: np.ndarray, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    if np.any(default != 0.0):
        return np.asarray(default * rng.uniform(0.9, 1.1, shape))
    low, high = field.bounds
    reach = 0.05 * ((high if high is not None else 1.0) - (low if low is not None else 0.0))
    return np.asarray(default + min(abs(reach), 1.0) * rng.uniform(0.0, 1.0, shape))


def _between(field: Field, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    low, high = field.bounds
    share = rng.uniform(0.3, 0.7, shape)
    if low is not None and high is not None:
        if field.scale == "log" and low > 0:
            return np.asarray(low * (high / low) ** share)
        return low + (high - low) * share
    if low is not None:
        return low + 2.0 * share
    return np.asarray(high - 2.0 * share if high is not None else 2.0 * share)


def _within(field: Field, values: np.ndarray) -> np.ndarray:
    low, high = field.bounds
    gap = 1e-6
    floor = -np.inf if low is None else low + (gap * max(abs(low), 1.0) if field.low_open else 0.0)
    ceiling = (
        np.inf if high is None else high - (gap * max(abs(high), 1.0) if field.high_open else 0.0)
    )
    return np.asarray(np.clip(values, floor, ceiling))
