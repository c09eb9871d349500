"""How points of a space are read off a model's inputs, and inputs set from points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any, final

import numpy as np

from catena.core.spec import Schema
from catena.ops.space import Space


@final
@dataclass(frozen=True)
class Reading:
    """Where one variable sits among a model's inputs.

    Args:
        name: Name of the variable.
        port: Input of the model.
        position: Position along the input's dimension, or None for a single number.
        places: For a category: place among the variable's choices per choice of the input, -1 for
            a choice that is not varied over.
    """

    name: str
    port: str
    position: int | None = None
    places: tuple[int, ...] = ()

    def column(self, batch: Mapping[str, Any], xp: ModuleType = np) -> Any:
        """Return the variable's values (n,) as floats."""
        value = batch[self.port]
        if self.places:
            value = xp.asarray(self.places)[value]
        elif self.position is not None:
            value = value[:, self.position]
        return value.astype(float)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for a file."""
        return asdict(self)


def readings(space: Space, inputs: Schema) -> tuple[Reading, ...]:
    """Return where every variable of a space sits among inputs."""
    out = []
    for variable in space.variables:
        places: tuple[int, ...] = ()
        if variable.kind == "category":
            choices = inputs[variable.port].choices
            places = tuple(
                variable.choices.index(text) if text in variable.choices else -1 for text in choices
            )
        out.append(Reading(variable.name, variable.port, variable.position, places))
    return tuple(out)


def points(
    where: Sequence[Reading], batch: Mapping[str, Any], size: int, xp: ModuleType = np
) -> Any:
    """Return points (size, d) read off a batch, whose constants may have length 1."""
    columns = [xp.broadcast_to(reading.column(batch, xp), (size,)) for reading in where]
    return xp.stack(columns, axis=1)


def set_inputs(
    where: Sequence[Reading], x: np.ndarray, base: Mapping[str, Any], inputs: Schema
) -> dict[str, Any]:
    """Return the inputs at points (n, d); ``base`` holds those that stay as they are."""
    values = dict(base)
    for k, reading in enumerate(where):
        column = x[:, k]
        field = inputs[reading.port]
        if reading.position is not None:
            whole = np.array(
                np.broadcast_to(values[reading.port], (len(x), *base[reading.port].shape[1:]))
            )
            whole[:, reading.position] = column
            values[reading.port] = whole
        elif reading.places:
            back = [reading.places.index(place) for place in range(max(reading.places) + 1)]
            values[reading.port] = np.asarray(back, dtype=np.int64)[np.round(column).astype(int)]
        elif field.kind == "boolean":
            values[reading.port] = np.round(column).astype(bool)
        elif field.kind == "integer":
            values[reading.port] = np.round(column).astype(np.int64)
        else:
            values[reading.port] = column
    return values
