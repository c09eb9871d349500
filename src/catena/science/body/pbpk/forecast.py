"""Runs observed arms through a PBPK Model and scores the exposures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.science.body.pbpk.scores import auc, bias, bootstrap, gmfe, leave_study_out, within

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from catena.core.model import Model
    from catena.science.body.pbpk.observed import Arm

    Floats = NDArray[np.float64]

__all__ = ["Scored", "forecast", "summary"]

FEW = 3
"""Arms with at most so many doses are simulated together; longer regimens apart."""


@dataclass(frozen=True)
class Scored:
    """One arm with its observed and predicted exposure."""

    arm: Arm
    compound: str
    dose: float
    observed: float
    predicted: float
    cmax: float

    @property
    def fold(self) -> float:
        """Predicted over observed AUC."""
        return self.predicted / self.observed


def forecast(
    compound: str,
    arms: Sequence[Arm],
    model: Model,
    inputs: Callable[[Arm], Mapping[str, Any]],
    weight: float,
) -> list[Scored]:
    """Predict the AUC of every arm over its own sampling times.

    Args:
        compound: Name for the report.
        arms: Observed arms.
        model: A variant of ``body.pbpk``.
        inputs: Ports of the drug and person for an arm.
        weight: Body weight [kg] for doses per kg.

    Returns:
        Scores in the order of ``arms``.
    """
    scores: dict[int, Scored] = {}
    for few in (True, False):
        chosen = [n for n, arm in enumerate(arms) if (len(arm.doses) <= FEW) is few]
        if chosen:
            group = [arms[number] for number in chosen]
            courses = _courses(group, model, [inputs(arm) for arm in group], weight)
            for number, arm, (plasma, ratio) in zip(chosen, group, courses, strict=True):
                scores[number] = _score(
                    compound, arm, plasma * (ratio if arm.in_blood else 1.0), weight
                )
    return [scores[number] for number in range(len(arms))]


def _courses(
    arms: Sequence[Arm], model: Model, ports: Sequence[Mapping[str, Any]], weight: float
) -> list[tuple[Floats, float]]:
    longest = max(len(arm.time) for arm in arms)
    times = [np.pad(arm.time, (0, longest - len(arm.time)), mode="edge") for arm in arms]
    stacked = {name: np.stack([np.asarray(port[name]) for port in ports]) for name in ports[0]}
    events = [_events(arm, weight) for arm in arms]
    result = model.predict({**stacked, "time": np.stack(times), "events": events})
    plasma = result["peripheral_plasma"]
    ratio = stacked["blood_plasma_ratio"]
    return [(plasma[row, : len(arm.time)], float(ratio[row])) for row, arm in enumerate(arms)]


def _events(arm: Arm, weight: float) -> list[dict[str, Any]]:
    records = []
    for dose in arm.doses:
        amount = dose.mg(weight)
        into = "iv" if dose.route == "iv" else ("tablet" if arm.tablet else "oral")
        rate = amount / dose.duration if dose.duration else 0.0
        records.append({"time": dose.time, "amt": amount, "cmt": into, "rate": rate})
    return records


def _score(compound: str, arm: Arm, plasma: Floats, weight: float) -> Scored:
    return Scored(
        arm=arm,
        compound=compound,
        dose=sum(dose.mg(weight) for dose in arm.sampled_dose),
        observed=auc(arm.time, arm.value),
        predicted=auc(arm.time, plasma),
        cmax=float(plasma.max() / arm.value.max()),
    )


def summary(scored: Sequence[Scored], seed: int) -> dict[str, Any]:
    """Accuracy of a group of arms as plain data: GMFE with interval, bias, shares, Cmax."""
    fold = np.array([item.fold for item in scored])
    studies = [f"{item.compound} {item.arm.study}" for item in scored]
    low, high = bootstrap(fold, studies, gmfe, seed)
    kinds = [f"{item.compound} {item.arm.route}" for item in scored]
    naive = leave_study_out(
        np.array([item.dose for item in scored]),
        np.array([item.observed for item in scored]),
        kinds,
        studies,
    )
    known = naive[np.isfinite(naive)]
    return {
        "sets": len(fold),
        "studies": len(set(studies)),
        "auc_gmfe": gmfe(fold),
        "auc_gmfe_low": low,
        "auc_gmfe_high": high,
        "auc_bias": bias(fold),
        "auc_within_2_fold": within(fold, 2.0),
        "auc_within_3_fold": within(fold, 3.0),
        "auc_within_10_fold": within(fold, 10.0),
        "cmax_gmfe": gmfe(np.array([item.cmax for item in scored])),
        "baseline_auc_gmfe": gmfe(known) if len(known) else None,
        "baseline_within_3_fold": within(known, 3.0) if len(known) else None,
        "baseline_within_10_fold": within(known, 10.0) if len(known) else None,
    }
