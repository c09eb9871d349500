"""Profile likelihoods of a PEtab problem: how far a parameter can go while the others make up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast, final

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.core.spec import Field, Schema
from catena.ops.result import table

if TYPE_CHECKING:
    from catena.core.result import Result
    from catena.core.work import Work
    from catena.ops.calibrate.profile import Profile
    from catena.ops.petab.target import Array, PetabCalibration


@final
@dataclass(frozen=True)
class _Named:
    """A coordinate, as the profiles want it."""

    name: str


@final
class _View:
    """The problem in coordinates whose logarithms are natural, as the profiles want it."""

    pads = False

    def __init__(self, target: PetabCalibration) -> None:
        scales = [p.scale for p in target.objective.parameters]
        self.target = target
        self.unit = np.array([np.log(10.0) if scale == "log10" else 1.0 for scale in scales])
        self.log = np.array([scale != "lin" for scale in scales])
        self.bounds = target.bounds * self.unit
        self.variables = tuple(map(_Named, target.names))

    def value_and_gradient(self, x: Array) -> tuple[Array, Array]:
        """Return values (n,) and gradients (n, p)."""
        value, gradient = self.target.value_and_gradient(x / self.unit)
        return value, gradient / self.unit

    def value_gradient_curvature(self, x: Array) -> tuple[Array, Array, Array]:
        """Return values (n,), gradients (n, p) and Fisher information (n, p, p)."""
        value, gradient, curvature = self.target.value_gradient_curvature(x / self.unit)
        return value, gradient / self.unit, curvature / self.unit[:, None] / self.unit


def places_of(target: PetabCalibration, names: Sequence[str]) -> list[int]:
    """Return the places of parameters to profile.

    Raises:
        InputError: a name is not an estimated parameter.
    """
    for name in names:
        if name not in target.names:
            raise InputError(f"Cannot profile {name!r}", where=f"PEtab problem {target.problem.name}",
                             why="it is not an estimated parameter",
                             fix=did_you_mean(name, target.names, "name another one"))  # fmt: skip
    return [target.names.index(name) for name in dict.fromkeys(names)]


def profiled(
    target: PetabCalibration, best: Array, deviations: Array, places: list[int], work: Work
) -> tuple[Profile, ...]:
    """Return profiles of some parameters, in their units on the linear scale.

    Args:
        target: The problem.
        best: The estimate (p,) on the scales.
        deviations: Guesses of the standard errors (p,) on the scales.
        places: Parameters.
        work: Progress.
    """
    from catena.ops.calibrate.profile import profile

    view = _View(target)
    value = float(target.value(best[None])[0])
    found = profile(cast(Any, view), best * view.unit, value, deviations * view.unit, places, work)
    return found.profiles


def profile_table(profiles: Sequence[Profile]) -> Result:
    """Return every point of all profiles."""
    fields = Schema([
        Field("parameter", kind="text"), Field("value"),
        Field("ratio", doc="twice the drop of the log-posterior"),
    ])  # fmt: skip
    return table(fields, {
        "parameter": [p.name for p in profiles for _ in p.points],
        "value": np.concatenate([p.points for p in profiles]),
        "ratio": np.concatenate([p.ratio for p in profiles]),
    })  # fmt: skip
