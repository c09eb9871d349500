"""The five partition methods by name, all with one signature.

Each takes a :class:`Drug` (batch first) and returns :class:`Partition`: tissue to *total* plasma
partition coefficients ``kp`` on the organ axis and a flag for clipped binding terms.
"""

from __future__ import annotations

from collections.abc import Callable

from catena.science.body.partition.drug import Drug, Partition
from catena.science.body.partition.lipid_water import berezhkovskiy, poulin_theil
from catena.science.body.partition.membrane import pksim_standard, schmitt
from catena.science.body.partition.rodgers_rowland import rodgers_rowland

__all__ = ["METHODS", "partition"]

METHODS: dict[str, Callable[[Drug], Partition]] = {
    "rodgers_rowland": rodgers_rowland,
    "poulin_theil": poulin_theil,
    "berezhkovskiy": berezhkovskiy,
    "schmitt": schmitt,
    "pksim_standard": pksim_standard,
}
"""Partition methods by name."""


def partition(drug: Drug, method: str = "rodgers_rowland") -> Partition:
    """Partition coefficients of a drug by a named method.

    Args:
        drug: drug-specific inputs, scalars or batches of one shape (n,).
        method: a key of :data:`METHODS`.

    Returns:
        kp of shape (n, 16) (or (16,) for scalars) and the clipping flag of shape (n,).

    Raises:
        InputError: no method has this name.
    """
    try:
        compute = METHODS[method]
    except KeyError:
        from catena.core.errors import InputError, closest

        near = closest(method, METHODS)
        raise InputError(
            f"unknown partition method {method!r}",
            where="body.partition: method",
            why=f"the methods are {', '.join(METHODS)}",
            fix=f"did you mean {', '.join(near)}?" if near else "use one of these names",
        ) from None
    return compute(drug)
