"""Claims of body.clearance: the dispersion model's closed form and human clearance."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from catena.core.claims import Finding
from catena.science.body.clearance.binding import fu_hepatocytes, partitioning_lipophilicity
from catena.science.body.clearance.liver_models import LIVER_MODELS, dispersion
from catena.science.body.clearance.model import clearance_model
from catena.science.body.partition.conventions import PH_PLASMA
from catena.science.body.partition.human_drugs import DrugTable, measured
from catena.science.body.partition.validation import fold_error_finding

__all__ = ["collocated_extraction", "dispersion_closed_form", "human_clearance"]

Array = NDArray[np.float64]
_WEIGHT = 73.0
_ION_PAIR = 4.0
"""logP - logD cannot exceed this: charged drugs enter octanol as ion pairs."""


def collocated_extraction(ratio: float, number: float, points: int = 60) -> float:
    """Extraction ratio of the convection-dispersion equation by Chebyshev collocation.

    ``Dn c'' - c' - r c = 0`` on 0..1, ``c - Dn c' = 1`` at the inlet, ``c' = 0`` at the outlet.

    Args:
        ratio: removal fub CLint / Q.
        number: dispersion number.
        points: number of intervals.

    Returns:
        1 - c at the outlet.
    """
    nodes = np.cos(np.pi * np.arange(points + 1) / points)
    weight = np.r_[2.0, np.ones(points - 1), 2.0] * (-1.0) ** np.arange(points + 1)
    gap = nodes[:, None] - nodes[None, :] + np.eye(points + 1)
    slope = np.outer(weight, 1.0 / weight) / gap
    slope -= np.diag(slope.sum(axis=1))
    slope *= -2.0  # nodes run from 1 to -1; the vessel from 0 (inlet) to 1 is (1 - node) / 2
    system = number * slope @ slope - slope - ratio * np.eye(points + 1)
    inlet, outlet = 0, points
    system[inlet] = -number * slope[inlet]
    system[inlet, inlet] += 1.0
    system[outlet] = slope[outlet]
    right = np.zeros(points + 1)
    right[inlet] = 1.0
    return float(1.0 - np.linalg.solve(system, right)[outlet])


def dispersion_closed_form(seed: int = 0) -> Finding:
    """Largest relative difference between closed form and collocation.

    Args:
        seed: not used; the comparison is deterministic.
    """
    ratios, numbers = np.geomspace(1e-3, 10.0, 40), (0.1, 0.17, 0.5, 2.0)
    worst = max(
        abs(float(dispersion(1.0, 1.0, ratio, number)) / collocated_extraction(ratio, number) - 1.0)
        for ratio in ratios
        for number in numbers
    )
    return Finding(value=worst, n=len(ratios) * len(numbers))


def _predicted(table: DrugTable, **choice: Any) -> Array:
    """Total plasma clearance [mL/min/kg] of the drugs in the reference male."""
    species = table.groups.at(PH_PLASMA)
    gap = np.minimum(-np.log10(np.asarray(species.neutral_fraction)), _ION_PAIR)
    lipophilicity = partitioning_lipophilicity(table.logp, table.logp - gap, table.groups.base)
    result = clearance_model.predict(
        clint_hepatocyte=table.clint,
        fu_hepatocyte=np.asarray(fu_hepatocytes(lipophilicity, 1.0)),
        fu_plasma=np.minimum(table.fu, 1.0),
        blood_plasma_ratio=table.blood_ratio,
        **choice,
    )
    return np.asarray(result.to("total_clearance", "mL/min")) / _WEIGHT


def human_clearance(seed: int = 0) -> Finding:
    """Total human clearance from hepatocytes (see validation.yaml).

    Args:
        seed: seed of the bootstrap over drugs.

    Returns:
        GMFE of the well-stirred model; bias, shares and the other liver models in ``extra``.

    Raises:
        DataError: a table is not on this machine.
    """
    table = measured()
    table = table.where((table.clint > 0) & (table.clearance > 0))
    errors = {
        name: float(
            np.exp(np.abs(np.log(_predicted(table, liver_model=name) / table.clearance)).mean())
        )
        for name in LIVER_MODELS
    }
    return fold_error_finding(_predicted(table), table.clearance, seed, {"liver_models": errors})
