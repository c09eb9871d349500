"""Ports of the whole-body system: states, parameters and outputs with units, bounds and defaults."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from catena.core.spec import Field, Schema
from catena.science.body.clearance.gut_wall import VILLOUS_FLOW
from catena.science.body.organs import DIM, ORGANS
from catena.science.body.pbpk.equations import ROUTES

if TYPE_CHECKING:
    from catena.science.body.pbpk.gut import Gut

__all__ = ["outputs", "parameters", "states"]


def _organ(name: str, unit: str, doc: str, **parts: Any) -> Field:
    return Field(name, unit=unit, shape=(DIM,), labels=ORGANS, doc=doc, **parts)


def _some(name: str, unit: str, doc: str, **parts: Any) -> Field:
    """A quantity that must be positive."""
    return Field(name, unit=unit, doc=doc, bounds=(0.0, None), low_open=True, **parts)


def _zero(name: str, unit: str, doc: str, **parts: Any) -> Field:
    """A quantity that is absent unless given."""
    return Field(name, unit=unit, doc=doc, bounds=(0.0, None), **{"default": 0.0, **parts})


def states(gut: Gut, limited: bool) -> Schema:
    """Amounts of drug [mg]; ``iv``, ``oral`` and ``tablet`` are where doses enter."""

    def segments(name: str, doc: str) -> Field:
        size = [0.0] * len(gut.segments)
        return Field(
            name, unit="mg", shape=("segment",), labels=gut.segments, default=size, doc=doc
        )

    empty = [0.0] * len(ORGANS)
    fields = [
        Field("iv", unit="mg", default=0.0, doc="Venous blood; intravenous doses enter here"),
        Field("oral", unit="mg", default=0.0, doc="Dissolved in the stomach; solutions enter here"),
        Field("tablet", unit="mg", default=0.0, doc="Undissolved in the stomach"),
        Field("arterial", unit="mg", default=0.0, doc="Arterial blood"),
        _organ("tissue", "mg", "Organs without blood", default=empty),
        segments("solid", "Undissolved in the intestine"),
        segments("lumen", "Dissolved in the intestine"),
        segments("enterocytes", "In the cells of the gut wall"),
        Field("eliminated", unit="mg", shape=("route",), labels=ROUTES,
              default=[0.0] * len(ROUTES), doc="Eliminated so far, by route"),
        Field("absorbed", unit="mg", default=0.0, doc="Absorbed into enterocytes so far"),
        Field("passed_gut_wall", unit="mg", default=0.0, doc="Net passage to portal blood so far"),
        Field("lost_in_gut_wall", unit="mg", default=0.0, doc="Metabolised in the gut wall so far"),
    ]  # fmt: skip
    if limited:
        fields.append(_organ("cells", "mg", "Cells of permeability-limited organs", default=empty))
    return Schema(fields)


def _body() -> list[Field]:
    return [
        _organ("organ_volume", "L", "Organ volumes without the blood pools",
               bounds=(0.0, None), low_open=True),
        _organ("organ_flow", "L/h", "Blood flows; liver: artery only, lung: not used (the sum is)",
               bounds=(0.0, None)),
        _some("arterial_volume", "L", "Arterial blood"),
        _some("venous_volume", "L", "Venous blood"),
        Field("gfr", unit="L/h", bounds=(0.0, 60.0), doc="Glomerular filtration rate"),
    ]  # fmt: skip


def _drug() -> list[Field]:
    return [
        _organ("kp", "", "Tissue:plasma ratio of total concentrations",
               bounds=(0.0, None), low_open=True, scale="log"),
        Field("fu_plasma", bounds=(0.0, 1.0), low_open=True, scale="log",
              doc="Unbound fraction in plasma"),
        Field("blood_plasma_ratio", bounds=(0.0, 1000.0), low_open=True, default=1.0,
              doc="Blood:plasma ratio"),
        Field("molar_mass", unit="g/mol", bounds=(1.0, 1e6), doc="Molar mass"),
        _zero("vmax_liver", "umol/h", "Maximal rate of saturable hepatic metabolism"),
        _some("km", "umol/L", "Unbound Michaelis constant, liver and gut", default=1.0, scale="log"),
        _zero("clint_liver", "L/h", "Linear unbound intrinsic clearance of the liver"),
        _zero("vmax_gut", "umol/h", "Maximal rate of saturable metabolism in the gut wall"),
        _zero("clint_gut", "L/h", "Linear unbound intrinsic clearance of the gut wall"),
        Field("gfr_fraction", bounds=(0.0, 10.0), default=1.0,
              doc="Renal clearance by filtration over fu * GFR (below 1: reabsorption)"),
        _zero("clint_secretion", "L/h", "Unbound intrinsic clearance of tubular secretion"),
    ]  # fmt: skip


_PERMEABILITY = {"yu_amidon": 1e-4, "thelen": 1e-6}
"""Permeability [cm/s] of a moderately permeable drug on the smooth and on the real surface."""


def _absorption(gut: Gut) -> list[Field]:
    def segments(name: str, unit: str, doc: str, values: Any, **parts: Any) -> Field:
        return Field(name, unit=unit, shape=("segment",), labels=gut.segments, doc=doc,
                     default=[float(x) for x in values], **{"bounds": (0.0, None), **parts})  # fmt: skip

    return [
        _zero("peff", "cm/s", "Permeability of the gut wall, on gut_area", scale="log",
              default=_PERMEABILITY[gut.name]),
        _some("basolateral_ratio", "", "Basolateral over apical permeability", default=1.0),
        _some("fu_gut", "", "Unbound fraction at the exit from the enterocyte (Qgut: 1)", default=1.0),
        _some("mucosal_flow", "L/h", "Mucosal blood flow of the small intestine",
              default=VILLOUS_FLOW),
        _some("gastric_emptying", "1/h", "First-order rate of gastric emptying", default=4.0),
        _some("dissolution", "1/h", "First-order dissolution of a tablet", default=20.0),
        segments("gut_area", "cm^2", "Absorbing area", gut.area),
        segments("basolateral_area", "cm^2", "Area towards blood", gut.basolateral_area,
                 low_open=True),
        segments("gut_fluid", "L", "Fluid in the lumen", gut.fluid, low_open=True),
        segments("gut_transit", "1/h", "Emptying rate of a segment", gut.transit, low_open=True),
        segments("flow_share", "", "Share of mucosal_flow", gut.flow_share, low_open=True),
        segments("cell_volume", "L", "Volume of enterocytes", gut.cell_volume, low_open=True),
        segments("enzyme_share", "", "Share of the gut wall's enzyme", gut.enzyme_share),
    ]  # fmt: skip


def parameters(gut: Gut, limited: bool) -> Schema:
    """What an individual, a drug and a formulation are described by."""
    fields = _body() + _drug() + _absorption(gut)
    if limited:
        fields.append(_some("permeability", "cm/s", "Permeability of cell membranes", scale="log"))
    return Schema(fields)


def outputs() -> Schema:
    """What is observed at every time."""

    def course(name: str, unit: str, doc: str, *dims: str, **parts: Any) -> Field:
        return Field(name, unit=unit, shape=(*dims, "time"), doc=doc, **parts)

    return Schema(
        [
            course("plasma", "mg/L", "Concentration in mixed venous plasma"),
            course("blood", "mg/L", "Concentration in mixed venous blood"),
            course("peripheral_plasma", "mg/L", "Plasma of a forearm vein (muscle and skin)"),
            course("tissue", "mg/L", "Mean concentration of every organ", DIM, labels=ORGANS),
            course("eliminated", "mg", "Amount eliminated so far", "route", labels=ROUTES),
            course("recovered", "mg", "Drug in the body, the gut and eliminated: equals the doses"),
            course("fraction_absorbed", "", "Share of the oral doses absorbed so far"),
            course("fg", "", "Share of absorbed drug that passed the gut wall, net of return"),
            course("fh", "", "Share of hepatic inflow that leaves the liver, at this time"),
        ]
    )
