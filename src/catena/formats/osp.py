"""Reads Open Systems Pharmacology snapshots (PK-Sim) and their tables of observed data.

A snapshot is the JSON text from which PK-Sim rebuilds a project: compounds with their parameters and
processes, individuals with expression profiles, dosing protocols, and simulations that join these to
observed data sets.  ``read_snapshot`` keeps what a PBPK model needs, converted to the engine's units:

* ``snapshot.compounds["Midazolam"].value("FractionUnbound", "Fraction unbound ...")``,
* ``snapshot.regimens()``: observed set -> individual, doses and formulation,
* ``read_observed(meta, profiles)``: digitised concentration-time profiles in mg/L and h.

Format: https://github.com/Open-Systems-Pharmacology (PK-Sim snapshots, version 80 read here).
"""

from __future__ import annotations

import json
import lzma
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import DataError, InputError, UnitError, closest
from catena.core.units import factor

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Compound",
    "Dose",
    "ObservedSet",
    "Process",
    "Quantity",
    "Regimen",
    "Snapshot",
    "doses_from_text",
    "read_observed",
    "read_snapshot",
]

_UNITS = {"day(s)": "day", "week(s)": "week", "month(s)": "month", "year(s)": "year"}
_UNITS["Log Units"] = ""
_ROUTES = {"IntravenousBolus": "iv", "Intravenous": "iv", "Oral": "oral"}
_INTERVALS = {"DI_24": 24.0, "DI_12_12": 12.0, "DI_8_8_8": 8.0, "DI_6_6_6_6": 6.0}
_DOSE = re.compile(r"^\s*([0-9]+(?:[.,][0-9]+)?)\s*(µg/kg|mg/kg|µg|mg|g)\s*$")


@dataclass(frozen=True)
class Quantity:
    """A number with its unit text as written in the snapshot, and where it came from."""

    value: float
    unit: str = ""
    origin: str = ""

    def to(self, unit: str) -> float:
        """The value in another unit of the same dimension.

        Raises:
            UnitError: the units do not measure the same thing.
        """
        return self.value * factor(_UNITS.get(self.unit, self.unit), unit)


@dataclass(frozen=True)
class Process:
    """One metabolic, transport, binding or excretion process of a compound."""

    kind: str
    molecule: str
    source: str
    parameters: Mapping[str, Quantity]


@dataclass(frozen=True)
class Compound:
    """A compound: groups of alternatives (``"Lipophilicity"``, ...), pKa values and processes."""

    name: str
    groups: Mapping[str, Mapping[str, Mapping[str, Quantity]]]
    defaults: Mapping[str, str]
    pka: tuple[tuple[str, float], ...]
    binding_partner: str
    processes: tuple[Process, ...]

    def quantity(self, group: str, parameter: str, alternative: str | None = None) -> Quantity:
        """One parameter of a group, of its default alternative unless named.

        Raises:
            DataError: the snapshot does not hold it.
        """
        try:
            chosen = alternative or self.defaults[group]
            return self.groups[group][chosen][parameter]
        except KeyError as missing:
            known = [name for part in self.groups.values() for alt in part.values() for name in alt]
            near = ", ".join(closest(parameter, known)) or ", ".join(self.groups)
            raise DataError(
                f"{self.name} has no {group} / {parameter}",
                where=f"compound {self.name}",
                why=f"{missing} is not in the snapshot",
                fix=f"the snapshot holds: {near}",
            ) from None

    def process(self, molecule: str, kind: str = "") -> Process:
        """The process of one enzyme or transporter (or, with ``kind``, of that kind).

        Raises:
            DataError: the compound has no such process.
        """
        for item in self.processes:
            if item.molecule == molecule and kind in item.kind:
                return item
        names = [f"{item.molecule or item.kind}" for item in self.processes]
        raise DataError(
            f"{self.name} has no process of {molecule or kind!r}",
            where=f"compound {self.name}",
            why="the snapshot lists others",
            fix="known: " + ", ".join(names),
        )


@dataclass(frozen=True)
class Dose:
    """One administration.

    Args:
        time: Start [h].
        amount: Amount in ``unit``.
        unit: ``"mg"`` or ``"mg/kg"``.
        route: ``"iv"``, ``"oral"`` or PK-Sim's own word for anything else.
        duration: Length of an infusion [h]; 0 for a bolus or an oral dose.
        formulation: Name of the formulation, empty if none.
    """

    time: float
    amount: float
    unit: str
    route: str
    duration: float = 0.0
    formulation: str = ""

    def mg(self, weight: float) -> float:
        """Amount in mg for a body weight in kg."""
        return self.amount * weight if self.unit == "mg/kg" else self.amount


@dataclass(frozen=True)
class Regimen:
    """How the people of an observed data set were dosed."""

    doses: tuple[Dose, ...]
    simulation: str = ""
    individual: str = ""
    formulation_type: str = ""
    source: str = "simulation"


@dataclass(frozen=True)
class ObservedSet:
    """One digitised concentration-time profile, times in h and concentrations in mg/L."""

    id: str
    name: str
    study: str
    molecule: str
    organ: str
    compartment: str
    route: str
    dose: str
    administered: str
    food: str
    people: float
    molar_mass: float
    dimension: str
    time: NDArray[np.float64]
    value: NDArray[np.float64]


@dataclass(frozen=True)
class Snapshot:
    """What a PBPK model needs of one PK-Sim project.

    ``fitted_to`` names the observed sets its parameter identifications used.
    """

    compounds: Mapping[str, Compound]
    individuals: Mapping[str, Mapping[str, Any]]
    expression: Mapping[str, Mapping[str, Quantity]]
    formulations: Mapping[str, str]
    protocols: Mapping[str, tuple[Dose, ...]]
    simulations: tuple[Mapping[str, Any], ...]
    fitted_to: frozenset[str] = frozenset()

    def regimens(self) -> dict[str, Regimen]:
        """Dosing by name of the observed set, from the simulations that show the set.

        A set shown in several simulations keeps the first one.
        """
        found: dict[str, Regimen] = {}
        for simulation in self.simulations:
            doses, kinds = self._doses(simulation)
            for name in simulation.get("ObservedData", ()):
                found.setdefault(
                    name,
                    Regimen(
                        doses=doses,
                        simulation=str(simulation["Name"]),
                        individual=str(simulation.get("Individual", "")),
                        formulation_type=kinds,
                    ),
                )
        return found

    def _doses(self, simulation: Mapping[str, Any]) -> tuple[tuple[Dose, ...], str]:
        doses: list[Dose] = []
        kinds: list[str] = []
        for compound in simulation.get("Compounds", ()):
            protocol = compound.get("Protocol") or {}
            doses += self.protocols.get(protocol.get("Name", ""), ())
            used = [item["Name"] for item in protocol.get("Formulations", ())]
            kinds += [self.formulations.get(name, name) for name in used]
        return tuple(sorted(doses, key=lambda dose: dose.time)), ", ".join(kinds)

    def override(self, simulation: str, path_part: str) -> Quantity | None:
        """A parameter a simulation sets by hand, by part of its path; None if it does not."""
        for item in self.simulations:
            if item["Name"] == simulation:
                for parameter in item.get("Parameters", ()):
                    if path_part in parameter["Path"]:
                        return _quantity(parameter)
        return None


def read_snapshot(path: str | Path) -> Snapshot:
    """Read a PK-Sim snapshot (``.json``, or ``.json.xz``).

    Args:
        path: File of the snapshot.

    Returns:
        Compounds, individuals, protocols and simulations.

    Raises:
        DataError: the file is missing or is not a snapshot.
    """
    data = _load(Path(path))
    if "Compounds" not in data or "Protocols" not in data:
        raise DataError(
            "not a PK-Sim snapshot", where=str(path), why="no Compounds or Protocols in it",
            fix="export the project as snapshot (JSON) from PK-Sim",
        )  # fmt: skip
    return Snapshot(
        compounds={item["Name"]: _compound(item) for item in data["Compounds"]},
        individuals={item["Name"]: item for item in data.get("Individuals", ())},
        expression={
            f"{item.get('Molecule')}|{item.get('Species')}|{item.get('Category')}": {
                entry.get("Path", entry.get("Name", "")): _quantity(entry)
                for entry in item.get("Parameters", ())
            }
            for item in data.get("ExpressionProfiles", ())
        },
        formulations={i["Name"]: i["FormulationType"] for i in data.get("Formulations", ())},
        protocols={item["Name"]: _protocol(item) for item in data["Protocols"]},
        simulations=tuple(data.get("Simulations", ())),
        fitted_to=frozenset(
            mapping["ObservedData"]
            for item in data.get("ParameterIdentifications", ())
            for mapping in item.get("OutputMappings", ())
            if "ObservedData" in mapping
        ),
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        raw = path.read_bytes()
        text = lzma.decompress(raw) if path.suffix == ".xz" else raw
        data = json.loads(text)
    except (OSError, lzma.LZMAError, ValueError) as error:
        raise DataError(
            "cannot read the snapshot", where=str(path), why=str(error), fix="check the file"
        ) from None
    return data if isinstance(data, dict) else {}


def _quantity(entry: Mapping[str, Any]) -> Quantity:
    origin = entry.get("ValueOrigin") or {}
    words = (origin.get(part, "") for part in ("Source", "Method", "Description"))
    return Quantity(float(entry["Value"]), entry.get("Unit") or "", " ".join(w for w in words if w))


def _parameters(entries: Sequence[Mapping[str, Any]]) -> dict[str, Quantity]:
    return {entry["Name"]: _quantity(entry) for entry in entries if "Value" in entry}


def _compound(item: Mapping[str, Any]) -> Compound:
    groups: dict[str, dict[str, dict[str, Quantity]]] = {}
    defaults: dict[str, str] = {}
    for group, alternatives in item.items():
        if not (isinstance(alternatives, list) and alternatives):
            continue
        if not all(isinstance(part, dict) and "Parameters" in part for part in alternatives):
            continue
        if group in ("Processes", "PkaTypes"):
            continue
        groups[group] = {part["Name"]: _parameters(part["Parameters"]) for part in alternatives}
        # a snapshot writes IsDefault only where it is false
        chosen = [part["Name"] for part in alternatives if part.get("IsDefault", True)]
        defaults[group] = chosen[0] if chosen else alternatives[0]["Name"]
    groups["Physchem"] = {"": _parameters(item.get("Parameters", ()))}
    defaults["Physchem"] = ""
    processes = tuple(
        Process(
            kind=part["InternalName"],
            molecule=part.get("Molecule", ""),
            source=part.get("DataSource", ""),
            parameters=_parameters(part.get("Parameters", ())),
        )
        for part in item.get("Processes", ())
    )
    return Compound(
        name=item["Name"],
        groups=groups,
        defaults=defaults,
        pka=tuple((part["Type"], float(part["Pka"])) for part in item.get("PkaTypes", ())),
        binding_partner=item.get("PlasmaProteinBindingPartner", ""),
        processes=processes,
    )


def _protocol(item: Mapping[str, Any]) -> tuple[Dose, ...]:
    if item.get("Schemas"):
        doses = [dose for schema in item["Schemas"] for dose in _schema(schema)]
        return tuple(sorted(doses, key=lambda dose: dose.time))
    values = _parameters(item.get("Parameters", ()))
    first = _dose(item, values)
    step = _INTERVALS.get(item.get("DosingInterval", "Single"))
    if step is None or "End time" not in values:
        return (first,)
    count = max(1, math.ceil((values["End time"].to("h") - first.time) / step - 1e-9))
    return tuple(replace(first, time=first.time + step * number) for number in range(count))


def _schema(schema: Mapping[str, Any]) -> Iterator[Dose]:
    values = _parameters(schema.get("Parameters", ()))
    start = values["Start time"].to("h") if "Start time" in values else 0.0
    count = int(values["NumberOfRepetitions"].value) if "NumberOfRepetitions" in values else 1
    gap = values["TimeBetweenRepetitions"].to("h") if "TimeBetweenRepetitions" in values else 0.0
    for number in range(count):
        for item in schema["SchemaItems"]:
            dose = _dose(item, _parameters(item.get("Parameters", ())))
            yield replace(dose, time=dose.time + start + number * gap)


def _dose(item: Mapping[str, Any], values: Mapping[str, Quantity]) -> Dose:
    kind = item.get("ApplicationType", "")
    unit = "mg/kg" if "/kg" in values["InputDose"].unit else "mg"
    infusion = values.get("Infusion time", Quantity(0.0, "h"))
    return Dose(
        time=values["Start time"].to("h") if "Start time" in values else 0.0,
        amount=values["InputDose"].to(unit),
        unit=unit,
        route=_ROUTES.get(kind, kind),
        duration=infusion.to("h") if kind == "Intravenous" else 0.0,
        formulation=item.get("FormulationKey", ""),
    )


def read_observed(meta: str | Path, profiles: str | Path) -> tuple[ObservedSet, ...]:
    """Read observed data sets from the two OSP tables (one row per set, one row per point).

    Mass and molar concentrations become mg/L (molar ones with the set's molar mass), times h.
    Sets of another dimension (fraction of dose, mass in urine) keep their values and say so.

    Args:
        meta: Table with ``dataset_id``, ``name``, ``study``, ``molecule``, ``compartment``, ...
        profiles: Table with ``dataset_id``, ``time``, ``time_unit``, ``value``, ``value_unit``.

    Returns:
        The sets in the order of ``meta``, points sorted by time.

    Raises:
        DataError: a table cannot be read or lacks a column.
        InputError: a unit in the tables is not known.
    """
    import pandas as pd

    try:
        rows, points = pd.read_csv(meta), pd.read_csv(profiles)
        grouped = {str(key): part for key, part in points.groupby("dataset_id")}
        return tuple(_observed(row, grouped[str(row["dataset_id"])]) for _, row in rows.iterrows())
    except (OSError, KeyError, ValueError) as error:
        raise DataError(
            "cannot read the observed tables", where=f"{meta}, {profiles}", why=str(error),
            fix="give the osp_observed_meta and osp_observed_profiles tables",
        ) from None  # fmt: skip


def _observed(row: Any, points: Any) -> ObservedSet:
    def text(name: str) -> str:
        return "" if row[name] is None or row[name] != row[name] else str(row[name])

    ordered = points.sort_values("time", kind="stable")
    dimension = str(ordered["dimension"].iloc[0])
    mass = float(row["molweight"])
    try:
        time = ordered["time"].to_numpy(float) * ordered["time_unit"].map(_to("h")).to_numpy(float)
        value = ordered["value"].to_numpy(float)
        if "mass)" in dimension:
            value = value * ordered["value_unit"].map(_to("mg/L")).to_numpy(float)
        elif "molar)" in dimension:
            value = value * ordered["value_unit"].map(_to("mmol/L")).to_numpy(float) * mass
    except UnitError as error:
        raise InputError(
            "unknown unit", where=text("name"), why=error.what, fix=error.fix
        ) from None
    return ObservedSet(
        id=text("dataset_id"), name=text("name"), study=text("study"), molecule=text("molecule"),
        organ=text("organ"), compartment=text("compartment"), route=text("route"),
        dose=text("dose"), administered=text("times_of_administration_h"), food=text("food"),
        people=float(row["n"]) if row["n"] == row["n"] else 1.0,
        molar_mass=mass, dimension=dimension, time=time, value=value,
    )  # fmt: skip


def _to(unit: str) -> Callable[[str], float]:
    def convert(written: str) -> float:
        return factor(_UNITS.get(written, written), unit)

    return convert


def doses_from_text(observed: ObservedSet) -> tuple[Dose, ...] | None:
    """Dosing of a set that no simulation shows, from its own ``dose`` and ``administered`` texts.

    Only what is unambiguous is read: one number with a unit, one time, IV or PO.  An intravenous
    dose is taken as a bolus.

    Returns:
        The single dose, or None when the texts say more than that.
    """
    amount = _DOSE.match(observed.dose)
    route = {"IV": "iv", "PO": "oral"}.get(observed.route)
    try:
        time = float(observed.administered)
    except ValueError:
        return None
    if amount is None or route is None:
        return None
    unit = "mg/kg" if "/kg" in amount[2] else "mg"
    value = float(amount[1].replace(",", ".")) * factor(amount[2], unit)
    return (Dose(time=time, amount=value, unit=unit, route=route),)
