"""Twelve problems with many optima or hard limits whose best value is published.

Rastrigin, Ackley, Schwefel and Levy in ten variables (Surjanovic and Bingham, Virtual Library of
Simulation Experiments); g01, g04, g06, g07, g08 and g09 of the constrained set of CEC 2006 (Liang
et al. 2006); the fed-batch feeds of Park and Ramirez (1988, 10.1002/aic.690340917) and of Lee and
Ramirez (1994, 10.1021/bp00026a005, kinetics as first published).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catena.core.function import model
from catena.core.model import Model


@dataclass(frozen=True)
class Multimodal:
    """One problem: minimise ``f`` of ``x`` (d,), each of ``c`` at most 0.

    Args:
        name: Short name.
        function: x (n, d) -> (f (n,), c (n, k)); pure JAX.
        low: Lower ends (d,).
        high: Upper ends (d,).
        limits: Number of limits k.
        best: Published best value (low is good).
        budget: Evaluations either method gets.
    """

    name: str
    function: Callable[[Any], tuple[Any, Any]]
    low: tuple[float, ...]
    high: tuple[float, ...]
    limits: int
    best: float
    budget: int

    @cache  # noqa: B019 - twelve problems, kept for good: a model compiles once for all seeds
    def as_model(self) -> Model:
        """Return the problem as a Model with an input x and outputs f, c0, c1, ..."""
        names = [f"c{k}" for k in range(self.limits)]
        function = self.function

        def compute(x: Any) -> dict[str, Any]:
            f, c = function(x)
            return {"f": f, **{name: c[..., k] for k, name in enumerate(names)}}

        middle = (np.array(self.low) + np.array(self.high)) / 2
        made = model(id=f"bench.{self.name.replace('-', '_')}", inputs="x (k)",
                     outputs=", ".join(["f", *names]), backend="jax")(compute)  # fmt: skip
        return made.at(x=middle)

    def over(self) -> dict[str, tuple[float, float]]:
        """Return the range of every variable."""
        ends = zip(self.low, self.high, strict=True)
        return {f"x[{k}]": (low, high) for k, (low, high) in enumerate(ends)}


def _free(f: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, Any]]:
    return lambda x: (f(x), jnp.zeros((*x.shape[:-1], 0)))


def _rastrigin(x: Any) -> Any:
    return jnp.sum(x**2 - 10.0 * jnp.cos(2.0 * jnp.pi * x) + 10.0, axis=-1)


def _ackley(x: Any) -> Any:
    far = jnp.exp(-0.2 * jnp.sqrt(jnp.mean(x**2, axis=-1) + 1e-30))
    return 20.0 - 20.0 * far + jnp.e - jnp.exp(jnp.mean(jnp.cos(2.0 * jnp.pi * x), axis=-1))


def _schwefel(x: Any) -> Any:
    wave = jnp.sum(x * jnp.sin(jnp.sqrt(jnp.abs(x) + 1e-30)), axis=-1)
    return 418.9828872724339 * x.shape[-1] - wave


def _levy(x: Any) -> Any:
    w = 1.0 + (x - 1.0) / 4.0
    first = jnp.sin(jnp.pi * w[..., 0]) ** 2
    middle = (w[..., :-1] - 1.0) ** 2 * (1.0 + 10.0 * jnp.sin(jnp.pi * w[..., :-1] + 1.0) ** 2)
    last = (w[..., -1] - 1.0) ** 2 * (1.0 + jnp.sin(2.0 * jnp.pi * w[..., -1]) ** 2)
    return first + jnp.sum(middle, axis=-1) + last


def _g01(x: Any) -> tuple[Any, Any]:
    a, b = x[..., :4], x[..., 4:]
    f = 5.0 * jnp.sum(a, -1) - 5.0 * jnp.sum(a**2, -1) - jnp.sum(b, -1)
    x1, x2, x3, x4, x5, x6, x7, x8, x9, x10, x11, x12, _ = jnp.moveaxis(x, -1, 0)
    return f, jnp.stack([
        2 * x1 + 2 * x2 + x10 + x11 - 10, 2 * x1 + 2 * x3 + x10 + x12 - 10,
        2 * x2 + 2 * x3 + x11 + x12 - 10, x10 - 8 * x1, x11 - 8 * x2, x12 - 8 * x3,
        x10 - 2 * x4 - x5, x11 - 2 * x6 - x7, x12 - 2 * x8 - x9,
    ], axis=-1)  # fmt: skip


def _g04(x: Any) -> tuple[Any, Any]:
    x1, x2, x3, x4, x5 = jnp.moveaxis(x, -1, 0)
    f = 5.3578547 * x3**2 + 0.8356891 * x1 * x5 + 37.293239 * x1 - 40792.141
    u = 85.334407 + 0.0056858 * x2 * x5 + 0.0006262 * x1 * x4 - 0.0022053 * x3 * x5
    v = 80.51249 + 0.0071317 * x2 * x5 + 0.0029955 * x1 * x2 + 0.0021813 * x3**2
    w = 9.300961 + 0.0047026 * x3 * x5 + 0.0012547 * x1 * x3 + 0.0019085 * x3 * x4
    return f, jnp.stack([u - 92, -u, v - 110, 90 - v, w - 25, 20 - w], axis=-1)


def _g06(x: Any) -> tuple[Any, Any]:
    x1, x2 = jnp.moveaxis(x, -1, 0)
    f = (x1 - 10) ** 3 + (x2 - 20) ** 3
    rings = [100 - (x1 - 5) ** 2 - (x2 - 5) ** 2, (x1 - 6) ** 2 + (x2 - 5) ** 2 - 82.81]
    return f, jnp.stack(rings, axis=-1)


def _g07(x: Any) -> tuple[Any, Any]:
    x1, x2, x3, x4, x5, x6, x7, x8, x9, x10 = jnp.moveaxis(x, -1, 0)
    f = (x1**2 + x2**2 + x1 * x2 - 14 * x1 - 16 * x2 + (x3 - 10) ** 2 + 4 * (x4 - 5) ** 2
         + (x5 - 3) ** 2 + 2 * (x6 - 1) ** 2 + 5 * x7**2 + 7 * (x8 - 11) ** 2
         + 2 * (x9 - 10) ** 2 + (x10 - 7) ** 2 + 45)  # fmt: skip
    return f, jnp.stack([
        4 * x1 + 5 * x2 - 3 * x7 + 9 * x8 - 105, 10 * x1 - 8 * x2 - 17 * x7 + 2 * x8,
        -8 * x1 + 2 * x2 + 5 * x9 - 2 * x10 - 12,
        3 * (x1 - 2) ** 2 + 4 * (x2 - 3) ** 2 + 2 * x3**2 - 7 * x4 - 120,
        5 * x1**2 + 8 * x2 + (x3 - 6) ** 2 - 2 * x4 - 40,
        x1**2 + 2 * (x2 - 2) ** 2 - 2 * x1 * x2 + 14 * x5 - 6 * x6,
        0.5 * (x1 - 8) ** 2 + 2 * (x2 - 4) ** 2 + 3 * x5**2 - x6 - 30,
        -3 * x1 + 6 * x2 + 12 * (x9 - 8) ** 2 - 7 * x10,
    ], axis=-1)  # fmt: skip


def _g08(x: Any) -> tuple[Any, Any]:
    x1, x2 = jnp.moveaxis(x, -1, 0)
    top = jnp.sin(2 * jnp.pi * x1) ** 3 * jnp.sin(2 * jnp.pi * x2)
    f = -top / (x1**3 * (x1 + x2))
    return f, jnp.stack([x1**2 - x2 + 1, 1 - x1 + (x2 - 4) ** 2], axis=-1)


def _g09(x: Any) -> tuple[Any, Any]:
    x1, x2, x3, x4, x5, x6, x7 = jnp.moveaxis(x, -1, 0)
    f = ((x1 - 10) ** 2 + 5 * (x2 - 12) ** 2 + x3**4 + 3 * (x4 - 11) ** 2 + 10 * x5**6
         + 7 * x6**2 + x7**4 - 4 * x6 * x7 - 10 * x6 - 8 * x7)  # fmt: skip
    return f, jnp.stack([
        2 * x1**2 + 3 * x2**4 + x3 + 4 * x4**2 + 5 * x5 - 127,
        7 * x1 + 3 * x2 + 10 * x3**2 + x4 - x5 - 282,
        23 * x1 + x2**2 + 6 * x6**2 - 8 * x7 - 196,
        4 * x1**2 + x2**2 - 3 * x1 * x2 + 2 * x3**2 + 5 * x6 - 11 * x7,
    ], axis=-1)  # fmt: skip


# Fed-batch feeds -------------------------------------------------------------------------

_STEPS = 6


def _simulate(rates: Callable[[Any, Any], Any], start: Any, feeds: Any, hours: float) -> Any:
    """Integrate with feeds (n, m, intervals) linear between their values, by Runge-Kutta 4."""
    points = feeds.shape[-1]
    steps = (points - 1) * _STEPS
    width = hours / steps

    def feed(at: Any) -> Any:
        place = jnp.minimum((at / _STEPS).astype(int), points - 2)
        part = at / _STEPS - place
        left = jax.lax.dynamic_index_in_dim(feeds, place, -1, keepdims=False)
        right = jax.lax.dynamic_index_in_dim(feeds, place + 1, -1, keepdims=False)
        return (1.0 - part) * left + part * right

    def step(state: Any, k: Any) -> tuple[Any, None]:
        u0, u1, u2 = feed(k), feed(k + 0.5), feed(k + 1.0)
        a = rates(state, u0)
        b = rates(state + 0.5 * width * a, u1)
        c = rates(state + 0.5 * width * b, u1)
        d = rates(state + width * c, u2)
        return state + width * (a + 2 * b + 2 * c + d) / 6, None

    end, _ = jax.lax.scan(step, start, jnp.arange(steps, dtype=float))
    return end


def _park_ramirez(x: Any) -> tuple[Any, Any]:
    """Secreted protein in yeast: minus the protein at 15 h; feed 0 to 2 L/h."""

    def rates(s: Any, u: Any) -> Any:
        secreted, total, cells, glucose, volume = jnp.moveaxis(s, -1, 0)
        rate = u[..., 0]
        growth = 21.87 * glucose / ((glucose + 0.4) * (glucose + 62.5))
        made = glucose * jnp.exp(-5.0 * glucose) / (0.1 + glucose)
        out = 4.75 * growth / (0.12 + growth)
        thin = rate / volume
        return jnp.stack([
            out * (total - secreted) - thin * secreted, made * cells - thin * total,
            (growth - thin) * cells, thin * (20.0 - glucose) - 7.3 * growth * cells, rate,
        ], axis=-1)  # fmt: skip

    start = jnp.broadcast_to(jnp.array([0.0, 0.0, 1.0, 5.0, 1.0]), (*x.shape[:-1], 5))
    end = _simulate(rates, start, x[..., None, :], 15.0)
    return -end[..., 0] * end[..., 4], jnp.zeros((*x.shape[:-1], 0))


def _lee_ramirez(x: Any) -> tuple[Any, Any]:
    """Induced protein in bacteria: minus its amount at 10 h, less the inducer's price."""
    half = x.shape[-1] // 2
    feeds = jnp.stack([x[..., :half], x[..., half:]], axis=-2)

    def rates(s: Any, u: Any) -> Any:
        volume, cells, nutrient, protein, inducer, shock, recovery, _ = jnp.moveaxis(s, -1, 0)
        food, signal = u[..., 0], u[..., 1]
        uptake = nutrient / (0.108 + nutrient + nutrient**2 / 14814.8)
        growth = 0.407 * uptake * (shock + 0.22 * recovery / (0.22 + inducer))
        made = 0.095 * uptake * (0.0005 + inducer) / (0.022 + inducer)
        change = 0.09 * inducer / (0.034 + inducer)
        thin = (food + signal) / volume
        return jnp.stack([
            food + signal, (growth - thin) * cells,
            food / volume * 100.0 - thin * nutrient - growth * cells / 0.51,
            made * cells - thin * protein, signal / volume * 4.0 - thin * inducer,
            -change * shock, change * (1.0 - recovery), signal,
        ], axis=-1)  # fmt: skip

    first = jnp.array([1.0, 0.1, 40.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    end = _simulate(rates, jnp.broadcast_to(first, (*x.shape[:-1], 8)), feeds, 10.0)
    return -(end[..., 0] * end[..., 3] - INDUCER_PRICE * end[..., 7]), jnp.zeros((*x.shape[:-1], 0))


#: Price of inducer relative to protein.
INDUCER_PRICE = 5.0


def _ten(low: float, high: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return (low,) * 10, (high,) * 10


PROBLEMS = (
    Multimodal("rastrigin-10", _free(_rastrigin), *_ten(-5.12, 5.12), 0, 0.0, 40_000),
    Multimodal("ackley-10", _free(_ackley), *_ten(-32.768, 32.768), 0, 0.0, 40_000),
    Multimodal("schwefel-10", _free(_schwefel), *_ten(-500.0, 500.0), 0, 0.0, 40_000),
    Multimodal("levy-10", _free(_levy), *_ten(-10.0, 10.0), 0, 0.0, 40_000),
    Multimodal("g01", _g01, (0.0,) * 13, (1.0,) * 9 + (100.0,) * 3 + (1.0,), 9, -15.0, 20_000),
    Multimodal("g04", _g04, (78.0, 33.0, 27.0, 27.0, 27.0), (102.0,) + (45.0,) * 4, 6,
               -30665.53867, 10_000),
    Multimodal("g06", _g06, (13.0, 0.0), (100.0, 100.0), 2, -6961.81388, 10_000),
    Multimodal("g07", _g07, *_ten(-10.0, 10.0), 8, 24.30620907, 20_000),
    Multimodal("g08", _g08, (0.0, 0.0), (10.0, 10.0), 2, -0.0958250415, 10_000),
    Multimodal("g09", _g09, (-10.0,) * 7, (10.0,) * 7, 4, 680.630057374, 20_000),
    Multimodal("park-ramirez", _park_ramirez, (0.0,) * 26, (2.0,) * 26, 0, -32.68, 10_000),
    Multimodal("lee-ramirez", _lee_ramirez, (0.0,) * 22, (0.01,) * 22, 0, -0.8165, 10_000),
)  # fmt: skip
