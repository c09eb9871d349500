"""Checks of the function a model is: rows independent, declared outputs only, deterministic."""

from __future__ import annotations

import numpy as np

from catena.core.contract.report import Failed, NotApplicable
from catena.core.contract.subject import ROWS, Subject, copied, distance, require_equal
from catena.core.errors import CatenaError
from catena.core.spec import NUMERIC
from catena.core.values import Batch, Padded


def predicts(subject: Subject) -> None:
    """C05."""
    first = subject.first
    if isinstance(first, Failed):
        raise first
    if isinstance(first, CatenaError):
        raise Failed("; ".join(text for text in (first.what, first.why) if text)) from first
    if isinstance(first, Exception):
        raise Failed(f"{type(first).__name__}: {first}".splitlines()[0]) from first
    numbers = [
        v
        for v in first.values_.values()
        if getattr(v, "dtype", None) is not None and v.dtype.kind in "fiu"
    ]
    if numbers and not any(np.any(array) for array in numbers):
        raise Failed(
            "every output is zero, so the other checks would say nothing; offer example_inputs()"
        )


def one_row(subject: Subject) -> None:
    """C06."""
    for row in (0, ROWS // 2):
        alone = subject.model.predict(subject.take([row])).values_
        among = {name: _rows(value, [row]) for name, value in subject.base.values_.items()}
        require_equal(alone, among, subject.tolerance, f"row {row} alone")


def permuted(subject: Subject) -> None:
    """C07."""
    order = [3, 0, 6, 2, 5, 1, 4]
    moved = subject.model.predict(subject.take(order)).values_
    expected = {name: _rows(value, order) for name, value in subject.base.values_.items()}
    require_equal(moved, expected, subject.tolerance, "rows in another order")


def _rows(value: object, rows: list[int]) -> object:
    index = np.array(rows)
    return value.take(index) if isinstance(value, Padded) else np.asarray(value)[index]


def empty(subject: Subject) -> None:
    """C08."""
    result = subject.model.predict(subject.take([]))
    if result.size != 0:
        raise Failed(f"no rows in, {result.size} rows out")
    for name, value in result.values_.items():
        if len(value) != 0:
            raise Failed(f"{name} has {len(value)} rows")


def declared_outputs(subject: Subject) -> None:
    """C09."""
    model, result = subject.model, subject.base
    missing = [f.name for f in model.outputs if f.name not in result and not f.optional]
    extra = [name for name in result if name not in model.outputs]
    if missing or extra:
        raise Failed(f"missing {missing}, undeclared {extra}")
    for name, value in result.values_.items():
        field = model.outputs[name]
        if isinstance(value, Padded):
            continue
        if np.ndim(value) != 1 + len(field.shape) or len(value) != ROWS:
            raise Failed(
                f"{name} has shape {np.shape(value)}, declared (batch, {', '.join(field.shape)})"
            )
        if field.labels and np.shape(value)[1] != len(field.labels):
            raise Failed(f"{name} has {np.shape(value)[1]} values for {len(field.labels)} labels")
        if field.kind in NUMERIC and np.asarray(value).dtype.kind != "f":
            raise Failed(f"{name} is declared {field.kind} and holds {np.asarray(value).dtype}")
        low, high = field.bounds
        below = low is not None and float(np.min(value)) < low - 1e-9 * max(abs(low), 1.0)
        above = high is not None and float(np.max(value)) > high + 1e-9 * max(abs(high), 1.0)
        if below or above:
            raise Failed(f"{name} leaves its declared bounds")


def deterministic(subject: Subject) -> None:
    """C13."""
    a = subject.model.predict(subject.inputs, key=11).values_
    b = subject.model.predict(subject.inputs, key=11).values_
    require_equal(a, b, 0.0, "the same call twice")


def uses_key(subject: Subject) -> None:
    """C14."""
    a = subject.model.predict(subject.inputs, key=11).values_
    b = subject.model.predict(subject.inputs, key=12).values_
    differs = any(distance(a[name], b[name]) > 0 for name in a)
    if subject.model.capabilities.stochastic and not differs:
        raise Failed("another key gives the same outputs")
    if not subject.model.capabilities.stochastic:
        if differs:
            raise Failed("the outputs depend on the key, but stochastic is not declared")
        raise NotApplicable("the model is not stochastic (and ignores the key)")


def leaves_inputs(subject: Subject) -> None:
    """C15."""
    values = subject.values()
    before = {name: copied(value) for name, value in values.items()}
    subject.model.predict(Batch(subject.model.inputs, values, ROWS))
    for name, value in values.items():
        if distance(value, before[name]) > 0:
            raise Failed(f"{name} was changed in place by predict")


def what_if(subject: Subject) -> None:
    """C28."""
    model = subject.model
    fields = [*model.params, *(field for field in subject.scalars() if field.default is not None)]
    field = next((f for f in fields if f.kind == "real" and not f.shape), None)
    if field is None:
        raise NotApplicable("there is no scalar parameter or input default to change")
    key, before = model.key, model.describe()
    changed = _moved(field.default, field.bounds)
    with model.at(**{field.name: changed}) as variant:
        if variant.key == key:
            raise Failed(f"the key does not change with {field.name}")
    if model.key != key or model.describe() != before:
        raise Failed(f"at({field.name}=...) changed the original")
    require_equal(model.predict(subject.inputs).values_, subject.base.values_, 0.0, "after at()")


def _moved(value: float, bounds: tuple[float | None, float | None]) -> float:
    """Return another value that stays in the bounds."""
    low, high = bounds
    for other in (value * 1.1 if value else 0.1, value * 0.9 if value else -0.1):
        if (low is None or other >= low) and (high is None or other <= high):
            return float(other)
    return float(value) if low is None or high is None else (low + high) / 2.0


def key_follows(subject: Subject) -> None:
    """C19."""
    model = subject.model
    fields = [
        f
        for f in (*model.params, *model.inputs)
        if f.kind == "real" and not f.shape and f.default is not None
    ]
    if not fields:
        raise NotApplicable("there is no scalar parameter or input default to change")
    keys = {model.key}
    for field in fields[:4]:
        keys.add(model.at(**{field.name: _moved(field.default, field.bounds)}).key)
    if len(keys) != 1 + len(fields[:4]):
        raise Failed("two different models share a key")


def constants(subject: Subject) -> None:
    """C34."""
    batch = subject.inputs
    rows = subject.take([0] * ROWS)
    single = {name: value for name, value in subject.take([0]).items()}
    name = next((f.name for f in subject.scalars()), None)
    if name is None:
        raise NotApplicable("there is no scalar real input")
    single[name] = rows[name]
    a = subject.model.predict(Batch(batch.schema, single, ROWS)).values_
    b = subject.model.predict(rows).values_
    require_equal(a, b, subject.tolerance, "constants given once")


def domain(subject: Subject) -> str:
    """C35."""
    flag = subject.base.in_domain
    if flag is None:
        raise NotApplicable("the model states no domain")
    if np.asarray(flag).dtype != bool or np.shape(flag) != (ROWS,):
        raise Failed(
            f"in_domain is {np.asarray(flag).dtype} {np.shape(flag)}, not one flag per row"
        )
    return f"{int(np.sum(flag))} of {ROWS} rows inside"
