"""Log-densities of measurements with derivatives, and the information they carry.

Measurements are normal or Laplace distributed about what is simulated, on the linear scale or on that
of a logarithm; then the density of the measurement itself holds the slope of the logarithm (PEtab 1;
Schmiester et al. 2021, doi:10.1371/journal.pcbi.1008646).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import numpy as np

from catena.core.errors import DataError
from catena.formats.petab import Measurement, PetabProblem

_BASES = {"lin": math.nan, "log": 1.0, "log10": math.log(10.0)}


@final
class Noise:
    """The noise of all measurements.

    Args:
        problem: The problem.

    Raises:
        DataError: a measurement that is taken as a logarithm is not positive.
    """

    def __init__(self, problem: PetabProblem) -> None:
        measured = problem.measurements
        seen = [problem.observables[m.observable] for m in measured]
        self.given = np.array([m.value for m in measured])
        self.known = np.isfinite(self.given)
        self.logged = np.array([o.transformation != "lin" for o in seen])
        base = np.array([_BASES[o.transformation] for o in seen])
        self.base = np.where(self.logged, base, 1.0)
        self.laplace = np.array([o.distribution == "laplace" for o in seen])
        _check_positive(problem.name, measured, self.logged & self.known & (self.given <= 0))
        taken = self.logged & self.known
        positive = np.where(taken, self.given, 1.0)
        self.target = np.where(self.logged, np.log(positive) / self.base, self.given)
        own = np.where(taken, -np.log(positive * self.base), 0.0)
        constant = np.where(self.laplace, -math.log(2.0), -0.5 * math.log(2.0 * math.pi))
        self.constant = np.where(self.known, own + constant, 0.0)

    def residuals(self, values: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
        """Return (simulated - measured) / sigma on the scale of the noise (n, m); 0 if missing."""
        with np.errstate(all="ignore"):
            seen = np.where(self.logged, np.log(values) / self.base, values)
            off = (seen - np.where(self.known, self.target, 0.0)) / sigmas
        return np.where(self.known, off, 0.0)

    def log_likelihood(self, values: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
        """Return the log-likelihood (n,); NaN where a value cannot be what was measured.

        Args:
            values: Simulated measurements (n, m).
            sigmas: Scales of their noise (n, m).
        """
        off = self.residuals(values, sigmas)
        with np.errstate(all="ignore"):
            loss = np.where(self.laplace, np.abs(off), 0.5 * off**2) + np.log(sigmas)
        total: np.ndarray = np.sum(self.constant - np.where(self.known, loss, 0.0), axis=1)
        return total

    def slopes(self, values: np.ndarray, sigmas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of the log-likelihood to values and sigmas (n, m)."""
        off = self.residuals(values, sigmas)
        with np.errstate(all="ignore"):
            first = np.where(self.laplace, np.sign(off), off)
            to_value = -first / sigmas * self._stretch(values)
            to_sigma = (first * off - 1.0) / sigmas
        return np.where(self.known, to_value, 0.0), np.where(self.known, to_sigma, 0.0)

    def information(self, values: np.ndarray, sigmas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return square roots of the expected information on values and sigmas (n, m)."""
        with np.errstate(all="ignore"):
            on_value = self._stretch(values) / sigmas
            on_sigma = np.where(self.laplace, 1.0, math.sqrt(2.0)) / sigmas
        return np.where(self.known, on_value, 0.0), np.where(self.known, on_sigma, 0.0)

    def _stretch(self, values: np.ndarray) -> np.ndarray:
        return np.where(self.logged, 1.0 / (values * self.base), 1.0)


def _check_positive(name: str, measured: Sequence[Measurement], bad: np.ndarray) -> None:
    wrong = np.flatnonzero(bad)
    if len(wrong):
        first = measured[int(wrong[0])]
        raise DataError("A measurement has no logarithm", where=f"PEtab problem {name}",
                        why=f"{first.observable} at time {first.time:g} is {first.value:g}, and "
                        f"its noise is on a logarithmic scale ({len(wrong)} such measurements)",
                        fix="correct the value or observableTransformation")  # fmt: skip
