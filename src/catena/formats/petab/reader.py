"""Reads the files of a PEtab problem (version 1): one YAML text and tab-separated tables."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from catena.core.errors import DataError, did_you_mean
from catena.formats.petab.problem import (
    Condition,
    Measurement,
    Observable,
    Parameter,
    PetabProblem,
    Prior,
    PriorKind,
    Scale,
    Value,
)

_EMPTY = frozenset({"", "nan", "NaN", "NA"})
_SCALES: tuple[str, ...] = get_args(Scale)
_PRIORS: tuple[str, ...] = get_args(PriorKind)


class _Row:
    """One line of a table; its cells know where they stand."""

    def __init__(self, path: Path, line: int, cells: Mapping[str, str]) -> None:
        self.path, self.line, self.cells = path, line, cells

    def text(self, column: str, default: str | None = None) -> str:
        """Return a cell; an empty one is the default, or an error if there is none."""
        value = (self.cells.get(column) or "").strip()
        if value not in _EMPTY:
            return value
        if default is None:
            raise self.wrong(column, "it is empty", "fill in the cell")
        return default

    def number(self, column: str, default: float | None = None) -> float | None:
        """Return a number; an empty cell is the default."""
        text = self.text(column, "")
        if not text:
            return default
        try:
            return float(text)
        except ValueError:
            raise self.wrong(column, f"{text[:60]!r} is not a number", "write a number") from None

    def wrong(self, column: str, why: str, fix: str) -> DataError:
        """Return the error that names file, line and column."""
        return DataError("Bad PEtab table", where=f"{self.path.name}, line {self.line}, {column}",
                         why=why, fix=fix)  # fmt: skip


def read_petab(path: str | Path) -> PetabProblem:
    """Read a problem from its YAML file.

    Args:
        path: The YAML file; its tables and its model lie where it says, relative to it.

    Raises:
        DataError: a file is missing or does not hold what PEtab 1 asks for; file, line and
            column are named.
    """
    path = Path(path)
    listing = _listing(path)
    parts = listing["problems"]
    parameters = {
        p.name: p
        for file in _files(listing.get("parameter_file"))
        for p in _parameters(path.parent / file)
    }
    conditions = {c.name: c for f in _all(path, parts, "condition_files") for c in _conditions(f)}
    observables = {
        o.name: o for f in _all(path, parts, "observable_files") for o in _observables(f)
    }
    measurements = tuple(
        m for f in _all(path, parts, "measurement_files") for m in read_measurements(f)
    )
    models = _all(path, parts, "sbml_files")
    if len(models) != 1:
        raise DataError("A PEtab problem needs one model", where=path.name,
                        why=f"sbml_files lists {len(models)}", fix="list exactly one SBML file")  # fmt: skip
    problem = PetabProblem(path.stem, models[0], parameters, conditions, observables, measurements)
    _check_names(problem)
    return problem


def read_measurements(path: str | Path, column: str = "measurement") -> tuple[Measurement, ...]:
    """Read a measurement table, or a simulation table of the same form.

    Args:
        path: The file.
        column: Column of the values; ``simulation`` in a table of simulated values.

    Raises:
        DataError: the file is no such table; file, line and column are named.
    """
    needed = ("observableId", "simulationConditionId", "time", column)
    return tuple(
        Measurement(
            observable=row.text("observableId"),
            condition=row.text("simulationConditionId"),
            before=row.text("preequilibrationConditionId", ""),
            time=_given(row, "time"),
            value=math.nan if (value := row.number(column)) is None else value,
            observable_parameters=_values(row.text("observableParameters", "")),
            noise_parameters=_values(row.text("noiseParameters", "")),
        )
        for row in _rows(Path(path), needed)
    )


def _listing(path: Path) -> dict[str, Any]:
    import yaml

    try:
        listing = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        why = getattr(error, "strerror", None) or str(error).splitlines()[0][:200]
        raise DataError("Cannot read the PEtab problem", where=str(path)[:200], why=why,
                        fix="check the path and that the file is YAML") from None  # fmt: skip
    if not isinstance(listing, dict) or not isinstance(listing.get("problems"), list):
        raise DataError("This is not a PEtab problem", where=path.name,
                        why="it has no list of problems", fix="give the YAML file of the problem")  # fmt: skip
    version = str(listing.get("format_version", "1")).split(".")[0]
    if version != "1":
        raise DataError("This version of PEtab is not supported", where=path.name,
                        why=f"format_version {version}", fix="give a problem of version 1")  # fmt: skip
    return listing


def _files(value: Any) -> list[str]:
    return (
        []
        if value is None
        else [str(v) for v in value]
        if isinstance(value, list)
        else [str(value)]
    )


def _all(path: Path, parts: Iterable[Mapping[str, Any]], kind: str) -> list[Path]:
    found = dict.fromkeys(path.parent / file for part in parts for file in _files(part.get(kind)))
    return list(found)


def _rows(path: Path, needed: Iterable[str]) -> Iterator[_Row]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, delimiter="\t")
            heads = [head.strip() for head in table.fieldnames or ()]
            missing = [name for name in needed if name not in heads]
            if missing:
                raise DataError("Bad PEtab table", where=path.name,
                                why=f"it has no column {', '.join(missing)}",
                                fix=f"its columns are {', '.join(heads[:12])}")  # fmt: skip
            table.fieldnames = heads
            for cells in table:
                if any((cell or "").strip() for name, cell in cells.items() if name is not None):
                    yield _Row(path, table.line_num, cells)
    except (OSError, UnicodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or str(error)[:200]
        raise DataError("Cannot read a PEtab table", where=str(path)[:200], why=why,
                        fix="check the path and that the file is tab-separated text") from None  # fmt: skip


def _parameters(path: Path) -> Iterator[Parameter]:
    for row in _rows(path, ("parameterId", "parameterScale", "estimate")):
        scale = _scale(row, "parameterScale")
        yield Parameter(
            row.text("parameterId"),
            scale,
            row.number("nominalValue"),
            row.number("lowerBound"),
            row.number("upperBound"),
            estimated=row.number("estimate", 0.0) == 1.0,
            prior=_prior(row, "objectivePrior"),
            start=_prior(row, "initializationPrior"),
        )


def _prior(row: _Row, column: str) -> Prior | None:
    """Return a prior of a parameter, None where the table gives none.

    Raises:
        DataError: its kind is unknown, or its two numbers are no prior.
    """
    if row.text("priorType", ""):
        raise row.wrong("priorType", "this column is of a draft of PEtab",
                        "call it objectivePriorType")  # fmt: skip
    kind, numbers = row.text(f"{column}Type", ""), row.text(f"{column}Parameters", "")
    if not kind and not numbers:
        return None
    if kind not in _PRIORS:
        raise row.wrong(f"{column}Type", f"{kind!r} is not a prior that is supported",
                        f"choose one of {', '.join(_PRIORS)}")  # fmt: skip
    parts = _values(numbers)
    if len(parts) != 2 or not all(isinstance(v, float) and math.isfinite(v) for v in parts):
        raise row.wrong(f"{column}Parameters", f"{numbers!r} is not two numbers",
                        "separate two numbers by a semicolon")  # fmt: skip
    first, second = float(parts[0]), float(parts[1])
    if not (first < second if kind.lower().endswith("uniform") else second > 0):
        raise row.wrong(f"{column}Parameters", f"{numbers!r} is not a {kind} distribution",
                        "give lower and upper end, or centre and positive width")  # fmt: skip
    return Prior(kind, first, second)  # type: ignore[arg-type]


def _conditions(path: Path) -> Iterator[Condition]:
    for row in _rows(path, ("conditionId",)):
        values = {
            name: _value(cell.strip())
            for name, cell in row.cells.items()
            if name not in ("conditionId", "conditionName", "")
            and name is not None
            and (cell or "").strip() not in _EMPTY
        }
        yield Condition(row.text("conditionId"), values)


def _observables(path: Path) -> Iterator[Observable]:
    for row in _rows(path, ("observableId", "observableFormula")):
        distribution = row.text("noiseDistribution", "normal")
        if distribution not in ("normal", "laplace"):
            raise row.wrong("noiseDistribution", f"{distribution!r} is not known",
                            "choose normal or laplace")  # fmt: skip
        yield Observable(
            row.text("observableId"),
            row.text("observableFormula"),
            row.text("noiseFormula", "1"),
            _scale(row, "observableTransformation"),
            distribution,  # type: ignore[arg-type]
        )


def _scale(row: _Row, column: str) -> Scale:
    scale = row.text(column, "lin")
    if scale not in _SCALES:
        raise row.wrong(column, f"{scale!r} is not a scale", f"choose {', '.join(_SCALES)}")
    return scale  # type: ignore[return-value]


def _given(row: _Row, column: str) -> float:
    value = row.number(column)
    if value is None or math.isnan(value):
        raise row.wrong(column, "it is empty", "write a number")
    return value


def _values(text: str) -> tuple[Value, ...]:
    return tuple(_value(part.strip()) for part in text.split(";") if part.strip())


def _value(text: str) -> Value:
    try:
        return float(text)
    except ValueError:
        return text


def _check_names(problem: PetabProblem) -> None:
    """Check that measurements name observables and conditions that exist."""
    for m in problem.measurements:
        for name, table, what in (
            (m.observable, problem.observables, "observable"),
            (m.condition, problem.conditions, "condition"),
            (m.before, problem.conditions, "condition"),
        ):
            if name and name not in table:
                raise DataError(f"A measurement names an unknown {what}", where=problem.name,
                                why=f"there is no {what} {name!r}",
                                fix=did_you_mean(name, list(table), f"declare the {what}"))  # fmt: skip
