"""A Model: a pure function from named, typed, unit-carrying inputs to named outputs."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from catena.core.backend import backend_of
from catena.core.border import input_error
from catena.core.code import code_key
from catena.core.errors import InputError, RowFault, SchemaError, did_you_mean
from catena.core.identity import content_key
from catena.core.result import Result
from catena.core.spec import Schema
from catena.core.values import Batch, take

if TYPE_CHECKING:
    import pandas as pd

Backend = Literal["jax", "torch", "numpy", "external"]


class ModelInfo(BaseModel):
    """Who a model is: id ``shelf.topic[.variant]``, version, scale, backend, source, licence."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    version: str = "0.1.0"
    title: str = ""
    scale: str = ""
    backend: Backend = "numpy"
    doc: str = ""
    citation: str = ""
    licence: str = "Apache-2.0"
    tags: tuple[str, ...] = ()


class Capabilities(BaseModel):
    """What a model can do; callers choose methods by these flags."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    batch: bool = True
    gradient: bool = False
    stochastic: bool = False
    dynamic: bool = False
    uncertainty: bool = False
    gpu: bool = False


class Model(ABC):
    """A pure function with declared inputs, outputs and parameters.

    Authors set ``info``, ``inputs``, ``outputs`` (and ``params``, ``capabilities``) and write
    ``_predict``. Everything a person calls (checks, units, gradients, what-if) is here once.

    Attributes:
        static_fields: Inputs handed to ``_predict`` as plain Python values (texts for
            categories); all rows of a call must agree on them.
    """

    info: ModelInfo
    inputs: Schema
    outputs: Schema
    params: Schema = Schema()
    capabilities: Capabilities = Capabilities()
    static_fields: tuple[str, ...] = ()
    #: Optional: returns sensible inputs for the contract suite where random ones make no sense.
    example_inputs: Callable[[], Mapping[str, Any]] | None = None

    @abstractmethod
    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        """Compute outputs (n, *shape) for checked inputs (n, *shape); pure, rows independent.

        Args:
            batch: Arrays in the declared units; categories are indices into ``choices``.
            params: Parameter values in the declared units.
            key: 64-bit random key (an integer), to be used by stochastic models only.
        """

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        """Return faults that involve several fields; the schema has already been checked."""
        return []

    def _domain(self, batch: Mapping[str, Any]) -> np.ndarray | None:
        """Return per row whether the model is used inside its domain, or None if not stated."""
        return None

    def _diagnose(
        self, batch: Mapping[str, Any], values: dict[str, Any]
    ) -> tuple[dict[str, Any], list[RowFault]]:
        """Return diagnostics of a finished call and faults of rows that failed in it."""
        return {}, []

    # What a person calls -----------------------------------------------------------------

    def predict(
        self,
        batch: Any = None,
        /,
        *,
        key: int = 0,
        on_error: Literal["raise", "skip"] = "raise",
        **inputs: Any,
    ) -> Result:
        """Check the inputs, convert their units, compute, and return the one result type.

        Args:
            batch: Mapping, DataFrame or list of records; ``inputs`` add to or override it.
            key: Seed of a stochastic model.
            on_error: ``skip`` drops bad rows and reports them in ``Result.status``.
            **inputs: Values by field name: numbers, arrays, texts with units.

        Returns:
            Outputs with units, domain flag, diagnostics and provenance.

        Raises:
            InputError: values do not fit the schema; all bad rows are listed.
            SolverError: the computation failed.
        """
        checked = self._checked(batch, inputs, on_error)
        checked, values, diagnostics, domain = self._outcome(checked, key, on_error)
        status = ["ok"] * checked.given
        for fault in checked.faults:
            if status[fault.row] == "ok":
                status[fault.row] = f"{fault.field}: {fault.why}" if fault.field else fault.why
        return Result(
            self.outputs,
            values,
            checked.size,
            inputs=checked,
            in_domain=domain,
            status=status,
            diagnostics=diagnostics,
            provenance=self._provenance(checked, key, diagnostics.get("warnings", ())),
            model=self,
        )

    def evaluate(self, batch: Mapping[str, Any], size: int, key: int = 0) -> dict[str, Any]:
        """Compute without checks: arrays in declared units in, arrays out (the fast path).

        Args:
            batch: Values as in ``Batch`` (constants may have length 1).
            size: Number of rows.
            key: 64-bit seed.

        Returns:
            NumPy arrays (size, *shape) by output name.
        """
        return backend_of(self.info.backend).call(self, batch, size, key)

    def at(self, **changes: Any) -> Self:
        """Return a new model with changed parameters or input defaults (values may carry units).

        Raises:
            InputError: a name is neither an input nor a parameter, or a value does not fit.
        """
        for name in changes:
            if name not in self.inputs and name not in self.params:
                raise InputError(
                    f"Cannot change {name!r}",
                    where=f"model {self.info.id}",
                    why="it is neither an input nor a parameter",
                    fix=did_you_mean(
                        name, (*self.inputs.names, *self.params.names), "see describe()"
                    ),
                )
        new = copy.copy(self)
        for cached in [
            n for n in new.__dict__ if isinstance(getattr(type(self), n, None), cached_property)
        ]:
            del new.__dict__[cached]
        new.__dict__["params"] = _changed(self.params, changes, f"parameter of {self.info.id}")
        new.__dict__["inputs"] = _changed(self.inputs, changes, f"input of {self.info.id}")
        return new

    def __enter__(self) -> Self:
        """Enter ``with model.at(...) as variant``."""
        return self

    def __exit__(self, *exc: object) -> None:
        """Leave the block; the original never changed."""

    def jacobian(
        self,
        batch: Any = None,
        /,
        *,
        of: str | tuple[str, ...] | None = None,
        wrt: str | tuple[str, ...] | None = None,
        mode: Literal["auto", "forward", "reverse", "difference"] = "auto",
        key: int = 0,
        **inputs: Any,
    ) -> dict[tuple[str, str], np.ndarray]:
        """Return exact derivatives of outputs to inputs, row by row.

        Args:
            batch: Inputs as for ``predict``.
            of: Output names (all numeric ones by default).
            wrt: Input or parameter names (all real inputs by default).
            mode: ``auto`` takes the cheaper exact mode, or central differences when the model
                has no gradient (recorded in the warnings of ``predict``).
            key: 64-bit seed.
            **inputs: Values by field name.

        Returns:
            Arrays (n, *output shape, *input shape) by (output, input).
        """
        from catena.core.gradient import jacobian

        checked = self._checked(batch, inputs, "raise")
        return jacobian(self, checked, of, wrt, mode, key)

    def jvp(
        self, batch: Mapping[str, Any], tangents: Mapping[str, Any], size: int, key: int = 0
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return outputs and their directional derivatives (forward mode), unchecked."""
        return backend_of(self.info.backend).jvp(self, batch, tangents, size, key)

    def vjp(
        self, batch: Mapping[str, Any], cotangents: Mapping[str, Any], size: int, key: int = 0
    ) -> dict[str, Any]:
        """Return gradients of ``sum(cotangent * output)`` to the real inputs (reverse mode)."""
        return backend_of(self.info.backend).vjp(self, batch, cotangents, size, key)

    def explain(self, inputs: Batch, of: str, row: int = 0) -> pd.DataFrame:
        """Rank the real inputs by what they do to an output at one row.

        Returns:
            Columns: input, value, unit, elasticity (relative change of the output per relative
            change of the input), effect of one standard deviation where a distribution is
            declared.
        """
        from catena.core.gradient import explain

        return explain(self, inputs, of, row)

    # What the rest of Catena asks ----------------------------------------------------------

    @cached_property
    def key(self) -> str:
        """Content key: code, declaration and parameter values."""
        return content_key(self._identity())

    def _identity(self) -> dict[str, Any]:
        return {
            "id": self.info.id,
            "version": self.info.version,
            "code": code_key(type(self)),
            "inputs": self.inputs.key,
            "outputs": self.outputs.key,
            "params": self.params.key,
        }

    def __copy__(self) -> Self:
        """Return a twin for ``at``; it shares compiled code, which takes parameters as arguments."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        return new

    def __getstate__(self) -> dict[str, Any]:
        """Leave compiled code and cached values behind when travelling; a worker makes its own."""
        return {
            name: value
            for name, value in self.__dict__.items()
            if name != "_compiled"
            and not isinstance(getattr(type(self), name, None), cached_property)
        }

    @cached_property
    def param_values(self) -> dict[str, Any]:
        """Parameter values as arrays without batch axis; static ones as plain Python values."""
        batch = self.params.validate({}, where=f"parameters of {self.info.id}")
        return {
            name: self.params[name].choices[int(value[0])]
            if self.params[name].kind == "category"
            else value[0]
            for name, value in batch.items()
        }

    def describe(self) -> dict[str, Any]:
        """Return everything declared about the model as plain data."""
        return {
            **self.info.model_dump(mode="json"),
            "capabilities": self.capabilities.model_dump(),
            "inputs": self.inputs.to_dict(),
            "outputs": self.outputs.to_dict(),
            "params": self.params.to_dict(),
        }

    def __repr__(self) -> str:
        return f"<{self.info.id} {self.info.version}: {', '.join(self.inputs.names)} -> {', '.join(self.outputs.names)}>"

    def _checked(
        self, batch: Any, inputs: Mapping[str, Any], on_error: Literal["raise", "skip"]
    ) -> Batch:
        where = f"model {self.info.id}"
        if isinstance(batch, Batch) and not inputs and batch.schema is self.inputs:
            return batch
        if batch is None:
            given: Any = dict(inputs)
        elif not inputs:
            given = batch
        else:
            from catena.core.border import _mapping

            given = {**_mapping(batch, where), **inputs}
        checked = self.inputs.validate(given, on_error=on_error, where=where)
        faults = self._check(checked)
        if any(fault.row < 0 for fault in faults) or (faults and on_error == "raise"):
            raise input_error(faults, where)
        return _without(checked, faults) if faults else checked

    def _outcome(
        self,
        checked: Batch,
        key: int,
        on_error: Literal["raise", "skip"],
        values: dict[str, Any] | None = None,
    ) -> tuple[Batch, dict[str, Any], dict[str, Any], np.ndarray | None]:
        """Compute checked rows and judge them: the kept rows, values, diagnostics and domain.

        Args:
            checked: Checked inputs.
            key: 64-bit seed.
            on_error: ``skip`` drops rows that failed.
            values: Outputs when they are known already (a chain that cached them).
        """
        if values is None:
            values = self.evaluate(checked.values_, checked.size, key)
        diagnostics, faults = self._diagnose(checked, values)
        faults += _not_finite(self.outputs, values, {fault.row for fault in faults})
        if faults:
            checked, values = self._drop(checked, values, faults, on_error)
        return checked, values, diagnostics, self._domain(checked)

    def _drop(
        self, checked: Batch, values: dict[str, Any], faults: list[RowFault], on_error: str
    ) -> tuple[Batch, dict[str, Any]]:
        """Drop rows that failed during the computation, or raise."""
        from catena.core.errors import SolverError

        if on_error == "raise" or any(fault.row < 0 for fault in faults):
            error = input_error(faults, f"model {self.info.id}")
            raise SolverError(
                f"{self.info.id} failed on {len({f.row for f in faults})} of {checked.size} rows",
                where=f"model {self.info.id}",
                why=error.why,
                fix='check these rows, or pass on_error="skip" to keep the others',
                details=error.details,
            )
        bad = {fault.row for fault in faults}
        keep = np.array([row for row in range(checked.size) if row not in bad], dtype=int)
        values = {
            name: array.take(keep) if hasattr(array, "mask") else array[keep]
            for name, array in values.items()
        }
        return _without(checked, faults), values

    def _provenance(self, checked: Batch, key: int, warnings: Sequence[str] = ()) -> dict[str, Any]:
        record: dict[str, Any] = {
            "model": self.info.id,
            "version": self.info.version,
            "model_key": self.key,
            "inputs_key": checked.key,
            "seed": key,
            "backend": self.info.backend,
            "warnings": list(warnings),
        }
        if not self.capabilities.gradient:
            record["gradient"] = "central differences"
        return record


def _changed(schema: Schema, changes: Mapping[str, Any], where: str) -> Schema:
    """Return the schema with new defaults for those of ``changes`` it holds."""
    mine = {name: value for name, value in changes.items() if name in schema}
    if not mine:
        return schema
    batch = schema.select(mine).validate(mine, where=where)
    if batch.size != 1:
        raise SchemaError("at() takes one value per name", where=where,
                          why=f"{batch.size} rows were given", fix="pass rows to predict()")  # fmt: skip
    defaults = {}
    for name, value in batch.items():
        field = schema[name]
        if field.kind == "category":
            defaults[name] = field.choices[int(value[0])]
        elif field.kind == "table" or field.shape:
            defaults[name] = value if hasattr(value, "mask") else value[0]
        else:
            defaults[name] = value[0].item() if hasattr(value[0], "item") else value[0]
    return schema.with_defaults(defaults)


def _without(checked: Batch, faults: list[RowFault]) -> Batch:
    """Return the batch without the faulty rows; rows in the faults become rows as given."""
    bad = {fault.row for fault in faults}
    keep = np.array([row for row in range(checked.size) if row not in bad], dtype=int)
    values = {
        name: take(value, keep) if checked.size > 1 else (value if len(keep) else _empty(value))
        for name, value in checked.items()
    }
    moved = tuple(f._replace(row=int(checked.rows[f.row])) for f in faults)
    return Batch(
        checked.schema, values, len(keep), checked.rows[keep], checked.given, checked.faults + moved
    )


def _empty(value: Any) -> Any:
    rows = np.array([], dtype=int)
    return value.take(rows) if hasattr(value, "mask") else value[rows]


def _not_finite(schema: Schema, values: Mapping[str, Any], known: set[int]) -> list[RowFault]:
    """Find rows with NaN or infinite outputs; no result may carry them silently."""
    faults = []
    for field in schema:
        array = values.get(field.name)
        if array is None or not isinstance(array, np.ndarray) or array.dtype.kind != "f":
            continue
        if not array.size:
            continue
        bad = ~np.isfinite(array.reshape(len(array), -1)).all(axis=1)
        faults += [
            RowFault(int(row), field.name, "the output is not finite")
            for row in np.flatnonzero(bad)
            if int(row) not in known
        ]
    return faults
