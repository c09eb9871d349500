"""Values inside Catena: arrays with a leading batch axis, validated once, then trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import RowFault
from catena.core.identity import content_key

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.spec import Schema


@final
@dataclass(frozen=True)
class Padded:
    """Ragged rows padded to one length.

    Args:
        values: One array (batch, dim, ...) or, for a table, one array per column.
        mask: Boolean (batch, dim); False marks padding.
    """

    values: Any
    mask: Any

    def columns(self) -> dict[str, Any]:
        """Return the columns of a table (an empty mapping for a plain ragged series)."""
        return dict(self.values) if isinstance(self.values, Mapping) else {}

    def take(self, rows: np.ndarray) -> Padded:
        """Return the given batch rows."""
        if isinstance(self.values, Mapping):
            return Padded({n: v[rows] for n, v in self.values.items()}, self.mask[rows])
        return Padded(self.values[rows], self.mask[rows])

    def to_dict(self) -> dict[str, Any]:
        """Return plain parts (used for content keys)."""
        return {"values": self.values, "mask": self.mask}

    def __len__(self) -> int:
        return len(self.mask)


def rows_of(value: Any) -> int:
    """Return the length of a value's batch axis."""
    return len(value.mask) if isinstance(value, Padded) else int(np.shape(value)[0])


def take(value: Any, rows: np.ndarray) -> Any:
    """Return the given rows of an array or Padded value; constants (length 1) stay as they are."""
    if rows_of(value) == 1:
        return value
    return value.take(rows) if isinstance(value, Padded) else value[rows]


def broadcast(value: Any, size: int) -> Any:
    """Stretch a constant (batch length 1) over ``size`` rows without copying."""
    if rows_of(value) == size:
        return value
    if isinstance(value, Padded):
        stretch = {n: broadcast(v, size) for n, v in value.columns().items()}
        return Padded(stretch or broadcast(value.values, size), broadcast(value.mask, size))
    if not isinstance(value, np.ndarray):
        import jax.numpy as jnp

        return jnp.broadcast_to(value, (size, *np.shape(value)[1:]))
    return np.broadcast_to(value, (size, *value.shape[1:]))


def register_pytree() -> None:
    """Let JAX trace through ``Padded`` (called by code that imports JAX)."""
    global _registered
    if _registered:
        return
    import jax

    jax.tree_util.register_pytree_node(
        Padded, lambda p: ((p.values, p.mask), None), lambda _, parts: Padded(*parts)
    )
    _registered = True


_registered = False


@final
class Batch(Mapping[str, Any]):
    """Checked values of a schema, in its units.

    Args:
        schema: The fields the values belong to.
        values: Arrays (n or 1, *shape); tables and ragged series are ``Padded``; categories are
            integer indices into ``choices``; texts are object arrays.
        size: Number of rows.
        rows: Indices of the kept rows in what was given.
        given: Number of rows that were given.
        faults: Faults of the dropped rows.
    """

    __slots__ = ("_key", "faults", "given", "rows", "schema", "size", "values_")

    def __init__(
        self,
        schema: Schema,
        values: Mapping[str, Any],
        size: int,
        rows: np.ndarray | None = None,
        given: int | None = None,
        faults: tuple[RowFault, ...] = (),
    ) -> None:
        self.schema = schema
        self.values_ = dict(values)
        self.size = size
        self.rows = np.arange(size) if rows is None else rows
        self.given = size if given is None else given
        self.faults = faults
        self._key: str | None = None

    def __getitem__(self, name: str) -> Any:
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    @property
    def key(self) -> str:
        """Content key of the values."""
        if self._key is None:
            self._key = content_key(self.size, self.values_)
        return self._key

    def full(self) -> dict[str, Any]:
        """Return all values stretched to ``size`` rows."""
        return {name: broadcast(value, self.size) for name, value in self.values_.items()}

    def table(self) -> pd.DataFrame:
        """Return the scalar fields as a DataFrame, categories as text, units in the heads."""
        from catena.core.tables import to_frame

        return to_frame(self.schema, self.full(), self.size)
