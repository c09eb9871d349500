"""Events that the state itself brings about: a function of the state passes zero."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, final, get_args

from catena.core.errors import SchemaError

Direction = Literal["rising", "falling", "both"]
Values = Mapping[str, Any]


@final
@dataclass(frozen=True)
class Crossing:
    """What happens when ``when(t, y, p, u)`` passes zero.

    Args:
        name: Name for messages.
        when: Scalar function of time, states, parameters and inputs; zero at the event.
        direction: Which way it must pass: ``rising`` from <= 0 to > 0, ``falling`` the other way.
        action: Returns the new values of the states that change (and only those); None only makes
            the integrator land there, as a discontinuity of the right-hand side needs.
        terminal: The row ends there; later outputs keep the values reached.

    It is looked for at the ends of steps: a function that passes zero twice inside one step is
    not seen.
    """

    name: str
    when: Callable[[Any, Values, Values, Values], Any]
    direction: Direction = "rising"
    action: Callable[[Any, Values, Values, Values], Values] | None = None
    terminal: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return what is not code as plain data."""
        return {"name": self.name, "direction": self.direction, "terminal": self.terminal}


def check_crossings(crossings: tuple[Crossing, ...]) -> None:
    """Check crossings on their own.

    Raises:
        SchemaError: a name repeats, a direction is unknown, or a terminal crossing acts.
    """
    seen = set()
    for crossing in crossings:
        where = f"crossing {crossing.name!r}"
        if crossing.name in seen:
            raise SchemaError("Two crossings share a name", where=where,
                              why="messages could not tell them apart",
                              fix="name every crossing differently")  # fmt: skip
        seen.add(crossing.name)
        if crossing.direction not in get_args(Direction):
            raise SchemaError("A crossing has an unknown direction", where=where,
                              why=f"got {crossing.direction!r}",
                              fix='choose "rising", "falling" or "both"')  # fmt: skip
        if crossing.terminal and crossing.action is not None:
            raise SchemaError("A terminal crossing cannot act", where=where,
                              why="nothing is integrated after it, so its action has no effect",
                              fix="drop the action or terminal=True")  # fmt: skip
