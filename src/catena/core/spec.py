"""What goes in and out of a Model: fields with units, kinds, shapes and bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, final, get_args

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from catena.core.distribution import Distribution
from catena.core.errors import SchemaError, did_you_mean
from catena.core.identity import content_key

if TYPE_CHECKING:
    import pyarrow as pa

    from catena.core.values import Batch

Kind = Literal[
    "real", "integer", "category", "boolean", "sequence", "molecule", "structure",
    "series", "spectrum", "image", "table", "graph", "text",
]  # fmt: skip
KINDS: tuple[str, ...] = get_args(Kind)
#: Kinds held as floating-point arrays.
NUMERIC = frozenset({"real", "series", "spectrum", "image"})
#: Kinds held as arrays of Python objects (text, structures, graphs).
OBJECTS = frozenset({"sequence", "molecule", "structure", "graph", "text"})

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
#: Units spelled so often that parsing them again would only cost start-up time.
_KNOWN_UNITS = frozenset(
    ("", "mg", "g", "kg", "L", "mL", "mg/L", "umol/L", "h", "1/h", "L/h", "mg*h/L", "cm", "year")
)


class Field(BaseModel):
    """One named, typed, unit-carrying port or column.

    Args:
        name: Identifier; dots are allowed for ports of chain nodes.
        unit: Unit text; "" means dimensionless.
        kind: What the values are (real, integer, category, molecule, table, ...).
        shape: Named dimensions without the batch axis, e.g. ``("time",)``.
        labels: Names of the positions along the first dimension (fixes its length).
        bounds: Inclusive (low, high) in ``unit``; None leaves a side open.
        low_open: The low bound itself is not allowed (``> 0``).
        high_open: The high bound itself is not allowed.
        default: Value used when none is given (in ``unit``); None makes the field required.
        optional: The field may be absent altogether; the author's method must cope.
        scale: ``log`` for quantities that vary by factors.
        distribution: Prior or population distribution, in ``unit``.
        choices: Allowed texts of a category; inside a model a category is its index here.
        columns: Schema of a table's columns.
        ragged: Rows may differ in length along the first dimension (padded with a mask).
        doc: One sentence for people.
        ontology: Optional CURIE such as ``CHEBI:6931``.
        title: Short label for forms and plots.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True, extra="forbid")

    name: str
    unit: str = ""
    kind: Kind = "real"
    shape: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    bounds: tuple[float | None, float | None] = (None, None)
    low_open: bool = False
    high_open: bool = False
    default: Any = None
    optional: bool = False
    scale: Literal["linear", "log"] = "linear"
    distribution: Distribution | None = None
    choices: tuple[str, ...] = ()
    columns: Schema | None = None
    ragged: bool = False
    doc: str = ""
    ontology: str | None = None
    title: str = ""

    def __init__(self, name: str | None = None, /, **data: Any) -> None:
        if name is not None:
            data["name"] = name
        try:
            super().__init__(**data)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"]) or "declaration"
            raise SchemaError(
                f"Bad field {data.get('name')!r}",
                where=f"field {str(data.get('name'))[:60]!r}, {place}",
                why=str(first["msg"]).removeprefix("Value error, "),
                fix=did_you_mean(place, type(self).model_fields, "correct this part"),
            ) from None

    @model_validator(mode="after")
    def _sound(self) -> Field:
        if len(self.name) > 120 or not _NAME.fullmatch(self.name):
            raise ValueError("a name is letters, digits and _ (dots between node and port)")
        if self.unit not in _KNOWN_UNITS:
            from catena.core.errors import UnitError
            from catena.core.units import check_unit

            try:
                check_unit(self.unit)
            except UnitError as error:
                raise ValueError(f"{error.what}: {error.why}; {error.fix}") from None
        low, high = self.bounds
        if any(bound is not None and np.isnan(bound) for bound in self.bounds):
            raise ValueError("bounds cannot be NaN")
        if low is not None and high is not None and low > high:
            raise ValueError(f"bounds ({low}, {high}) are the wrong way round")
        if (self.kind == "category") != bool(self.choices):
            raise ValueError("a category, and only a category, needs choices")
        if (self.kind == "table") != (self.columns is not None):
            raise ValueError("a table, and only a table, needs columns")
        if self.kind == "table" and len(self.shape) != 1:
            raise ValueError('a table has exactly one row dimension, e.g. shape=("event",)')
        if self.ragged and not self.shape:
            raise ValueError("only a field with a dimension can be ragged")
        if self.labels and not self.shape:
            raise ValueError("labels name the positions of a dimension; give shape")
        if len(set(self.shape)) != len(self.shape):
            raise ValueError("dimension names repeat")
        return self

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is None and not self.optional

    @property
    def label(self) -> str:
        """Name and unit for axes and column heads, e.g. ``cmax [mg/L]``."""
        text = self.title or self.name
        return f"{text} [{self.unit}]" if self.unit else text

    def with_(self, **changes: Any) -> Field:
        """Return a copy with some parts replaced (checked like a new field)."""
        data = {name: getattr(self, name) for name in type(self).model_fields}
        return Field(**{**data, **changes})

    def to_dict(self) -> dict[str, Any]:
        """Return plain data holding only what differs from a bare field."""
        data: dict[str, Any] = {}
        for name, info in type(self).model_fields.items():
            value = getattr(self, name)
            if name == "name" or not _same(value, info.default):
                data[name] = _plain_part(value)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Field:
        """Rebuild a field from ``to_dict``.

        Raises:
            SchemaError: the data does not describe a field.
        """
        if not isinstance(data, Mapping):
            raise SchemaError("Bad field", where=repr(data)[:80], why="not a mapping",
                              fix='give {"name": ..., "unit": ...}')  # fmt: skip
        parts = {str(name): value for name, value in data.items()}
        if isinstance(parts.get("columns"), (list, tuple)):
            parts["columns"] = Schema.from_dict(parts["columns"])
        for name in ("shape", "choices", "bounds", "labels"):
            if isinstance(parts.get(name), list):
                parts[name] = tuple(parts[name])
        return cls(**parts)


def _same(value: Any, default: Any) -> bool:
    if isinstance(value, np.ndarray) or isinstance(default, np.ndarray):
        return False
    return bool(value == default)


def _plain_part(value: Any) -> Any:
    if isinstance(value, Schema):
        return value.to_dict()
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return list(value)
    return value


@final
class Schema:
    """An ordered, immutable set of fields.

    Args:
        fields: The fields; names must differ.

    Raises:
        SchemaError: two fields share a name.
    """

    __slots__ = ("_fields", "_key")

    def __init__(self, fields: Iterable[Field] = ()) -> None:
        table: dict[str, Field] = {}
        for field in fields:
            if not isinstance(field, Field):
                raise SchemaError("A schema holds fields", where=repr(field)[:80],
                                  why=f"got {type(field).__name__}", fix="give Field objects")  # fmt: skip
            if field.name in table:
                raise SchemaError(
                    f"Field {field.name!r} is declared twice",
                    where="schema",
                    why="names identify ports",
                    fix="rename one of them",
                )
            table[field.name] = field
        self._fields = table
        self._key: str | None = None

    @classmethod
    def parse(cls, text: str | Schema) -> Schema:
        """Read the short form, e.g. ``"mu [1/h] in 0..2 = 0.3, time [h] (time)"``.

        Each field is ``name [unit] (dimensions) in low..high = default``; every part but the
        name may be left out. ``> 0`` and ``>= 0`` stand for one-sided bounds, ``name: integer``
        for a kind, ``name: male|female`` for a category.

        Raises:
            SchemaError: the text is not a list of fields.
        """
        if isinstance(text, Schema):
            return text
        from catena.core.shorthand import parse_fields

        return cls(parse_fields(text))

    @property
    def names(self) -> tuple[str, ...]:
        """Field names in order."""
        return tuple(self._fields)

    @property
    def units(self) -> dict[str, str]:
        """Unit text by field name."""
        return {name: field.unit for name, field in self._fields.items()}

    @property
    def key(self) -> str:
        """Content key of the declaration."""
        if self._key is None:
            self._key = content_key([field.to_dict() for field in self])
        return self._key

    def __getitem__(self, name: str) -> Field:
        try:
            return self._fields[name]
        except KeyError:
            raise SchemaError(
                f"No field {name!r}",
                where="schema",
                why=f"the fields are {', '.join(self.names[:12]) or 'none'}",
                fix=did_you_mean(name, self.names, "use one of these"),
            ) from None

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Schema({', '.join(field.label for field in self)})"

    def select(self, names: Iterable[str]) -> Schema:
        """Return the sub-schema with the given names, in the given order."""
        return Schema(self[name] for name in names)

    def replace(self, **changes: Field) -> Schema:
        """Return a schema with some fields replaced by name."""
        for name in changes:
            self[name]
        return Schema(changes.get(field.name, field) for field in self)

    def with_defaults(self, defaults: Mapping[str, Any]) -> Schema:
        """Return a schema whose named fields have new defaults (already in field units)."""
        return self.replace(**{n: self[n].with_(default=v) for n, v in defaults.items()})

    def to_dict(self) -> list[dict[str, Any]]:
        """Return plain data from which ``from_dict`` rebuilds an equal schema."""
        return [field.to_dict() for field in self]

    @classmethod
    def from_dict(cls, data: Iterable[Mapping[str, Any]]) -> Schema:
        """Rebuild a schema from ``to_dict``."""
        if isinstance(data, (str, bytes, Mapping)) or not isinstance(data, Iterable):
            raise SchemaError("Bad schema", where=repr(data)[:80], why="not a list of fields",
                              fix='give [{"name": ...}, ...]')  # fmt: skip
        return cls(Field.from_dict(item) for item in data)

    def to_json_schema(self) -> dict[str, Any]:
        """Return a JSON schema (draft 2020-12) for forms and REST; see ``from_json_schema``."""
        from catena.core.exchange import to_json_schema

        return to_json_schema(self)

    @classmethod
    def from_json_schema(cls, data: Mapping[str, Any]) -> Schema:
        """Rebuild the schema that produced a JSON schema."""
        from catena.core.exchange import from_json_schema

        return from_json_schema(data)

    def to_arrow(self) -> pa.Schema:
        """Return an Arrow schema; units and documentation ride in the column metadata."""
        from catena.core.exchange import to_arrow

        return to_arrow(self)

    def validate(
        self,
        values: Any,
        *,
        on_error: Literal["raise", "skip"] = "raise",
        partial: bool = False,
        where: str = "input",
    ) -> Batch:
        """Check and convert values given by a person into a Batch in this schema's units.

        Args:
            values: Mapping of names to values, a DataFrame or a list of records. Values may be
                numbers, arrays, texts with units ("100 mg", "0:24:0.5 h") or (value, unit).
            on_error: ``skip`` drops bad rows and keeps their faults in ``Batch.faults``.
            partial: Allow required fields to be absent.
            where: Named in errors.

        Returns:
            Arrays with a leading batch axis (length 1 where one value serves all rows).

        Raises:
            InputError: every fault found, with row numbers.
        """
        from catena.core.border import validate

        return validate(self, values, on_error=on_error, partial=partial, where=where)


Field.model_rebuild()
