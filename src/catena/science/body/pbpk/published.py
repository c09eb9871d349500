"""Inputs of ``body.pbpk`` from a published PK-Sim model, as given, with nothing fitted here.

PK-Sim describes an enzyme by a reference concentration in the liver and a relative expression in every
other organ, each per volume of the whole organ (in the gut: of the mucosa), and a process by kcat and
Km of unbound drug in cells.  From these follow maximal rates, ``kcat * concentration * volume``.  The
gut wall has an apical permeability on the effective surface of a segment and a basolateral one on that
surface without microvilli; both are parameters of the published model.

What is simplified, and why it hardly matters for an AUC: tissues are perfusion-limited (all but brain
and skin are, for midazolam); binding to GABA receptors in the brain (a late, small store) is left out;
so is the enzyme outside liver and gut mucosa (below 2 % of hepatic clearance).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from catena.science.body.organs import ORGANS
from catena.science.body.partition.composition import composition
from catena.science.body.partition.model import partition_model
from catena.science.body.pbpk.observed import snapshot
from catena.science.body.pbpk.tissues import HEMATOCRIT, reference_man, reference_tissues

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catena.formats.osp import Compound, Quantity, Snapshot

__all__ = ["BODY_WEIGHT", "midazolam", "red_cell_blood_plasma_ratio"]

BODY_WEIGHT = 73.0
"""Weight [kg] of PK-Sim's European reference man, for doses per kg."""

MUCOSA_VOLUME = 0.14317
"""Small-intestinal mucosa of the reference man [L] (see ``gut_segments.csv``)."""

_REFERENCE = "|Reference concentration"
_MUCOSA = "SmallIntestine|Mucosa|Duodenum|Intracellular|{}|Relative expression"


def red_cell_blood_plasma_ratio(logp: float, pka_base: float, fu_plasma: float) -> float:
    """Blood:plasma ratio of a weak base or neutral compound, from the composition of red cells.

    Source: Rodgers and Rowland 2006 (doi:10.1002/jps.20502), without binding to acidic phospholipids.
    """
    cell = composition("rodgers_rowland").red_blood_cell
    oil = 10.0**logp
    plasma, inside = 1.0 + 10.0 ** (pka_base - 7.4), 1.0 + 10.0 ** (pka_base - 7.22)
    lipid = oil * cell["neutral_lipid"] + (0.3 * oil + 0.7) * cell["neutral_phospholipid"]
    unbound = (inside * cell["intracellular_water"] + lipid) / plasma
    return 1.0 - HEMATOCRIT + HEMATOCRIT * unbound * fu_plasma


@cache
def midazolam(individual: str = "") -> dict[str, Any]:
    """Inputs for midazolam from the OSP model of 2019 (updated for PK-Sim 10).

    Args:
        individual: Individual of the snapshot; sets the CYP3A4 concentration (the Korean volunteers
            of Yu 2004 have their own). The default is the European reference man.

    Returns:
        Every input of ``body.pbpk`` but ``time`` and ``events``, for the ``thelen`` gut.

    Raises:
        DataError: the snapshot is missing or lacks a parameter.
    """
    model = snapshot("midazolam")
    drug = model.compounds["Midazolam"]
    logp = drug.quantity("Lipophilicity", "Lipophilicity").value
    unbound = drug.quantity("FractionUnbound", "Fraction unbound (plasma, reference value)").value
    pka = {kind: value for kind, value in drug.pka}
    ratio = red_cell_blood_plasma_ratio(logp, pka["Base"], unbound)
    kp = partition_model.predict(
        logp=logp, pka_base=pka["Base"], pka_acid=pka["Acid"], fu_plasma=unbound,
        blood_plasma_ratio=ratio, hematocrit=HEMATOCRIT,
    )["kp"][0]  # fmt: skip
    mass = drug.quantity("Physchem", "Molecular weight").to("g/mol")
    filtration = drug.process("", "GlomerularFiltration").parameters["GFR fraction"].value
    return {
        **reference_man(kp, ratio),
        **_metabolism(model, drug, individual),
        **_gut_wall(model, drug),
        "fu_plasma": unbound,
        "blood_plasma_ratio": ratio,
        "fu_gut": unbound / ratio,
        "molar_mass": mass,
        "gfr_fraction": filtration,
    }


def _gut_wall(model: Snapshot, drug: Compound) -> dict[str, float]:
    apical = drug.quantity(
        "IntestinalPermeability", "Specific intestinal permeability (transcellular)"
    ).to("cm/s")
    basal = model.override("po 3 mg (solution)", "Duodenum_cell|Midazolam|P (intracellular")
    ratio = basal.to("cm/s") / apical if basal is not None else 1.0
    # gastric emptying time 15 min; a Dormicum tablet is half dissolved after 0.01 min (fitted by OSP)
    return {
        "peff": apical, "basolateral_ratio": ratio, "gastric_emptying": 4.0, "dissolution": 200.0,
    }  # fmt: skip


def _metabolism(model: Snapshot, drug: Compound, individual: str) -> dict[str, float]:
    liver = float(reference_tissues().volume[ORGANS.index("liver")])
    cyp, ugt = drug.process("CYP3A4").parameters, drug.process("UGT1A4").parameters
    expression = _expression(model, "CYP3A4", individual)
    content = expression["CYP3A4" + _REFERENCE].to("umol/L")
    mucosa = expression["Organism|" + _MUCOSA.format("CYP3A4")].value
    other = _expression(model, "UGT1A4", "")["UGT1A4" + _REFERENCE].to("umol/L")
    turnover = cyp["kcat"].to("1/h")
    return {
        "vmax_liver": turnover * content * liver,
        "vmax_gut": turnover * content * mucosa * MUCOSA_VOLUME,
        "km": cyp["Km"].to("umol/L"),
        # unbound midazolam in the liver stays far below this Km (38 umol/L), so the path is linear
        "clint_liver": ugt["kcat"].to("1/h") * other * liver / ugt["Km"].to("umol/L"),
    }


def _expression(model: Snapshot, molecule: str, individual: str) -> Mapping[str, Quantity]:
    """Expression profile of the named individual, else of the European reference man."""
    wanted = individual if f"{molecule}|Human|{individual}" in model.expression else ""
    names = [name for name in model.expression if name.startswith(f"{molecule}|")]
    chosen = f"{molecule}|Human|{wanted}" if wanted else names[0]
    return model.expression[chosen]
