"""Schemas for other systems: JSON schema for forms and REST, Arrow schema for storage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catena.core.errors import SchemaError
from catena.core.spec import Field, Schema

if TYPE_CHECKING:
    import pyarrow as pa

#: Where a property keeps its full Catena declaration.
EXTENSION = "x-catena"
_JSON_TYPES = {
    "real": "number", "integer": "integer", "boolean": "boolean", "series": "number",
    "spectrum": "number", "image": "number", "table": "object", "graph": "object",
}  # fmt: skip


def to_json_schema(schema: Schema) -> dict[str, Any]:
    """Return a JSON schema (draft 2020-12); each property carries its declaration."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {field.name: _property(field) for field in schema},
        "required": [field.name for field in schema if field.required],
        "additionalProperties": False,
    }


def _property(field: Field) -> dict[str, Any]:
    item: dict[str, Any] = {"type": _JSON_TYPES.get(field.kind, "string")}
    low, high = field.bounds
    if low is not None:
        item["exclusiveMinimum" if field.low_open else "minimum"] = low
    if high is not None:
        item["exclusiveMaximum" if field.high_open else "maximum"] = high
    if field.choices:
        item["enum"] = list(field.choices)
    if field.columns is not None:
        item |= {"properties": to_json_schema(field.columns)["properties"]}
    for _ in field.shape:
        item = {"type": "array", "items": item}
    plain = field.to_dict()
    item |= {"title": field.label, EXTENSION: plain}
    if field.doc:
        item["description"] = field.doc
    if "default" in plain:
        item["default"] = plain["default"]
    return item


def from_json_schema(data: Mapping[str, Any]) -> Schema:
    """Rebuild the schema that produced ``data``.

    Raises:
        SchemaError: a property does not carry a Catena declaration.
    """
    try:
        return Schema(Field.from_dict(item[EXTENSION]) for item in data["properties"].values())
    except (KeyError, TypeError, AttributeError) as error:
        raise SchemaError(
            "Not a Catena JSON schema",
            where="JSON schema",
            why=f"missing {error}",
            fix=f"use a document made by Schema.to_json_schema (its properties carry {EXTENSION})",
        ) from None


def to_arrow(schema: Schema) -> pa.Schema:
    """Return an Arrow schema with unit and documentation in each column's metadata."""
    import pyarrow as pa

    return pa.schema([_arrow_field(pa, field) for field in schema])


def _arrow_field(pa: Any, field: Field) -> Any:
    kinds = {"integer": pa.int64(), "boolean": pa.bool_()}
    numeric = field.kind in ("real", "series", "spectrum", "image")
    kind = pa.float64() if numeric else kinds.get(field.kind, pa.string())
    if field.columns is not None:
        kind = pa.struct([_arrow_field(pa, column) for column in field.columns])
    for _ in field.shape:
        kind = pa.list_(kind)
    metadata = {"unit": field.unit, "doc": field.doc, EXTENSION: json.dumps(field.to_dict())}
    return pa.field(field.name, kind, nullable=field.optional, metadata=metadata)
