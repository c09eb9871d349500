"""Observed profiles as simulations to run: which sets count, how people were dosed, and why not.

A set counts when it is a concentration of the compound itself in plasma, serum or blood of people
without a co-medicated perpetrator or a liver disease, has at least four positive points after the
first dose, and its dosing is stated: by the simulation of the published model that shows it, or
unambiguously by its own description.  Everything else is listed with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from catena.formats.datasets import find
from catena.formats.osp import (
    Dose,
    ObservedSet,
    Regimen,
    Snapshot,
    doses_from_text,
    read_observed,
    read_snapshot,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TABLES", "Arm", "arms", "snapshot", "snapshot_path"]

TABLES = ("body/pbpk/osp_observed_meta.csv.gz", "body/pbpk/osp_observed_profiles.csv.gz")
"""The two tables of observed sets, in the data folder."""

MIN_POINTS = 4
_INFUSION = re.compile(r"([0-9.]+) ?h infusion")
_CONTROL = re.compile(r"control|placebo|without|before|alone|pre-|baseline|day 1\b|day 2\b", re.I)
_PERPETRATOR = re.compile(
    r"with perpetrator|after perpetrator|verapamil|rifampin|clarithromycin|erythromycin|itraconazol"
    r"|grapefruit|\bgfj\b|charcoal|hyperforin|hypericum|st john|ddi |antacid|aprepitant"
    r"|digoxin \+|digoxin with",
    re.I,
)
_DISEASE = re.compile(r"cirrhosis|liver disease", re.I)


@dataclass(frozen=True)
class Arm:
    """One observed profile with its dosing.

    Args:
        observed: The set as read.
        doses: Administrations, sorted by time.
        regimen: Where the dosing came from.
        time: Times [h] of the positive points after the first dose.
        value: Concentrations [mg/L] at these times.
    """

    observed: ObservedSet
    doses: tuple[Dose, ...]
    regimen: Regimen
    time: NDArray[np.float64]
    value: NDArray[np.float64]

    @property
    def study(self) -> str:
        """Author and year; from the name where the table leaves it empty."""
        return self.observed.study or re.split(r"[_ ]-?|_", self.observed.name)[0]

    @property
    def route(self) -> str:
        """``iv`` or ``oral``: how the sampled dose was given."""
        return {"IV": "iv", "PO": "oral"}.get(self.observed.route, self.doses[-1].route)

    @property
    def sampled_dose(self) -> tuple[Dose, ...]:
        """The doses an observed AUC is due to: the last one before sampling, and all later ones."""
        before = [dose.time for dose in self.doses if dose.time < self.time[0]]
        return tuple(dose for dose in self.doses if dose.time >= max(before))

    @property
    def in_blood(self) -> bool:
        """Whether whole blood was measured instead of plasma."""
        return "blood" in self.observed.compartment.lower()

    @property
    def tablet(self) -> bool:
        """Whether oral doses were given undissolved."""
        return "Tablet" in self.regimen.formulation_type


def snapshot_path(compound: str) -> str:
    """Data-set path of the published PK-Sim model of a compound."""
    return f"body/pbpk/{compound.capitalize()}-Model.osp_snapshot.json.xz"


def snapshot(compound: str) -> Snapshot:
    """The published PK-Sim model of a compound.

    Raises:
        DataError: the data set is missing or corrupt.
    """
    return read_snapshot(find(snapshot_path(compound)))


def arms(compound: str) -> tuple[list[Arm], dict[str, str]]:
    """Observed profiles of one compound that can be simulated, and the others with the reason.

    Args:
        compound: Name as in the tables, any case.

    Returns:
        Arms in the order of the table, and ``{set name: reason}`` of what was left out.

    Raises:
        DataError: a data set is missing or corrupt.
    """
    regimens = snapshot(compound).regimens()
    meta, profiles = (find(path) for path in TABLES)
    tables = read_observed(meta, profiles)
    own = [item for item in tables if item.id.lower().startswith(compound.lower())]
    infusions = _study_infusions(own, regimens)
    kept: list[Arm] = []
    left_out: dict[str, str] = {}
    for item in own:
        arm = _arm(item, regimens.get(item.name), compound, infusions)
        if isinstance(arm, Arm):
            kept.append(arm)
        else:
            left_out[item.name] = arm
    return kept, left_out


def _study_infusions(items: list[ObservedSet], regimens: Mapping[str, Regimen]) -> dict[str, float]:
    """Infusion times [h] of studies whose simulated intravenous arms all share one."""
    found: dict[str, set[float]] = {}
    for item in items:
        for dose in regimens[item.name].doses if item.name in regimens else ():
            if dose.route == "iv":
                found.setdefault(item.study, set()).add(round(dose.duration, 6))
    return {study: times.pop() for study, times in found.items() if len(times) == 1}


def _described(item: ObservedSet, infusions: Mapping[str, float]) -> Regimen | None:
    """Dosing from the set's own words; the infusion time from its name or else its study."""
    doses = doses_from_text(item)
    if doses is None:
        return None
    said = _INFUSION.search(item.name)
    hours = float(said[1]) if said else infusions.get(item.study, 0.0)
    timed = tuple(replace(dose, duration=hours if dose.route == "iv" else 0.0) for dose in doses)
    return Regimen(doses=timed, source="description")


def _arm(
    item: ObservedSet, simulated: Regimen | None, compound: str, infusions: Mapping[str, float]
) -> Arm | str:
    reason = _unfit(item, compound)
    if reason:
        return reason
    has_doses = simulated is not None and simulated.doses
    regimen = simulated if has_doses else _described(item, infusions)
    if regimen is None:
        return "the dosing is not stated unambiguously"
    if any(dose.route not in ("iv", "oral") for dose in regimen.doses):
        return "given by a route that is not modelled"
    use = (item.time > regimen.doses[0].time) & (item.value > 0.0)
    if np.sum(use) < MIN_POINTS:
        return f"fewer than {MIN_POINTS} positive points after the first dose"
    doses = tuple(dose for dose in regimen.doses if dose.time < item.time[use][-1])
    return Arm(item, doses, regimen, item.time[use], item.value[use])


def _unfit(item: ObservedSet, compound: str) -> str:
    if item.molecule.lower() != compound.lower():
        return f"measures {item.molecule}"
    if not item.dimension.startswith("Concentration"):
        return "is not a concentration"
    if item.compartment.lower() not in ("plasma", "serum", "whole blood"):
        return f"measured in {item.compartment or 'an unknown compartment'}"
    if item.route not in ("IV", "PO", "IV/PO", ""):
        return f"given by a route that is not modelled ({item.route})"
    if _DISEASE.search(item.name):
        return "patients with liver disease"
    if _PERPETRATOR.search(item.name) and not _CONTROL.search(item.name):
        return "a perpetrator was given as well"
    return ""
