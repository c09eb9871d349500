"""A dense convex quadratic programme with hard and exactly penalised rows.

Minimise  x'Hx/2 + g'x + sum rho_i max(0, a_i'x - b_i), where rho_i is infinite for a hard row. Soft
rows keep their multiplier between 0 and rho_i, so a programme without hard contradictions always
has a solution. Primal-dual interior point with predictor and corrector (S. Mehrotra, SIAM J. Optim.
2 (1992) 575, doi:10.1137/0802028); slacks and multipliers are eliminated, one Cholesky factor per
iteration serves both steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple, final

#: A slack or multiplier is kept at least this far from zero, relative to its step.
BACK_OFF = 0.995


@final
class Solved(NamedTuple):
    """Solution of a quadratic programme.

    Args:
        x: Minimiser (n,).
        multipliers: One per row (m,), between 0 and rho.
        excess: Violation of every row (m,).
        iterations: Interior-point iterations.
        gap: Mean complementarity at the end.
        residual: Largest stationarity residual at the end.
    """

    x: Any
    multipliers: Any
    excess: Any
    iterations: Any
    gap: Any
    residual: Any


@final
class _State(NamedTuple):
    x: Any
    lam: Any  # multipliers of the rows
    s: Any  # slack of the rows
    nu: Any  # rho - lam, for soft rows
    e: Any  # excess of soft rows
    gap: Any
    residual: Any
    step: Any
    count: Any


def solve(
    h: Any, g: Any, a: Any, b: Any, rho: Any, *, tolerance: float = 1e-9, gap: float = 1e-13,
    limit: int = 40,
) -> Solved:  # fmt: skip
    """Solve one programme inside a JAX trace.

    Args:
        h: Positive definite Hessian (n, n).
        g: Gradient (n,).
        a: Rows (m, n), of size about one.
        b: Right-hand sides (m,).
        rho: Penalties (m,); ``inf`` marks a hard row.
        tolerance: Residual at which to stop, relative to the gradient.
        gap: Mean complementarity at which to stop, relative to the gradient: what the objective may
            still be above its minimum, per row, so far smaller than the residual.
        limit: Iterations at most.
    """
    import jax
    import jax.numpy as jnp

    soft = jnp.isfinite(rho)
    penalty = jnp.where(soft, rho, 1.0)
    rows = jnp.maximum(b.size + jnp.sum(soft), 1)
    size = 1.0 + jnp.max(jnp.abs(g))

    def judged(x: Any, lam: Any, s: Any, nu: Any, e: Any, step: Any, count: Any) -> _State:
        left = (jnp.sum(lam * s) + jnp.sum(jnp.where(soft, nu * e, 0.0))) / rows
        stationary = jnp.max(jnp.abs(h @ x + g + a.T @ lam))
        primal = jnp.max(jnp.abs(b - a @ x + e - s), initial=0.0)
        return _State(x, lam, s, nu, e, left, jnp.maximum(stationary / size, primal), step, count)

    def going(state: _State) -> Any:
        done = (state.gap <= gap * size) & (state.residual <= tolerance)
        stuck = ~jnp.isfinite(state.gap) | (state.step < 1e-8)
        return ~(done | stuck) & (state.count < limit)

    def iterate(state: _State) -> _State:
        x, lam, s, nu, e = state[:5]
        weight = 1.0 / (s / lam + jnp.where(soft, e / nu, 0.0))
        factor = jax.scipy.linalg.cho_factor(h + (a.T * weight) @ a)
        dual = h @ x + g + a.T @ lam
        primal = b - a @ x + e - s

        def direction(want_s: Any, want_e: Any) -> tuple[Any, ...]:
            # want: target of lam*s and nu*e, second-order terms included.
            shift = want_s / lam - s - jnp.where(soft, want_e / nu - e, 0.0) - primal
            dx = jax.scipy.linalg.cho_solve(factor, -dual - a.T @ (weight * shift))
            dlam = weight * (a @ dx + shift)
            ds = (want_s - s * dlam) / lam - s
            de = jnp.where(soft, (want_e + e * dlam) / nu - e, 0.0)
            return dx, dlam, ds, de

        nothing = jnp.zeros_like(lam)
        _, dlam, ds, de = direction(nothing, nothing)
        reach = _reach(lam, dlam, s, ds, nu, e, de, soft)
        ahead = jnp.sum((lam + reach * dlam) * (s + reach * ds)) + jnp.sum(
            jnp.where(soft, (nu - reach * dlam) * (e + reach * de), 0.0)
        )
        centre = jnp.clip(ahead / rows / state.gap, 0.0, 1.0) ** 3 * state.gap
        dx, dlam, ds, de = direction(centre - dlam * ds, centre + dlam * de)
        step = BACK_OFF * _reach(lam, dlam, s, ds, nu, e, de, soft)
        new = judged(
            x + step * dx, lam + step * dlam, s + step * ds,
            jnp.where(soft, nu - step * dlam, 1.0), e + step * de, step, state.count + 1,
        )  # fmt: skip
        # Where rounding breaks the factor, the point before is the answer.
        sound = jnp.isfinite(new.gap) & jnp.isfinite(new.residual)
        kept = state._replace(step=jnp.zeros_like(new.step))
        return jax.tree.map(lambda a, b: jnp.where(sound, a, b), new, kept)

    scale = jnp.maximum(1.0, jnp.max(jnp.abs(g)) * 0.1)
    lam = jnp.minimum(scale, penalty / 2) * jnp.where(soft, 1.0, 0.0) + jnp.where(soft, 0.0, scale)
    e = jnp.where(soft, jnp.maximum(-b, 0.0) + 0.1, 0.0)
    s = jnp.maximum(b + e, 0.1)
    first = judged(
        jnp.zeros_like(g), lam, s, jnp.where(soft, penalty - lam, 1.0), e, jnp.ones_like(size), 0
    )
    end = jax.lax.while_loop(going, iterate, first)
    excess = jnp.maximum(a @ end.x - b, 0.0)
    return Solved(end.x, end.lam, excess, end.count, end.gap, end.residual)


def _reach(lam: Any, dlam: Any, s: Any, ds: Any, nu: Any, e: Any, de: Any, soft: Any) -> Any:
    """Return the longest step in (0, 1] that keeps slacks and multipliers positive."""
    import jax.numpy as jnp

    def longest(value: Any, change: Any, applies: Any) -> Any:
        ratio = jnp.where(applies & (change < 0), -value / jnp.where(change < 0, change, -1.0), 1e9)
        return jnp.min(ratio, initial=1e9)

    every = jnp.ones_like(soft)
    found = jnp.minimum(longest(lam, dlam, every), longest(s, ds, every))
    found = jnp.minimum(found, longest(nu, -dlam, soft))
    return jnp.minimum(1.0, jnp.minimum(found, longest(e, de, soft)))
