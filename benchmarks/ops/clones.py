"""Simulated cell clones: Monod growth on glucose and glutamine, inhibition by lactate and ammonia.

Written after the model of Xing et al. 2010 (doi:10.1002/btpr.284) with literature-like parameters; a
clone is a set of them. Used to ask what a new clone's single batch is worth with and without older
clones.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.integrate import solve_ivp

from catena.learn.hybrid.fed_batch import fed_batch
from catena.numerics.ode import OdeSystem

SPECIES = {"Xv": "1e6/mL", "Glc": "mmol/L", "Gln": "mmol/L", "Lac": "mmol/L", "Amm": "mmol/L",
           "mAb": "mg/L"}  # fmt: skip
FEED = {"Glc": 150.0, "Gln": 40.0}
#: The known clone: rates per hour, yields in 1e6 cells/mL per mmol/L.
OLD = {"mu": 0.042, "k_glc": 0.8, "k_gln": 0.25, "i_lac": 60.0, "i_amm": 12.0, "y_glc": 0.9,
       "y_gln": 2.6, "m_glc": 0.006, "lac": 1.3, "amm": 0.7, "death": 0.012, "mab": 0.55}  # fmt: skip
#: The new one grows a quarter faster, makes less lactate and twice the product.
NEW = {**OLD, "mu": 0.052, "lac": 0.9, "mab": 1.1, "y_gln": 3.2, "i_amm": 9.0}


def system() -> OdeSystem:
    """Return the mass balances with open rates."""
    return fed_batch(SPECIES, cells="Xv", feed=FEED, id="clones.fed_batch")


def learning() -> dict[str, Any]:
    """Return the hybrid settings of a clone."""
    terms = [f"rate_{name}" for name in SPECIES]
    return {"terms": terms, "of": ["Xv", "Glc", "Gln", "Lac", "Amm"],
            "limited_by": dict(zip(terms, SPECIES, strict=True)), "hidden": [12], "rank": 4,
            "members": 3, "regression": 500, "stages": [(1, 100), (4, 150)], "steps": 3}  # fmt: skip


def batches(clone: dict[str, float], count: int, seed: int, noise: float = 0.02) -> pd.DataFrame:
    """Return fed-batch runs of a clone, 11 samples over ten days.

    Args:
        clone: Its parameters.
        count: Number of runs; start and feed differ between them.
        seed: Fixes starts, feeds and noise.
        noise: Relative standard deviation of the measurements after the start.
    """
    rng = np.random.default_rng(seed)
    frames = []
    for number in range(count):
        start = np.array(
            [rng.uniform(0.3, 0.7), rng.uniform(20, 35), rng.uniform(3, 6), 0.2, 0.2, 0.0]
        )
        flow = rng.uniform(0.0005, 0.004)
        frames.append(_batch(clone, start, flow, rng, noise).assign(run=f"run{number}"))
    return pd.concat(frames, ignore_index=True)


def _batch(
    clone: dict[str, float], start: np.ndarray, flow: float, rng: np.random.Generator, noise: float
) -> pd.DataFrame:
    times = np.linspace(0.0, 240.0, 11)
    feed = np.array([FEED.get(name, 0.0) for name in SPECIES])

    def slope(t: float, y: np.ndarray) -> np.ndarray:
        f = flow if t >= 72.0 else 0.0
        return np.append(rates(clone, y[:-1]) * y[0] + f / y[-1] * (feed - y[:-1]), f)

    parts = []
    for begin, end in ((0.0, 72.0), (72.0, 240.0)):
        first = np.append(start, 1.0) if not parts else parts[-1].y[:, -1]
        wanted = times[(times >= begin) & (times <= end)]
        parts.append(solve_ivp(slope, (begin, end), first, t_eval=wanted, rtol=1e-8, atol=1e-9,
                               method="LSODA"))  # fmt: skip
    values = np.concatenate([parts[0].y, parts[1].y[:, 1:]], axis=1).T
    values[1:, :-1] *= 1.0 + noise * rng.standard_normal((len(times) - 1, len(SPECIES)))
    frame = pd.DataFrame(values, columns=[*SPECIES, "volume"])
    return frame.assign(time=times, feed_rate=np.where(times >= 72.0, flow, 0.0))


def rates(clone: dict[str, float], c: np.ndarray) -> np.ndarray:
    """Return formation per cell of every species at concentrations (species,)."""
    _, glc, gln, lac, amm, _ = np.maximum(c, 0.0)
    p = clone
    monod = glc / (p["k_glc"] + glc) * gln / (p["k_gln"] + gln)
    growth = p["mu"] * monod * p["i_lac"] / (p["i_lac"] + lac) * p["i_amm"] / (p["i_amm"] + amm)
    use_glc = (growth / p["y_glc"] + p["m_glc"]) * glc / (0.1 + glc)
    use_gln = growth / p["y_gln"] * gln / (0.02 + gln)
    death = p["death"] * amm / (p["i_amm"] + amm)
    return np.array([growth - death, -use_glc, -use_gln, p["lac"] * use_glc, p["amm"] * use_gln,
                     p["mab"] * glc / (1.0 + glc)])  # fmt: skip
