"""States as people name them, and as the one vector a solver wants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, final

import numpy as np

from catena.core.errors import SchemaError, did_you_mean
from catena.core.spec import Field, Schema


@final
@dataclass(frozen=True)
class Layout:
    """Places of the declared states in one flat vector.

    Args:
        names: State names in order.
        shapes: Array shape of each state.
        offsets: First position of each state.
        size: Length of the vector.
        labels: A readable name of every position, e.g. ``tissue[liver]``.
        initial: Declared initial values as a vector.
    """

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    offsets: tuple[int, ...]
    size: int
    labels: tuple[str, ...]
    initial: np.ndarray

    @classmethod
    def of(cls, states: Schema) -> Layout:
        """Read the layout off the declared states.

        Raises:
            SchemaError: a state has no numeric default, or its length is not known.
        """
        names, shapes, offsets, labels, values = [], [], [], [], []
        size = 0
        for field in states:
            value = _initial(field)
            names.append(field.name)
            shapes.append(value.shape)
            offsets.append(size)
            labels += _labels(field, value.shape)
            values.append(value.ravel())
            size += value.size
        if not size:
            raise SchemaError("No states", where="OdeSystem", why="states is empty",
                              fix="declare at least one state")  # fmt: skip
        return cls(tuple(names), tuple(shapes), tuple(offsets), size, tuple(labels),
                   np.concatenate(values))  # fmt: skip

    def split(self, vector: Any) -> dict[str, Any]:
        """Return the states by name from a vector (size,)."""
        out = {}
        for name, shape, start in zip(self.names, self.shapes, self.offsets, strict=True):
            part = part_of(vector, slice(start, start + prod(shape)))
            out[name] = part.reshape(shape)
        return out

    def join(self, values: Mapping[str, Any], where: str) -> Any:
        """Return one vector (size,) from values by state name.

        Raises:
            SchemaError: a state is missing, unknown or has another shape.
        """
        import jax.numpy as jnp

        wrong = set(values) ^ set(self.names)
        if wrong:
            raise SchemaError(
                f"{where} does not return the declared states",
                where=where,
                why=f"missing {sorted(set(self.names) - set(values))}, "
                f"unknown {sorted(set(values) - set(self.names))}",
                fix="return exactly one entry per declared state",
            )
        parts = []
        for name, shape in zip(self.names, self.shapes, strict=True):
            value = jnp.asarray(values[name], dtype=float)
            if value.shape != shape:
                raise SchemaError(
                    f"{where} returns {name!r} in the wrong shape",
                    where=where,
                    why=f"got {value.shape}, declared {shape}",
                    fix="return an array of the state's own shape",
                )
            parts.append(value.reshape(-1))
        return jnp.concatenate(parts)

    def position(self, name: str) -> int:
        """Return the vector position of a scalar state or of one element, ``tissue[liver]``.

        Raises:
            SchemaError: there is no such state.
        """
        if name in self.labels:
            return self.labels.index(name)
        raise SchemaError(
            f"No state {name!r} to dose into",
            where="OdeSystem doses",
            why=f"the states are {', '.join(self.labels[:12])}",
            fix=did_you_mean(name, self.labels, "name a scalar state, or one element of a state"),
        )


def part_of(vector: Any, span: slice) -> Any:
    """Return a part of the last axis; JAX's own indexing takes ten times longer to trace."""
    if isinstance(vector, np.ndarray):
        return vector[..., span]
    from jax import lax

    return lax.slice_in_dim(vector, span.start, span.stop, axis=-1)


def added(vector: Any, place: int, amount: Any) -> Any:
    """Return a vector (n,) with an amount (1,) added at one place, without JAX's slow indexing."""
    from jax import lax

    zero = np.zeros((), dtype=vector.dtype)
    return vector + lax.pad(amount, zero, [(place, vector.shape[0] - place - 1, 0)])


def _initial(field: Field) -> np.ndarray:
    try:
        value = np.asarray(field.default, dtype=float)
    except (TypeError, ValueError):
        value = np.asarray(np.nan)
    if value.ndim == 0 and len(field.shape) == 1 and field.labels:
        value = np.full(len(field.labels), float(value))
    if value.ndim != len(field.shape) or not np.isfinite(value).all():
        raise SchemaError(
            f"State {field.name!r} has no usable initial value",
            where=f"state {field.name!r}",
            why=f"default {field.default!r} for shape {field.shape}",
            fix="give default (a number, or an array of the state's shape); labels fix a length",
        )
    return value


def _labels(field: Field, shape: tuple[int, ...]) -> list[str]:
    if not shape:
        return [field.name]
    if field.labels and len(shape) == 1:
        return [f"{field.name}[{label}]" for label in field.labels]
    return [f"{field.name}[{','.join(map(str, index))}]" for index in np.ndindex(*shape)]
