"""Problems of the comparison at 60 evaluations: published test functions and a mixed reactor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from catena.core.function import model
from catena.core.model import Model


@dataclass(frozen=True)
class Costly:
    """One problem: minimise ``y`` (n, m) of numbers x (n, d), limits ``c`` at most 0.

    Args:
        name: Short name.
        function: x (n, d) -> (y (n, m), c (n, k)).
        low: Lower ends (d,).
        high: Upper ends (d,).
        best: Best value (one objective), or None.
        reference: Reference point of the hypervolume (several objectives).
        limits: Number of limits.
        categories: Choices by position; such a column holds the index.
        integers: Positions of whole numbers.
    """

    name: str
    function: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
    low: tuple[float, ...]
    high: tuple[float, ...]
    best: float | None = None
    reference: tuple[float, ...] = ()
    limits: int = 0
    categories: tuple[int, ...] = ()
    integers: tuple[int, ...] = ()

    @property
    def objectives(self) -> int:
        """Number of objectives."""
        return max(len(self.reference), 1)

    def as_model(self) -> Model:
        """Return the problem as a Model with inputs x0, x1, ... and outputs y0, ..., c0, ..."""
        fields = []
        for k, (low, high) in enumerate(zip(self.low, self.high, strict=True)):
            if k in self.categories:
                fields.append(f"x{k}: {'|'.join(f'k{c}' for c in range(int(high) + 1))}")
            elif k in self.integers:
                fields.append(f"x{k}: integer in {low:g}..{high:g}")
            else:
                fields.append(f"x{k} in {low!r}..{high!r}")
        outputs = [f"y{k}" for k in range(self.objectives)] + [f"c{k}" for k in range(self.limits)]
        names, function = [f"x{k}" for k in range(len(self.low))], self.function

        def compute(**columns: Any) -> dict[str, Any]:
            size = max(len(np.atleast_1d(column)) for column in columns.values())
            x = np.stack([np.broadcast_to(columns[n], (size,)).astype(float) for n in names], 1)
            y, c = function(x)
            return dict(zip(outputs, np.hstack([y, c]).T, strict=True))

        made = model(id=f"bench.{self.name.replace('-', '_')}", inputs=", ".join(fields),
                     outputs=", ".join(outputs), backend="numpy")  # fmt: skip
        return made(compute)


def _single(f: Callable[[np.ndarray], np.ndarray]) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    return lambda x: (f(x)[:, None], np.zeros((len(x), 0)))


def _branin(x: np.ndarray) -> np.ndarray:
    a, b = x.T
    curve = b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6
    return np.asarray(curve**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(a) + 10)


_HARTMANN_A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14],
                        [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])  # fmt: skip
_HARTMANN_P = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886],
                               [2329, 4135, 8307, 3736, 1004, 9991],
                               [2348, 1451, 3522, 2883, 3047, 6650],
                               [4047, 8828, 8732, 5743, 1091, 381]])  # fmt: skip
_HARTMANN_C = np.array([1.0, 1.2, 3.0, 3.2])


def _hartmann(x: np.ndarray) -> np.ndarray:
    inner = ((x[:, None] - _HARTMANN_P) ** 2 * _HARTMANN_A).sum(-1)
    return np.asarray(-(np.exp(-inner) @ _HARTMANN_C))


def _ackley(x: np.ndarray) -> np.ndarray:
    far = np.exp(-0.2 * np.sqrt((x**2).mean(1)))
    return np.asarray(20 - 20 * far + np.e - np.exp(np.cos(2 * np.pi * x).mean(1)))


def _dtlz2(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    far = 1.0 + ((x[:, 1:] - 0.5) ** 2).sum(1)
    angle = 0.5 * np.pi * x[:, 0]
    y = np.stack([far * np.cos(angle), far * np.sin(angle)], 1)
    return y, np.zeros((len(x), 0))


def _c2dtlz2(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    y, _ = _dtlz2(x)
    radius = 0.2
    corners = np.stack([(y[:, 0] - 1) ** 2 + y[:, 1] ** 2, y[:, 0] ** 2 + (y[:, 1] - 1) ** 2], 1)
    middle = ((y - 1 / np.sqrt(2.0)) ** 2).sum(1)
    return y, np.minimum(corners.min(1), middle)[:, None] - radius**2


def _zdt(kind: int) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    def function(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        first = x[:, 0]
        g = 1.0 + 9.0 * x[:, 1:].mean(1)
        share = first / g
        shape = {1: 1 - np.sqrt(share), 2: 1 - share**2,
                 3: 1 - np.sqrt(share) - share * np.sin(10 * np.pi * first)}[kind]  # fmt: skip
        return np.stack([first, g * shape], 1), np.zeros((len(x), 0))

    return function


_ACTIVITY = np.array([1.0, 1.6, 0.7, 1.2])
_BARRIER = np.array([52.0, 57.0, 46.0, 54.0])
_SIDE = np.array([0.9, 1.5, 0.5, 0.8])
_SOLVENT = np.array([[1.0, 1.0], [1.35, 1.55], [0.8, 0.55]])


def _reactor(x: np.ndarray) -> np.ndarray:
    """Loss of a cascade of stirred tanks, A + B -> P -> by-product, Arrhenius kinetics.

    Columns: temperature [C], residence time [min], equivalents of B, catalyst load [mol-%],
    tanks, catalyst (4), solvent (3). The loss is 1 - yield plus prices of load, excess and tanks.
    """
    heat, time, excess, load = x[:, :4].T
    tanks = np.round(x[:, 4])
    catalyst, solvent = np.round(x[:, 5]).astype(int), np.round(x[:, 6]).astype(int)
    kelvin, gas, at = heat + 273.15, 8.314e-3, 343.15
    warm = 1 / kelvin - 1 / at
    main = 0.05 * _ACTIVITY[catalyst] * _SOLVENT[solvent, 0] * load**0.7 * excess
    main = main * np.exp(-_BARRIER[catalyst] / gas * warm)
    side = 0.008 * _SIDE[catalyst] * _SOLVENT[solvent, 1] * np.exp(-85.0 / gas * warm)
    dwell = time / tanks
    a, p = np.ones(len(x)), np.zeros(len(x))
    for stage in range(1, 7):
        on = stage <= tanks
        new_a = a / (1 + main * dwell)
        new_p = (p + main * dwell * new_a) / (1 + side * dwell)
        a, p = np.where(on, new_a, a), np.where(on, new_p, p)
    price = 0.03 * load + 0.05 * (excess - 1) + 0.012 * (tanks - 1) + 0.0008 * time
    return np.asarray(1.0 - p + price)


def _cube(d: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return (0.0,) * d, (1.0,) * d


PROBLEMS = (
    Costly("branin", _single(_branin), (-5.0, 0.0), (10.0, 15.0), 0.39788735772973816),
    Costly("hartmann-6", _single(_hartmann), *_cube(6), -3.322368011415515),
    Costly("ackley-10", _single(_ackley), (-32.768,) * 10, (32.768,) * 10, 0.0),
    Costly("dtlz2", _dtlz2, *_cube(6), reference=(1.1, 1.1)),
    Costly("zdt1", _zdt(1), *_cube(6), reference=(11.0, 11.0)),
    Costly("zdt2", _zdt(2), *_cube(6), reference=(11.0, 11.0)),
    Costly("zdt3", _zdt(3), *_cube(6), reference=(11.0, 11.0)),
    Costly("c2-dtlz2", _c2dtlz2, *_cube(4), reference=(1.1, 1.1), limits=1),
    # Its least loss: the best of all 72 combinations, each searched by gradients from six points.
    Costly("reactor", _single(_reactor), (40.0, 2.0, 1.0, 0.5, 1.0, 0.0, 0.0),
           (110.0, 60.0, 3.0, 5.0, 6.0, 3.0, 2.0), 0.2898112158930174, categories=(5, 6), integers=(4,)),
)  # fmt: skip
