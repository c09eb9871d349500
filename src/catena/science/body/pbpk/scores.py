"""How predictions of exposure are scored: AUC, fold errors, intervals over studies, a naive baseline.

Definitions: fold error = predicted / observed; GMFE = ``10^mean|log10 fold error|``; bias (AFE) =
``10^mean log10``; intervals are 5 to 95 % of bootstrap draws over studies, because sets of one study
share people, assay and digitisation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["auc", "bias", "bootstrap", "gmfe", "leave_study_out", "within"]

_DRAWS = 2000


def auc(time: Floats, concentration: Floats) -> float:
    """Area under the curve between the first and the last point, linear up and log down.

    Args:
        time: Increasing times [h], two or more.
        concentration: Concentrations [mg/L], not negative.

    Returns:
        Area [mg*h/L].
    """
    from catena.science.body.exposure.nca import areas

    used = np.ones((1, len(time)), dtype=bool)
    area, _ = areas(np.asarray(time)[None], np.asarray(concentration)[None], used)  # type: ignore[arg-type]
    return float(area[0])


def gmfe(fold: Floats) -> float:
    """Geometric mean fold error; 1 is perfect."""
    return float(10.0 ** np.mean(np.abs(np.log10(fold))))


def bias(fold: Floats) -> float:
    """Average fold error; above 1 means overprediction."""
    return float(10.0 ** np.mean(np.log10(fold)))


def within(fold: Floats, limit: float) -> float:
    """Share of fold errors within ``limit``-fold in either direction."""
    return float(np.mean(np.abs(np.log(fold)) <= np.log(limit)))


def bootstrap(
    fold: Floats,
    studies: Sequence[str],
    metric: Callable[[Floats], float],
    seed: int = 0,
) -> tuple[float, float]:
    """90 % interval of a metric, by drawing studies with all their sets.

    Args:
        fold: Fold errors, one per set.
        studies: Study of each set.
        metric: What to compute from the fold errors of a draw.
        seed: Seed of the draws.

    Returns:
        5 % and 95 % quantile.
    """
    names, member = np.unique(np.asarray(studies), return_inverse=True)
    groups = [fold[member == index] for index in range(len(names))]
    draw = np.random.default_rng(seed).integers(0, len(names), size=(_DRAWS, len(names)))
    values = [metric(np.concatenate([groups[index] for index in row])) for row in draw]
    low, high = np.quantile(values, [0.05, 0.95])
    return float(low), float(high)


def leave_study_out(
    dose: Floats, area: Floats, kinds: Sequence[str], studies: Sequence[str]
) -> Floats:
    """Fold errors of the naive forecast: AUC proportional to dose, from the other studies.

    For every set, dose / AUC is the geometric mean over sets of the same kind (compound and route)
    from other studies.

    Args:
        dose: Total doses [mg].
        area: Observed AUCs [mg*h/L].
        kinds: Compound and route of each set.
        studies: Study of each set.

    Returns:
        Predicted over observed AUC; sets without any other study of their kind are NaN.
    """
    ratio = np.log(dose / area)
    kind, study = np.asarray(kinds), np.asarray(studies)
    fold = np.full(len(dose), np.nan)
    for index in range(len(dose)):
        others = (kind == kind[index]) & (study != study[index])
        if others.any():
            fold[index] = dose[index] / np.exp(ratio[others].mean()) / area[index]
    return fold
