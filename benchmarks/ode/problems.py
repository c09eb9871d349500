"""Stiff test problems with known answers.

Sources: F. Mazzia and C. Magherini, Test Set for Initial Value Problem Solvers, release 2.4,
University of Bari (2008); E. Hairer and G. Wanner, Solving Ordinary Differential Equations II,
2nd ed., section IV.10, doi:10.1007/978-3-642-05221-7. Slopes are written for scalars of any kind,
so that JAX and the extended-precision integrator of ``references`` share them; the answers were
computed by that integrator and are remade by ``python -m benchmarks.ode.references``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from benchmarks.ode.answers import ANSWERS
from catena.core.model import ModelInfo
from catena.core.spec import Field, Schema
from catena.numerics.ode import OdeSystem

Slopes = Callable[[Any, Sequence[Any]], list[Any]]


@final
@dataclass(frozen=True)
class Problem:
    """One problem.

    Args:
        name: Short name, also the key of its answers.
        slopes: ``f(t, y) -> list`` on scalars.
        start: Initial values.
        times: When the answer is known.
        floor: Absolute over relative tolerance; components far below it are not resolved.
        judged: Components whose error counts (all by default).
    """

    name: str
    slopes: Slopes
    start: tuple[float, ...]
    times: tuple[float, ...]
    floor: float
    judged: tuple[int, ...] | None = None

    @property
    def answer(self) -> np.ndarray:
        """The reference values (times, components)."""
        return np.array(ANSWERS[self.name])

    def system(self) -> OdeSystem:
        """Return the problem as a model with one vector state and no parameters."""

        def rhs(t: Any, y: Mapping[str, Any], p: Any, u: Any) -> dict[str, Any]:
            import jax.numpy as jnp

            return {"y": jnp.stack(self.slopes(t, [y["y"][i] for i in range(len(self.start))]))}

        return OdeSystem(
            ModelInfo(id=f"bench.{self.name}", backend="jax"),
            Schema([Field("y", shape=("component",), default=np.array(self.start))]),
            "",
            rhs,
            "y (time, component)",
            lambda t, y, p, u: {"y": y["y"]},
            time_unit="",
        )

    def errors(self, found: np.ndarray) -> np.ndarray:
        """Return the relative error of every judged component at every time."""
        chosen = list(self.judged) if self.judged else slice(None)
        truth = self.answer[:, chosen]
        return np.asarray(np.abs(found[:, chosen] - truth) / np.abs(truth))


def hires(t: Any, y: Sequence[Any]) -> list[Any]:
    """Light response of a plant's phytochrome, 8 species (Schaefer 1975)."""
    a, b, c, d, e, f, g, h = y
    bound = 280.0 * f * h - 1.81 * g
    return [
        -1.71 * a + 0.43 * b + 8.32 * c + 0.0007,
        1.71 * a - 8.75 * b,
        -10.03 * c + 0.43 * d + 0.035 * e,
        8.32 * b + 1.71 * c - 1.12 * d,
        -1.745 * e + 0.43 * f + 0.43 * g,
        -280.0 * f * h + 0.69 * d + 1.71 * e - 0.43 * f + 0.69 * g,
        bound,
        -bound,
    ]


def rober(t: Any, y: Sequence[Any]) -> list[Any]:
    """Robertson's autocatalysis (1966)."""
    a, b, c = y
    first, second, third = 0.04 * a, 1e4 * b * c, 3e7 * b * b
    return [second - first, first - second - third, third]


def van_der_pol(stiffness: float) -> Slopes:
    """Return van der Pol's oscillator in slow time; stiffness is mu squared."""

    def slopes(t: Any, y: Sequence[Any]) -> list[Any]:
        x, v = y
        return [v, ((1.0 - x * x) * v - x) * stiffness]

    return slopes


def oregonator(t: Any, y: Sequence[Any]) -> list[Any]:
    """Belousov-Zhabotinskii reaction (Field and Noyes 1974)."""
    a, b, c = y
    return [
        77.27 * (b + a * (1.0 - 8.375e-6 * a - b)),
        (c - (1.0 + a) * b) / 77.27,
        0.161 * (a - c),
    ]


# Reactants of the 25 reactions (places from 1) with rate constants, and their products.
_POLLUTION: tuple[tuple[float, tuple[int, ...], tuple[int, ...]], ...] = (
    (0.35, (1,), (2, 3)), (26.6, (2, 4), (1,)), (12300.0, (5, 2), (6, 1)), (8.6e-4, (7,), (5, 5, 8)),
    (8.2e-4, (7,), (8,)), (15000.0, (7, 6), (8, 5)), (1.3e-4, (9,), (10, 8, 5)),
    (24000.0, (9, 6), (11,)), (16500.0, (11, 2), (10, 1, 12)), (9000.0, (11, 1), (13,)),
    (0.022, (13,), (11, 1)), (12000.0, (10, 2), (14, 1)), (1.88, (14,), (7, 5)),
    (16300.0, (1, 6), (15,)), (4.8e6, (3,), (4,)), (3.5e-4, (4,), (16,)), (0.0175, (4,), (3,)),
    (1e8, (16,), (6, 6)), (4.44e11, (16,), (3,)), (1240.0, (17, 6), (18, 5)), (2.1, (19,), (2,)),
    (5.78, (19,), (1, 3)), (0.0474, (1, 4), (19,)), (1780.0, (19, 1), (20,)), (3.12, (20,), (19, 1)),
)  # fmt: skip


def pollution(t: Any, y: Sequence[Any]) -> list[Any]:
    """Chemistry of the lower air, 20 species in 25 reactions (Verwer 1994)."""
    out: list[Any] = [0.0 * value for value in y]
    for constant, reactants, products in _POLLUTION:
        rate = constant * y[reactants[0] - 1]
        for place in reactants[1:]:
            rate = rate * y[place - 1]
        for place in reactants:
            out[place - 1] = out[place - 1] - rate
        for place in products:
            out[place - 1] = out[place - 1] + rate
    return out


def e5(t: Any, y: Sequence[Any]) -> list[Any]:
    """Pyrolysis, problem E5 of Enright, Hull and Lindberg (1975); tiny, coupled amounts."""
    a, b, c, d = y
    decay, attack = 7.89e-10 * a, 1.1e7 * a * c
    loss, back = 1.13e9 * b * c, 1.13e3 * d
    second, fourth = decay - loss, attack - back
    # Written so, as in the test set, rounding hardly harms y2 = y3 + y4.
    return [-decay - attack, second, second - fourth, fourth]


def _start(places: Mapping[int, float], count: int) -> tuple[float, ...]:
    return tuple(places.get(i + 1, 0.0) for i in range(count))


PROBLEMS = (
    Problem("HIRES", hires, _start({1: 1.0, 8: 0.0057}, 8), (321.8122,), 1e-4),
    Problem("ROBER", rober, (1.0, 0.0, 0.0), (1e11,), 1e-14),
    Problem("van der Pol", van_der_pol(1e6), (2.0, 0.0), (2.0,), 1.0),
    Problem("van der Pol, mu 1e6", van_der_pol(1e12), (2.0, 0.0), (2.0,), 1.0),
    Problem("Oregonator", oregonator, (1.0, 2.0, 3.0), (360.0,), 1e-2),
    Problem("Pollution", pollution,
            _start({2: 0.2, 4: 0.04, 7: 0.1, 8: 0.3, 9: 0.01, 17: 0.007}, 20), (60.0,), 1e-18),
    Problem("E5", e5, (1.76e-3, 0.0, 0.0, 0.0), (10.0, 1e3, 1e5), 1e-18, judged=(1, 2)),
)  # fmt: skip
