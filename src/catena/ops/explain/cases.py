"""The case that is explained, and the background it is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from catena.core.errors import InputError, SolverError
from catena.core.spec import NUMERIC
from catena.core.spec import Field as Port
from catena.core.values import Batch, broadcast, take
from catena.ops.evaluator import Evaluator
from catena.ops.quantity import Quantity
from catena.ops.space import Over, Space
from catena.ops.uncertainty.question import outputs_of
from catena.ops.variable import Variable, variables_of

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.work import Work

Floats = NDArray[np.float64]
#: Rows of the background that are drawn, or kept of a larger one.
BACKGROUND = 100
#: Longest input with a dimension whose positions count as causes by default.
_LONGEST = 1000


@final
@dataclass(frozen=True)
class Case:
    """One case: a function of its causes.

    Args:
        space: The causes.
        evaluator: The output as a function of them; everything else is as in the case.
        x: Values of the causes (d,).
        background: Values of the causes in other cases (b, d).
        given: Everything else the case holds.
    """

    space: Space
    evaluator: Evaluator
    x: Floats
    background: Floats
    given: dict[str, Any]

    def __call__(self, x: Floats) -> Floats:
        """Return the output (n,) at other values of the causes (n, d).

        Raises:
            SolverError: the model fails there.
        """
        y = self.evaluator(x)[:, 0]
        if not np.isfinite(y).all():
            reasons = sorted({text for _, text in self.evaluator.failures})[:3]
            raise SolverError(
                f"{int((~np.isfinite(y)).sum())} of {len(y)} compared cases failed",
                where=f"model {self.evaluator.source.info.id}", why="; ".join(reasons),
                fix="give a background of cases the model can compute",
            )  # fmt: skip
        return np.asarray(y)


def read_cases(
    model: Model,
    at: Any,
    of: str | None,
    over: Over | None,
    background: Any,
    key: int,
    work: Work | None,
) -> list[Case]:
    """Return every case with the background, checked and in the model's units.

    Raises:
        InputError: there is no case, no cause, or nothing to compare with.
    """
    checked = model.inputs.validate(at, where=f"model {model.info.id}, at")
    texts = outputs_of(model, of)
    if len(texts) != 1:
        raise InputError("Which output?", where=f"model {model.info.id}",
                         why="one output is explained at a time",
                         fix=f'say of="{texts[0]}"')  # fmt: skip
    Quantity.of(model, texts[0])
    variables = _variables(model, over)
    others = _background(model, checked, variables, background, over, key)
    space = Space([_widened(v, checked, others) for v in variables])
    x, b = _matrix(space, checked), _matrix(space, others)
    varied = {v.port for v in variables}
    cases = []
    for row in range(checked.size):
        given = {
            name: _plain(model.inputs[name], broadcast(value, checked.size)[row])
            for name, value in checked.items()
            if name not in varied
            or any(v.port == name and v.position is not None for v in variables)
        }
        evaluator = Evaluator(model, space, texts, given=given, key=key, work=work)
        cases.append(Case(space, evaluator, x[row], b, given))
    return cases


def _variables(model: Model, over: Over | None) -> list[Variable]:
    """Return the causes; by default every number, choice and position of a short series."""
    if over is not None:
        names = [over] if isinstance(over, str) else list(over)
        for name in names:
            if name not in model.inputs and name.partition("[")[0] not in model.inputs:
                raise InputError(f"No input {name!r}", where=f"model {model.info.id}",
                                 why=f"the inputs are {', '.join(model.inputs.names)}",
                                 fix="name causes among them")  # fmt: skip
    else:
        names = list(model.inputs.names)
    found = [v for name in names for v in _of(model, name)]
    if not found:
        raise InputError("No causes", where=f"model {model.info.id}",
                         why="it has no input that is a number or a choice",
                         fix="explain a model with such inputs")  # fmt: skip
    return found


def _of(model: Model, name: str) -> list[Variable]:
    port, _, rest = name.partition("[")
    whole = name in model.inputs
    field = model.inputs[name if whole else port]
    if field.kind == "category" and not field.shape:
        return [Variable(name, "category", choices=field.choices)]
    if field.kind == "boolean" and not field.shape:
        return [Variable(name, "boolean", choices=("no", "yes"))]
    kind: Any = "integer" if field.kind == "integer" else "real"
    if field.kind not in (*NUMERIC, "integer"):
        return []
    if not field.shape:
        return [Variable(name, kind, 0.0, 1.0, field.unit)]
    length = len(field.labels) or (0 if field.default is None else int(np.shape(field.default)[-1]))
    if len(field.shape) != 1 or not 0 < length <= _LONGEST or field.ragged:
        return []
    places = range(length) if whole else [int(rest.rstrip("]"))]
    return [
        Variable(f"{field.name}[{k}]", kind, 0.0, 1.0, field.unit, port=field.name, position=k)
        for k in places
    ]


def _background(
    model: Model,
    checked: Batch,
    variables: Sequence[Variable],
    given: Any,
    over: Over | None,
    key: int,
) -> Batch:
    """Return the other cases; what they leave open is as in the first case explained."""
    where = f"model {model.info.id}, background"
    first = {n: _plain(model.inputs[n], v[0]) for n, v in checked.items()}
    if given is None:
        drawn = _drawn(model, checked, variables, over, key)
        return model.inputs.validate({**first, **drawn}, where=where)
    rows = given if isinstance(given, Mapping) else _columns(given)
    others = model.inputs.validate({**first, **rows}, where=where)
    if others.size < 2:
        raise InputError("Nothing to compare with", where=where,
                         why="a background needs two cases or more",
                         fix="give more rows, or leave the background out")  # fmt: skip
    if others.size <= BACKGROUND:
        return others
    kept = np.random.Generator(np.random.Philox(key=key)).permutation(others.size)[:BACKGROUND]
    some = {n: take(v, np.sort(kept)) for n, v in others.items()}
    return Batch(model.inputs, some, BACKGROUND)


def _drawn(
    model: Model, checked: Batch, variables: Sequence[Variable], over: Over | None, key: int
) -> dict[str, Any]:
    """Draw other cases from what inputs declare, or from the ranges given."""
    wishes = over if isinstance(over, Mapping) else {v.name: None for v in variables}
    ranged: list[Variable] = []
    for name, wish in wishes.items():
        try:
            ranged += variables_of(model, name, wish)
        except InputError:
            if wish is not None:
                raise
    if not ranged:
        raise InputError("Nothing to compare with", where=f"model {model.info.id}, background",
                         why="no input declares a distribution or a range",
                         fix="give background rows, or over={...} with ranges")  # fmt: skip
    points = Space(ranged).sample(BACKGROUND, key, "latin")
    columns: dict[str, Any] = {}
    for variable, column in zip(ranged, points.T, strict=True):
        if variable.position is not None:
            if variable.port not in columns:
                case = np.asarray(checked[variable.port], dtype=float)[:1]
                columns[variable.port] = np.repeat(case, BACKGROUND, axis=0)
            columns[variable.port][:, variable.position] = column
        elif variable.kind == "boolean":
            columns[variable.name] = [bool(value) for value in column]
        else:
            columns[variable.name] = [variable.text(value) for value in column]
    return columns


def _columns(given: Any) -> dict[str, Any]:
    import pandas as pd

    return {str(name): column.tolist() for name, column in pd.DataFrame(given).items()}


def _plain(field: Port, value: Any) -> Any:
    """Return a checked value as a person would give it."""
    if field.kind == "category" and not field.shape:
        return field.choices[int(value)]
    return value.item() if isinstance(value, np.generic) else value


def _widened(variable: Variable, checked: Batch, others: Batch) -> Variable:
    """Give a cause the range its values cover."""
    if variable.choices:
        return variable
    values = np.concatenate([_column(variable, batch) for batch in (checked, others)])
    low, high = float(values.min()), float(values.max())
    if low == high:
        step = abs(low) or 1.0
        low, high = low - step / 2.0, high + step / 2.0
    return replace(variable, low=low, high=high)


def _column(variable: Variable, batch: Batch) -> Floats:
    value = np.asarray(batch[variable.port], dtype=float)
    return value if variable.position is None else value[:, variable.position]


def _matrix(space: Space, batch: Batch) -> Floats:
    columns = [broadcast(_column(v, batch), batch.size) for v in space.variables]
    return np.stack(columns, axis=1)
