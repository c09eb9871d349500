"""Designs for curved responses: central composite, Box-Behnken, definitive screening.

Box and Wilson (1951), doi:10.1111/j.2517-6161.1951.tb00067.x; Box and Behnken (1960),
doi:10.1080/00401706.1960.10489912; Jones and Nachtsheim (2011), doi:10.1080/00224065.2011.11917841.
"""

from __future__ import annotations

from itertools import combinations, product
from typing import Literal

import numpy as np

from catena.core.errors import InputError
from catena.ops.campaign.designs.factorial import (
    fractional_factorial,
    full_factorial,
    jacobsthal,
    resolution,
)

#: Pairs or triples of factors moved together by Box-Behnken designs (balanced blocks).
_BLOCKS: dict[int, list[tuple[int, ...]]] = {
    3: [(0, 1), (0, 2), (1, 2)],
    4: [(0, 1), (2, 3), (0, 3), (1, 2), (0, 2), (1, 3)],
    5: list(combinations(range(5), 2)),
    6: [(k, (k + 1) % 6, (k + 3) % 6) for k in range(6)],
    7: [((k) % 7, (k + 1) % 7, (k + 3) % 7) for k in range(7)],
}
_CENTRES = {3: 3, 4: 3, 5: 6, 6: 6, 7: 6}


def central_composite(
    factors: int,
    centres: int = 4,
    kind: Literal["inscribed", "faced", "rotatable"] = "inscribed",
) -> np.ndarray:
    """Return a cube (a fraction of resolution V from five factors on), a star and centre runs.

    Args:
        factors: Number of factors, 2 or more.
        centres: Centre runs.
        kind: ``rotatable`` puts the star at (cube runs)^(1/4), outside the ranges; ``inscribed``
            shrinks that so that the star lies on the ranges; ``faced`` puts it on the cube.

    Returns:
        Coded points (n, factors).
    """
    if factors < 2:
        raise InputError("No such design", where="central composite", why="one factor only",
                         fix="use a full factorial with more levels")  # fmt: skip
    cube = full_factorial([2] * factors)
    for runs in (2**k for k in range(4, factors)):
        if factors >= 5 and runs > factors:
            fraction, words = fractional_factorial(factors, runs)
            if resolution(words) >= 5:
                cube = fraction
                break
    alpha = 1.0 if kind == "faced" else len(cube) ** 0.25
    star = np.concatenate([alpha * np.eye(factors), -alpha * np.eye(factors)])
    points = np.concatenate([cube, star, np.zeros((centres, factors))])
    return points / alpha if kind == "inscribed" else points


def box_behnken(factors: int, centres: int | None = None) -> np.ndarray:
    """Return a three-level design without corners: coded points (n, factors) for 3 to 7 factors.

    Raises:
        InputError: another number of factors is asked for.
    """
    if factors not in _BLOCKS:
        raise InputError("No such design", where="Box-Behnken", why=f"{factors} factors",
                         fix="use 3 to 7 factors, or a central composite design")  # fmt: skip
    rows = []
    for block in _BLOCKS[factors]:
        for signs in product((-1.0, 1.0), repeat=len(block)):
            row = np.zeros(factors)
            row[list(block)] = signs
            rows.append(row)
    middle = np.zeros((_CENTRES[factors] if centres is None else centres, factors))
    return np.concatenate([np.array(rows), middle])


def definitive_screening(factors: int, centres: int = 1) -> np.ndarray:
    """Return 2 m + 1 runs on three levels (m >= factors): main effects free of curvature.

    Folded-over conference matrices: main effects are orthogonal to each other, to all squares and
    to all two-factor interactions.

    Raises:
        InputError: fewer than three factors.
    """
    if factors < 3:
        raise InputError("No such design", where="definitive screening", why=f"{factors} factors",
                         fix="use three or more")  # fmt: skip
    order = max(factors + factors % 2, 4)
    while (matrix := conference(order)) is None:
        order += 2
    half = matrix[:, :factors]
    return np.concatenate([half, -half, np.zeros((centres, factors))])


def conference(order: int) -> np.ndarray | None:
    """Return a matrix (order, order) of 0 on the diagonal and +-1 with orthogonal columns."""
    core = jacobsthal(order - 1)
    if core is None:
        return None
    sign = 1.0 if (order - 1) % 4 == 1 else -1.0
    matrix = np.zeros((order, order))
    matrix[0, 1:] = 1.0
    matrix[1:, 0] = sign
    matrix[1:, 1:] = core
    return matrix
