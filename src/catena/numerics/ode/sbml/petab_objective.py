"""The likelihood of a PEtab problem, with exact derivatives, for many parameter vectors at once.

Parameters stand on the scales of the parameter table (log10, log or linear), as vectors (n, p) of those
that are estimated. One evaluation is one call of the compiled model per group of conditions, whatever
n is. Default tolerances: relative 1e-8 and absolute 1e-12 per step, with which all problems of the
benchmark collection whose log-likelihood is published agree with it to 1e-5 (relative).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any, final

import numpy as np

from catena.core.errors import InputError
from catena.formats.petab import PetabProblem
from catena.numerics.ode.sbml.petab_noise import Noise
from catena.numerics.ode.sbml.petab_plan import Planner, Stage
from catena.numerics.ode.sbml.petab_prior import SCALES, Priors
from catena.numerics.ode.sbml.petab_readout import Formulas, Reading, Readout
from catena.numerics.ode.sbml.petab_run import Ran, Runner
from catena.numerics.ode.sbml.reader import read_sbml
from catena.numerics.ode.settings import SolverSettings

SETTINGS = SolverSettings(rtol=1e-8, atol=1e-12, max_steps=20_000)
#: Numbers in one table of derivatives; more parameter vectors are evaluated in turns.
ROOM = 2**24


@final
class PetabObjective:
    """Log-likelihood of a problem over its estimated parameters.

    Args:
        problem: The problem.
        settings: Solver choices.

    Raises:
        DataError: the model or a formula holds something that is not supported.
        InputError: something has no value, or no parameter is estimated.
    """

    def __init__(self, problem: PetabProblem, settings: SolverSettings = SETTINGS) -> None:
        self.problem, self.settings = problem, settings
        self.parameters = tuple(p for p in problem.parameters.values() if p.estimated)
        self.names = tuple(p.name for p in self.parameters)
        if not self.names:
            raise InputError("Nothing is estimated", where=f"PEtab problem {problem.name}",
                             why="no parameter has estimate 1", fix="set estimate to 1")  # fmt: skip
        self._scales = np.array([SCALES[p.scale] for p in self.parameters])
        model = read_sbml(problem.model)
        planner = Planner(problem, model, self.names, settings)
        formulas = Formulas(problem, model)
        self.stages = planner.stages(formulas.asked(planner))
        self.noise = Noise(problem)
        self.priors = Priors(self.parameters)
        self.readout = Readout(formulas, planner, self.stages, len(self.names))
        self._runners: dict[int, Runner] = {}

    def solved_with(self, settings: SolverSettings) -> PetabObjective:
        """Return the same objective with other solver choices; nothing is compiled again."""
        new = copy.copy(self)
        new.settings = settings
        return new

    # Parameters ---------------------------------------------------------------------------

    @property
    def size(self) -> int:
        """Number of measurements."""
        return len(self.problem.measurements)

    @property
    def nominal(self) -> np.ndarray:
        """The nominal values (p,) on their scales; NaN where the table gives none."""
        return self.scaled([math.nan if p.nominal is None else p.nominal for p in self.parameters])

    @property
    def bounds(self) -> np.ndarray:
        """Lower and upper bounds (2, p) on their scales; infinite where the table gives none."""
        ends = [(p.lower, p.upper) for p in self.parameters]
        table = [[-math.inf if low is None else low for low, _ in ends],
                 [math.inf if high is None else high for _, high in ends]]  # fmt: skip
        return np.stack([self.scaled(row) for row in table])

    def scaled(self, values: Any) -> np.ndarray:
        """Return values (..., p) on the linear scale on the scales of the table."""
        values = np.asarray(values, dtype=float)
        logged = self._scales > 0
        with np.errstate(all="ignore"):
            logs = np.log(np.where(logged, values, 1.0)) / np.where(logged, self._scales, 1.0)
        return np.where(logged, np.where(values == -math.inf, -math.inf, logs), values)

    def unscaled(self, theta: Any) -> np.ndarray:
        """Return values (..., p) on the linear scale."""
        theta = np.asarray(theta, dtype=float)
        logged = self._scales > 0
        return np.where(logged, np.exp(np.where(logged, theta * self._scales, 0.0)), theta)

    # Values -------------------------------------------------------------------------------

    def read(self, theta: Any, slopes: bool = False) -> Reading:
        """Simulate all measurements.

        Args:
            theta: Parameters (n, p) on their scales.
            slopes: Also return derivatives.
        """
        theta = self._checked(theta)
        values = self.unscaled(theta)
        moved = np.where(self._scales > 0, values * self._scales, 1.0) if slopes else None
        done: dict[int, Ran] = {}
        ran = [self._run(stage, values, moved, done) for stage in self.stages]
        return self.readout.read(values, moved, ran)

    def log_likelihood(self, theta: Any) -> np.ndarray:
        """Return the log-likelihood (n,); minus infinity where it cannot be simulated.

        Args:
            theta: Parameters (n, p) on their scales.
        """
        reading = self.read(theta)
        return _settled(self.noise.log_likelihood(reading.values, reading.sigmas), reading)

    def value_and_gradient(self, theta: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return the log-likelihood (n,) and its gradient (n, p) on the scales of the table."""
        parts = self._in_turns(self._value_and_gradient, theta)
        return parts[0], parts[1]

    def scored(self, theta: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log-likelihood (n,), gradient (n, p) and expected information (n, p, p).

        The information is that of Fisher (of normal or Laplace noise whose scale may depend on
        the parameters): the Gauss-Newton matrix of the residuals, and that of the noise.
        """
        parts = self._in_turns(self._scored, theta)
        return parts[0], parts[1], parts[2]

    def residuals_and_jacobian(self, theta: Any) -> tuple[np.ndarray, np.ndarray]:
        """Return residuals (n, m) in units of their noise and their Jacobian (n, m, p).

        Half their sum of squares is the negative log-likelihood up to the logarithms of the noise;
        it is all of it, up to a constant, where the noise is given.

        Raises:
            InputError: some noise is not normal.
        """
        if self.noise.laplace.any():
            raise InputError("No least squares", where=f"PEtab problem {self.problem.name}",
                             why="some noise is Laplace distributed",
                             fix="use value_and_gradient")  # fmt: skip
        parts = self._in_turns(self._residuals, theta)
        return parts[0], parts[1]

    def faults(self, theta: Any) -> Mapping[int, str]:
        """Return why parameter vectors cannot be simulated, by their number."""
        return self.read(theta).faults

    # Parts --------------------------------------------------------------------------------

    def _checked(self, theta: Any) -> np.ndarray:
        theta = np.asarray(theta, dtype=float)
        if theta.ndim != 2 or not len(theta) or theta.shape[1] != len(self.names):
            raise InputError("Wrong shape of parameters", where=f"PEtab problem {self.problem.name}",
                             why=f"got {theta.shape}", fix=f"give (n, {len(self.names)})")  # fmt: skip
        return theta

    def _in_turns(
        self, function: Callable[[np.ndarray], tuple[np.ndarray, ...]], theta: Any
    ) -> list[np.ndarray]:
        theta = self._checked(theta)
        most = max((stage.times.size * len(stage.outputs) * stage.active.shape[1]
                    for stage in self.stages), default=1)  # fmt: skip
        turn = max(1, ROOM // max(most, self.size * len(self.names)))
        parts = [function(theta[k : k + turn]) for k in range(0, len(theta), turn)]
        return [np.concatenate(column) for column in zip(*parts, strict=True)]

    def _run(
        self, stage: Stage, values: np.ndarray, slopes: np.ndarray | None, done: dict[int, Ran]
    ) -> Ran:
        if id(stage) not in done:
            before = stage.before
            earlier = None if before is None else self._run(before, values, slopes, done)
            runner = self._runners.get(id(stage))
            if runner is None:
                runner = self._runners[id(stage)] = Runner(stage, len(self.names))
            done[id(stage)] = runner.run(values, slopes, self.settings, earlier)
        return done[id(stage)]

    def _value_and_gradient(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        reading = self.read(theta, slopes=True)
        value = _settled(self.noise.log_likelihood(reading.values, reading.sigmas), reading)
        return value, self._gradient(reading)

    def _gradient(self, reading: Reading) -> np.ndarray:
        to_value, to_sigma = self.noise.slopes(reading.values, reading.sigmas)
        assert reading.value_slopes is not None
        assert reading.sigma_slopes is not None
        found: np.ndarray = np.einsum("nm,nmp->np", to_value, reading.value_slopes)
        return found + np.einsum("nm,nmp->np", to_sigma, reading.sigma_slopes)

    def _residuals(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        reading = self.read(theta, slopes=True)
        assert reading.value_slopes is not None
        assert reading.sigma_slopes is not None
        off = self.noise.residuals(reading.values, reading.sigmas)
        on_value, _ = self.noise.information(reading.values, reading.sigmas)
        with np.errstate(all="ignore"):
            spread = (off / reading.sigmas)[..., None] * reading.sigma_slopes
        return off, reading.value_slopes * on_value[..., None] - spread

    def _scored(self, theta: np.ndarray) -> tuple[np.ndarray, ...]:
        reading = self.read(theta, slopes=True)
        value = _settled(self.noise.log_likelihood(reading.values, reading.sigmas), reading)
        on_value, on_sigma = self.noise.information(reading.values, reading.sigmas)
        assert reading.value_slopes is not None
        assert reading.sigma_slopes is not None
        with np.errstate(all="ignore"):
            one = reading.value_slopes * on_value[..., None]
            two = reading.sigma_slopes * on_sigma[..., None]
            information = one.swapaxes(1, 2) @ one + two.swapaxes(1, 2) @ two
        return value, self._gradient(reading), information


def _settled(value: np.ndarray, reading: Reading) -> np.ndarray:
    """Return minus infinity for what could not be simulated."""
    value = np.where(np.isfinite(value), value, -math.inf)
    for n in reading.faults:
        value[n] = -math.inf
    return value
