"""From flat outputs at the output times to named arrays, and the way back for cotangents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.spec import Schema
from catena.numerics.ode.flat import Vector


def shaped(schema: Schema, places: Vector, out: Any, xp: Any) -> dict[str, Any]:
    """Return outputs by name.

    Args:
        schema: The declared outputs.
        places: Places of the outputs at one time.
        out: Flat outputs (..., t, no).
        xp: numpy or jax.numpy.

    Returns:
        Arrays (..., *shape) with the time axis where the output declares it; outputs without one
        are those at the last time.
    """
    named = {}
    lead = out.ndim - 2
    for field in schema:
        value = out[..., places.span(field.name)]
        value = value.reshape((*value.shape[:-1], *places.shapes[field.name]))
        if "time" in field.shape:
            named[field.name] = xp.moveaxis(value, lead, lead + field.shape.index("time"))
        else:
            named[field.name] = value[(slice(None),) * lead + (-1,)]
    return named


def flattened(schema: Schema, places: Vector, given: Mapping[str, Any], times: int) -> np.ndarray:
    """Return cotangents of flat outputs (n, t, no) from those of named outputs (n, *shape)."""
    rows = len(next(iter(given.values())))
    flat = np.zeros((rows, times, places.size))
    for name, value in given.items():
        array = np.asarray(value, dtype=float)
        field = schema[name]
        if "time" in field.shape:
            array = np.moveaxis(array, 1 + field.shape.index("time"), 1)
            flat[..., places.span(name)] = array.reshape(rows, times, -1)
        else:
            flat[:, -1, places.span(name)] = array.reshape(rows, -1)
    return flat
