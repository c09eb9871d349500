"""Outputs under drawn inputs, by four ways of drawing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from catena.core.errors import InputError, SolverError
from catena.core.identity import split_key
from catena.ops.uncertainty import chaos
from catena.ops.uncertainty.basis import Family
from catena.ops.uncertainty.question import Question

Floats = NDArray[np.float64]
#: Independent scramblings of the quasi-random design; their spread gives the errors.
REPLICATES = 16
#: Draws of the polynomial or of the inputs alone, which cost nothing.
_CHEAP = 65_536
#: A polynomial that leaves more of the variance unexplained is not trusted.
_POOR = 0.05
#: More values than this and a whole number is treated as a real one.
_FEW = 12


@final
@dataclass
class Draws:
    """Drawn inputs and what came out.

    Args:
        u: Dependent levels of the inputs (n, d).
        x: Their values (n, d).
        y: Outputs (m, n).
        replicate: Which replicate a draw belongs to (n,); all 0 where there are none.
        failures: Rows that failed, with the reason.
        fits: Polynomial by output, where one stands for the model.
    """

    u: Floats
    x: Floats
    y: Floats
    replicate: NDArray[np.intp]
    failures: list[tuple[int, str]] = field(default_factory=list)
    fits: list[chaos.Chaos] = field(default_factory=list)


def plain(asked: Question, n: int) -> Draws:
    """Draw independently."""
    random = np.random.Generator(np.random.Philox(key=split_key(asked.key, "plain")))
    return _evaluated(asked, random.random((n, asked.space.dim)), np.zeros(n, dtype=np.intp))


def replicated(asked: Question, n: int) -> Draws:
    """Draw scrambled Sobol points in independent replicates.

    Raises:
        InputError: n is not the number of replicates times a power of two.
    """
    size = n // REPLICATES
    if n % REPLICATES or size & (size - 1):
        fit = REPLICATES * 2 ** max(0, int(np.ceil(np.log2(max(n / REPLICATES, 1)))))
        raise InputError(f"Cannot use {n} points", where=f"model {asked.model.info.id}",
                         why=f"{REPLICATES} replicates of a power of two are drawn",
                         fix=f"use n={fit}")  # fmt: skip
    from scipy.stats import qmc

    parts = []
    for k in range(REPLICATES):
        seed = np.random.default_rng(split_key(asked.key, f"replicate {k}"))
        parts.append(qmc.Sobol(asked.space.dim, rng=seed).random_base2(size.bit_length() - 1))
    levels = np.clip(np.concatenate(parts), 1e-12, 1.0 - 1e-12)
    return _evaluated(asked, levels, np.repeat(np.arange(REPLICATES), size))


def _evaluated(asked: Question, levels: Floats, replicate: NDArray[np.intp]) -> Draws:
    u = asked.copula.couple(levels)
    x = asked.space.from_unit(u)
    y = asked.evaluator(x).T
    failures = list(asked.evaluator.failures)
    good = np.isfinite(y).all(axis=0)
    lost = int((~good).sum())
    asked.lost += lost
    if good.mean() < 0.5:
        raise SolverError(f"{lost} of {len(u)} draws failed", where=f"model {asked.model.info.id}",
                          why=asked.reasons(), fix="narrow the distributions to where the model works")  # fmt: skip
    if lost:
        asked.warnings.append(
            f"{lost} of {len(u)} draws failed and are left out: {asked.reasons()}"
        )
    return Draws(u[good], x[good], y[:, good], replicate[good], failures)


def expanded(asked: Question, n: int) -> Draws:
    """Fit a polynomial to few evaluations and draw from it.

    The polynomial is fitted over independent levels and drawn at dependent ones.
    """
    from scipy.stats import qmc

    seed = np.random.default_rng(split_key(asked.key, "expansion"))
    size = 2 ** int(np.ceil(np.log2(n)))
    levels = qmc.Sobol(asked.space.dim, rng=seed).random_base2(size.bit_length() - 1)[:n]
    levels = np.clip(levels, 1e-12, 1.0 - 1e-12)
    y = asked.evaluator(asked.space.from_unit(levels)).T
    failures = list(asked.evaluator.failures)
    good = asked.complete(y[:, None, :])
    fits = []
    for output, values in enumerate(y[:, good]):
        asked.check_varies(values, output)
        fit = chaos.fit(families(asked), levels[good], values)
        fits.append(fit)
        if fit.error > _POOR:
            asked.warnings.append(
                f"the polynomial leaves {fit.error:.0%} of the variance of "
                f'{asked.outputs[output]} unexplained: use more points or method="qmc"'
            )
    random = np.random.default_rng(split_key(asked.key, "cheap"))
    u = asked.copula.couple(
        np.clip(qmc.Sobol(asked.space.dim, rng=random).random(_CHEAP), 1e-12, 1.0 - 1e-12)
    )
    drawn = np.stack([fit(u) for fit in fits])
    return Draws(
        u, asked.space.from_unit(u), drawn, np.zeros(_CHEAP, dtype=np.intp), failures, fits
    )


def families(asked: Question) -> list[Family]:
    """Return the polynomials that suit each input."""
    found = []
    for variable in asked.space.variables:
        if variable.discrete and variable.levels <= _FEW and variable.distribution is None:
            found.append(Family("discrete", int(variable.levels)))
        elif variable.distribution is not None and variable.distribution.name in (
            "normal",
            "lognormal",
        ):
            found.append(Family("hermite"))
        else:
            found.append(Family("legendre"))
    return found


@final
@dataclass(frozen=True)
class Linear:
    """First-order propagation.

    Args:
        y: Outputs at the mean inputs (m,).
        slopes: Derivatives to the inputs (m, d).
        covariance: Of the inputs (d, d).
    """

    y: Floats
    slopes: Floats
    covariance: Floats

    @property
    def spread(self) -> Floats:
        """Standard deviations of the outputs (m,)."""
        inner = np.einsum("mi,ij,mj->m", self.slopes, self.covariance, self.slopes)
        return np.asarray(np.sqrt(np.maximum(inner, 0.0)))


def linearised(asked: Question) -> Linear:
    """Propagate means and covariances by the exact derivatives at the mean inputs.

    Raises:
        InputError: an input has whole steps only.
        SolverError: the model fails at the mean inputs.
    """
    stepped = [v.name for v in asked.space.variables if v.discrete]
    where = f"model {asked.model.info.id}"
    if stepped:
        raise InputError(f"No derivative to {', '.join(stepped)}", where=where,
                         why="only whole steps exist", fix='use method="qmc"')  # fmt: skip
    mean, covariance = _moments(asked)
    y, slopes = asked.evaluator.with_gradient(mean[None])
    if not np.isfinite(y).all():
        raise SolverError("The model fails at the mean inputs", where=where, why=asked.reasons(),
                          fix='use method="qmc", which leaves failing points out')  # fmt: skip
    if not asked.model.capabilities.gradient:
        asked.warnings.append("the model has no exact gradient: differences were used")
    return Linear(y[0], slopes[0], covariance)


def _moments(asked: Question) -> tuple[Floats, Floats]:
    """Return means (d,) and covariance (d, d) of the inputs."""
    d = asked.space.dim
    middle = (np.arange(_CHEAP) + 0.5) / _CHEAP
    x = asked.space.from_unit(np.repeat(middle[:, None], d, axis=1))
    mean, spread = x.mean(axis=0), x.std(axis=0)
    correlation = np.eye(d)
    for i in range(d):
        for j in range(i):
            if asked.copula.matrix[i, j]:
                correlation[i, j] = correlation[j, i] = _product_moment(
                    asked, i, j, (x - mean) / spread
                )
    return mean, correlation * np.outer(spread, spread)


def _product_moment(asked: Question, i: int, j: int, standard: Floats) -> float:
    """Return the correlation of two inputs whose normal scores have a given correlation.

    By Mehler's expansion: the sum over k of rho^k times the products of the inputs' Hermite
    coefficients.
    """
    from catena.ops.uncertainty.basis import hermite

    middle = (np.arange(len(standard)) + 0.5) / len(standard)
    waves = hermite(np.asarray(ndtri(middle)), 20)[1:]
    a, b = waves @ standard[:, i] / len(middle), waves @ standard[:, j] / len(middle)
    rho = asked.copula.matrix[i, j]
    return float(np.sum(rho ** np.arange(1, 21) * a * b))
