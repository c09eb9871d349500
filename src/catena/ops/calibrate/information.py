"""Fisher information: intervals, correlations, and the combinations the data do not determine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, final

import numpy as np

from catena.core.banded import ENDS
from catena.ops.calibrate.objective import Target

Array = np.ndarray[Any, Any]

#: Information below this fraction of the largest is rounding: the direction is undetermined.
_RANK = 1e-11
#: Loadings below this are left out of a combination.
_SMALL = 0.05


@final
@dataclass(frozen=True)
class Combination:
    """A direction in parameter space along which the data change little or not at all.

    Args:
        names: Parameters that take part.
        loadings: Relative changes that go together, the largest being one.
        kind: ``structural`` (no change at all) or ``practical`` (wider than the range searched).
        text: In words.
    """

    names: tuple[str, ...]
    loadings: tuple[float, ...]
    kind: str
    text: str


@final
@dataclass(frozen=True)
class Information:
    """What the data say about the parameters near an estimate.

    Args:
        names: Parameters of the model and the noise (p,).
        scale: Natural units per unit of relative change (p,): the matrices are in relative units.
        matrix: Information (p, p), priors included.
        covariance: Covariance (p, p) of relative changes; undetermined directions are left out.
        correlation: Correlation (p, p).
        held: Parameters at a bound or without influence (p,): they have no interval.
        undetermined: Parameters that take part in an undetermined combination (p,).
        combinations: The combinations.
        eigenvalues: Of the information about the model's parameters, noise projected out.
    """

    names: tuple[str, ...]
    scale: Array
    matrix: Array
    covariance: Array
    correlation: Array
    held: Array
    undetermined: Array
    combinations: tuple[Combination, ...]
    eigenvalues: Array

    @property
    def identifiable(self) -> bool:
        """Whether the data determine every free parameter."""
        return not self.combinations


def relative_scale(target: Target, theta: Array) -> Array:
    """Return natural units per relative change: the value, or the range where it is near zero."""
    variables = target.likelihood.space.variables
    wide = np.array([v.high - v.low for v in variables])
    log = np.array([v.scale == "log" for v in variables])
    return np.asarray(np.where(log, np.abs(theta), np.maximum(np.abs(theta), 1e-2 * wide)))


def information(target: Target, theta: Array, at_bound: Array, inflate: float = 1.0) -> Information:
    """Return the Fisher information at an estimate, and what it leaves open.

    Args:
        target: What was minimised.
        theta: The estimate, noise included (p,).
        at_bound: Parameters at a bound (p,); they are held.
        inflate: Factor of the covariance (n / (n - q) where the noise was estimated).
    """
    likelihood = target.likelihood
    _, _, matrix = likelihood.value_gradient_curvature(theta[None, :])
    matrix = matrix[0]
    whole = Target(likelihood, priors=bool(target.priors), concentrate=False)
    rows = np.arange(len(theta))
    matrix[rows, rows] += whole.log_prior(theta[None, :])[2][0]
    scale = relative_scale(target, theta)
    matrix = scale[:, None] * matrix * scale
    free = np.flatnonzero(~at_bound)
    count = likelihood.count
    # Parameters at a bound have no interval, but what the data say about them counts.
    model = np.arange(count)
    reduced = without_noise(matrix, model, free[free >= count])
    values, vectors = _spectrum(reduced)
    top = max(float(values[-1]), 1e-300) if len(values) else 1.0
    structural = values <= _RANK * top
    width = _widths(target, theta, scale)[model]
    combinations, involved = _combinations(likelihood.names, model, values, vectors, structural, width)  # fmt: skip
    covariance = np.zeros_like(matrix)
    covariance[np.ix_(free, free)] = inflate * _inverse(matrix[np.ix_(free, free)])
    undetermined = np.zeros(len(theta), bool)
    undetermined[involved] = True
    spread = np.sqrt(np.diag(covariance))
    product = spread[:, None] * spread
    correlation = np.where(product > 0, covariance / np.where(product > 0, product, 1.0), 0.0)
    return Information(likelihood.names, scale, matrix, covariance, correlation, at_bound.copy(),
                       undetermined, combinations, values)  # fmt: skip


def _widths(target: Target, theta: Array, scale: Array) -> Array:
    """Return the ranges searched, in relative units."""
    variables = target.likelihood.space.variables
    return np.array([
        np.log(v.high / v.low) if v.scale == "log" else (v.high - v.low) / s
        for v, s in zip(variables, scale, strict=True)
    ])  # fmt: skip


def without_noise(matrix: Array, model: Array, noise: Array) -> Array:
    """Return the information about the model's parameters when the noise is unknown."""
    inner = matrix[np.ix_(model, model)]
    if not len(noise):
        return np.asarray(inner)
    cross = matrix[np.ix_(model, noise)]
    return np.asarray(inner - cross @ np.linalg.pinv(matrix[np.ix_(noise, noise)]) @ cross.T)


def _spectrum(matrix: Array) -> tuple[Array, Array]:
    if not len(matrix):
        return np.zeros(0), np.zeros((0, 0))
    values, vectors = np.linalg.eigh(0.5 * (matrix + matrix.T))
    return np.maximum(values, 0.0), vectors


def _inverse(matrix: Array) -> Array:
    """Return the inverse without undetermined directions."""
    size = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    values, vectors = _spectrum(matrix / size[:, None] / size)
    keep = values > _RANK * max(float(values[-1]) if len(values) else 1.0, 1e-300)
    inner = (vectors[:, keep] / values[keep]) @ vectors[:, keep].T
    return np.asarray(inner / size[:, None] / size)


def _combinations(
    names: Sequence[str], model: Array, values: Array, vectors: Array, structural: Array, width: Array
) -> tuple[tuple[Combination, ...], list[int]]:  # fmt: skip
    """Name the directions that are not determined."""
    out: list[Combination] = []
    involved: set[int] = set()
    sparse = _sparse(vectors[:, structural]) if structural.any() else np.zeros((0, len(model)))
    directions = [(row, "structural") for row in sparse]
    for value, vector in zip(values[~structural], vectors.T[~structural], strict=True):
        reach = np.min(np.where(np.abs(vector) > _SMALL, width / np.maximum(np.abs(vector), 1e-300), np.inf))  # fmt: skip
        if ENDS / np.sqrt(value) > reach:
            directions.append((vector, "practical"))
    for vector, kind in directions:
        part = np.flatnonzero(np.abs(vector) > _SMALL * np.abs(vector).max())
        involved |= {int(model[k]) for k in part}
        chosen = tuple(names[int(model[k])] for k in part)
        load = vector[part] / vector[part][np.argmax(np.abs(vector[part]))]
        text = _in_words(chosen, load, kind)
        out.append(Combination(chosen, tuple(float(v) for v in load), kind, text))
    return tuple(out), sorted(involved)


def _sparse(basis: Array) -> Array:
    """Return a basis of the same space in which every direction involves few parameters."""
    from scipy.linalg import qr

    rank = basis.shape[1]
    _, _, pivots = qr(basis.T, pivoting=True)
    return np.asarray(np.linalg.solve(basis[pivots[:rank]].T, basis.T))


def _in_words(names: tuple[str, ...], loadings: Array, kind: str) -> str:
    if kind == "practical":
        moves = ", ".join(f"{n} {v:+.2g}" for n, v in zip(names, loadings, strict=True))
        if len(names) == 1:
            return f"{names[0]} hardly changes the measured outputs anywhere in its range"
        return f"the data hardly change along ({moves}) in relative changes, over the whole range"
    if len(names) == 1:
        return f"{names[0]} has no effect on the measured outputs"
    exact = [_exponent(v) for v in loadings]
    if len(names) == 2 and all(e is not None for e in exact):
        one, two = (e for e in exact if e is not None)
        return _pair(names, one, two)
    moves = ", ".join(f"{n} {v:+.3g}" for n, v in zip(names, loadings, strict=True))
    return f"the measured outputs stay the same when these change together: {moves} (relative changes)"  # fmt: skip


def _exponent(value: float) -> Fraction | None:
    found = Fraction(value).limit_denominator(6)
    return found if found != 0 and abs(float(found) - value) < 2e-3 * abs(value) else None


def _pair(names: tuple[str, ...], one: Fraction, two: Fraction) -> str:
    """Say which product or ratio of two parameters is all that matters."""
    # What stays the same along (one, two) is names[0]^two * names[1]^-one.
    powers = [two, -one]
    if powers[0] < 0:
        powers = [-p for p in powers]
    size = min(abs(p) for p in powers)
    powers = [p / size for p in powers]
    first = _power(names[0], powers[0])
    joined = f"{first} * {_power(names[1], powers[1])}" if powers[1] > 0 else f"{first} / {_power(names[1], -powers[1])}"  # fmt: skip
    return f"{names[0]} and {names[1]} matter only through {joined}"


def _power(name: str, power: Fraction) -> str:
    return name if power == 1 else f"{name}^{power}" if power.denominator == 1 else f"{name}^({power})"  # fmt: skip
