"""Which link of a chain carries the difference between a case and the background.

A cut between two steps of the chain is crossed by links; their Shapley values add up to the whole
difference at every cut. A link that crosses several cuts gets the mean over them.

Sources: L. S. Shapley, Contrib. Theory Games 2 (1953) 307, doi:10.1515/9781400881970-018; on links
as players: J. Wang, J. Wiens, S. Lundberg, AISTATS 130 (2021) 721.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
from numpy.typing import NDArray

from catena.core.chain.model import Chain
from catena.core.chain.trace import Trace
from catena.core.errors import InputError
from catena.ops.explain.cases import Case
from catena.ops.explain.shapley import attribute
from catena.ops.quantity import Quantity
from catena.ops.sensitivity.edges import Exchange, Link

Floats = NDArray[np.float64]
#: Background cases a chain is compared with, at most.
_ROWS = 25


@final
@dataclass(frozen=True)
class Carried:
    """What links carry of the difference.

    Args:
        links: Names of the links.
        values: Contributions (links,): the mean over the cuts each crosses.
        cuts: By cut, positions of its links and their contributions.
        case: Output of the case.
        background: Mean output of the background.
    """

    links: tuple[str, ...]
    values: Floats
    cuts: tuple[tuple[tuple[int, ...], Floats], ...]
    case: float
    background: float


def carried(case: Case, n: int, key: int) -> Carried:
    """Return the contributions of links in every cut of the chain.

    Args:
        case: A case of a chain.
        n: Evaluations at most per cut with too many links.
        key: 64-bit seed.

    Raises:
        InputError: the model is no chain.
    """
    chain = case.evaluator.model
    if not isinstance(chain, Chain):
        raise InputError("No links to explain", where=f"model {case.evaluator.source.info.id}",
                         why="it is no chain", fix='use method="shapley"')  # fmt: skip
    exchange, quantity = Exchange(chain), case.evaluator.quantities[0]
    others = case.background[:_ROWS]
    rows = len(others)
    seed = case.evaluator.key
    base = exchange.run(case.evaluator.batch(others), seed)
    donor = exchange.run(case.evaluator.batch(np.repeat(case.x[None], rows, axis=0)), seed)
    links = exchange.differing(base, donor)
    ends = [
        quantity.read(exchange.outputs(base, donor, links, np.full((rows, len(links)), on), 1))
        for on in (False, True)
    ]
    if not np.isfinite(ends).all():
        raise InputError("The chain fails in compared cases", where=f"chain {chain.info.id!r}",
                         why="its output is not finite", fix="give a background it can compute")  # fmt: skip
    cuts: list[tuple[tuple[int, ...], Floats]] = []
    sums, counts = np.zeros(len(links)), np.zeros(len(links))
    for step in range(-1, len(exchange.flow.steps) - 1):
        crossing = [k for k, link in enumerate(links) if link.made <= step < link.step]
        if not crossing or any(crossing == list(known) for known, _ in cuts):
            continue
        found = _shares(exchange, quantity, base, donor, [links[k] for k in crossing], n, key)
        if abs(found.sum() - (ends[1] - ends[0]).mean()) > 1e-6 * max(
            1e-12, float(np.abs(ends).max())
        ):
            continue  # the output itself lies before this cut
        cuts.append((tuple(crossing), found))
        sums[crossing] += found
        counts[crossing] += 1
    return Carried(
        tuple(str(link) for link in links), sums / np.maximum(counts, 1), tuple(cuts),
        float(ends[1].mean()), float(ends[0].mean()),
    )  # fmt: skip


def _shares(
    exchange: Exchange,
    quantity: Quantity,
    base: Trace,
    donor: Trace,
    links: list[Link],
    n: int,
    key: int,
) -> Floats:
    """Return Shapley values (links,) of one cut's links, averaged over the background."""
    rows = base.size

    def worth(sets: NDArray[np.bool_], game: NDArray[np.intp]) -> Floats:
        blocks = len(sets) // rows
        return quantity.read(exchange.outputs(base, donor, links, sets, blocks))

    return np.asarray(attribute(worth, len(links), rows, n, key).mean(axis=0))
