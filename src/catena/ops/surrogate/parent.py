"""The model to be replaced, asked at points of a space for its whole outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.core.errors import InputError, SolverError, did_you_mean
from catena.core.model import Model
from catena.core.spec import NUMERIC, Field, Schema
from catena.core.values import Batch, take
from catena.core.work import Work
from catena.ops.lift import lift
from catena.ops.space import Space
from catena.ops.surrogate.reading import readings, set_inputs

#: Rows asked for in one call.
_BLOCK = 50_000


@final
@dataclass(frozen=True)
class Rows:
    """Points and what the model gave there.

    Args:
        x: Points (n, d) that could be evaluated.
        values: Outputs (n, *shape) by name.
        failed: Points (f, d) that could not be.
        failures: Why they could not.
    """

    x: np.ndarray
    values: dict[str, np.ndarray]
    failed: np.ndarray
    failures: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)

    def joined(self, other: Rows) -> Rows:
        """Return these rows followed by others."""
        return Rows(
            np.concatenate([self.x, other.x]),
            {name: np.concatenate([old, other.values[name]]) for name, old in self.values.items()},
            np.concatenate([self.failed, other.failed]),
            self.failures + other.failures,
        )


@final
class Parent:
    """Evaluates points of a space to whole outputs.

    Args:
        model: Model or chain; parameters the space varies become inputs.
        space: What varies.
        of: Outputs wanted; all numeric ones by default.
        given: Values of the other inputs (one row), with units as text.
        key: Seed of a stochastic model.
        work: Keeps evaluated batches by content key.

    Raises:
        InputError: a name is unknown, an output is no number, or values do not fit.
    """

    def __init__(
        self,
        model: Model,
        space: Space,
        of: str | Sequence[str] | None,
        given: Mapping[str, Any] | None,
        key: int,
        work: Work,
    ) -> None:
        shared = tuple(dict.fromkeys(v.port for v in space.variables if v.place == "param"))
        self.source, self.space, self.key, self.work = model, space, key, work
        self.model = lift(model, shared) if shared else model
        self.outputs = Schema(_wanted(model, of))
        self.given = dict(given or {})
        self.where = readings(space, self.model.inputs)
        self.base = self._checked()
        self.calls = 0

    @property
    def fixed(self) -> dict[str, Any]:
        """Values of the inputs that do not vary, as arrays of one row."""
        whole = {reading.port for reading in self.where if reading.position is None}
        return {name: value for name, value in self.base.items() if name not in whole}

    def __call__(self, x: np.ndarray, label: str) -> Rows:
        """Return what the model gives at points (n, d); points that fail are left out.

        Args:
            x: Points.
            label: What they are for; rows are kept under it.
        """
        identity = ("surrogate rows", self.model.key, self.base.key, self.outputs.names, self.key)
        kept = self.work.kept((*identity, label, x), lambda: self._evaluated(x))
        self.calls += len(x)
        good = np.asarray(kept["good"], dtype=bool)
        values = {name: np.asarray(kept["values"][name], float) for name in self.outputs.names}
        return Rows(x[good], values, x[~good], tuple(kept["failures"]))

    def _evaluated(self, x: np.ndarray) -> dict[str, Any]:
        good = np.zeros(len(x), bool)
        parts: list[tuple[np.ndarray, dict[str, np.ndarray]]] = []
        failures: list[str] = []
        for group in self._groups(x):
            for start in range(0, len(group), _BLOCK):
                rows = group[start : start + _BLOCK]
                fine, values, bad = self._call(x[rows])
                good[rows[fine]] = True
                parts.append((rows[fine], values))
                failures += bad
        order = np.argsort(np.concatenate([rows for rows, _ in parts]), kind="stable")
        found = [values for rows, values in parts if len(rows)]
        if not found:
            raise SolverError("The model gave nothing", where=f"model {self.source.info.id}",
                              why=failures[0] if failures else "no point was asked for",
                              fix="check the ranges with predict()")  # fmt: skip
        lengths = {name: {part[name].shape[1:] for part in found} for name in self.outputs.names}
        for name, shapes in lengths.items():
            if len(shapes) > 1:
                raise InputError(f"Output {name!r} differs in length", where=f"model {self.source.info.id}",
                                 why=f"shapes {sorted(shapes)} were given",
                                 fix="fix what sets its length, or leave the output out")  # fmt: skip
        values = {
            name: np.concatenate([part[name] for part in found])[order]
            for name in self.outputs.names
        }
        return {"good": good, "values": values, "failures": failures}

    def _call(self, x: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray], list[str]]:
        """Return which points could be evaluated, their outputs, and why the others could not."""
        batch = Batch(
            self.model.inputs,
            set_inputs(self.where, x, self.base.values_, self.model.inputs),
            len(x),
        )
        faults = {fault.row: fault.why for fault in self.model._check(batch)}
        keep = np.array(
            [row for row in range(len(x)) if row not in faults and -1 not in faults], int
        )
        failures = list(faults.values())
        if not len(keep):
            return keep, {}, failures
        if len(keep) < len(x):
            values = {name: take(value, keep) for name, value in batch.items()}
            batch = Batch(self.model.inputs, values, len(keep))
        try:
            result = self.model.predict(batch, key=self.key, on_error="skip")
        except SolverError as error:
            return np.zeros(0, int), {}, [*failures, f"{error.what}: {error.why}"]
        fine = np.array([text == "ok" for text in result.status])
        failures += [text for text in result.status if text != "ok"]
        found = {name: np.asarray(result.values_[name], float) for name in self.outputs.names}
        return keep[fine], found, failures

    def _groups(self, x: np.ndarray) -> list[np.ndarray]:
        """Split rows so that inputs that select a method agree within a call."""
        statics = [k for k, r in enumerate(self.where) if r.port in self.model.static_fields]
        if not statics or not len(x):
            return [np.arange(len(x))]
        _, group = np.unique(x[:, statics], axis=0, return_inverse=True)
        return [np.flatnonzero(group.ravel() == k) for k in range(int(group.max()) + 1)]

    def _checked(self) -> Batch:
        """Check all inputs once, those that vary at the middle of the space."""
        where = f"model {self.source.info.id}"
        whole = {reading.port for reading in self.where if reading.position is None}
        twice = sorted(set(self.given) & whole)
        if twice:
            raise InputError(f"{', '.join(twice)} both fixed and varied", where=where,
                             why="an input is one or the other", fix="drop it from one of them")  # fmt: skip
        middle = self.space.from_unit(np.full((1, self.space.dim), 0.5))[0]
        values = dict(self.given)
        for variable, number in zip(self.space.variables, middle, strict=True):
            if variable.position is None:
                text = variable.text(float(number))
                values[variable.port] = text == "yes" if variable.kind == "boolean" else text
        batch = self.model.inputs.validate(values, where=where)
        if batch.size != 1:
            raise InputError("One value per fixed input", where=where,
                             why=f"{batch.size} rows were given", fix="give one row, or vary the input")  # fmt: skip
        return batch


def _wanted(model: Model, of: str | Sequence[str] | None) -> list[Field]:
    """Return the outputs to learn; by default all that are numbers, curves or fields."""
    where = f"model {model.info.id}"
    if of is None:
        fields = [f for f in model.outputs if f.kind in NUMERIC and not f.ragged]
        if not fields:
            raise InputError("Nothing to learn", where=where, why="the model has no numeric output",
                             fix="choose another model")  # fmt: skip
        return fields
    names = [of] if isinstance(of, str) else list(of)
    known = [f.name for f in model.outputs]
    for name in names:
        if name not in known:
            raise InputError(f"No output {name!r}", where=where, why=f"the outputs are {', '.join(known[:12])}",
                             fix=did_you_mean(name, known, "see describe()"))  # fmt: skip
        if model.outputs[name].kind not in NUMERIC or model.outputs[name].ragged:
            raise InputError(f"Cannot learn {name!r}", where=where, why="it is not made of numbers of one length",
                             fix="name a numeric output")  # fmt: skip
    return [model.outputs[name] for name in dict.fromkeys(names)]
