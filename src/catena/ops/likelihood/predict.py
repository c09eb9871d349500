"""Predictions of measurements and their exact derivatives, for many parameter vectors at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from catena.core.errors import CatenaError
from catena.core.values import Batch, Padded, broadcast

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.ops.likelihood.data import Measurements

Array = np.ndarray[Any, Any]

#: Numbers of model outputs held at once.
_ROOM = 2**24


class Owner(NamedTuple):
    """A number of an input that is being calibrated, and the parameter behind it in every row.

    Args:
        port: Input of the model.
        position: Position along the input's dimension, or None.
        entries: Parameter by model row (m,), -1 where the row has a given value.
    """

    port: str
    position: int | None
    entries: Array


@final
class Predictor:
    """The measured outputs of a model as a function of parameters theta (n, q) -> (n, k).

    Args:
        model: The model; what is calibrated is among its inputs.
        data: Measurements.
        owners: Where parameters enter.
        count: Number of parameters q.
        key: Seed of a stochastic model.
    """

    def __init__(
        self, model: Model, data: Measurements, owners: tuple[Owner, ...], count: int, key: int = 0
    ) -> None:
        self.model, self.data, self.owners, self.count, self.key = model, data, owners, count, key
        self.rows = data.batch.size
        self.ports = tuple(dict.fromkeys(owner.port for owner in owners))
        self.reasons: dict[int, str] = {}
        self.evaluations = 0

    @property
    def pads(self) -> bool:
        """Whether programs are compiled per number of rows."""
        return self.model.info.backend == "jax" and not self.model.capabilities.dynamic

    @cached_property
    def _outputs(self) -> tuple[str, ...]:
        return tuple(output.name for output in self.data.outputs)

    @cached_property
    def _places(self) -> list[tuple[str, Array, Array, tuple[Any, ...]]]:
        """Return per output: its name, its measurements, their rows and positions."""
        out = []
        for index, output in enumerate(self.data.outputs):
            mine = self.data.of(index)
            places = [self.data.place[k] for k in mine]
            position = tuple(np.array(column) for column in zip(*places, strict=True)) if places and places[0] else ()  # fmt: skip
            out.append((output.name, mine, self.data.row[mine], position))
        return out

    # Batches --------------------------------------------------------------------------------

    def batch(self, theta: Array) -> Batch:
        """Return the inputs of all rows for every parameter vector: n blocks of m rows."""
        n, m = len(theta), self.rows
        values: dict[str, Any] = {}
        for name, value in self.data.batch.items():
            if name in self.ports:
                continue
            values[name] = value if len(value) == 1 or n == 1 else _tiled(value, n)
        for port in self.ports:
            values[port] = self._column(port, theta, np)
        return Batch(self.model.inputs, values, n * m)

    def _column(self, port: str, theta: Any, xp: Any) -> Any:
        """Return the values of one input for all rows (n * m, ...)."""
        base = np.asarray(broadcast(self.data.batch[port], self.rows), dtype=float)
        column = xp.broadcast_to(base, (len(theta), *base.shape))
        for owner in self.owners:
            if owner.port != port:
                continue
            moved = theta[:, np.maximum(owner.entries, 0)]
            here = np.asarray(owner.entries >= 0)
            if owner.position is None:
                column = xp.where(here, moved, column)
            else:
                at = np.zeros(base.shape[1:], bool)
                at[owner.position] = True
                column = xp.where(here[:, None] & at, moved[..., None], column)
        return column.reshape((-1, *base.shape[1:]))

    # Values -----------------------------------------------------------------------------------

    def __call__(self, theta: Array) -> Array:
        """Return predictions (n, k); rows of failed simulations are NaN (see ``reasons``)."""
        self.reasons = {}
        parts = [self._values(theta[some], some.start) for some in self._blocks(len(theta), 1)]
        return np.concatenate(parts)

    def with_jacobian(self, theta: Array) -> tuple[Array, Array]:
        """Return predictions (n, k) and their derivatives (n, k, q)."""
        self.reasons = {}
        values, slopes = [], []
        for some in self._blocks(len(theta), 1 + len(self.owners)):
            value, slope = self._both(theta[some], some.start)
            values.append(value)
            slopes.append(slope)
        return np.concatenate(values), np.concatenate(slopes)

    def pull(self, theta: Array, cotangent: Array) -> Array:
        """Return gradients (n, q) of ``sum(cotangent * prediction)`` by reverse mode.

        Args:
            theta: Parameters (n, q).
            cotangent: Weights (n, k).
        """
        n, m = len(theta), self.rows
        batch = self.batch(theta)
        seeds: dict[str, Array] = {}
        shapes = {o: np.shape(v) for o, v in self.model.evaluate(batch.values_, n * m, self.key).items()}  # fmt: skip
        for name, mine, rows, position in self._places:
            seed = np.zeros((n, m, *shapes[name][1:]))
            block = np.broadcast_to(np.arange(n)[:, None], (n, len(mine)))
            where = (block, np.broadcast_to(rows, block.shape), *(np.broadcast_to(p, block.shape) for p in position))  # fmt: skip
            np.add.at(seed, where, cotangent[:, mine])
            seeds[name] = seed.reshape((n * m, *shapes[name][1:]))
        pulled = self.model.vjp(batch.values_, seeds, n * m, self.key)
        out = np.zeros((n, self.count))
        for owner in self.owners:
            slope = np.asarray(pulled[owner.port]).reshape((n, m, -1))[:, :, owner.position or 0]
            for row in np.flatnonzero(owner.entries >= 0):
                out[:, owner.entries[row]] += slope[:, row]
        return out

    def _blocks(self, n: int, factor: int) -> list[slice]:
        points = max((np.shape(v)[1] for v in self.data.batch.values() if not isinstance(v, Padded) and np.ndim(v) > 1), default=1)  # fmt: skip
        room = max(1, _ROOM // max(1, self.rows * points * factor * 4))
        return [slice(a, min(a + room, n)) for a in range(0, n, room)]

    def _values(self, theta: Array, first: int) -> Array:
        batch = self.batch(theta)
        self.evaluations += batch.size
        try:
            values = self.model.evaluate(batch.values_, batch.size, self.key)
        except CatenaError as error:
            return np.asarray(self._apart(theta, first, error, self._values))
        return self._read(values, len(theta), batch, first)

    def _both(self, theta: Array, first: int) -> tuple[Array, Array]:
        try:
            return self._differentiated(theta, first)
        except CatenaError as error:
            values, slopes = self._apart(theta, first, error, self._both)
            return values, slopes

    def _apart(self, theta: Array, first: int, error: CatenaError, call: Any) -> Any:
        """Evaluate vectors one by one where one of them stops the whole call."""
        if len(theta) > 1:
            parts = [call(theta[k : k + 1], first + k) for k in range(len(theta))]
            if isinstance(parts[0], tuple):
                return tuple(np.concatenate(column) for column in zip(*parts, strict=True))
            return np.concatenate(parts)
        self.reasons[first] = f"{error.what}: {error.why}".rstrip(": ")
        values = np.full((1, self.data.size), np.nan)
        return values if call == self._values else (values, np.full((*values.shape, self.count), np.nan))  # fmt: skip

    def _read(self, values: Any, n: int, batch: Batch, first: int) -> Array:
        out = np.full((n, self.data.size), np.nan)
        position: tuple[Any, ...]
        for name, mine, rows, position in self._places:
            array = np.asarray(values[name], dtype=float)
            array = np.broadcast_to(array, (n * self.rows, *array.shape[1:]))
            array = array.reshape((n, self.rows, *array.shape[1:]))
            out[:, mine] = array[(slice(None), rows, *position)]
        failed = np.flatnonzero(~np.isfinite(out).all(axis=1))
        if len(failed):
            self._explain(values, batch, n, failed, first)
        return out

    def _explain(self, values: Any, batch: Batch, n: int, failed: Array, first: int) -> None:
        """Keep why simulations failed."""
        faults = {fault.row // self.rows: fault.why for fault in self.model._diagnose(batch, values)[1]}  # fmt: skip
        for row in failed:
            self.reasons[first + int(row)] = faults.get(int(row), "an output is not finite")

    # Derivatives --------------------------------------------------------------------------------

    def _differentiated(self, theta: Array, first: int) -> tuple[Array, Array]:
        n = len(theta)
        batch = self.batch(theta)
        apart = self.model.capabilities.dynamic or hasattr(self.model, "nodes")
        self.evaluations += batch.size
        if apart:
            values = self.model.evaluate(batch.values_, batch.size, self.key)
            found = self.model.jacobian(batch, of=self._outputs, wrt=self.ports, key=self.key)
            slopes = [self._picked(found, owner) for owner in self.owners]
        else:
            values, slopes = self._pushed(batch)
        out = np.zeros((n, self.data.size, self.count))
        for owner, slope in zip(self.owners, slopes, strict=True):
            for name, mine, rows, position in self._places:
                array = slope[name].reshape((n, self.rows, *slope[name].shape[1:]))
                part = array[(slice(None), rows, *position)]
                index = owner.entries[rows]
                here = np.flatnonzero(index >= 0)
                out[:, mine[here], index[here]] += part[:, here]
        return self._read(values, n, batch, first), out

    def _picked(self, found: Any, owner: Owner) -> dict[str, Array]:
        table = {name: np.asarray(found[name, owner.port]) for name in self._outputs}
        if owner.position is None:
            return table
        return {name: value[..., owner.position] for name, value in table.items()}

    def _pushed(self, batch: Batch) -> tuple[Any, list[dict[str, Array]]]:
        """Push all unit directions through the model in one call: one copy of the rows each."""
        copies, size = len(self.owners), batch.size
        values = {n: v if len(v) == 1 else _tiled(v, copies) for n, v in batch.items()}
        tangents = {}
        for port in self.ports:
            column = np.asarray(broadcast(batch[port], size), dtype=float)
            seed = np.zeros((copies, *column.shape))
            for k, owner in enumerate(self.owners):
                if owner.port == port:
                    seed[(k, slice(None)) if owner.position is None else (k, slice(None), owner.position)] = 1.0  # fmt: skip
            tangents[port] = seed.reshape((-1, *column.shape[1:]))
        out, slopes = self.model.jvp(values, tangents, copies * size, self.key)
        whole = {n: np.asarray(out[n])[:size] for n in self._outputs}
        found = []
        for k in range(copies):
            some = slice(k * size, (k + 1) * size)
            found.append({n: _full(slopes, out, n, copies * size)[some] for n in self._outputs})
        return whole, found

    # JAX ----------------------------------------------------------------------------------------

    def traced(self) -> Callable[[Any], Any] | None:
        """Return a JAX function theta (q,) -> predictions (k,), or None where there is none."""
        if self.model.info.backend != "jax" or hasattr(self.model, "nodes"):
            return None
        import jax.numpy as jnp

        from catena.core.backend import static_value

        fixed = {n: v for n, v in self.data.batch.items() if n not in self.ports}
        statics = {n: static_value(self.model, n, fixed[n]) for n in self.model.static_fields if n in fixed}  # fmt: skip
        dynamic = self.model.capabilities.dynamic
        given = {n: v if dynamic else broadcast(v, self.rows) for n, v in fixed.items() if n not in statics}  # fmt: skip
        params = self.model.param_values

        def predict(theta: Any) -> Any:
            moving = {port: self._column(port, theta[None, :], jnp) for port in self.ports}
            values = self.model._predict({**given, **statics, **moving}, params, np.uint64(self.key))  # fmt: skip
            out = jnp.zeros(self.data.size)
            for name, mine, rows, position in self._places:
                out = out.at[mine].set(values[name][(rows, *position)])
            return out

        return predict


def _tiled(value: Any, times: int) -> Any:
    if isinstance(value, Padded):
        columns = {n: _tiled(v, times) for n, v in value.columns().items()}
        return Padded(columns or _tiled(value.values, times), _tiled(value.mask, times))
    array = np.asarray(value)
    return np.tile(array, (times, *(1,) * (array.ndim - 1)))


def _full(slopes: Any, out: Any, name: str, size: int) -> Array:
    slope = slopes.get(name)
    shape = (size, *np.shape(out[name])[1:])
    return np.zeros(shape) if slope is None else np.broadcast_to(np.asarray(slope), shape)
