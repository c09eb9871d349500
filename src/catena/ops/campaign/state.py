"""The state of a campaign: one JSON document that says everything that was asked and found."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field as Setting
from pydantic import ValidationError

from catena.core.errors import DataError
from catena.core.settings import Settings
from catena.ops.space import Space
from catena.ops.variable import Variable


class Factor(Settings):
    """One factor; see ``catena.ops.variable.Variable``."""

    name: str
    kind: Literal["real", "integer", "category", "boolean"] = "real"
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    choices: Annotated[tuple[str, ...], Setting(strict=False)] = ()


class Objective(Settings):
    """One outcome.

    Args:
        name: Column of the results.
        goal: What is wished; ``bounded`` outcomes only have limits.
        unit: Unit of the results.
        low: Lower limit.
        high: Upper limit.
        target: Value at which the campaign has found what it looks for.
    """

    name: str
    goal: Literal["maximise", "minimise", "bounded"] = "maximise"
    unit: str = ""
    low: float | None = None
    high: float | None = None
    target: float | None = None


class Reading(Settings):
    """One measured replicate.

    Args:
        replicate: Its number, from 1.
        values: Outcomes by name; null is missing.
        source: Where it came from.
    """

    replicate: int
    values: dict[str, float | None]
    source: str = ""


class Experiment(Settings):
    """One experiment.

    Args:
        id: Its identifier.
        batch: Number of the batch it was asked in; 0 for results brought from elsewhere.
        point: Factors in their units (a category as its index).
        status: ``pending``, ``done`` or ``failed``.
        why: Why it was asked, or why it failed.
        expected: What was expected of the objectives when it was asked.
        readings: What was measured.
    """

    id: str
    batch: int
    point: Annotated[tuple[float, ...], Setting(strict=False)]
    status: Literal["pending", "done", "failed"] = "pending"
    why: str = ""
    expected: dict[str, float] = {}
    readings: Annotated[tuple[Reading, ...], Setting(strict=False)] = ()


class Stopping(Settings):
    """When a campaign ends.

    Args:
        budget: Number of experiments.
        patience: Batches without improvement after which it ends.
        tolerance: What counts as improvement, in standard deviations of the noise.
    """

    budget: Annotated[int, Setting(ge=1)] | None = None
    patience: Annotated[int, Setting(ge=1)] | None = None
    tolerance: Annotated[float, Setting(ge=0)] = 0.5


class State(Settings):
    """Everything a campaign knows.

    Args:
        version: Form of this document.
        name: Name of the campaign.
        factors: What is varied.
        constraints: Linear constraints as text.
        objectives: What is looked at.
        stopping: When it ends.
        seed: All randomness derives from it and the batch's number.
        batches: Number of batches asked so far.
        experiments: In the order in which they were asked.
        exploit: Share of each batch that goes where the best is expected.
    """

    version: Literal[1] = 1
    name: str = "campaign"
    factors: Annotated[tuple[Factor, ...], Setting(strict=False)]
    constraints: Annotated[tuple[str, ...], Setting(strict=False)] = ()
    objectives: Annotated[tuple[Objective, ...], Setting(strict=False)]
    stopping: Stopping = Stopping()
    seed: int = 0
    batches: int = 0
    experiments: Annotated[tuple[Experiment, ...], Setting(strict=False)] = ()
    exploit: Annotated[float, Setting(ge=0, le=1)] = 0.25

    def space(self) -> Space:
        """Return the space of the factors, constraints included."""
        free = Space([Variable(**factor.model_dump()) for factor in self.factors])
        if not self.constraints:
            return free
        from catena.ops.constraint import parse_linear

        return Space(free.variables, [parse_linear(text, free) for text in self.constraints])

    def text(self) -> str:
        """Return the document."""
        return self.model_dump_json(indent=1) + "\n"


def factors_of(space: Space) -> tuple[Factor, ...]:
    """Return a space's variables as plain data."""
    return tuple(
        Factor(name=v.name, kind=v.kind, low=v.low, high=v.high, unit=v.unit, scale=v.scale, choices=v.choices)
        for v in space.variables
    )  # fmt: skip


def read_state(path: Path) -> State:
    """Read a campaign's document.

    Raises:
        DataError: it is missing or not a campaign.
    """
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        return State.model_validate(data)
    except (OSError, ValueError, ValidationError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else str(error)
        raise DataError("Cannot read the campaign", where=str(path), why=reason[:200],
                        fix="give the JSON file that an earlier campaign wrote") from None  # fmt: skip


def write_state(path: Path, state: State) -> None:
    """Write a campaign's document in one step, so that a crash leaves the old or the new one."""
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    with part.open("w", encoding="utf-8") as stream:
        stream.write(state.text())
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)
