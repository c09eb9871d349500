"""The sixteen organs every body Model is written on, and their fixed order.

All organ-shaped ports of the body shelf (masses, flows, partition coefficients, tissue
concentrations) are arrays over :data:`ORGANS` in exactly this order, so that Models couple without
renaming or reordering.  ``"rest"`` stands for everything not named (glands, lymph nodes, connective
tissue, gut contents) and closes the mass balance and the flow balance.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["DIM", "INDEX", "ORGANS", "PORTAL", "SYSTEMIC", "organ_index", "organ_indices"]

DIM = "organ"
"""Name of the array dimension that runs over :data:`ORGANS`."""

ORGANS: tuple[str, ...] = (
    "lung",
    "heart",
    "brain",
    "muscle",
    "adipose",
    "skin",
    "bone",
    "kidney",
    "liver",
    "stomach",
    "small_intestine",
    "large_intestine",
    "spleen",
    "pancreas",
    "gonads",
    "rest",
)
"""The organs in their fixed order."""

PORTAL: tuple[str, ...] = (
    "stomach",
    "small_intestine",
    "large_intestine",
    "spleen",
    "pancreas",
)
"""Organs whose venous blood drains through the portal vein into the liver."""

SYSTEMIC: tuple[str, ...] = ORGANS[1:]
"""Organs fed by arterial blood: all but the lung, which takes the whole cardiac output."""

INDEX: dict[str, int] = {name: position for position, name in enumerate(ORGANS)}
"""Position of every organ in :data:`ORGANS`."""


def organ_index(name: str) -> int:
    """Position of one organ on the organ axis.

    Args:
        name: an organ of :data:`ORGANS`.

    Returns:
        Its position (0 to 15).

    Raises:
        InputError: the name is not an organ; the nearest names are given.
    """
    try:
        return INDEX[name]
    except KeyError:
        from catena.core.errors import InputError, closest

        near = closest(name, ORGANS)
        raise InputError(
            f"unknown organ {name!r}",
            where="organ",
            why=f"the body Models know {len(ORGANS)} organs: {', '.join(ORGANS)}",
            fix=f"did you mean {', '.join(near)}?" if near else "use one of these names",
        ) from None


def organ_indices(names: Iterable[str]) -> tuple[int, ...]:
    """Positions of several organs on the organ axis, in the order given.

    Args:
        names: organs of :data:`ORGANS`.

    Returns:
        Their positions.

    Raises:
        InputError: one of the names is not an organ.
    """
    return tuple(organ_index(name) for name in names)
