"""Which named bridge carries a value from one dimension to another."""

from __future__ import annotations

from typing import NamedTuple

from catena.core.units import dimension


class Proposal(NamedTuple):
    """Why a coupling needs a bridge, and which one with which ports."""

    why: str
    fix: str


class _Bridge(NamedTuple):
    source: str
    target: str
    why: str
    fix: str


_BRIDGES = (
    _Bridge(
        "mg/L", "umol/L",
        "the left side is a mass concentration, the right side a molar one; "
        "no molar mass is known on this edge",
        "insert bridge.molar_mass (ports: mass_concentration, molar_mass -> molar_concentration)",
    ),
    _Bridge(
        "umol/L", "mg/L",
        "the left side is a molar concentration, the right side one by mass; "
        "no molar mass is known on this edge",
        "insert bridge.molar_mass.to_mass "
        "(ports: molar_concentration, molar_mass -> mass_concentration)",
    ),
    _Bridge(
        "mg/kg", "mg",
        "the left side is a dose per body weight; no body weight is known on this edge",
        "insert bridge.dose.per_kg (ports: dose, weight -> dose)",
    ),
    _Bridge(
        "uL/min/mg", "L/h",
        "the left side is per mass of protein; neither protein content nor liver mass is known "
        "on this edge",
        "insert bridge.ivive.hepatic (ports: clint_mic, mppgl, liver_weight, fu, fu_mic, "
        "blood_flow -> hepatic_clearance)",
    ),
    _Bridge(
        "uL/min/1e6 cells", "L/h",
        "the left side is per million cells; no cell count is known on this edge",
        "insert body.clearance (port clint_hepatocyte), which scales by cells per gram of liver",
    ),
)  # fmt: skip


def propose(source: str, target: str) -> Proposal | None:
    """Return the bridge between two units of different dimension, or None if none is known.

    A dose per kilogram has no dimension of its own (mass per mass), so it is told from other
    ratios by its denominator.
    """
    for bridge in _BRIDGES:
        if dimension(source) != dimension(bridge.source) or dimension(target) != dimension(
            bridge.target
        ):
            continue
        if bridge.source == "mg/kg" and not source.replace(" ", "").endswith("/kg"):
            continue
        return Proposal(bridge.why, bridge.fix)
    return None
