"""The one place that switches JAX to double precision (float32 ruins stiff solves silently)."""

from __future__ import annotations

from functools import cache


@cache
def enable_x64() -> None:
    """Turn on ``jax_enable_x64`` for this process; call before the first JAX array is made."""
    import jax

    jax.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
