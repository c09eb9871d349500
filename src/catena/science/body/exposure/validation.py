"""Recomputes the claims of body.exposure."""

from __future__ import annotations

import csv
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catena.core.claims import Finding
from catena.science.body.exposure.model import exposure

__all__ = ["analytic_auc", "analytic_half_life", "phoenix_auc", "phoenix_half_life"]

THEOPHYLLINE = "body/poppk/theo_sd.csv"
Floats = NDArray[np.float64]


def _profiles(seed: int, each: int = 50) -> dict[str, Any]:
    """One-compartment profiles by all three routes, 201 times over ten half-lives, early ones dense.

    Returns:
        Inputs of body.exposure and, under ``truth``, dose / clearance and the half-life.
    """
    rng = np.random.default_rng(seed)
    n = 3 * each
    volume = np.exp(rng.uniform(np.log(5.0), np.log(500.0), n))
    rate = np.exp(rng.uniform(np.log(0.02), np.log(1.0), n))
    absorption = rate * np.exp(rng.uniform(np.log(4.0), np.log(40.0), n))
    duration = rng.uniform(0.1, 1.0, n) * np.log(2.0) / rate
    dose = rng.uniform(1.0, 500.0, n)
    route = np.repeat(np.arange(3), each)
    time = np.linspace(0.0, 1.0, 201) ** 2 * (10.0 * np.log(2.0) / rate)[:, None]
    k, ka, tinf = rate[:, None], absorption[:, None], duration[:, None]
    bolus = np.exp(-k * time)
    oral = ka / (ka - k) * (np.exp(-k * time) - np.exp(-ka * time))
    during = np.minimum(time, tinf)
    infusion = -np.expm1(-k * during) / (k * tinf) * np.exp(-k * (time - during))
    shape = np.choose(route[:, None], [bolus, oral, infusion])
    return {
        "inputs": {
            "time": time,
            "concentration": shape * (dose / volume)[:, None],
            "dose": dose,
            "route": route,
            "infusion_duration": np.where(route == 2, duration, 0.0),
        },
        "auc": dose / (rate * volume),
        "half_life": np.log(2.0) / rate,
    }


def _worst(found: Floats, truth: Floats) -> float:
    return float(np.max(np.abs(found / truth - 1.0)))


def analytic_auc(seed: int = 0) -> Finding:
    """Worst relative error of AUC to infinity on one-compartment profiles (linear: baseline)."""
    case = _profiles(seed)
    found = exposure.predict(case["inputs"])
    time, conc = case["inputs"]["time"], case["inputs"]["concentration"]
    linear = np.trapezoid(conc, time, axis=1)
    return Finding(
        value=_worst(found["auc_inf"], case["auc"]),
        baseline=_worst(linear, case["auc"]),
        n=found.size,
    )


def analytic_half_life(seed: int = 0) -> Finding:
    """Worst relative error of the half-life on one-compartment profiles (peak to end: baseline)."""
    case = _profiles(seed)
    found = exposure.predict(case["inputs"])
    time, conc = case["inputs"]["time"], case["inputs"]["concentration"]
    peak_to_end = np.log(conc.max(axis=1) / conc[:, -1])
    span = time[:, -1] - np.take_along_axis(time, conc.argmax(axis=1)[:, None], axis=1)[:, 0]
    return Finding(
        value=_worst(found["half_life"], case["half_life"]),
        baseline=_worst(np.log(2.0) * span / peak_to_end, case["half_life"]),
        n=found.size,
    )


def _theophylline() -> tuple[Any, dict[str, Floats]]:
    """Our result on the twelve theophylline profiles, and what Phoenix WinNonlin reports."""
    import pandas as pd

    from catena.formats.datasets import find

    table = pd.read_csv(find(THEOPHYLLINE))
    seen = table[table["EVID"] == 0]
    profiles = [group for _, group in seen.groupby("ID")]
    found = exposure.predict(
        time=np.array([group["TIME"].to_numpy() for group in profiles]),
        concentration=np.array([group["DV"].to_numpy() for group in profiles]),
        dose=320.0,
        route="oral",
    )
    text = files(__package__).joinpath("phoenix_theophylline.csv").read_text(encoding="utf-8")
    listed = list(csv.DictReader(text.splitlines()))
    names = ("auc_last", "half_life")
    return found, {name: np.array([float(row[name]) for row in listed]) for name in names}


def phoenix_auc(seed: int = 0) -> Finding:
    """Worst relative difference of AUC to the last point from Phoenix WinNonlin."""
    found, phoenix = _theophylline()
    return Finding(value=_worst(found["auc_last"], phoenix["auc_last"]), n=found.size)


def phoenix_half_life(seed: int = 0) -> Finding:
    """Worst relative difference of the terminal half-life from Phoenix WinNonlin."""
    found, phoenix = _theophylline()
    points = [int(count) for count in found["lambda_z_points"]]
    return Finding(
        value=_worst(found["half_life"], phoenix["half_life"]),
        n=found.size,
        extra={"points in each fit": points},
    )
