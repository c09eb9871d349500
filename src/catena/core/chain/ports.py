"""How ports and edges of a chain are named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, final

from catena.core.errors import ChainError
from catena.core.spec import Schema


class Ports(Protocol):
    """What wiring needs of a node: a Model or a Slot."""

    @property
    def inputs(self) -> Schema:
        """Fields going in."""
        ...

    @property
    def outputs(self) -> Schema:
        """Fields coming out."""
        ...


class Port(NamedTuple):
    """One port of one node; the node is "" for a chain's own input."""

    node: str
    name: str

    def __str__(self) -> str:
        return f"{self.node}.{self.name}" if self.node else self.name


@final
@dataclass(frozen=True)
class Edge:
    """A coupling ``source -> target``, each written ``node.port``."""

    source: str
    target: str

    @classmethod
    def parse(cls, given: Any) -> Edge:
        """Read ``"pk.auc -> pd.exposure"``, a pair, or an Edge.

        Raises:
            ChainError: the text is not an edge.
        """
        if isinstance(given, Edge):
            return given
        if isinstance(given, str):
            parts = [part.strip() for part in given.split("->")]
        else:
            parts = [str(part).strip() for part in given] if isinstance(given, Sequence) else []
        if len(parts) != 2 or not all("." in part for part in parts):
            raise ChainError(
                f"Not an edge: {str(given)[:120]!r}",
                why="an edge joins an output of one node to an input of another",
                fix='write "node.port -> node.port"',
            )
        return cls(*parts)

    @property
    def ports(self) -> tuple[Port, Port]:
        """Source and target, split at the first dot (ports of nested chains hold dots)."""
        return Port(*self.source.split(".", 1)), Port(*self.target.split(".", 1))

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"
