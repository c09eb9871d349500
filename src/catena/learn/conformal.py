"""Intervals with a guarantee that needs no belief in the model: split conformal prediction.

Sources: Papadopoulos, Vovk and Gammerman 2011, doi:10.1613/jair.3198 (errors in units of the stated
spread); Lei, G'Sell, Rinaldo, Tibshirani and Wasserman 2018, doi:10.1080/01621459.2017.1307116.
"""

from __future__ import annotations

import numpy as np

from catena.core.errors import InputError


def conformal_quantile(scores: np.ndarray, level: float = 0.9) -> float:
    """Return the factor by which stated spreads are multiplied to cover a share of new rows.

    With m scores of rows that took no part in the fit, an interval of this many spreads covers a
    new row with probability at least ``level`` and at most ``level + 1 / (m + 1)``.

    Args:
        scores: Absolute errors over stated spreads (m,), or (m, p) for the positions of curves; the
            share is then meant over rows and positions.
        level: Share to cover.

    Raises:
        InputError: there are too few rows for the level.
    """
    rows = len(scores)
    rank = int(np.ceil((rows + 1) * level - 1e-9))
    if rank > rows:
        raise InputError(
            f"{rows} rows cannot calibrate a {level:.0%} interval",
            where="conformal intervals",
            why=f"at least {fewest_rows(level)} rows outside the fit are needed",
            fix="raise the budget",
        )
    # With several positions per row the same share of all errors is taken.
    flat = np.sort(np.abs(np.asarray(scores, float)).ravel())
    return float(flat[int(np.ceil(rank / rows * len(flat) - 1e-9)) - 1])


def fewest_rows(level: float = 0.9) -> int:
    """Return the fewest rows that can calibrate an interval of this level."""
    return int(np.ceil(level / (1.0 - level) - 1e-9))
