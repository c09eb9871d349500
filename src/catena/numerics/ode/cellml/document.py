"""An XML file as a small tree in which every element knows its line."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, final
from xml.parsers import expat

from catena.core.errors import DataError

#: Deepest nesting read; the models in public repositories stay below 40.
MAX_DEPTH = 150


@final
@dataclass
class Element:
    """One XML element.

    Args:
        tag: Local name.
        space: Namespace, "" when there is none.
        attributes: Values by local name.
        place: File and line of the opening tag.
        children: Elements inside.
        pieces: Character data before, between and after the children.
    """

    tag: str
    space: str
    attributes: dict[str, str]
    place: str
    children: list[Element] = field(default_factory=list)
    pieces: list[str] = field(default_factory=lambda: [""])

    @property
    def text(self) -> str:
        """All character data directly inside the element, stripped."""
        return "".join(self.pieces).strip()

    def inside(self, tag: str, space: str | None = None) -> Iterator[Element]:
        """Yield children with this local name, of the element's own namespace by default."""
        wanted = self.space if space is None else space
        return (c for c in self.children if c.tag == tag and c.space == wanted)

    def get(self, name: str) -> str | None:
        """Return an attribute stripped of blanks, or None."""
        value = self.attributes.get(name)
        return None if value is None else value.strip()

    def need(self, name: str) -> str:
        """Return an attribute that must be there.

        Raises:
            DataError: it is not.
        """
        value = self.get(name)
        if not value:
            self.refuse(f"<{self.tag}> has no {name}", f'add {name}="..."')
        return value

    def refuse(self, why: str, fix: str) -> NoReturn:
        """Raise a DataError about this element."""
        raise DataError("The model file cannot be used", where=self.place, why=why, fix=fix)


def read_document(path: str | Path) -> Element:
    """Read an XML file, plain or compressed (.xz, .gz), into a tree.

    Args:
        path: The file.

    Returns:
        The root element.

    Raises:
        DataError: the file is missing, not XML, nested too deeply or declares entities.
    """
    here = Path(path)
    opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(here.suffix, open)
    try:
        with opener(here, "rb") as file:
            return parse(file.read(), here.name)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise DataError("The model file cannot be read", where=str(here), why=str(error),
                        fix="check the path and that the file is whole") from None  # fmt: skip


def parse(data: bytes, name: str) -> Element:
    """Parse XML bytes; ``name`` is used in errors. See ``read_document``."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    stack: list[Element] = []
    roots: list[Element] = []

    def refuse(why: str, fix: str) -> NoReturn:
        raise DataError("The model file cannot be read", why=why, fix=fix,
                        where=f"{name}, line {parser.CurrentLineNumber}")  # fmt: skip

    def start(full: str, attributes: dict[str, str]) -> None:
        space, _, tag = full.rpartition(" ")
        plain = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        element = Element(tag, space, plain, f"{name}, line {parser.CurrentLineNumber}")
        if len(stack) >= MAX_DEPTH:
            refuse(f"elements are nested deeper than {MAX_DEPTH}", "split the longest equations")
        if stack:
            stack[-1].children.append(element)
            stack[-1].pieces.append("")
        else:
            roots.append(element)
        stack.append(element)

    def end(full: str) -> None:
        stack.pop()

    def characters(text: str) -> None:
        stack[-1].pieces[-1] += text

    def entity(*declaration: Any) -> None:
        # Entities are how small files grow without bound; no CellML file needs them.
        refuse(f"it declares the entity {declaration[0]!r}", "remove the entity declarations")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler, parser.EntityDeclHandler = characters, entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        refuse(f"it is not well-formed XML: {error}", "repair the file or export it again")
    return roots[0]
