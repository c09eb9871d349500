"""A hybrid model: written equations with an ensemble of networks inside, as a Model with intervals."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self, final

import numpy as np

from catena.core.banded import ENDS, Banded
from catena.core.errors import RowFault
from catena.core.model import Capabilities, ModelInfo
from catena.core.spec import Schema
from catena.core.trainable import TrainingRecord
from catena.core.values import Padded, broadcast
from catena.learn.hybrid.embed import WEIGHTS, Slots, embedded
from catena.learn.hybrid.fit import Trained
from catena.numerics.ode import OdeSystem

#: How far beyond the ranges of training an input may lie, as a share of the range.
_BEYOND = 0.1


@final
class HybridModel(Banded):
    """Written equations with learned terms; predictions are the mean of the ensemble.

    It takes the inputs of the system it was made from, without the learned parameters, and returns
    the same outputs. 90 % intervals combine how far the members disagree with the error that is
    left on runs (validation runs where there were some).

    Args:
        slots: What is learned from what.
        trained: The ensemble.
        training: What is known about the training; ``conformal`` holds the remaining error by
            state, ``domain`` the ranges of inputs.
        info: Identity.
    """

    capabilities = Capabilities(gradient=True, dynamic=True, uncertainty=True)

    def __init__(
        self, slots: Slots, trained: Trained, training: TrainingRecord, info: ModelInfo
    ) -> None:
        self.slots, self.trained, self.training = slots, trained, training
        self.info = info
        self.inner = embedded(slots, trained.network)
        self.outputs = slots.system.outputs
        self.inputs = Schema(f for f in self.inner.inputs if f.name != WEIGHTS)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the compiled system behind when travelling; it is made again on arrival."""
        state = {n: v for n, v in super().__getstate__().items() if n != "inner"}
        return state | {"settings": self.inner.settings}

    def __setstate__(self, state: dict[str, Any]) -> None:
        settings = state.pop("settings")
        self.__dict__.update(state)
        made = embedded(self.slots, self.trained.network)
        self.inner = made.solved_with(**settings.model_dump())

    @property
    def members(self) -> int:
        """Number of networks in the ensemble."""
        return len(self.trained.weights)

    def member(self, index: int) -> HybridModel:
        """Return one network of the ensemble as a model of its own."""
        new = copy.copy(self)
        new.__dict__.pop("key", None)
        new.trained = Trained(self.trained.network, self.trained.weights[index : index + 1],
                              self.trained.history, self.trained.scale)  # fmt: skip
        return new

    def solved_with(self, **changes: Any) -> Self:
        """Return the same model with other solver settings, e.g. ``rtol=1e-8``."""
        new = copy.copy(self)
        for name in ("key", "_smooth"):
            new.__dict__.pop(name, None)
        new.inner = self.inner.solved_with(**changes)
        return new

    def terms(self, states: Mapping[str, Any], **others: Any) -> dict[str, np.ndarray]:
        """Return what the learned terms are at given values of the features.

        Args:
            states: Values (m,) by feature name.
            **others: Further features.

        Returns:
            Arrays (members, m) by term.
        """
        import jax

        known = {**states, **others}
        slots, network = self.slots, self.trained.network
        columns = {n: np.atleast_1d(np.asarray(v, float)) for n, v in known.items()}
        rows = max(len(column) for column in columns.values())
        zero = np.zeros(rows)
        values = np.stack([broadcast(columns.get(n, zero), rows) for n in slots.features], axis=1)
        levels = np.stack(
            [broadcast(columns.get(n, zero), rows) for n in slots.system.states.names], axis=1
        )
        memory = np.zeros(network.memory)
        one = jax.vmap(lambda w, v, y: network(w, v, memory, y)[0], (None, 0, 0))
        found = np.asarray(jax.vmap(one, (0, None, None))(self.trained.weights, values, levels))
        return {name: found[..., k] for k, name in enumerate(slots.terms)}

    # Model's hooks ------------------------------------------------------------------------

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        return self.inner._check(batch)

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> dict[str, Any]:
        size = max(int(np.shape(_first(value))[0]) for value in batch.values())
        found = self._smooth._predict(self._tiled(batch, size), {}, key)
        return {name: _folded(value, self.members).mean(axis=0) for name, value in found.items()}

    def evaluate(self, batch: Mapping[str, Any], size: int, key: int = 0) -> dict[str, Any]:
        """Compute without checks; rows that fail hold NaN. See ``Model.evaluate``."""
        if size == 0:
            return super().evaluate(batch, size, key)
        return {n: v.mean(axis=0) for n, v in self.ensemble(batch, size, key).items()}

    def ensemble(self, batch: Mapping[str, Any], size: int, key: int = 0) -> dict[str, np.ndarray]:
        """Return what every member predicts, (members, n, *shape) by output, unchecked."""
        found = self.inner.evaluate(self._tiled(batch, size), size * self.members, key)
        return {name: _folded(np.asarray(v), self.members) for name, v in found.items()}

    def jvp(
        self, batch: Mapping[str, Any], tangents: Mapping[str, Any], size: int, key: int = 0
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Push tangents of parameters and times forward; see ``Model.jvp``."""
        seeds = {n: _repeated(_rows(v, size), self.members) for n, v in tangents.items()}
        found = self._smooth.jvp(self._tiled(batch, size), seeds, size * self.members, key)
        first, second = (
            {n: _folded(np.asarray(v), self.members).mean(axis=0) for n, v in part.items()}
            for part in found
        )
        return first, second

    def vjp(
        self, batch: Mapping[str, Any], cotangents: Mapping[str, Any], size: int, key: int = 0
    ) -> dict[str, Any]:
        """Pull cotangents of outputs back to parameters and times; see ``Model.vjp``."""
        seeds = {n: _repeated(_rows(v, size), self.members) / self.members
                 for n, v in cotangents.items()}  # fmt: skip
        found = self.inner.vjp(self._tiled(batch, size), seeds, size * self.members, key)
        return {n: _folded(np.asarray(v), self.members).sum(axis=0)
                for n, v in found.items() if n != WEIGHTS}  # fmt: skip

    def _band(self, batch: Mapping[str, Any], size: int, key: int) -> dict[str, Any]:
        members = self.ensemble(batch, size, key)
        values: dict[str, Any] = {}
        for name, array in members.items():
            centre = array.mean(axis=0)
            left = self.training.conformal.get(name, 0.0)
            half = np.sqrt((ENDS * array.std(axis=0)) ** 2 + left**2)
            states = self.slots.system.states
            low, high = states[name].bounds if name in states else (None, None)
            below = centre - half if low is None else np.maximum(centre - half, low)
            above = centre + half if high is None else np.minimum(centre + half, high)
            values |= {name: centre, f"{name}:lower": np.minimum(below, centre),
                       f"{name}:upper": np.maximum(above, centre)}  # fmt: skip
        return values

    def _domain(self, batch: Mapping[str, Any]) -> np.ndarray:
        inside = np.ones(getattr(batch, "size", 1), dtype=bool)
        for name, (low, high) in self.training.domain.items():
            slack = _BEYOND * (high - low) + 1e-9 * max(abs(low), abs(high))
            value = batch[name]
            if isinstance(value, Padded):
                cells = np.where(value.mask, np.asarray(value.columns()["value"], float), low)
            else:
                cells = np.asarray(value, float)
            flat = cells.reshape(len(cells), -1)
            inside = inside & ((flat >= low - slack) & (flat <= high + slack)).all(axis=1)
        return inside

    def _identity(self) -> dict[str, Any]:
        network = self.trained.network
        return {
            **super()._identity(),
            "system": self.slots.system.key,
            "network": [network.facts(), network.arrays()],
            "weights": self.trained.weights,
            "settings": self.inner.settings.model_dump(exclude={"threads", "chunk"}),
        }

    @cached_property
    def _smooth(self) -> OdeSystem:
        """The system for forward derivatives, which explicit methods of the engine do not have."""
        explicit = self.inner.settings.method in ("tsit5", "dopri8")
        return self.inner.solved_with(method="rodas4") if explicit else self.inner

    def _tiled(self, batch: Mapping[str, Any], size: int) -> dict[str, Any]:
        """Return the batch once per member, with the members' weights as inputs."""
        tiled = {n: _repeated(broadcast(v, size), self.members) for n, v in batch.items()}
        return tiled | {WEIGHTS: np.repeat(self.trained.weights, size, axis=0)}


def _first(value: Any) -> Any:
    return value.mask if isinstance(value, Padded) else value


def _rows(value: Any, size: int) -> Any:
    return np.broadcast_to(np.asarray(value, float), (size, *np.shape(value)[1:]))


def _repeated(value: Any, times: int) -> Any:
    """Return rows repeated as whole blocks: all rows of the first member, of the second, ..."""
    if isinstance(value, Padded):
        columns = {n: _repeated(v, times) for n, v in value.columns().items()}
        return Padded(columns or _repeated(value.values, times), _repeated(value.mask, times))
    if isinstance(value, np.ndarray):
        return np.tile(value, (times, *(1,) * (value.ndim - 1)))
    import jax.numpy as jnp

    return jnp.tile(value, (times, *(1,) * (value.ndim - 1)))


def _folded(value: Any, members: int) -> Any:
    return value.reshape((members, value.shape[0] // members, *value.shape[1:]))
