"""YAML text to plain data: safe, small, YAML 1.2, and with the line of every key.

A study comes from people, mail and web forms. So the text is capped, aliases and tags are
refused (they serve bombs and code, not studies), and numbers and truth values read as YAML 1.2
has them: ``1e-6`` is a number, ``no`` is a word, ``1:30`` is not 90.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from catena.core.errors import StudyError

#: Largest study text; a study names its data, it does not hold them.
MAX_BYTES = 256 * 1024
MAX_DEPTH = 24
MAX_NODES = 20_000

Keys = tuple[str | int, ...]


class Document(NamedTuple):
    """Plain data with where it came from.

    Args:
        data: What the text holds: mappings, lists, texts, numbers, truth values, nulls.
        source: Name of the file, or a word for a text.
        lines: Line number (from 1) by path of keys.
    """

    data: Any
    source: str
    lines: dict[Keys, int]

    def place(self, keys: Keys) -> str:
        """Name a place for an error: file, line of the nearest known key, path of keys."""
        known = keys
        while known and known not in self.lines:
            known = known[:-1]
        line = f":{self.lines[known]}" if known in self.lines else ""
        path = ".".join(str(key)[:60] for key in keys)
        return f"{self.source}{line}" + (f", {path}" if path else "")


class _Loader(yaml.SafeLoader):
    """SafeLoader with the scalars of YAML 1.2."""

    yaml_implicit_resolvers = {}


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?[0-9]{1,300}", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
):
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )
_Loader.add_constructor("tag:yaml.org,2002:int", lambda loader, node: int(node.value))
_Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: _float(node.value))


def read_file(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        StudyError: the file is missing, too large, not UTF-8 or not plain YAML.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _too_large(str(path), path.stat().st_size)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        reason = (
            "it is not UTF-8 text"
            if isinstance(error, UnicodeError)
            else getattr(error, "strerror", None) or str(error)
        )
        raise StudyError(
            "Cannot read the study", where=str(path), why=reason, fix="check the path"
        ) from None
    return read_text(text, path.name)


def read_text(text: str, source: str = "study text") -> Document:
    """Read YAML text into plain data.

    Raises:
        StudyError: the text is too large or is not plain YAML; names the line.
    """
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise _too_large(source, len(text))
    try:
        _refuse_hazards(text, source)
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines: dict[Keys, int] = {}
            if node is not None:
                _collect(node, (), lines, source)
            data = loader.construct_document(node) if node is not None else None
        finally:
            loader.dispose()
    except StudyError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise StudyError(
            "Not valid YAML",
            where=f"{source}:{mark.line + 1}" if mark else source,
            why=" ".join(part for part in (error.context, error.problem) if part),
            fix="check indentation, colons and quotes on this line",
        ) from None
    except Exception as error:  # PyYAML leaks Value-, Key-, Attribute- and RecursionErrors
        raise StudyError(
            "Not valid YAML",
            where=source,
            why=str(error)[:200] or type(error).__name__,
            fix="write plain YAML",
        ) from None
    return Document(data, source, lines)


def _too_large(source: str, size: int) -> StudyError:
    return StudyError(
        "The study is too large",
        where=source,
        why=f"{size} bytes; at most {MAX_BYTES} are read",
        fix="put rows into a data file and name it under data",
    )


def _refuse_hazards(text: str, source: str) -> None:
    """Walk the event stream, which needs no recursion, before anything is built."""
    depth = nodes = documents = 0
    for event in yaml.parse(text, Loader=_Loader):
        mark = event.start_mark
        line = f"{source}:{mark.line + 1}" if mark is not None else source
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise _refused(
                "Anchors and aliases are not read", line, "they can make a small text huge"
            )
        tag = getattr(event, "tag", None)
        if tag is not None:
            raise _refused("Tags are not read", line, f"{str(tag)[:60]!r} asks for an object")
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        if isinstance(event, yaml.NodeEvent):
            nodes += 1
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            raise _refused(
                "The study is too deep or too long", line, f"depth {depth}, {nodes} values"
            )
        if documents > 1:
            raise _refused("More than one document", line, "a file holds one study")


def _refused(what: str, where: str, why: str) -> StudyError:
    return StudyError(
        what, where=where, why=why, fix="write plain mappings, lists, texts and numbers"
    )


def _collect(node: yaml.Node, path: Keys, lines: dict[Keys, int], source: str) -> None:
    """Note the line of every key; a key written twice is an error, not the last one's win."""
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            _collect(item, (*path, index), lines, source)
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise _refused(
                    "A key must be a word", f"{source}:{line}", "it is a list or a mapping"
                )
            name = (*path, key.value)
            if name in lines:
                raise StudyError(
                    f"Key {key.value[:60]!r} is written twice",
                    where=f"{source}:{line}",
                    why=f"it is already on line {lines[name]}",
                    fix="keep one of them",
                )
            lines[name] = line
            _collect(value, name, lines, source)


def _float(text: str) -> float:
    word = text.lower().lstrip("+-")
    if word in (".inf", ".nan"):
        return float(text.replace(".", "", 1))
    return float(text)
