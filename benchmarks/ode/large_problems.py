"""Four large systems of bioprocess and chemical engineering, written as JAX functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Problem:
    """An initial value problem dy/dt = rhs(t, y).

    Args:
        name: What it is, with its size.
        rhs: (t, y, p, s) -> (n,), a JAX function.
        start: Initial state, (n,).
        end: Last time; the problem starts at 0.
    """

    name: str
    rhs: Callable[..., Any]
    start: np.ndarray
    end: float


def column(cells: int, components: int = 2, end: float = 1.5) -> Problem:
    """Load a packed column: advection, dispersion, competitive Langmuir binding with kinetics.

    States are interleaved cell by cell: liquid of every component, then solid of every component.
    Upwind differences of first order; time in column volumes.
    """
    import jax.numpy as jnp

    phase, capacity, rate = 1.5, 2.0, 20.0
    affinity = np.linspace(1.0, 4.0, components)
    dispersion = 1e-3
    width = 1.0 / cells

    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        liquid, solid = jnp.moveaxis(y.reshape(cells, 2, components), 1, 0)
        feed = jnp.ones((1, components))
        before = jnp.concatenate([feed, liquid])
        after = jnp.concatenate([liquid, liquid[-1:]])
        advection = -(before[1:] - before[:-1]) / width
        spread = dispersion * (jnp.diff(after, axis=0) - jnp.diff(before, axis=0)) / width**2
        free = capacity - solid.sum(axis=1, keepdims=True)
        uptake = rate * (affinity * liquid * free - solid)
        return jnp.stack([advection + spread - phase * uptake, uptake], axis=1).reshape(-1)

    start = np.zeros(cells * 2 * components)
    return Problem(f"column {cells} cells x {components}", rhs, start, end)


def crystalliser(classes: int) -> Problem:
    """Cool a batch crystalliser: growth and nucleation by classes, one shared solute balance."""
    import jax.numpy as jnp

    edges = np.linspace(0.0, 1.0, classes + 1)
    size = 0.5 * (edges[1:] + edges[:-1])
    width = 1.0 / classes

    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        number, solute = y[:-1], y[-1]
        solubility = 0.2 + 0.8 * jnp.exp(-t / 3.0)
        excess = jnp.maximum(solute - solubility, 0.0)
        growth, birth = 0.6 * excess, 40.0 * excess**2
        passed = growth * number / width
        inflow = jnp.concatenate([(birth / width)[None], passed[:-1]])
        change = inflow - passed
        return jnp.concatenate([change, -(0.5 * (size**3 * change).sum() * width)[None]])

    start = np.append(2.0 * np.exp(-(((size - 0.15) / 0.04) ** 2)), 1.0)
    return Problem(f"crystalliser {classes} classes", rhs, start, 6.0)


def brusselator(points: int) -> Problem:
    """Diffuse and react two species in one dimension (Hairer and Wanner II, section IV.1)."""
    import jax.numpy as jnp

    place = np.arange(1, points + 1) / (points + 1)
    strength = 0.02 * (points + 1) ** 2

    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        u, v = y.reshape(points, 2).T
        second_u = jnp.diff(jnp.pad(u, 1, constant_values=1.0), 2)
        second_v = jnp.diff(jnp.pad(v, 1, constant_values=3.0), 2)
        du = 1.0 + u * u * v - 4.0 * u + strength * second_u
        dv = 3.0 * u - u * u * v + strength * second_v
        return jnp.stack([du, dv], axis=1).reshape(-1)

    start = np.stack([1.0 + np.sin(2 * np.pi * place), np.full(points, 3.0)], axis=1).reshape(-1)
    return Problem(f"Brusselator 2 x {points}", rhs, start, 10.0)


def network(species: int, reactions: int, seed: int = 1) -> Problem:
    """React by mass action: A + B <-> C, rates over six decades.

    Nine in ten reactions join near neighbours, as in pathways; the others join any two species.
    """
    import jax.numpy as jnp

    generator = np.random.default_rng(seed)
    first, second, third = generator.integers(0, species, (3, reactions))
    near = generator.random(reactions) < 0.9
    second = np.where(near, (first + generator.integers(1, 4, reactions)) % species, second)
    third = np.where(near, (first + generator.integers(4, 8, reactions)) % species, third)
    forward = 10.0 ** generator.uniform(-2, 4, reactions)
    backward = 10.0 ** generator.uniform(-2, 3, reactions)

    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        flow = forward * y[first] * y[second] - backward * y[third]
        zero = jnp.zeros_like(y)
        return zero.at[first].add(-flow).at[second].add(-flow).at[third].add(flow)

    start = generator.uniform(0.1, 1.0, species)
    return Problem(f"network {species} species", rhs, start, 10.0)
