"""The network behind learned terms of an equation: saturating features, a small core, known limits.

Concentrations enter twice, as a share of the largest seen and as Monod fractions c / (c + K), so that
a limiting substrate is visible at any level. The core gives a few latent rates; a fixed matrix turns
them into the terms, so that terms that went together in the data go together in the model. A term
that empties a state fades as the state runs out.

Sources: Monod 1949, doi:10.1146/annurev.mi.03.100149.002103; reduction of reacted amounts to a few
reactions: Pinto et al. 2022, doi:10.1007/s00449-022-02795-9; memory: De Brouwer et al. 2019,
arXiv:1905.12374 (the continuous form of a gated recurrent unit).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, final

import numpy as np

#: Half saturation of the second form of a feature, as a share of the largest value seen.
SATURATION = 0.02
#: A term that empties a state fades at this share of the state's largest value.
FADING = 0.01


@final
@dataclass(frozen=True)
class TermNetwork:
    """Shape and scales of a network; its weights are one flat vector.

    The last weights are logarithms of a gain per term, zero at first: what a related group of runs
    does more or less of (see transfer).

    Args:
        terms: Names of the learned terms.
        features: Names of the states, controls and parameters it sees.
        low: Lowest value of each feature in training (f,).
        high: Highest value (f,).
        amounts: Features that cannot be negative and enter as fractions as well (f,).
        mixing: From latent rates to terms (rank, terms).
        offset: Terms where all latent rates are zero (terms,).
        positive: Terms that are never negative (terms,).
        limited_by: Per term the position of the state it empties when negative, or -1 (terms,).
        limits: Levels at which these fade (terms,).
        hidden: Widths of the hidden layers.
        memory: Number of memory units.
        horizon: Longest time constant of the memory.
    """

    terms: tuple[str, ...]
    features: tuple[str, ...]
    low: np.ndarray
    high: np.ndarray
    amounts: np.ndarray
    mixing: np.ndarray
    offset: np.ndarray
    positive: np.ndarray
    limited_by: np.ndarray
    limits: np.ndarray
    hidden: tuple[int, ...] = (16, 16)
    memory: int = 0
    horizon: float = 1.0

    @property
    def width(self) -> int:
        """Number of inputs of the core."""
        return len(self.features) + int(self.amounts.sum()) + self.memory

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights by name, in the order of the flat vector."""
        widths = (self.width, *self.hidden, len(self.mixing))
        found: dict[str, tuple[int, ...]] = {}
        for layer, (wide, narrow) in enumerate(pairwise(widths)):
            found[f"weights{layer}"] = (wide, narrow)
            found[f"offsets{layer}"] = (narrow,)
        if self.memory:
            for gate in ("update", "candidate"):
                found[f"{gate}_weights"] = (self.width, self.memory)
                found[f"{gate}_offsets"] = (self.memory,)
        found["gains"] = (len(self.terms),)
        return found

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(int(np.prod(shape)) for shape in self.shapes.values())

    def start(self, rng: np.random.Generator) -> np.ndarray:
        """Return random weights (size,) (Glorot and Bengio 2010); the last layer starts small."""
        parts = []
        last = f"weights{len(self.hidden)}"
        for name, shape in self.shapes.items():
            if len(shape) == 1:
                parts.append(np.zeros(shape))
                continue
            spread = np.sqrt(1.0 / shape[0]) * (0.3 if name == last else 1.0)
            parts.append(spread * rng.standard_normal(shape).ravel())
        return np.concatenate(parts)

    def decayed(self) -> np.ndarray:
        """Return which weights are kept small in training (size,): all but the offsets."""
        return np.concatenate(
            [np.full(int(np.prod(s)), float(len(s) == 2)) for s in self.shapes.values()]
        )

    def trainable(self) -> np.ndarray:
        """Return which weights move in a first training (size,): gains tell groups apart later."""
        return 1.0 - self.layer("gains")

    def layer(self, name: str) -> np.ndarray:
        """Return which weights belong to one array (size,)."""
        return np.concatenate([np.full(int(np.prod(s)), n == name) for n, s in self.shapes.items()])

    def split(self, weights: Any) -> dict[str, Any]:
        """Return the arrays by name of a flat vector (size,)."""
        found, start = {}, 0
        for name, shape in self.shapes.items():
            stop = start + int(np.prod(shape))
            found[name] = weights[start:stop].reshape(shape)
            start = stop
        return found

    def inputs(self, values: Any) -> Any:
        """Return what the core sees for feature values (f,), about -1 to 1 (JAX)."""
        import jax.numpy as jnp

        span = np.where(self.high > self.low, self.high - self.low, 1.0)
        floor = np.where(self.amounts, 0.0, -np.inf)
        bounded = jnp.maximum(values, floor)
        shares = 2.0 * (bounded - self.low) / span - 1.0
        chosen = np.flatnonzero(self.amounts)
        some = bounded[chosen]
        half = SATURATION * np.where(self.high > 0, self.high, 1.0)[chosen]
        return jnp.concatenate([shares, 2.0 * some / (some + half) - 1.0])

    def __call__(self, weights: Any, values: Any, memory: Any, states: Any) -> tuple[Any, Any]:
        """Return the terms (terms,) and the slope of the memory (memory,).

        Args:
            weights: Flat weights (size,).
            values: Values of the features (f,).
            memory: Memory units (memory,).
            states: The states (n,), some of which limit terms.
        """
        import jax
        import jax.numpy as jnp

        seen = (
            jnp.concatenate([self.inputs(values), memory]) if self.memory else self.inputs(values)
        )
        arrays = self.split(weights)
        value = seen
        for layer in range(len(self.hidden)):
            value = jnp.tanh(value @ arrays[f"weights{layer}"] + arrays[f"offsets{layer}"])
        last = len(self.hidden)
        latent = value @ arrays[f"weights{last}"] + arrays[f"offsets{last}"]
        terms = (latent @ self.mixing + self.offset) * jnp.exp(arrays["gains"])
        if self.positive.any():
            size = np.where(self.positive, np.maximum(np.abs(self.offset), 1e-300), 1.0)
            terms = jnp.where(self.positive, size * jax.nn.softplus(terms / size), terms)
        return self._faded(terms, states), self._memory_slope(arrays, seen, memory)

    def _faded(self, terms: Any, states: Any) -> Any:
        """Return terms of which those that empty a state vanish with it."""
        import jax.numpy as jnp

        if (self.limited_by < 0).all():
            return terms
        left = jnp.maximum(states[np.maximum(self.limited_by, 0)], 0.0)
        limited = (self.limited_by >= 0) & (terms < 0)
        return jnp.where(limited, terms * left / (left + self.limits), terms)

    def _memory_slope(self, arrays: dict[str, Any], seen: Any, memory: Any) -> Any:
        import jax
        import jax.numpy as jnp

        if not self.memory:
            return jnp.zeros(0)
        update = jax.nn.sigmoid(seen @ arrays["update_weights"] + arrays["update_offsets"])
        wanted = jnp.tanh(seen @ arrays["candidate_weights"] + arrays["candidate_offsets"])
        return update * (wanted - memory) * (20.0 / self.horizon)

    def facts(self) -> dict[str, Any]:
        """Return the plain data a file must keep besides ``arrays``."""
        return {
            "terms": list(self.terms), "features": list(self.features),
            "hidden": list(self.hidden),
            "memory": self.memory, "horizon": self.horizon,
        }  # fmt: skip

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the arrays a file must keep."""
        names = ("low", "high", "amounts", "mixing", "offset", "positive", "limited_by",
                 "limits")  # fmt: skip
        return {name: np.asarray(getattr(self, name)) for name in names}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> TermNetwork:
        """Rebuild from ``facts`` and ``arrays``."""
        return cls(
            terms=tuple(facts["terms"]), features=tuple(facts["features"]),
            hidden=tuple(facts["hidden"]),
            memory=int(facts["memory"]), horizon=float(facts["horizon"]), **arrays,
        )  # fmt: skip
