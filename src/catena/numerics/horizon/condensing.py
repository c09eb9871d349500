"""States eliminated from a linearised horizon: what is left depends on the decisions alone.

With x[k+1] = A[k] x[k] + B[k] u[k] + c[k] and u[k] = M[k] z, every state is G[k] z + r[k]
(H. G. Bock and K. J. Plitt, IFAC Proc. 17 (1984) 1603, doi:10.1016/S1474-6670(17)61205-9).
"""

from __future__ import annotations

from typing import Any


def condense(a: Any, b: Any, c: Any, maps: Any, g0: Any, r0: Any) -> tuple[Any, Any]:
    """Return G (N + 1, n, nz) and r (N + 1, n) of one linearised horizon.

    Args:
        a: Derivatives of the interval maps to the state (N, n, n).
        b: Derivatives to the inputs (N, n, nu).
        c: Gaps (N, n): end of an interval minus the start of the next.
        maps: Inputs as linear functions of the decisions (N, nu, nz).
        g0: Dependence of the first state on the decisions (n, nz).
        r0: Step of the first state (n,).
    """
    import jax
    import jax.numpy as jnp

    def one(carry: tuple[Any, Any], stage: tuple[Any, ...]) -> tuple[Any, Any]:
        g, r = carry
        ak, bk, ck, mk = stage
        new = (ak @ g + bk @ mk, ak @ r + ck)
        return new, new

    _, (g, r) = jax.lax.scan(one, (g0, r0), (a, b, c, maps))
    return jnp.concatenate([g0[None], g]), jnp.concatenate([r0[None], r])


def adjoints(a: Any, gradients: Any) -> Any:
    """Return multipliers (N, n) of the interval maps: l[k] = gradients[k] + A[k]' l[k+1].

    Args:
        a: Derivatives of the interval maps to the state (N, n, n).
        gradients: Derivatives (N + 1, n) of everything else at every node's state.
    """
    import jax
    import jax.numpy as jnp

    def one(later: Any, stage: tuple[Any, Any]) -> tuple[Any, Any]:
        ak, gk = stage
        return gk + ak.T @ later, later

    _, found = jax.lax.scan(one, gradients[-1], (a, gradients[:-1]), reverse=True)
    return jnp.asarray(found)


def convex(h: Any, floor: float = 1e-8) -> Any:
    """Return the nearest matrix whose eigenvalues are at least ``floor`` times the largest.

    Negative curvature is reflected, not cut: a step along it stays as short as its size suggests.
    """
    import jax
    import jax.numpy as jnp

    def mended(matrix: Any) -> Any:
        values, vectors = jnp.linalg.eigh(matrix)
        least = floor * jnp.maximum(jnp.max(jnp.abs(values)), 1e-8)
        return (vectors * jnp.maximum(jnp.abs(values), least)) @ vectors.T

    h = (h + h.T) / 2
    least = floor * jnp.maximum(jnp.max(jnp.abs(jnp.diagonal(h))), 1e-8)
    sound = h + least * jnp.eye(len(h))
    factor = jnp.linalg.cholesky(h)
    return jax.lax.cond(jnp.isfinite(factor).all(), lambda: sound, lambda: mended(h))
