"""Where the model is asked: points that fill the space, smooth for inputs that are functions."""

from __future__ import annotations

from typing import Any, Literal, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.learn.scaling import Column, Features
from catena.ops.space import Space
from catena.ops.variable import Variable

#: An input with at least this many positions varied is a function: neighbours move together.
FUNCTION = 8
#: Correlation lengths of random functions, as shares of their dimension.
_SMOOTH = (0.08, 1.0)
#: Share of a distribution that features map to the unit interval.
_CENTRAL = (0.01, 0.99)


@final
class Design:
    """Draws points of a space.

    Args:
        space: What varies.

    Raises:
        InputError: a function is varied under constraints.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        ports: dict[str, list[int]] = {}
        for k, variable in enumerate(space.variables):
            if variable.position is not None:
                ports.setdefault(variable.port, []).append(k)
        self.functions = {port: places for port, places in ports.items() if len(places) >= FUNCTION}
        if self.functions and space.constraints:
            raise InputError("Functions cannot be varied under constraints", where="surrogate",
                             why=f"{', '.join(self.functions)} are varied as smooth functions",
                             fix="leave the constraints out, or vary numbers")  # fmt: skip

    def sample(self, n: int, key: int, method: Literal["sobol", "random"] = "random") -> np.ndarray:
        """Return points (n, d); of functions, smooth random ones with the variables' ranges."""
        x = self.space.sample(n, key, method)
        for port, places in self.functions.items():
            rng = np.random.default_rng(split_key(key, f"functions {port}"))
            ranks = _smooth_ranks(n, len(places), rng)
            for rank, k in zip(ranks.T, places, strict=True):
                x[:, k] = self.space.variables[k].from_unit(rank)
        return x

    def features(self) -> Features:
        """Return the map of points to features around the unit cube."""
        return Features(tuple(_column(variable) for variable in self.space.variables))


def _smooth_ranks(n: int, positions: int, rng: np.random.Generator) -> np.ndarray:
    """Return ranks (n, positions) of Gaussian random functions of various smoothness."""
    from scipy.special import ndtr

    place = np.linspace(0.0, 1.0, positions)
    out = np.empty((n, positions))
    for row in range(n):
        length = np.exp(rng.uniform(*np.log(_SMOOTH)))
        apart = (place[:, None] - place[None, :]) / length
        values, vectors = np.linalg.eigh(np.exp(-0.5 * apart**2))
        out[row] = vectors @ (np.sqrt(np.maximum(values, 0.0)) * rng.standard_normal(positions))
    return np.asarray(np.clip(ndtr(out), 1e-9, 1.0 - 1e-9))


def _column(variable: Variable) -> Column:
    if variable.kind == "category":
        return Column(levels=len(variable.choices))
    low, high = variable.low, variable.high
    if variable.distribution is not None:
        low, high = (float(end) for end in variable.distribution.ppf(np.array(_CENTRAL)))
        low, high = max(low, variable.low), min(high, variable.high)
    return Column(low, high, variable.scale == "log")


def ends(space: Space, features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper ends of the features over the space (p,) each."""
    low, high = [], []
    bounds: Any = space.bounds
    for k, column in enumerate(features.columns):
        if column.levels:
            low.append(np.full(column.width, -0.5))
            high.append(np.full(column.width, 1.5))
            continue
        first, last = column.forward(bounds[:, k])[:, 0]
        low.append(np.array([first]))
        high.append(np.array([last]))
    return np.concatenate(low), np.concatenate(high)
