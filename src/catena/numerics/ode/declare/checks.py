"""Checks of actions, mass and tolerances against the states of a system."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from catena.core.errors import SchemaError, did_you_mean
from catena.numerics.ode.layout import Layout
from catena.numerics.ode.settings import DEFAULT_ATOL, SolverSettings


def check_actions(actions: Mapping[str, Callable[..., Any]], doses: tuple[str, ...]) -> None:
    """Check that event records can tell actions and doses apart.

    Raises:
        SchemaError: an action shares its name with a dosed state, or is no function.
    """
    for name, action in actions.items():
        if name in doses:
            raise SchemaError("An action has the name of a dosed state", where=f"action {name!r}",
                              why="event records choose between them by name (cmt)",
                              fix="rename the action")  # fmt: skip
        if not callable(action):
            raise SchemaError("An action is no function", where=f"action {name!r}",
                              why=f"got {type(action).__name__}",
                              fix="give a function (t, y, p, u, amt) -> changed states")  # fmt: skip


def mass_diagonal(mass: Mapping[str, float] | None, layout: Layout) -> np.ndarray | None:
    """Return the diagonal of the mass matrix (n,), or None when it is the identity.

    Args:
        mass: Factor of the derivative by state or by element (``tissue[liver]``).
        layout: Places of the states.

    Raises:
        SchemaError: a name is no state, or a factor is no finite number.
    """
    if not mass:
        return None
    diagonal = np.ones(layout.size)
    for name, value in mass.items():
        if not np.isfinite(value):
            raise SchemaError("A mass must be finite", where=f"mass of {name!r}",
                              why=f"got {value}", fix="give a finite number, 0 for algebraic")  # fmt: skip
        diagonal[places(name, layout, "mass")] = value
    return None if (diagonal == 1).all() else diagonal


def tolerances(settings: SolverSettings, layout: Layout) -> np.ndarray:
    """Return the absolute tolerance of every position of the state vector (n,).

    Raises:
        SchemaError: a tolerance is given for something that is no state.
    """
    if isinstance(settings.atol, float):
        return np.full(layout.size, settings.atol)
    out = np.full(layout.size, DEFAULT_ATOL)
    for name, value in settings.atol:
        out[places(name, layout, "atol")] = value
    return out


def places(name: str, layout: Layout, what: str) -> list[int]:
    """Return the vector positions of a state or of one of its elements.

    Raises:
        SchemaError: there is no such state.
    """
    if name in layout.names:
        index = layout.names.index(name)
        size = int(np.prod(layout.shapes[index], dtype=int))
        return list(range(layout.offsets[index], layout.offsets[index] + size))
    if name in layout.labels:
        return [layout.labels.index(name)]
    raise SchemaError(f"{what} names {name!r}, which is no state", where=f"OdeSystem {what}",
                      why=f"the states are {', '.join(layout.labels[:12])}",
                      fix=did_you_mean(name, layout.labels, "name a declared state"))  # fmt: skip
