"""From everyone's exposure at each dose to a recommended dose; the rules, and nothing else.

Rules:

1. The recommended dose is the candidate with the highest share of people inside the window; of
   equal ones, the lowest.
2. Between the candidates each person's exposure is interpolated linearly in log(exposure) over
   log(dose), so that a share can be read at any dose between the lowest and the highest.
3. The optimum dose is the geometric middle of all doses, between the lowest and the highest
   candidate, whose share is within one percentage point of the best. Shares of a finite crowd
   are steps; a band around the best keeps the optimum from jumping with single people.
4. When no dose brings anyone inside, the optimum is the dose whose median exposure is nearest, in
   logarithms, to the middle of the window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Doses from the lowest to the highest candidate at which shares are read, beside the candidates.
POINTS = 241
#: Share within which a dose counts as equally good (rule 3).
TIE = 0.01

RULE = (
    "Recommended: the candidate dose with the highest share of people inside the window (of equal "
    "ones the lowest). Optimum: the geometric middle of the doses whose share is within one "
    "percentage point of the best, each person's exposure interpolated linearly in log(exposure) "
    "over log(dose) between the candidates."
)


@dataclass(frozen=True)
class Recommendation:
    """A dose and why.

    Args:
        dose: The recommended candidate [unit of the doses].
        share: Share of people inside the window at the recommended candidate.
        shares: The same at every candidate.
        optimum: The optimum between the candidates.
        grid: Doses at which shares were read between the candidates.
        curve: Share at each of them.
        edge: ``lowest`` or ``highest`` when the best doses reach the end of the range, else "".
    """

    dose: float
    share: float
    shares: Floats
    optimum: float
    grid: Floats
    curve: Floats
    edge: str


def recommend(exposure: Floats, doses: Floats, low: float, high: float) -> Recommendation:
    """Apply the rules.

    Args:
        exposure: One positive exposure per person and dose (people, doses).
        doses: Candidate doses, rising.
        low: Lower end of the window, in the unit of the exposure.
        high: Upper end.

    Returns:
        The recommended candidate, the optimum and the share curve.
    """
    shares = inside(exposure, low, high)
    best = int(np.argmax(shares))  # the first of equal ones, so the lowest dose
    grid = doses.copy()
    if len(doses) > 1:
        grid = np.union1d(doses, np.geomspace(doses[0], doses[-1], POINTS))
    between = interpolated(exposure, doses, grid)
    curve = inside(between, low, high)
    if curve.max() > 0:
        good = grid[curve >= curve.max() - TIE]
    else:
        distance = np.abs(np.log(np.median(between, axis=0) / np.sqrt(low * high)))
        good = grid[[int(np.argmin(distance))]]
    edge = "lowest" if good[0] == grid[0] else "highest" if good[-1] == grid[-1] else ""
    return Recommendation(
        dose=float(doses[best]),
        share=float(shares[best]),
        shares=shares,
        optimum=float(np.sqrt(good[0] * good[-1])),
        grid=grid,
        curve=curve,
        edge=edge if len(doses) > 1 else "",
    )


def inside(exposure: Floats, low: float, high: float) -> Floats:
    """Return the share of people inside the window for each dose (the columns)."""
    return np.asarray(np.mean((exposure >= low) & (exposure <= high), axis=0))


def interpolated(exposure: Floats, doses: Floats, grid: Floats) -> Floats:
    """Return each person's exposure at further doses, log-linear between the candidates."""
    if len(doses) == 1:
        return np.repeat(exposure, len(grid), axis=1)
    x, at = np.log(doses), np.log(grid)
    right = np.clip(np.searchsorted(x, at), 1, len(x) - 1)
    weight = (at - x[right - 1]) / (x[right] - x[right - 1])
    y = np.log(np.maximum(exposure, np.finfo(float).tiny))
    values = np.asarray(np.exp(y[:, right - 1] * (1 - weight) + y[:, right] * weight))
    # At a candidate nothing is rounded: who is exactly on the edge of the window stays inside.
    place = np.clip(np.searchsorted(doses, grid), 0, len(doses) - 1)
    same = doses[place] == grid
    values[:, same] = exposure[:, place[same]]
    return values
