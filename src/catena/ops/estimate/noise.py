"""What an estimator is told about uncertainty, as numbers in the model's units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.core.units import conversion, parse_quantity

if TYPE_CHECKING:
    from catena.numerics.horizon.dynamics import Dynamics

#: Deviation of the first state where none is given, as a share of its size.
FIRST = 0.1
#: Process noise where none is given: share of the size of a state per square root of time.
DRIFT = 0.01


def quantity(value: Any, unit: str, size: float, where: str) -> float:
    """Return a deviation: a number, ``"0.1 g/L"``, or ``"5 %"`` of a size.

    Raises:
        InputError: it is negative or no number.
    """
    if isinstance(value, str) and value.strip().endswith("%"):
        number = float(parse_quantity(value.strip()[:-1], "")[0]) / 100 * size
    elif isinstance(value, str):
        plain, given = parse_quantity(value, unit)
        number = plain if given == unit else float(conversion(given, unit).apply(plain))
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value)
    else:
        raise InputError("Not a deviation", where=where, why=f"got {type(value).__name__}",
                         fix=f'write "0.1 {unit}" or "5 %"')  # fmt: skip
    if not 0 <= number < np.inf:
        raise InputError("Not a deviation", where=where, why=f"{value!r} is not zero or more",
                         fix="give a non-negative number")  # fmt: skip
    return number


def deviations(
    given: Mapping[str, Any],
    names: Sequence[str],
    units: Mapping[str, str],
    sizes: np.ndarray,
    share: float,
    where: str,
) -> tuple[np.ndarray, list[str]]:
    """Return deviations (n,) by name and which of them were assumed.

    Args:
        given: Deviations by name.
        names: Names in order.
        units: Units by name.
        sizes: Typical sizes (n,).
        share: Share of the size that stands for what is not given.
        where: Named in errors.

    Raises:
        InputError: a name is unknown.
    """
    for name in given:
        if name not in names:
            raise InputError(f"No state {name!r}", where=where,
                             why=f"estimated are {', '.join(names[:12])}",
                             fix=did_you_mean(name, names, "use one of these"))  # fmt: skip
    out = np.array([
        quantity(given[name], units.get(name, ""), sizes[k], f"{where}, {name}")
        if name in given else share * sizes[k]
        for k, name in enumerate(names)
    ])  # fmt: skip
    return out, [name for name in names if name not in given]


def sizes_of(dynamics: Dynamics, x: np.ndarray) -> np.ndarray:
    """Return typical sizes of the states: their values, or a thousandth of the largest."""
    return np.asarray(np.maximum(np.abs(x), 1e-3 * max(1.0, float(np.abs(x).max(initial=0.0)))))
