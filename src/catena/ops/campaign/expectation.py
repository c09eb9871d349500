"""What the results so far let expect at points not tried yet."""

from __future__ import annotations

import numpy as np

from catena.ops.campaign.progress import Findings
from catena.ops.space import Space


def expectation(space: Space, found: Findings, x: np.ndarray) -> np.ndarray:
    """Return expected outcomes (n, m) at points (n, d); NaN where an outcome cannot be modelled."""
    from catena.ops.optimise.coordinates import Coordinates
    from catena.ops.optimise.process import Process

    coordinates = Coordinates(space)
    out = np.full((len(x), found.y.shape[1]), np.nan)
    for k in range(found.y.shape[1]):
        seen = found.y[np.isfinite(found.y[:, k]), k]
        if len(seen) < 3 or np.ptp(seen) <= 1e-12 * max(1.0, float(np.abs(seen).max())):
            continue
        process = Process(coordinates.encode(found.x), found.y[:, k : k + 1], [True],
                          coordinates.categories, None, None)  # fmt: skip
        out[:, k] = process.mean(coordinates.encode(x))[:, 0]
    return out
