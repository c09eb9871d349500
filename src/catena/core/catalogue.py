"""What is known about registered models without importing them, and the search over it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from catena.core.errors import CatenaError

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.registry import Source


@dataclass(frozen=True)
class ModelEntry:
    """One line of the list of models.

    Args:
        source: Where the model is registered.
        card: Its description (info, schemas, capabilities, validation) as plain data.
        error: Why the model cannot be used, if it is broken.
    """

    source: Source
    card: Mapping[str, Any] = field(repr=False)
    error: CatenaError | None = None

    @property
    def id(self) -> str:
        """Model id."""
        return self.source.id

    @property
    def title(self) -> str:
        """Short human name."""
        return str(self.card.get("title") or "")

    @property
    def version(self) -> str:
        """Version text."""
        return str(self.card.get("version") or "")

    @property
    def scale(self) -> str:
        """Scale the model lives on, such as ``molecule`` or ``body``."""
        return str(self.card.get("scale") or self.id.partition(".")[0])

    @property
    def backend(self) -> str:
        """What computes it: jax, torch, numpy or external."""
        return str(self.card.get("backend") or "")

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return _names(self.card.get("inputs"))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return _names(self.card.get("outputs"))

    @property
    def validation(self) -> tuple[Mapping[str, Any], ...]:
        """Validation figures: claim id, metric, value, 90 % interval, target, holds."""
        return tuple(self.card.get("validation") or ())

    @property
    def grade(self) -> str:
        """A: tested on data with a named peer; B: on data; C: verification only; "": nothing."""
        held = [claim for claim in self.validation if claim.get("holds")]
        on_data = [claim for claim in held if claim.get("dataset")]
        if any(claim.get("peer") is not None for claim in on_data):
            return "A"
        return "B" if on_data else "C" if held else ""

    def load(self) -> Model:
        """Import the model."""
        from catena.core.registry import load

        return load(self.id)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as plain data."""
        data = {
            **self.card,
            "id": self.id,
            "target": self.source.target,
            "distribution": self.source.distribution,
            "grade": self.grade,
        }
        return data if self.error is None else {**data, "error": self.error.to_dict()}


class ModelList(tuple[ModelEntry, ...]):
    """Entries that show themselves as a table."""

    __slots__ = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids, in order."""
        return tuple(entry.id for entry in self)

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Return id, title, inputs and outputs as texts, one tuple per model."""
        return [(e.id, e.title, _short(e.inputs), _short(e.outputs)) for e in self]

    def __repr__(self) -> str:
        if not self:
            return "no models"
        rows = [("id", "title", "inputs", "outputs"), *self.rows()]
        widths = [max(len(row[column]) for row in rows) for column in range(3)]
        return "\n".join(
            "  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0], strict=True))
            for row in rows
        )

    def _repr_html_(self) -> str:
        from html import escape

        head = "".join(f"<th>{name}</th>" for name in ("id", "title", "inputs", "outputs"))
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in self.rows()
        )
        return f"<table><tr>{head}</tr>{body}</table>"


def search(entries: Iterable[ModelEntry], query: str) -> ModelList:
    """Return the entries that hold every word of ``query``, the most relevant first."""
    words = query.lower().split()
    scored = [(_score(entry, words), entry) for entry in entries]
    hits = [(score, entry) for score, entry in scored if score > 0 or not words]
    return ModelList(entry for _, entry in sorted(hits, key=lambda hit: (-hit[0], hit[1].id)))


def _score(entry: ModelEntry, words: list[str]) -> float:
    """Sum over words of the weight of the best place it occurs in; 0 if one occurs nowhere."""
    ports = [*_fields(entry.card.get("inputs")), *_fields(entry.card.get("outputs"))]
    places = (
        (8.0, entry.id),
        (5.0, entry.title),
        (4.0, " ".join(map(str, entry.card.get("tags") or ()))),
        (3.0, " ".join(str(port.get("name", "")) for port in ports)),
        (2.0, f"{entry.scale} {entry.backend}"),
        (1.0, str(entry.card.get("doc") or "")),
        (0.5, " ".join(f"{port.get('title', '')} {port.get('doc', '')}" for port in ports)),
    )
    total = 0.0
    for word in words:
        best = max((weight for weight, text in places if word in text.lower()), default=0.0)
        if best == 0.0:
            return 0.0
        total += best
    return total


def _fields(schema: Any) -> list[Mapping[str, Any]]:
    return [item for item in schema or () if isinstance(item, Mapping)]


def _names(schema: Any) -> tuple[str, ...]:
    return tuple(str(item.get("name", "")) for item in _fields(schema))


def _short(names: tuple[str, ...], limit: int = 4) -> str:
    more = f", +{len(names) - limit}" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
