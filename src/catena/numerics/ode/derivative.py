"""Both modes of differentiation for one function of arrays that has two loops inside.

Adaptive loops can carry tangents (forward) or keep checkpoints (reverse), not both. The function
built here evaluates with the forward loop, pushes tangents through the forward loop, and pulls
cotangents back through the reverse loop, so ``jax.grad``, ``jacfwd`` and ``jvp`` all work.
Second derivatives work forward over forward.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import equinox.internal as eqxi
import jax
import jax.numpy as jnp
from jax.interpreters import ad

Arrays = Sequence[Any]
Function = Callable[..., tuple[Any, ...]]


def _evaluate(
    *args: Any, forward: Function, reverse: Function, points: int, pull: bool
) -> list[Any]:
    """Evaluate the linear map at a point: ``args`` are the point, then what the map acts on."""
    point, seed = args[:points], args[points:]
    if pull:
        _, back = jax.vjp(reverse, *point)
        return list(back(tuple(seed)))
    return list(jax.jvp(forward, tuple(point), tuple(seed))[1])


def _shapes(*args: Any, **options: Any) -> list[Any]:
    out = jax.eval_shape(
        partial(_evaluate, **options), *(jax.ShapeDtypeStruct(a.shape, a.dtype) for a in args)
    )
    return [jax.core.ShapedArray(s.shape, s.dtype) for s in out]


def _push(primals: Arrays, tangents: Arrays, **options: Any) -> tuple[Any, Any]:
    filled = [ad.instantiate_zeros(tangent) for tangent in tangents]
    return jax.jvp(lambda *args: _evaluate(*args, **options), tuple(primals), tuple(filled))


def _transpose(cotangents: Arrays, *args: Any, **options: Any) -> list[Any]:
    points = options["points"]
    seeds = [ad.instantiate_zeros(cotangent) for cotangent in cotangents]
    out = _linear_map.bind(*args[:points], *seeds, **{**options, "pull": not options["pull"]})
    slots = zip(args[points:], out, strict=True)
    return [None] * points + [o if ad.is_undefined_primal(a) else None for a, o in slots]


_linear_map = eqxi.create_vprim("ode_linear_map", _evaluate, _shapes, _push, _transpose)


def two_way(forward: Function, reverse: Function) -> Function:
    """Return a function of float arrays, equal to both, that has both derivatives.

    Args:
        forward: Maps float arrays to a tuple of float arrays; supports ``jax.jvp``.
        reverse: The same function in a form that supports ``jax.vjp``.
    """

    @jax.custom_jvp
    def both(*point: Any) -> tuple[Any, ...]:
        return tuple(forward(*point))

    @both.defjvp
    def rule(point: Arrays, tangents: Arrays) -> tuple[Any, Any]:
        slopes = _linear_map.bind(
            *point, *tangents, forward=forward, reverse=reverse, points=len(point), pull=False
        )
        return both(*point), tuple(slopes)

    return both


def two_way_tree(forward: Callable[[Any], Any], reverse: Callable[[Any], Any], tree: Any) -> Any:
    """Apply ``two_way`` to functions of a pytree of float arrays, at ``tree``."""
    leaves, structure = jax.tree.flatten(tree)
    leaves = [jnp.asarray(leaf, dtype=float) for leaf in leaves]
    seen: list[Any] = []

    def flat(function: Callable[[Any], Any]) -> Function:
        def call(*args: Any) -> tuple[Any, ...]:
            out, result = jax.tree.flatten(function(jax.tree.unflatten(structure, args)))
            seen.append(result)
            return tuple(out)

        return call

    out = two_way(flat(forward), flat(reverse))(*leaves)
    return jax.tree.unflatten(seen[0], out)
