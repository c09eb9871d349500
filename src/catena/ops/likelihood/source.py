"""Tables of measurements as people have them: files, frames, records; heads with units."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from catena.core.errors import DataError, InputError, did_you_mean
from catena.core.spec import NUMERIC, Field

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model

_HEAD = re.compile(r"\s*(.+?)\s*\[([^\]]*)\]\s*$")
_PART = re.compile(r"(.+?)\[([^\]]+)\]$")
#: Heads that name the experiment a row belongs to.
EXPERIMENT = ("experiment", "id", "ID", "subject", "batch", "run")
#: What may follow the name of an output in the head of a companion column.
COMPANIONS = ("sd", "censoring", "limit", "weight")


@final
@dataclass(frozen=True)
class Measured:
    """One column of measurements.

    Args:
        head: Name of the column.
        output: The output measured.
        unit: Unit of the column's numbers.
        place: Positions along the output's dimensions other than the axis.
    """

    head: str
    output: Field
    unit: str
    place: tuple[int, ...]


@final
@dataclass
class Columns:
    """What the columns of a table are.

    Args:
        frame: The table, heads without units.
        units: Unit of each column, "" where none was written.
        measured: Columns of measurements.
        axis: Column of the axis (time), or None.
        experiment: Column that names experiments, or None.
        conditions: Columns of inputs.
        events: Columns of dose records.
        companions: Heads of companion columns by (measured head, kind).
    """

    frame: pd.DataFrame
    units: dict[str, str | None]
    measured: list[Measured] = field(default_factory=list)
    axis: Field | None = None
    experiment: str | None = None
    conditions: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    companions: dict[tuple[str, str], str] = field(default_factory=dict)


def read_table(data: Any, renamed: Mapping[str, str] | None = None) -> tuple[pd.DataFrame, dict[str, str | None]]:  # fmt: skip
    """Return a table and the units its heads carry.

    Args:
        data: Path of a CSV file, DataFrame, mapping of columns or list of records.
        renamed: New heads by head, with units: ``{"t": "time [h]"}``.

    Raises:
        DataError: the file cannot be read.
        InputError: it is no table, has no rows, or columns repeat.
    """
    import pandas as pd

    frame = _frame(data)
    heads = [str(head) for head in frame.columns]
    missing = [old for old in renamed or {} if old not in heads]
    if missing:
        raise InputError(f"No column {missing[0]!r}", where="data",
                         why=f"the columns are {', '.join(heads[:20])}",
                         fix=did_you_mean(missing[0], heads, "correct the name"))  # fmt: skip
    heads = [(renamed or {}).get(head, head) for head in heads]
    units: dict[str, str | None] = {}
    names = []
    for head in heads:
        match = _HEAD.match(head)
        # ``plasma[3]`` is a position, ``plasma [mg/L]`` a unit: the space tells them apart.
        name, unit = (match.group(1), match.group(2)) if match and " [" in head else (head, None)
        names.append(name.strip())
        units[name.strip()] = unit
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Columns stand there twice: {', '.join(twice)[:200]}", where="data",
                         why="names identify columns", fix="keep one of each")  # fmt: skip
    out = pd.DataFrame({name: frame.iloc[:, k].to_numpy() for k, name in enumerate(names)})
    if not len(out):
        raise InputError("The data are empty", where="data", why="there is no row",
                         fix="give at least as many measurements as free parameters")  # fmt: skip
    return out, units


def _frame(data: Any) -> pd.DataFrame:
    import pandas as pd

    if isinstance(data, (str, Path)):
        from catena.formats.csvtable import read_csv

        return read_csv(Path(data))
    if isinstance(data, pd.DataFrame):
        return data.reset_index(drop=True)
    try:
        if isinstance(data, Mapping):
            return pd.DataFrame({name: list(column) for name, column in data.items()})
        if isinstance(data, Sequence) and all(isinstance(row, Mapping) for row in data):
            return pd.DataFrame(list(data))
    except (TypeError, ValueError) as error:
        raise DataError("Cannot read the data", where="data", why=str(error).splitlines()[0][:200],
                        fix="give columns of one length") from None  # fmt: skip
    raise InputError("Cannot read the data", where="data", why=f"got {type(data).__name__}",
                     fix="give a CSV path, a DataFrame, a mapping of columns or records")  # fmt: skip


def classify(
    model: Model,
    frame: pd.DataFrame,
    units: dict[str, str | None],
    *,
    experiment: str | None = None,
    ignore: Sequence[str] = (),
) -> Columns:
    """Say what every column is; nothing is guessed.

    Args:
        model: The model whose ports the columns name.
        frame: The table.
        units: Units by column.
        experiment: Column that names experiments; found by its name when None.
        ignore: Columns that say nothing about the model.

    Raises:
        InputError: a column is unknown, or one that is needed is missing.
    """
    found = Columns(frame, units)
    names = [name for name in map(str, frame.columns) if name not in ignore]
    found.experiment = _experiment(model, names, experiment)
    found.measured = [m for name in names if (m := _measured(model, name, units)) is not None]
    if not found.measured:
        raise _no_measurement(model, names)
    found.axis = _axis(model, [m.output for m in found.measured])
    if found.axis is not None and found.axis.name not in names:
        raise InputError(f"Column {found.axis.name!r} is missing", where="data",
                         why=f"{found.measured[0].output.name} is a curve over {found.axis.name}; "
                         f"the columns are {', '.join(names[:12])}",
                         fix=did_you_mean(found.axis.name, names, "add it"))  # fmt: skip
    events = _event_columns(model)
    dosing = "amt" in names and bool(events)
    heads = {m.head for m in found.measured}
    unknown = []
    for name in names:
        companion = _companion(name, heads)
        if name in heads or name == found.experiment or (found.axis and name == found.axis.name):
            continue
        if companion is not None:
            found.companions[companion] = name
        elif dosing and name in events:
            found.events.append(name)
        elif name in model.inputs:
            found.conditions.append(name)
        elif name != "weight":
            unknown.append(name)
    if unknown:
        raise _unknown(model, unknown, found)
    return found


def _experiment(model: Model, names: list[str], wanted: str | None) -> str | None:
    if wanted is not None:
        if wanted not in names:
            raise InputError(f"No column {wanted!r}", where="data",
                             why=f"it should name the experiments; the columns are {', '.join(names[:12])}",
                             fix=did_you_mean(wanted, names, "correct the name"))  # fmt: skip
        return wanted
    return next((n for n in EXPERIMENT if n in names and n not in model.inputs), None)


def _measured(model: Model, name: str, units: Mapping[str, str | None]) -> Measured | None:
    part = _PART.match(name)
    output = part.group(1) if part and name not in model.outputs else name
    if output not in model.outputs or output in model.inputs:
        return None
    field_ = model.outputs[output]
    if field_.kind not in (*NUMERIC, "integer") or field_.ragged:
        raise InputError(f"{output!r} cannot be compared with measurements", where="data",
                         why=f"it is a {field_.kind}", fix="measure outputs that are numbers")  # fmt: skip
    place = tuple(_position(field_, text) for text in part.group(2).split(",")) if part and name != output else ()  # fmt: skip
    unit = units.get(name)
    return Measured(name, field_, field_.unit if unit is None else unit, place)


def _position(field_: Field, text: str) -> int:
    text = text.strip()
    if text in field_.labels:
        return field_.labels.index(text)
    if text.isdigit():
        return int(text)
    raise InputError(f"No position {text!r} of {field_.name!r}", where="data",
                     why="a position is a label or a number counted from 0",
                     fix=did_you_mean(text, field_.labels, "write for example plasma[0]"))  # fmt: skip


def _axis(model: Model, outputs: list[Field]) -> Field | None:
    """Return the input along which the outputs are curves, if there is one."""
    axes = {
        dim: given for given in model.inputs for dim in given.shape
        if len(given.shape) == 1 and given.kind in NUMERIC and not given.ragged
    }  # fmt: skip
    found = {axes[dim].name for output in outputs for dim in output.shape if dim in axes}
    if len(found) > 1:
        raise InputError("The measured outputs have different axes", where="data",
                         why=f"they are curves over {' and '.join(sorted(found))}",
                         fix="measure outputs along one axis, or calibrate them one after the other")  # fmt: skip
    return model.inputs[found.pop()] if found else None


def _event_columns(model: Model) -> tuple[str, ...]:
    if "events" not in model.inputs or model.inputs["events"].columns is None:
        return ()
    return model.inputs["events"].columns.names


def _companion(name: str, heads: set[str]) -> tuple[str, str] | None:
    for kind in COMPANIONS:
        head = name.removesuffix(f"_{kind}")
        if head != name and head in heads:
            return head, kind
    return None


def _no_measurement(model: Model, names: list[str]) -> InputError:
    near = [did_you_mean(name, model.outputs.names) for name in names]
    return InputError("No measured output in the data", where="data",
                      why=f"none of the columns {', '.join(names[:12])} is an output of {model.info.id}",
                      fix=next((text for text in near if text),
                               f"name columns after outputs: {', '.join(model.outputs.names[:12])}"))  # fmt: skip


def _unknown(model: Model, unknown: list[str], found: Columns) -> InputError:
    known = [*model.outputs.names, *model.inputs.names, *EXPERIMENT,
             *(f"{m.head}_{kind}" for m in found.measured for kind in COMPANIONS)]  # fmt: skip
    return InputError(f"Unknown column {unknown[0]!r}", where="data",
                      why=f"no input, output or companion of {model.info.id} has this name"
                      + (f"; nor {', '.join(unknown[1:6])}" if unknown[1:] else ""),
                      fix=did_you_mean(unknown[0], known, f"leave it out: ignore=[{unknown[0]!r}]"),
                      details={"columns": unknown})  # fmt: skip
