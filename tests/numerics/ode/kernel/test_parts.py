"""The straight-line functions of a system, evaluated with NumPy against JAX."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catena.numerics.ode.kernel.build import trace_all
from catena.numerics.ode.kernel.graph import evaluate
from catena.numerics.ode.kernel.parts import Part, Parts, build_parts
from tests.numerics.ode.kernel import flat_systems as systems

FLAT = systems.mixed()
RNG = np.random.default_rng(5)
T, Y, P, S = 0.7, RNG.uniform(0.5, 2, 3), RNG.uniform(0.5, 2, 3), RNG.uniform(0.5, 2, 1)


def made(tangents: bool = False) -> Parts:
    return build_parts(FLAT, trace_all(FLAT), tangents)


def part(parts: Parts, name: str) -> Part:
    return next(p for p in parts.parts if p.name == name)


def run(parts: Parts, name: str, **values: Any) -> dict[str, np.ndarray]:
    inputs = {group: np.atleast_1d(np.asarray(v, dtype=float)) for group, v in values.items()}
    return {
        key: np.array(evaluate(parts.graph, nodes, inputs), dtype=float)
        for key, nodes in part(parts, name).outputs.items()
    }


def early(parts: Parts) -> np.ndarray:
    return run(parts, "prepare", p=P, s=S)["q"]


def test_rhs_and_outputs_equal_jax() -> None:
    parts = made()
    q = early(parts)
    for name, key, function in (("rhs", "f", FLAT.rhs), ("outputs", "o", FLAT.outputs)):
        got = run(parts, name, t=T, y=Y, q=q)[key]
        np.testing.assert_allclose(got, function(T, jnp.asarray(Y), P, S), rtol=1e-14)


def test_factor_and_solve_equal_a_dense_solve() -> None:
    parts = made()
    q, h, gamma = early(parts), 0.01, 0.25
    found = run(parts, "factor", t=T, y=Y, q=q, ihg=1 / (h * gamma))
    slope, drag = RNG.normal(size=3), RNG.normal(size=3)
    x = run(parts, "solve", lu=found["lu"], f=slope, b=drag, ih=1 / h)["x"]
    jacobian = jax.jacfwd(FLAT.rhs, argnums=1)(T, jnp.asarray(Y), P, S)
    matrix = np.eye(3) / (h * gamma) - jacobian
    np.testing.assert_allclose(x, np.linalg.solve(matrix, slope + drag / h), rtol=1e-12)
    drift = jax.jacfwd(FLAT.rhs)(T, jnp.asarray(Y), jnp.asarray(P), S)
    np.testing.assert_allclose(found["ft"], drift, rtol=1e-13, atol=1e-15)


def test_nothing_that_parameters_settle_is_left_in_the_steps() -> None:
    parts = made()
    for name in ("rhs", "factor", "outputs"):
        groups = {parts.graph.slots[n][0] for n in _inputs(parts, name)}
        assert groups <= {"t", "y", "q", "ihg"}


def _inputs(parts: Parts, name: str) -> list[int]:
    from catena.numerics.ode.kernel.graph import order

    nodes = [n for group in part(parts, name).outputs.values() for n in group]
    return [n for n in order(parts.graph, nodes) if n in parts.graph.slots]


def test_tangent_of_the_slope_equals_jvp() -> None:
    parts = made(tangents=True)
    q = early(parts)
    dp, ds, dy = RNG.normal(size=3), RNG.normal(size=1), RNG.normal(size=3)
    dq = run(parts, "prepare_tangent", p=P, s=S, dp=dp, ds=ds)["dq"]
    w = run(parts, "linearise_rhs", t=T, y=Y, q=q)["w"]
    got = run(parts, "push_rhs", w=w, dy=dy, dq=dq)["df"]
    want = jax.jvp(lambda y, p, s: FLAT.rhs(T, y, p, s), (Y, P, S), (dy, dp, ds))[1]
    np.testing.assert_allclose(got, want, rtol=1e-12)
