"""The compound card: what it holds, and which model inputs follow from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, model_validator

from catena.core.distribution import Distribution
from catena.formats.compound.quantity import (
    Measure,
    Number,
    Part,
    Quantity,
    Source,
    Status,
    measured_in,
)

LogRatio = Annotated[Quantity, measured_in("", -6.0, 12.0)]
Pka = Annotated[Quantity, measured_in("", -10.0, 20.0)]
Fraction = Annotated[Quantity, measured_in("", 0.0, 1.0, open_low=True)]
Ratio = Annotated[Quantity, measured_in("", 0.0, 100.0, open_low=True)]
Permeability = Annotated[Quantity, measured_in("cm/s", 0.0, 1.0, open_low=True)]
Solubility = Annotated[Quantity, measured_in("mg/mL", 0.0, 2000.0, open_low=True)]
MolarMass = Annotated[Quantity, measured_in("g/mol", 1.0, 500_000.0)]
Clearance = Annotated[Quantity, measured_in("L/h", 0.0)]
GfrFraction = Annotated[Quantity, measured_in("", 0.0, 1.0)]
Ph = Annotated[float, Field(ge=0, le=14)]

CLINT_UNIT = {"microsome": "uL/min/mg", "hepatocyte": "uL/min/1e6 cells"}
FU_PORT = {"microsome": "fu_incubation", "hepatocyte": "fu_hepatocyte"}
VMAX_UNIT = "pmol/min/mg"


class Properties(Part):
    """Physical chemistry, binding, permeation and whole-organ elimination of one compound.

    Attributes:
        logp, logd_7_4: log10 of the n-octanol:water ratio, uncharged form and at pH 7.4.
        pka_acid, pka_base: Strongest acidic and basic group; none means no such group.
        solubility, solubility_ph, solubility_fassif: In buffer at that pH, and in fasted gut fluid.
        caco2_papp, peff: Permeability of Caco-2 cells, and effective in the human jejunum.
        gfr_fraction: Renal filtration clearance over fu_plasma * GFR.
        clint_secretion, clint_other, clint_bile: Unbound intrinsic clearance of tubular
            secretion, of the liver beyond the incubations in ``metabolism``, and of bile.
    """

    molar_mass: MolarMass
    logp: LogRatio
    fu_plasma: Fraction
    blood_plasma_ratio: Ratio
    logd_7_4: LogRatio | None = None
    pka_acid: Pka | None = None
    pka_base: Pka | None = None
    solubility: Solubility | None = None
    solubility_ph: Ph | None = None
    solubility_fassif: Solubility | None = None
    caco2_papp: Permeability | None = None
    peff: Permeability | None = None
    gfr_fraction: GfrFraction | None = None
    clint_secretion: Clearance | None = None
    clint_other: Clearance | None = None
    clint_bile: Clearance | None = None


class Pathway(Part):
    """In-vitro kinetics of one elimination pathway.

    Attributes:
        enzyme: Gene symbol of the enzyme, e.g. ``CYP3A4``, or ``unspecific``.
        system: What was incubated; fixes the units (per mg protein, per 1e6 cells).
        vmax: Maximal rate, microsomes only.
        km: Michaelis constant of the nominal concentration.
        clint: Intrinsic clearance, instead of ``vmax`` and ``km``.
        fu_incubation: Fraction unbound in the incubation.
    """

    enzyme: Annotated[str, Field(min_length=2)]
    system: Literal["microsome", "hepatocyte"]
    vmax: Annotated[Quantity, measured_in(VMAX_UNIT, 0.0, open_low=True)] | None = None
    km: Annotated[Quantity, measured_in("umol/L", 0.0, open_low=True)] | None = None
    clint: Quantity | None = None
    fu_incubation: Fraction

    @model_validator(mode="after")
    def _one_form(self) -> Pathway:
        saturable = self.vmax is not None and self.km is not None
        if saturable == (self.clint is not None) or (self.vmax is None) != (self.km is None):
            raise ValueError("give either vmax with km, or clint")
        if self.vmax is not None and self.system != "microsome":
            raise ValueError("vmax is per mg of microsomal protein; for hepatocytes give clint")
        if self.clint is not None:
            Measure(CLINT_UNIT[self.system], 0.0)(self.clint)
        return self

    def intrinsic_clearance(self) -> float:
        """Returns the linear intrinsic clearance, in the unit of the system (see CLINT_UNIT)."""
        if self.clint is not None:
            return self.clint.to(CLINT_UNIT[self.system])
        assert self.vmax is not None  # by _one_form
        assert self.km is not None
        return self.vmax.to(VMAX_UNIT) / self.km.to("umol/L")


class Transporter(Part):
    """Kinetics of one transporter; facts for models with active transport, not model inputs yet."""

    name: Annotated[str, Field(min_length=2)]
    direction: Literal["uptake", "efflux"]
    km: Annotated[Quantity, measured_in("umol/L", 0.0, open_low=True)] | None = None
    vmax: Quantity | None = None


class Exposure(Part):
    """A published exposure, cited as a fact.

    Attributes:
        study: Author and year.
        route: How the dose was given.
        dose: Dose, or dose per body mass.
        n: Number of subjects.
        infusion_duration: Duration of an infusion.
        auc, cmax, half_life, clearance, renal_clearance, vss: What was reported.
        status, source, note: As for a ``Quantity``; they hold for all numbers of the entry.
    """

    study: Annotated[str, Field(min_length=4)]
    route: Literal["iv", "oral", "infusion", "intranasal"]
    dose: Number
    n: Annotated[int, Field(ge=1)]
    infusion_duration: Annotated[Number, measured_in("h", 0.0)] | None = None
    auc: Annotated[Number, measured_in("mg*h/L", 0.0)] | None = None
    cmax: Annotated[Number, measured_in("mg/L", 0.0)] | None = None
    half_life: Annotated[Number, measured_in("h", 0.0)] | None = None
    clearance: Annotated[Number, measured_in("L/h", 0.0)] | None = None
    renal_clearance: Annotated[Number, measured_in("L/h", 0.0)] | None = None
    vss: Annotated[Number, measured_in("L", 0.0)] | None = None
    status: Status
    source: Source
    note: str = ""


class Window(Part):
    """The exposure that is aimed at: below ``low`` too little effect, above ``high`` too much."""

    metric: Literal["cmax", "auc"]
    effect: str
    low: Number
    high: Number
    status: Status
    source: Source
    derivation: str

    @model_validator(mode="after")
    def _ordered(self) -> Window:
        unit = {"cmax": "mg/L", "auc": "mg*h/L"}[self.metric]
        for bound in (self.low, self.high):
            Measure(unit, 0.0)(bound)
        if self.low.to(unit) >= self.high.to(unit):
            raise ValueError("low must be below high")
        return self

    def bounds(self) -> tuple[float, float]:
        """Returns (low, high) in mg/L (cmax) or mg*h/L (auc)."""
        unit = {"cmax": "mg/L", "auc": "mg*h/L"}[self.metric]
        return self.low.to(unit), self.high.to(unit)


class Doses(Part):
    """Candidate doses of one route."""

    route: Literal["iv", "oral", "infusion"]
    unit: str
    values: Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]
    source: Source


class Card(Part):
    """All that is known about one compound; see the package docstring for how to write one."""

    name: Annotated[str, Field(min_length=2)]
    smiles: Annotated[str, Field(min_length=1)]
    cas: str = ""
    note: str = ""
    binding_protein: Literal["albumin", "agp"] | None = None
    distribution: Literal[
        "rodgers_rowland", "poulin_theil", "berezhkovskiy", "schmitt", "pk_sim"
    ] = "rodgers_rowland"
    properties: Properties
    metabolism: tuple[Pathway, ...] = ()
    transporters: tuple[Transporter, ...] = ()
    fitted: dict[str, dict[str, Quantity]] = Field(default_factory=dict)
    observed: tuple[Exposure, ...] = ()
    windows: tuple[Window, ...] = ()
    doses: tuple[Doses, ...] = ()

    @model_validator(mode="after")
    def _one_system(self) -> Card:
        systems = {path.system for path in self.metabolism}
        if len(systems) > 1:
            raise ValueError(
                "metabolism mixes microsomes and hepatocytes, which would count a pathway twice"
            )
        return self

    def ports(self, names: Iterable[str] | None = None) -> dict[str, float]:
        """Returns the model inputs that follow from the card, in the units of the body models.

        The first saturable pathway gives ``vmax_microsome`` and ``km`` (nominal, for body.clearance,
        whose own output ``km`` is the unbound one that body.pbpk takes); the other
        pathways are linear and add up to ``clint_microsome`` and ``clint_hepatocyte``, expressed
        for the ``fu_incubation`` and ``fu_hepatocyte`` of the first pathway of each system.
        ``share_cyp3a4`` is the share of CYP3A4 in the linear clearance. What the card does not
        name (no pKa, no secretion) gives no port, so the model's default holds.

        Args:
            names: Only these ports, e.g. ``model.inputs.names``; all when None.
        """
        values = {name: number.to(unit) for name, (number, unit) in self._direct().items()}
        values |= self._derived()
        wanted = values.keys() if names is None else set(names)
        return {name: value for name, value in values.items() if name in wanted}

    def uncertain(self) -> dict[str, Distribution]:
        """Returns the uncertainty of each port that has one, in the unit of that port."""
        found = {name: number.distribution(unit) for name, (number, unit) in self._direct().items()}
        return {name: law for name, law in found.items() if law is not None}

    def assumed(self) -> dict[str, str]:
        """Returns the assumed model inputs: port name and the reason given for it."""
        return {
            name: number.source
            for name, (number, _) in self._direct().items()
            if number.status == "assumed"
        }

    def window(self, metric: Literal["cmax", "auc"]) -> Window | None:
        """Returns the exposure window of a metric, or None when the card has none."""
        return next((window for window in self.windows if window.metric == metric), None)

    def numbers(self) -> dict[str, tuple[Quantity, str]]:
        """Returns the numbers that are ports as they stand: port -> (number, unit of the port)."""
        return self._direct()

    def _direct(self) -> dict[str, tuple[Quantity, str]]:
        """Ports that are one number of the card: port -> (number, unit of the port)."""
        table: dict[str, tuple[Quantity | None, str]] = {
            name: (getattr(self.properties, name), unit) for name, unit in _PORT_UNITS.items()
        }
        for system, paths in self._systems().items():
            first, linear = paths[0], [path for path in paths if path.clint is not None]
            table[FU_PORT[system]] = (first.fu_incubation, "")
            if first.vmax is not None:
                table["vmax_microsome"] = (first.vmax, VMAX_UNIT)
                table["km"] = (first.km, "umol/L")
            elif len(paths) == 1:
                table[f"clint_{system}"] = (linear[0].clint, CLINT_UNIT[system])
        return {
            name: (number, unit) for name, (number, unit) in table.items() if number is not None
        }

    def _derived(self) -> dict[str, float]:
        """Ports computed from several numbers: summed linear clearance and the CYP3A4 share."""
        direct = self._direct()
        values: dict[str, float] = {}
        for system, paths in self._systems().items():
            linear = paths if paths[0].vmax is None else paths[1:]
            if linear and f"clint_{system}" not in direct:
                values[f"clint_{system}"] = sum(_scaled(path, paths[0]) for path in linear)
            by_3a4 = sum(_scaled(path, paths[0]) for path in paths if path.enzyme == "CYP3A4")
            total = sum(_scaled(path, paths[0]) for path in paths)
            values["share_cyp3a4"] = by_3a4 / total if total else 0.0
        return values

    def _systems(self) -> dict[str, list[Pathway]]:
        """Pathways by system, a saturable one first."""
        ordered = sorted(self.metabolism, key=lambda path: path.vmax is None)
        systems = dict.fromkeys(path.system for path in ordered)
        return {name: [path for path in ordered if path.system == name] for name in systems}


def _scaled(path: Pathway, first: Pathway) -> float:
    """Linear clearance of a pathway, expressed for the unbound fraction of the first one."""
    share = first.fu_incubation.value / path.fu_incubation.value
    return path.intrinsic_clearance() * share


_PORT_UNITS = {
    "molar_mass": "g/mol",
    "logp": "",
    "pka_acid": "",
    "pka_base": "",
    "fu_plasma": "",
    "blood_plasma_ratio": "",
    "solubility": "mg/mL",
    "peff": "cm/s",
    "gfr_fraction": "",
    "clint_secretion": "L/h",
    "clint_other": "L/h",
    "clint_bile": "L/h",
}
"""Properties that are model inputs under the same name, with the unit of the input."""
