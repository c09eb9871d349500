"""What a multistart is asked and what it answers: objectives, stopping rules, ends of searches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np

Array = np.ndarray[Any, Any]


class Objective(Protocol):
    """What is minimised; rows are independent, and a row that fails has the value ``inf``.

    Optional further methods: ``value_gradient_curvature(theta) -> ((n,), (n, p), (n, p, p))``;
    ``residuals_and_jacobian(theta) -> ((n, k), (n, k, p))`` of half the sum of squares;
    An attribute ``pads = True`` asks for batches of few different sizes (programs compiled per
    size); ``by_row = True`` for a second argument, the numbers of the searches (n,), in every
    call: objectives may then differ from search to search.
    """

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """Return values (n,) and gradients (n, p) at positions (n, p)."""
        ...


class RowObjective(Protocol):
    """An objective that differs from search to search (``by_row = True``)."""

    by_row: bool

    def value_and_gradient(self, theta: Array, rows: Array) -> tuple[Array, Array]:
        """Return values (n,) and gradients (n, p) of the searches numbered ``rows`` (n,)."""
        ...


@final
@dataclass(frozen=True)
class Stops:
    """When a search ends.

    Args:
        iterations: Most iterations of one search.
        gradient: Largest scaled gradient relative to ``1 + |value|`` at an optimum.
        decrease: Least relative decrease worth another step.
        step: Least step relative to the box.
        enough: A value at which a search may stop at once.
        learn_after: Iterations after which a search corrects the curvature it is given by what
            its gradients teach: in curved valleys Fisher information alone creeps.
    """

    iterations: int = 200
    gradient: float = 1e-9
    decrease: float = 1e-12
    step: float = 1e-10
    enough: float = -np.inf
    learn_after: int = 50


@final
@dataclass(frozen=True)
class Searches:
    """Where the searches of a multistart ended; rows are in the order of the starts.

    Args:
        theta: End points (n, p).
        value: Values there (n,), inf where the start itself failed.
        gradient: Gradients there (n, p).
        converged: Whether a first-order criterion was met (n,).
        iterations: Iterations taken (n,).
        evaluations: Rows evaluated (n,).
        status: Per search, why it ended.
        first: Values at the starts (n,).
    """

    theta: Array
    value: Array
    gradient: Array
    converged: Array
    iterations: Array
    evaluations: Array
    status: list[str]
    first: Array

    @property
    def order(self) -> Array:
        """Rows from the best value to the worst; ties keep the order of the starts."""
        return np.asarray(np.argsort(self.value, kind="stable"))

    @property
    def best(self) -> int:
        """Row of the lowest value."""
        return int(self.order[0])

    def plain(self) -> dict[str, Any]:
        """Return the parts as arrays and lists, for a cache."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
