"""Recomputes the claims of the reference chains."""

from __future__ import annotations

from typing import Any

import numpy as np

from catena.chains import example_oral_drug
from catena.core.claims import Finding
from catena.core.registry import load

__all__ = ["by_hand"]


def by_hand(seed: int = 0) -> Finding:
    """Largest difference of ``chain.oral_drug`` from its models called one after the other."""
    del seed
    given = example_oral_drug()
    chain = load("chain.oral_drug").predict(given)
    plasma, exposure = _one_after_the_other(given)
    pairs = {
        "plasma": (chain["plasma"], plasma),
        "auc": (chain["auc"], exposure["auc_inf"]),
        "cmax": (chain["cmax"], exposure["cmax"]),
        "half_life": (chain["half_life"], exposure["half_life"]),
    }
    gaps = {
        name: float(np.max(np.abs(a - b)) / np.max(np.abs(b))) for name, (a, b) in pairs.items()
    }
    return Finding(max(gaps.values()), n=1, extra={"by_output": gaps})


def _one_after_the_other(given: dict[str, Any]) -> tuple[Any, Any]:
    """Return the plasma concentration and the exposure, every value handed over by hand.

    What an earlier model computes goes before what the card says (``km`` is corrected for binding).
    """

    def mine(model_id: str) -> dict[str, Any]:
        return {name: value for name, value in given.items() if name in load(model_id).inputs}

    body = load("body.physiology").predict(mine("body.physiology"))
    shared = {name: body[name] for name in body}
    kp = load("body.partition").predict(
        {**mine("body.partition"), "hematocrit": body["hematocrit"]}
    )["kp"]
    wanted = load("body.clearance").inputs
    scaled = load("body.clearance").predict(
        {**mine("body.clearance"), **{n: v for n, v in shared.items() if n in wanted}}
    )
    kinetics = {name: scaled[name] for name in scaled}
    wanted = load("body.pbpk").inputs
    ports = {n: v for n, v in {**shared, **kinetics}.items() if n in wanted}
    mass = load("molecule.descriptors").predict(smiles=given["smiles"])["molar_mass"]
    plasma = load("body.pbpk").predict(
        {**mine("body.pbpk"), **ports, "kp": kp, "molar_mass": mass}
    )["plasma"]
    analysis = load("body.exposure").at(route="oral", terminal="flagged")
    return plasma, analysis.predict(time=given["time"], concentration=plasma, dose=given["dose"])
