"""Which link of a chain carries the variation of its output.

Two independent runs of the chain exchange the signal of one link at a time. ``total`` is what the
output's variance loses on average when this link alone is not followed (a total index, the link
standing for an input), ``alone`` the share it carries when it is all that is followed, and
``slope_share`` the first-order share by the chain rule, averaged over the points: links that cut
the chain in two carry slope shares that add up to one.

Sources: the exchange is that of M. J. W. Jansen, Comput. Phys. Commun. 117 (1999) 35,
doi:10.1016/S0010-4655(98)00154-4, with links for inputs; on links as carriers of causes:
J. Wang, J. Wiens, S. Lundberg, AISTATS 130 (2021) 721 (Shapley flow).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from catena.core.chain.model import Chain
from catena.core.chain.ports import Port
from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.ops.result import table
from catena.ops.sensitivity.edges import Exchange, Link
from catena.ops.sensitivity.resampling import ratio, weights
from catena.ops.uncertainty.question import Question

Floats = NDArray[np.float64]


def judge_links(asked: Question, n: int) -> Result:
    """Return one row per output and link: alone, total and slope share.

    Args:
        asked: What is asked of a chain.
        n: Base points, a power of two.

    Raises:
        InputError: the model is no chain, or parameters of its nodes are varied.
    """
    chain = asked.evaluator.model
    if not isinstance(chain, Chain):
        fix = "vary inputs of the chain" if isinstance(asked.model, Chain) else "leave links out"
        raise InputError("No links to judge", where=f"model {asked.model.info.id}",
                         why="links are those of a chain whose inputs vary", fix=fix)  # fmt: skip
    d = asked.space.dim
    u = asked.levels(n, 2 * d, "links")
    halves = [asked.copula.couple(part) for part in (u[:, :d], u[:, d:])]
    x = [asked.space.from_unit(half) for half in halves]
    good = np.isfinite(asked.evaluator(np.concatenate(x))).all(axis=1).reshape(2, n).all(axis=0)
    asked.lost += int((~good).sum())
    exchange = Exchange(chain)
    mine, theirs = (exchange.run(asked.evaluator.batch(part[good]), asked.key) for part in x)
    links = exchange.differing(mine, theirs)
    there = _one_by_one(asked, exchange, mine, theirs, links)
    back = _one_by_one(asked, exchange, theirs, mine, links)
    again = weights(int(good.sum()), split_key(asked.key, "link resampling"))
    alone, total = [], []
    for output in range(len(asked.outputs)):
        a, b = there[output], back[output]
        mean = (a[0].mean() + b[0].mean()) / 2.0
        variance = ((a[0] - mean) ** 2 + (b[0] - mean) ** 2) / 2.0
        # Row 0 is the run itself; row k took the k-th link from the other run.
        lone = ((b[0] - mean) * (a[1:] - a[0]) + (a[0] - mean) * (b[1:] - b[0])) / 2.0
        lost = ((a[1:] - a[0]) ** 2 + (b[1:] - b[0]) ** 2) / 4.0
        alone.append(np.stack(ratio(lone, variance, again)))
        total.append(np.stack(ratio(lost, variance, again)))
    slopes = _slope_shares(asked, exchange, x[0][good], halves[0][good], links)
    return _table(asked, links, np.stack(alone), np.stack(total), slopes)


def _one_by_one(
    asked: Question, exchange: Exchange, base: Any, donor: Any, links: list[Link]
) -> Floats:
    """Return outputs (m, 1 + links, n): of the base run, and with each link exchanged."""
    p, n = len(links), base.size
    taken = np.repeat(np.eye(p + 1, p, -1, dtype=bool), n, axis=0)
    values = exchange.outputs(base, donor, links, taken, p + 1)
    return np.stack([q.read(values).reshape(p + 1, n) for q in asked.evaluator.quantities])


def _slope_shares(
    asked: Question, exchange: Exchange, x: Floats, u: Floats, links: list[Link]
) -> Floats:
    """Return first-order shares (m, links), averaged over the points; NaN where none exist."""
    shares = np.full((len(asked.outputs), len(links)), np.nan)
    real = [(k, v) for k, v in enumerate(asked.space.variables) if v.kind == "real"]
    if len(real) < asked.space.dim or any(v.position is not None for _, v in real):
        return shares
    flow = exchange.flow
    trace = exchange.run(asked.evaluator.batch(x), asked.key)
    spread = _spreads(asked, u)
    pushed = [flow.push(trace, {v.port: spread[:, k]}, {}) for k, v in real]
    exposed = exchange.chain._built.wiring.exposed
    by_target = {
        Port(name, feed.port): feed for name, fed in flow.wiring.feeds.items() for feed in fed
    }
    for row, quantity in enumerate(asked.evaluator.quantities):
        port = exposed[quantity.output]
        value = np.asarray(trace.read(port))
        seed = _seed(quantity, value, x.shape[0])
        _, at_ports = flow.pull(trace, {port: seed})
        moved = [
            np.sum(seed * np.asarray(slopes[port]), axis=tuple(range(1, seed.ndim)))
            if port in slopes
            else np.zeros(len(x))
            for slopes in pushed
        ]
        whole = float(np.sum(np.square(moved)))
        for column, link in enumerate(links):
            feed = by_target[link.target]
            adjoint = at_ports.get(link.target)
            if not feed.link.differentiable or adjoint is None or whole == 0.0:
                shares[row, column] = np.nan if not feed.link.differentiable else 0.0
                continue
            carried = 0.0
            for slopes, all_of_it in zip(pushed, moved, strict=True):
                if feed.source in slopes:
                    part = np.asarray(adjoint) * feed.link.push(np.asarray(slopes[feed.source]))
                    carried += float(np.sum(part.reshape(len(part), -1).sum(axis=1) * all_of_it))
            shares[row, column] = carried / whole
    return shares


def _spreads(asked: Question, u: Floats) -> Floats:
    """Return how far one standard deviation of the normal score moves each input (n, d)."""
    from scipy.special import ndtr

    from catena.ops.uncertainty.copula import scores

    z, step = scores(u), 1e-4
    above, below = (asked.space.from_unit(np.asarray(ndtr(z + s))) for s in (step, -step))
    return np.asarray((above - below) / (2.0 * step))


def _seed(quantity: Any, value: Any, n: int) -> Floats:
    """Return the derivative of a quantity to the output it is read from, (n, *shape)."""
    shape = np.shape(value)[1:]
    unit = np.eye(int(np.prod(shape, dtype=int))).reshape(*shape, -1)
    full = np.broadcast_to(value, (n, *shape))
    slopes = quantity.slopes({quantity.output: full}, np.broadcast_to(unit, (n, *unit.shape)))
    return np.asarray(slopes.reshape(n, *shape))


def _table(
    asked: Question, links: list[Link], alone: Floats, total: Floats, slopes: Floats
) -> Result:
    m = len(asked.outputs)
    fields = Schema([
        Field("output", kind="text"), Field("link", kind="text"),
        Field("alone", doc="Share of the variance this link carries by itself"),
        Field("total", doc="Share lost when this link alone is not followed"),
        Field("slope_share", doc="First-order share by the chain rule, averaged over the points"),
    ])  # fmt: skip
    values = {
        "output": [name for name in asked.outputs for _ in links],
        "link": [str(link) for link in links] * m,
        "alone": alone[:, 0].ravel(), "total": total[:, 0].ravel(), "slope_share": slopes.ravel(),
    }  # fmt: skip
    ends = [{"alone": alone[:, k].ravel(), "total": total[:, k].ravel()} for k in (1, 2)]
    return table(fields, values, lower=ends[0], upper=ends[1])
