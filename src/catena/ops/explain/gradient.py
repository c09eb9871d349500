"""Integrated gradients: the slopes along the straight way from a baseline to the case.

Source: M. Sundararajan, A. Taly, Q. Yan, ICML 70 (2017) 3319.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from catena.core.errors import InputError, SolverError
from catena.ops.explain.cases import Case

Floats = NDArray[np.float64]
#: What contributions may miss of the change of the output, and the most points on the way.
TOLERANCE, _MOST = 1e-4, 2048


def values(case: Case) -> tuple[Floats, Floats, float, int]:
    """Return contributions, the baseline, what they miss of the change, and the points used.

    The baseline is the mean of the background; causes with whole steps stay as in the case.

    Returns:
        Contributions (d,); baseline (d,); |sum - change| over |change|; number of points.

    Raises:
        InputError: no cause has a slope.
        SolverError: the model fails on the way.
    """
    real = ~case.space.discrete
    where = f"model {case.evaluator.source.info.id}"
    if not real.any():
        raise InputError("No gradient", where=where, why="all causes have whole steps only",
                         fix='use method="shapley"')  # fmt: skip
    baseline = np.where(real, case.background.mean(axis=0), case.x)
    start, end = case(np.stack([baseline, case.x]))
    change, points = float(end - start), 16
    while True:
        nodes, weights = np.polynomial.legendre.leggauss(points)
        way = baseline + (case.x - baseline) * ((nodes + 1.0) / 2.0)[:, None]
        y, slopes = case.evaluator.with_gradient(way)
        if not np.isfinite(y).all():
            raise SolverError("The model fails between baseline and case", where=where,
                              why=str(case.evaluator.failures[:1]),
                              fix="give a background closer to the case")  # fmt: skip
        found = (case.x - baseline) * (weights / 2.0 @ slopes[:, 0])
        missed = abs(float(found.sum()) - change) / max(abs(change), 1e-300)
        if missed <= TOLERANCE or 2 * points > _MOST:
            return found, baseline, missed if change else 0.0, points
        points *= 2
