"""The short form of a schema: ``"mu [1/h] in 0..2 = 0.3, time [h] (time)"``."""

from __future__ import annotations

import re
from typing import Any

from catena.core.errors import SchemaError
from catena.core.spec import KINDS, Field

_FIELD = re.compile(
    r"""\s*(?P<name>[A-Za-z_][\w.]*)
    \s*(?::\s*(?P<kind>[A-Za-z_][\w|.\- ]*?))?
    \s*(?:\[(?P<unit>[^\]]*)\])?
    \s*(?:\((?P<shape>[\w\s,]*)\))?
    \s*(?:in\s+(?P<low>[-+\w.]+?)\.\.(?P<high>[-+\w.]+)
       |(?P<op>>=|>|<=|<)\s*(?P<limit>[-+\d.eE]+))?
    \s*(?:=\s*(?P<default>.+?))?\s*$""",
    re.VERBOSE,
)


def parse_fields(text: str) -> list[Field]:
    """Read the comma-separated short form; see ``Schema.parse``."""
    if not isinstance(text, str):
        raise SchemaError("Not a schema", where=repr(text)[:80], why="the short form is text",
                          fix='write "mu [1/h], x0 [g/L]"')  # fmt: skip
    return [_field(part) for part in _split(text)]


def _split(text: str) -> list[str]:
    """Split at commas outside brackets."""
    parts, depth, current = [], 0, ""
    for character in text:
        depth += (character in "[(") - (character in "])")
        if character == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += character
    return [part for part in [*parts, current] if part.strip()]


def _field(text: str) -> Field:
    match = _FIELD.fullmatch(text)
    if match is None:
        raise SchemaError(
            f"Cannot read the field {text.strip()[:80]!r}",
            where="schema text",
            why="a field is: name [unit] (dimensions) in low..high = default",
            fix='write for example "mu [1/h] in 0..2 = 0.3"',
        )
    parts = match.groupdict()
    data: dict[str, Any] = {"unit": (parts["unit"] or "").strip()}
    kind = (parts["kind"] or "").strip()
    if "|" in kind:
        data |= {"kind": "category", "choices": tuple(c.strip() for c in kind.split("|"))}
    elif kind:
        data["kind"] = kind
    if parts["shape"]:
        data["shape"] = tuple(dim.strip() for dim in parts["shape"].split(",") if dim.strip())
    data |= _limits(parts)
    if parts["default"] is not None:
        data["default"] = _default(parts["default"].strip(), data.get("kind", "real"))
    if kind and "|" not in kind and kind not in KINDS:
        raise SchemaError(f"Unknown kind {kind!r}", where=f"field {parts['name']!r}",
                          why=f"kinds are {', '.join(KINDS)}", fix="use one of these")  # fmt: skip
    return Field(parts["name"], **data)


def _limits(parts: dict[str, str | None]) -> dict[str, Any]:
    if parts["low"] is not None:
        return {"bounds": (_bound(parts["low"]), _bound(parts["high"] or ""))}
    if parts["op"] is None:
        return {}
    limit, is_open = _bound(parts["limit"] or ""), parts["op"] in (">", "<")
    if parts["op"].startswith(">"):
        return {"bounds": (limit, None), "low_open": is_open}
    return {"bounds": (None, limit), "high_open": is_open}


def _bound(text: str) -> float | None:
    if text.lower() in ("inf", "+inf", "-inf"):
        return None
    try:
        return float(text)
    except ValueError:
        raise SchemaError(f"Not a number: {text!r}", where="bounds in schema text",
                          why="bounds are numbers in the field's unit", fix="write 0..2") from None  # fmt: skip


def _default(text: str, kind: str) -> Any:
    if kind in ("real", "integer", "series", "spectrum"):
        try:
            return int(text) if kind == "integer" else float(text)
        except ValueError:
            raise SchemaError(f"Not a number: {text[:60]!r}", where="default in schema text",
                              why=f"the field is of kind {kind}", fix="write = 0.3") from None  # fmt: skip
    if kind == "boolean":
        return text.lower() == "true"
    return text
