"""Smoothing: what is known about every moment once all samples are there.

H. E. Rauch, F. Tung, C. T. Striebel, AIAA J. 3 (1965) 1445, doi:10.2514/3.3166; exact for linear
models with Gaussian noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from catena.ops.estimate.estimator import Node


def smoothed(nodes: Sequence[Node]) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return mean and covariance at every node given all samples.

    Args:
        nodes: Nodes of an extended Kalman filter, whose beliefs hold the transitions.
    """
    last = nodes[-1].belief
    found = [(last["mean"], last["cov"])]
    for node, later in zip(nodes[-2::-1], nodes[:0:-1], strict=True):
        mean, cov = found[-1]
        prior, own = later.prior, node.belief
        gain = np.linalg.lstsq(prior["cov"], prior["transition"] @ own["cov"], rcond=None)[0].T
        new = own["cov"] + gain @ (cov - prior["cov"]) @ gain.T
        found.append((own["mean"] + gain @ (mean - prior["mean"]), (new + new.T) / 2))
    return found[::-1]
