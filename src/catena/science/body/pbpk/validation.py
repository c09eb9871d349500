"""What ``body.pbpk`` claims: exact identities, a published model as given, and bottom-up forecasts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from catena.core.claims import Finding
from catena.numerics.ode import OdeSystem
from catena.science.body.clearance.liver_models import well_stirred
from catena.science.body.organs import ORGANS, PORTAL
from catena.science.body.pbpk import model as variants
from catena.science.body.pbpk.bottom_up import PERSON, bottom_up
from catena.science.body.pbpk.forecast import Scored, forecast, summary
from catena.science.body.pbpk.observed import Arm, arms, snapshot
from catena.science.body.pbpk.published import BODY_WEIGHT, midazolam
from catena.science.body.pbpk.scores import bootstrap, within

__all__ = [
    "auc_is_dose_over_clearance",
    "bottom_up_within_3_fold",
    "bottom_up_within_10_fold",
    "mass_balance",
    "midazolam_auc",
    "stepper_against_exponential",
]

COMPOUNDS = ("midazolam", "alfentanil", "digoxin", "rifampicin")


def _example() -> dict[str, Any]:
    """A drug with every path open: two clearances, secretion, gut metabolism, slow absorption."""
    ports = bottom_up("midazolam")
    ports.update(fu_plasma=0.2, clint_secretion=15.0, clint_liver=20.0, peff=1e-4)
    return ports


def _doses() -> list[dict[str, Any]]:
    return [
        {"time": 0.0, "amt": 5.0, "cmt": "oral"},
        {"time": 1.0, "amt": 2.0, "cmt": "iv"},
        {"time": 2.0, "amt": 3.0, "cmt": "iv", "rate": 3.0},
        {"time": 6.0, "amt": 4.0, "cmt": "tablet"},
    ]


def stepper_against_exponential(seed: int = 0) -> Finding:
    """Largest difference of the general stepper from the matrix exponential, over the peak."""
    del seed
    inputs = {**_example(), "time": np.linspace(0.0, 24.0, 49), "events": _doses()}
    exact = variants.linear.predict(**inputs)
    stepped = variants.linear.solved_with(method="kernel", rtol=1e-8).predict(**inputs)
    gaps: dict[str, float] = {}
    for name in ("plasma", "peripheral_plasma", "tissue", "eliminated"):
        peak = np.max(np.abs(exact[name]), axis=-1, keepdims=True)
        shown = peak[..., 0] > 0
        gap = np.abs(stepped[name] - exact[name]) / np.where(peak > 0, peak, 1.0)
        gaps[name] = float(np.max(gap[shown]))
    return Finding(max(gaps.values()), n=1, extra={"by_output": gaps})


def _systemic_clearance(ports: Mapping[str, Any]) -> float:
    """Plasma clearance [L/h] of a linear drug, from organ equations written apart from the system."""
    flow = dict(zip(ORGANS, np.asarray(ports["organ_flow"]), strict=True))
    ratio, hepatic_flow = ports["blood_plasma_ratio"], flow["liver"] + sum(flow[o] for o in PORTAL)
    free = ports["fu_plasma"] / ratio
    clint = ports["vmax_liver"] / ports["km"] + ports["clint_liver"]
    hepatic = float(well_stirred(hepatic_flow, free, clint))
    filtered = ports["gfr"] * free
    secreted = free * ports["clint_secretion"]
    renal = filtered + (flow["kidney"] - filtered) * secreted / (flow["kidney"] + secreted)
    return ratio * (hepatic + renal)


def auc_is_dose_over_clearance(seed: int = 0) -> Finding:
    """Relative difference of AUC(0-inf) after an intravenous dose from dose / clearance."""
    del seed
    ports = _example() | {"vmax_gut": 0.0, "clint_gut": 0.0}
    dose = 10.0
    time = np.unique(np.concatenate([np.geomspace(1e-4, 1.0, 400), np.linspace(1.0, 240.0, 2400)]))
    result = variants.linear.predict(
        **ports, time=time, events=[{"time": 0.0, "amt": dose, "cmt": "iv"}]
    )
    plasma = result["plasma"][0]
    expected = dose / _systemic_clearance(ports)
    # the area before the first point: a bolus starts at dose / volume of venous plasma
    start = dose / ports["venous_volume"] / ports["blood_plasma_ratio"]
    slope = np.log(plasma[-200] / plasma[-1]) / (time[-1] - time[-200])
    area = np.trapezoid(plasma, time) + 0.5 * (start + plasma[0]) * time[0] + plasma[-1] / slope
    return Finding(
        abs(float(area) / expected - 1.0), n=1,
        extra={"auc": float(area), "dose_over_clearance": expected},
    )  # fmt: skip


def mass_balance(seed: int = 0) -> Finding:
    """Largest relative difference of recovered drug from what was given, over variants and times."""
    del seed
    time = np.linspace(0.0, 48.0, 97)
    given = np.zeros_like(time)
    for dose in _doses():
        share = np.clip((time - dose["time"]) / dose["amt"] * dose["rate"], 0, 1) if "rate" in dose else time >= dose["time"]  # fmt: skip
        given += dose["amt"] * share
    gaps = {}
    for name, model in (("pbpk", variants.pbpk), ("permeability", variants.permeability)):
        extra = {"permeability": 1e-6} if name == "permeability" else {}
        result = model.predict({**_example(), **extra, "time": time, "events": _doses()})
        gaps[name] = float(np.max(np.abs(result["recovered"][0] - given) / given[-1]))
    return Finding(max(gaps.values()), n=len(gaps), extra={"by_variant": gaps})


@cache
def _midazolam() -> tuple[tuple[Scored, ...], dict[str, str]]:
    observed, left_out = arms("midazolam")

    def inputs(arm: Arm) -> Mapping[str, Any]:
        return midazolam(arm.regimen.individual)

    scored = forecast("midazolam", observed, variants.segments, inputs, BODY_WEIGHT)
    return tuple(scored), left_out


def midazolam_auc(seed: int = 0) -> Finding:
    """GMFE of AUC(0-tlast), all human midazolam sets, with the published PK-Sim parameters as given."""
    scored, left_out = _midazolam()
    fitted = snapshot("midazolam").fitted_to
    unused = [item for item in scored if item.arm.observed.name not in fitted]
    extra = {
        "not used by the publishers": summary(unused, seed),
        "sets": _table(scored),
        "left_out": left_out,
    }
    return _gmfe(summary(scored, seed), extra)


def midazolam_auc_intravenous(seed: int = 0) -> Finding:
    """Return the same for the intravenous sets alone."""
    return _gmfe(summary([item for item in _midazolam()[0] if item.arm.route == "iv"], seed))


def midazolam_auc_oral(seed: int = 0) -> Finding:
    """Return the same for the oral sets alone."""
    return _gmfe(summary([item for item in _midazolam()[0] if item.arm.route == "oral"], seed))


def _gmfe(found: Mapping[str, Any], extra: Mapping[str, Any] | None = None) -> Finding:
    return Finding(
        value=found["auc_gmfe"],
        low=found["auc_gmfe_low"],
        high=found["auc_gmfe_high"],
        baseline=found["baseline_auc_gmfe"],
        n=found["studies"],
        extra={"summary": found, **(extra or {})},
    )


@cache
def _variant(limited: bool, saturable: bool) -> OdeSystem:
    """The variant a compound needs; without saturation the exact linear solution serves."""
    return variants.build("bottom_up", limited=limited, saturable=saturable)


@cache
def _bottom_up() -> tuple[tuple[Scored, ...], dict[str, dict[str, str]]]:
    scored: list[Scored] = []
    left_out = {}
    for compound in COMPOUNDS:
        ports = bottom_up(compound)
        model = _variant("permeability" in ports, ports["vmax_liver"] > 0.0)
        observed, left_out[compound] = arms(compound)

        def inputs(arm: Arm, ports: Mapping[str, Any] = ports) -> Mapping[str, Any]:
            return ports

        scored += forecast(compound, observed, model, inputs, PERSON["weight"])
    return tuple(scored), left_out


def _within(limit: float, seed: int) -> Finding:
    scored, left_out = _bottom_up()
    fold = np.array([item.fold for item in scored])
    studies = [f"{item.compound} {item.arm.study}" for item in scored]
    low, high = bootstrap(fold, studies, lambda draw: within(draw, limit), seed)
    by_compound = {
        name: summary([item for item in scored if item.compound == name], seed)
        for name in COMPOUNDS
    }
    pooled = summary(scored, seed)
    return Finding(
        value=within(fold, limit),
        low=low,
        high=high,
        baseline=pooled[f"baseline_within_{limit:g}_fold"],
        n=pooled["studies"],
        extra={
            "pooled": pooled, "compounds": by_compound,
            "sets": _table(scored), "left_out": left_out,
        },
    )  # fmt: skip


def bottom_up_within_10_fold(seed: int = 0) -> Finding:
    """Share of AUCs within 10-fold, four compounds from their cards, nothing fitted."""
    return _within(10.0, seed)


def bottom_up_within_3_fold(seed: int = 0) -> Finding:
    """Share of AUCs within 3-fold, four compounds from their cards, nothing fitted."""
    return _within(3.0, seed)


def _table(scored: Sequence[Scored]) -> list[dict[str, Any]]:
    return [
        {
            "compound": item.compound,
            "set": item.arm.observed.name,
            "study": item.arm.study,
            "route": item.arm.route,
            "dose_mg": round(item.dose, 5),
            "doses": len(item.arm.doses),
            "dosing_from": item.arm.regimen.source,
            "points": len(item.arm.time),
            "auc_observed": float(f"{item.observed:.4g}"),
            "auc_predicted": float(f"{item.predicted:.4g}"),
            "fold": round(item.fold, 3),
            "cmax_fold": round(item.cmax, 3),
        }
        for item in scored
    ]
