"""Reads and writes compound cards; names every fault of a bad card at once."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from catena.core.errors import DataError, SchemaError, closest
from catena.formats.compound.card import Card

_SHIPPED = Path(__file__).with_name("cards")


def cards() -> tuple[str, ...]:
    """Returns the names of the cards that Catena ships."""
    return tuple(sorted(path.stem for path in _SHIPPED.glob("*.yaml")))


def load_card(card: str | Path) -> Card:
    """Loads a shipped card by name, or a card from a file.

    Args:
        card: A name such as ``"midazolam"``, or the path of a ``.yaml`` file.

    Raises:
        DataError: There is no such card or file.
        SchemaError: The file is not a card; all faults are listed.
    """
    path = Path(card)
    if path.suffix.lower() not in (".yaml", ".yml"):
        path = _shipped(str(card))
    if not path.is_file():
        raise DataError(
            f"no compound card at {str(path)[:120]!r}",
            where="formats.compound",
            why="the file does not exist",
            fix=f"give an existing .yaml file or one of {', '.join(cards())}",
        )
    return _read(path, path.stat().st_mtime_ns)


def parse_card(text: str, where: str = "compound card") -> Card:
    """Reads a card from YAML text.

    Args:
        text: The YAML document.
        where: Name of its origin, for error messages.

    Raises:
        SchemaError: The text is not a card; all faults are listed.
    """
    try:
        data = yaml.load(text, Loader=_StrictLoader)
    except yaml.YAMLError as error:
        raise SchemaError(
            "the card is not valid YAML",
            where=where,
            why=str(error).replace("\n", " "),
            fix="correct the YAML at the line named",
        ) from error
    if not isinstance(data, Mapping):
        raise SchemaError(
            "the card is not a mapping",
            where=where,
            why=f"it holds a {type(data).__name__}",
            fix="start with name:, smiles: and properties:",
        )
    try:
        return Card.model_validate(data)
    except ValidationError as error:
        raise _explain(error, where) from None


def dump_card(card: Card) -> str:
    """Writes a card as YAML that ``parse_card`` reads back to an equal card."""
    data = card.model_dump(mode="json", exclude_defaults=True)
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=96)


@functools.lru_cache(maxsize=64)
def _read(path: Path, modified: int) -> Card:
    del modified  # part of the cache key, so that an edited file is read again
    return parse_card(path.read_text(encoding="utf-8"), where=str(path))


def _shipped(name: str) -> Path:
    stem = name.strip().lower()
    if stem not in cards():
        near = closest(stem, cards())
        raise DataError(
            f"no compound card {name[:120]!r}",
            where="formats.compound",
            why=f"Catena ships cards for {', '.join(cards())}",
            fix=f"did you mean {near[0]}?" if near else "give the path of your own .yaml card",
        )
    return _SHIPPED / f"{stem}.yaml"


class _Dumper(yaml.SafeDumper):
    """Escapes the line breaks of Unicode, which a YAML reader would turn into plain ones."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    breaks = any(sign in value for sign in "\x85\u2028\u2029")
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style='"' if breaks else None)


_Dumper.add_representer(str, _text)


class _StrictLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice (YAML would silently keep the last)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _explain(error: ValidationError, where: str) -> SchemaError:
    faults = [_fault(entry["loc"], entry["type"], entry["msg"]) for entry in error.errors()]
    lines = [f"{place}: {why}" for place, why, _ in faults]
    fixes = [fix for _, _, fix in faults if fix]
    return SchemaError(
        f"the card has {len(faults)} fault{'s' if len(faults) > 1 else ''}",
        where=where,
        why="; ".join(lines),
        fix="; ".join(dict.fromkeys(fixes)) or "correct the entries named",
        details={"faults": lines},
    )


def _fault(loc: tuple[int | str, ...], kind: str, message: str) -> tuple[str, str, str]:
    place = ".".join(str(step) for step in loc) or "card"
    if kind == "extra_forbidden":
        near = closest(str(loc[-1]), _keys(loc[:-1]))
        return place, "unknown key", f"did you mean {near[0]}?" if near else f"remove {place}"
    if kind == "missing":
        return place, "missing", f"add {loc[-1]}{_HELP.get(str(loc[-1]), '')}"
    return place, message.removeprefix("Value error, "), ""


_HELP = {
    "status": " (measured, predicted or assumed)",
    "source": " (author, year, DOI or PubMed number)",
    "unit": ' ("" for a dimensionless number)',
}


def _keys(loc: tuple[int | str, ...]) -> list[str]:
    """Keys allowed at a place of the card."""
    model: type[BaseModel] = Card
    for step in loc:
        field = model.model_fields.get(str(step))
        if field is not None:
            model = next(_models(field.annotation), model)
    return list(model.model_fields)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Card parts inside an annotation such as ``tuple[Pathway, ...] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
