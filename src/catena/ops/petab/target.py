"""What a search minimises: the negative log-posterior of a PEtab problem, with exact curvature."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError
from catena.formats.petab import PetabProblem, read_petab

if TYPE_CHECKING:
    from catena.numerics.ode.sbml.petab_objective import PetabObjective
    from catena.numerics.ode.settings import SolverSettings

Array = np.ndarray[Any, Any]

#: Times a start that cannot be simulated is drawn anew.
_AGAIN = 10


@final
class PetabCalibration:
    """A PEtab problem as an objective for ``ops.calibrate.multistart``; it is minimised.

    Vectors are (n, p) on the scales of the parameter table, estimated parameters in its order.

    Args:
        objective: The likelihood.
        priors: Whether the priors of the parameter table count.
    """

    def __init__(self, objective: PetabObjective, priors: bool = True) -> None:
        self.objective, self.priors = objective, priors

    @property
    def problem(self) -> PetabProblem:
        """The problem."""
        return self.objective.problem

    @property
    def names(self) -> tuple[str, ...]:
        """Estimated parameters."""
        return self.objective.names

    @property
    def size(self) -> int:
        """Number of measurements that are known."""
        return int(self.objective.noise.known.sum())

    @cached_property
    def bounds(self) -> Array:
        """Lower and upper bounds (2, p) on the scales.

        Raises:
            InputError: bounds contradict each other.
        """
        found = self.objective.bounds
        wrong = np.flatnonzero(~(found[0] < found[1]))
        if len(wrong):
            one = self.objective.parameters[wrong[0]]
            raise InputError(f"The bounds of {one.name!r} contradict each other",
                             where=f"PEtab problem {self.problem.name}",
                             why=f"lower {one.lower} is not below upper {one.upper}, or one of them "
                             f"has no place on a {one.scale} scale",
                             fix="correct lowerBound and upperBound")  # fmt: skip
        return found

    def solved_with(self, settings: SolverSettings) -> PetabCalibration:
        """Return the same with other solver choices; nothing is compiled again."""
        return PetabCalibration(self.objective.solved_with(settings), self.priors)

    def starts(self, count: int, key: int = 0, candidates: int = 1) -> Array:
        """Draw starts (count, p): uniform between the bounds on the scales, or by start priors.

        Points that cannot be simulated are drawn anew, a few times over.

        Args:
            count: Number of starts.
            key: Seed of a Latin hypercube.
            candidates: Points drawn per start; those with the highest posterior are returned.
        """
        from scipy.stats import qmc

        rng = np.random.default_rng(key)
        unit = qmc.LatinHypercube(len(self.names), rng=rng).random(count * candidates)
        drawn = self.objective.priors.starts(unit, self.bounds)
        value = self.value(drawn)
        for _ in range(_AGAIN):
            failed = np.flatnonzero(~np.isfinite(value))
            if not len(failed):
                break
            fresh = rng.random((len(failed), len(self.names)))
            drawn[failed] = self.objective.priors.starts(fresh, self.bounds)
            value[failed] = self.value(drawn[failed])
        best = np.argsort(value, kind="stable")[:count]
        return np.asarray(drawn[np.sort(best)])

    # What is minimised --------------------------------------------------------------------

    def value(self, theta: Array) -> Array:
        """Return the negative log-posterior (n,), infinite where nothing can be simulated."""
        return np.asarray(-self.objective.log_likelihood(theta) - self._prior(theta)[0])

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """Return values (n,) and gradients (n, p)."""
        value, gradient = self.objective.value_and_gradient(theta)
        prior, slope, _ = self._prior(theta)
        return _usable(-value - prior, -gradient - slope)

    def value_gradient_curvature(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return values (n,), gradients (n, p) and Fisher information (n, p, p)."""
        value, gradient, information = self.objective.scored(theta)
        prior, slope, curvature = self._prior(theta)
        total, slopes = _usable(-value - prior, -gradient - slope)
        both = information + curvature
        return total, slopes, np.where(np.isfinite(total)[:, None, None], both, 0.0)

    def residuals_and_jacobian(self, theta: Array) -> tuple[Array, Array]:
        """Return residuals (n, m) in units of their noise and their Jacobian (n, m, p)."""
        return self.objective.residuals_and_jacobian(theta)

    def traced(self) -> Callable[[Any], Any]:
        """Return the log-posterior as a JAX function of one vector (p,) on the scales.

        It can be differentiated once and mapped; a batch is one call of the compiled model. Its
        gradient is zero where nothing can be simulated.
        """
        from catena.numerics.ode.sbml.petab_traced import traced

        def scored(theta: Array) -> tuple[Array, Array]:
            value, gradient = self.value_and_gradient(theta)
            return -value, -gradient

        return traced(scored, np.mean(self.bounds, axis=0))

    def _prior(self, theta: Array) -> tuple[Array, Array, Array]:
        if self.priors:
            return self.objective.priors.scored(np.asarray(theta, dtype=float))
        n, p = np.shape(theta)
        return np.zeros(n), np.zeros((n, p)), np.zeros((n, p, p))


def petab_calibration(
    source: str | Path | PetabProblem,
    *,
    priors: bool = True,
    settings: SolverSettings | None = None,
) -> PetabCalibration:
    """Return a PEtab problem (version 1) as an objective.

    Args:
        source: Path of its YAML file, or the problem.
        priors: Whether the priors of the parameter table count.
        settings: Solver choices; by default tolerances of 1e-8 (relative) and 1e-12.

    Raises:
        DataError: a file is missing, or holds what is not supported (named).
        InputError: a parameter has no value, or nothing is estimated.
    """
    from catena.numerics.ode.sbml.petab_objective import SETTINGS, PetabObjective

    problem = source if isinstance(source, PetabProblem) else read_petab(source)
    return PetabCalibration(PetabObjective(problem, settings or SETTINGS), priors)


def _usable(value: Array, gradient: Array) -> tuple[Array, Array]:
    """Return values and gradients; infinite and zero where either is not a number."""
    good = np.isfinite(value) & np.isfinite(gradient).all(axis=1)
    return np.where(good, value, np.inf), np.where(good[:, None], gradient, 0.0)
