"""Declared ionisation classes and what they demand of the pKas.

The computation follows the pKas alone; a declared class is a statement by the user that the pKas
must not contradict (a "zwitterion" with one pKa is a missing number, not a base).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.errors import RowFault
from catena.science.body.partition.conventions import NEGLIGIBLE, PH_PLASMA, STRONG_BASE_PKA

__all__ = ["ION_CLASSES", "class_faults"]

ION_CLASSES = (
    "auto",
    "neutral",
    "acid",
    "weak_base",
    "strong_base",
    "zwitterion",
    "diprotic_acid",
    "diprotic_base",
)
"""Classes a user may declare; ``auto`` declares none."""

_ACID, _BASE = PH_PLASMA + NEGLIGIBLE, PH_PLASMA - NEGLIGIBLE
"""An acidic group counts up to this pKa, a basic group from this pKa on."""


def _complaint(name: str, acids: int, bases: int, base: float) -> str:
    """What is wrong with a declared class, or nothing.

    Args:
        name: declared class.
        acids: number of acidic groups that ionise.
        bases: number of basic groups that ionise.
        base: pKa of the first basic group.
    """
    found = f"the pKas give {acids} acidic and {bases} basic groups"
    if name == "neutral" and acids + bases:
        return f"neutral, but {found} that ionise in the body; leave them out or declare them"
    if name == "acid" and (acids != 1 or bases):
        return f"acid needs one acidic pKa (<= {_ACID:g}) and no basic one; {found}"
    if name == "weak_base" and (bases != 1 or acids or base >= STRONG_BASE_PKA):
        return f"weak_base needs one basic pKa in {_BASE:g}..{STRONG_BASE_PKA:g}; {found}"
    if name == "strong_base" and (bases != 1 or acids or base < STRONG_BASE_PKA):
        return f"strong_base needs one basic pKa >= {STRONG_BASE_PKA:g}; {found}"
    if name == "zwitterion" and not (acids and bases):
        return f"zwitterion needs pka_acid and pka_base; {found}"
    if name == "diprotic_acid" and (acids != 2 or bases):
        return f"diprotic_acid needs pka_acid and pka_acid2 and no basic pKa; {found}"
    if name == "diprotic_base" and (bases != 2 or acids):
        return f"diprotic_base needs pka_base and pka_base2 and no acidic pKa; {found}"
    return ""


def class_faults(batch: Mapping[str, Any]) -> list[RowFault]:
    """Faults of declared classes and of the order of second pKas.

    Args:
        batch: inputs of body.partition, each of length n or 1.

    Returns:
        One fault per contradiction; row -1 where a constant of the whole batch is at fault.
    """
    names = ("ion_class", "pka_acid", "pka_base", "pka_acid2", "pka_base2")
    columns = np.broadcast_arrays(*(np.asarray(batch[name]) for name in names))
    single = len(columns[0]) == 1
    faults = []
    for row, (declared, acid, base, acid2, base2) in enumerate(zip(*columns, strict=True)):
        at = -1 if single else row
        acids = int(acid <= _ACID) + int(acid2 <= _ACID)
        bases = int(base >= _BASE) + int(base2 >= _BASE)
        text = _complaint(ION_CLASSES[int(declared)], acids, bases, float(base))
        if text:
            faults.append(RowFault(at, "ion_class", text))
        if acid2 <= _ACID and acid2 < acid:
            faults.append(RowFault(at, "pka_acid2", f"{acid2:g} is below pka_acid {acid:g}; swap"))
        if base2 >= _BASE and base2 > base:
            faults.append(RowFault(at, "pka_base2", f"{base2:g} is above pka_base {base:g}; swap"))
    return faults
