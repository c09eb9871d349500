"""Compound cards: one YAML file per compound, every number with unit, status and source.

A card holds what whole-body models need to know about a molecule, and how well it is known::

    from catena.formats.compound import load_card

    card = load_card("midazolam")        # a shipped card, or a path to your own file
    card.ports()["fu_plasma"]            # 0.031, in the unit the body models declare
    clearance_model.predict(card.ports(clearance_model.inputs.names))
    card.uncertain()["fu_plasma"]        # Distribution lognormal(0.031, 0.30)

How to write a card
    name, cas, smiles
        The free base or acid, without a counter-ion.
    properties
        ``molar_mass``, ``logp`` (n-octanol), ``fu_plasma`` and ``blood_plasma_ratio`` are needed;
        ``pka_acid``, ``pka_base``, ``solubility``, ``caco2_papp``, ``peff``, ``gfr_fraction``,
        ``clint_secretion`` and the others of ``Properties`` where known. No ``pka_acid`` means
        that there is no acidic group.
    metabolism
        One entry per pathway: ``enzyme``, ``system`` (microsome or hepatocyte, one per card), and
        either ``vmax`` with ``km`` or ``clint``, with ``fu_incubation``.
    transporters, fitted, observed, windows, doses
        Facts kept beside the inputs: transporter kinetics, values other programs have *fitted* to
        clinical data (never used as bottom-up inputs), published exposures, the exposure window
        that is aimed at, and the candidate doses.

Every number is a mapping::

    fu_plasma: {value: 0.031, unit: "", status: measured, source: "Gertz 2010, doi:...", cv: 0.3}

``status`` is *measured* (in vitro or in vivo, with a named source), *predicted* (computed from
other numbers by a named relation) or *assumed* (a choice; the source says why). Its uncertainty is
at most one of ``cv`` (lognormal), ``fold`` (lognormal, 95 % within value/fold to value*fold),
``sd`` (normal) or ``range`` (triangular). A card with an unknown key, a wrong unit, or a number
without status or source is refused, and every fault is named at once.
"""

from catena.formats.compound.card import (
    Card,
    Doses,
    Exposure,
    Pathway,
    Properties,
    Transporter,
    Window,
)
from catena.formats.compound.quantity import Number, Quantity
from catena.formats.compound.reader import cards, dump_card, load_card, parse_card

__all__ = [
    "Card",
    "Doses",
    "Exposure",
    "Number",
    "Pathway",
    "Properties",
    "Quantity",
    "Transporter",
    "Window",
    "cards",
    "dump_card",
    "load_card",
    "parse_card",
]
