"""What drives an output of a chain: its inputs, and the links that carry their effect.

First order: an input's deviation travels along the chain by the derivatives at one row. The
share of a link is the covariance of what it carries with the whole output, over the output's
variance; links that together cut the chain in two carry everything between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.backend import differentiable
from catena.core.chain.ports import Port
from catena.core.chain.trace import Tangents, Trace
from catena.core.errors import InputError, did_you_mean
from catena.core.gradient import single_row, spread_of
from catena.core.spec import NUMERIC
from catena.core.values import Batch

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.chain.model import Chain

_COLUMNS = ["kind", "input", "value", "unit", "slope", "elasticity", "share"]


def explain_chain(chain: Chain, inputs: Batch, of: str, row: int) -> pd.DataFrame:
    """Return effects of inputs and links on (the mean of) one output; see ``Chain.explain``.

    Raises:
        InputError: the output is unknown or not a real number.
    """
    import pandas as pd

    if of not in chain.outputs or chain.outputs[of].kind not in NUMERIC:
        raise InputError(f"Cannot explain {of!r}", where=f"chain {chain.info.id!r}",
                         why="it is not a real output of the chain",
                         fix=did_you_mean(of, chain.outputs.names, "see describe()"))  # fmt: skip
    one = single_row(inputs, row)
    flow, port = chain._flow, chain._built.wiring.exposed[of]
    trace = flow.run(one.values_, 1, 0)
    output = np.asarray(trace.read(port))
    level = float(output.mean())
    found, at_ports = flow.pull(trace, {port: np.full(output.shape, 1.0 / max(output.size, 1))})
    names = [n for n in differentiable(chain, one) if not chain.inputs[n].shape]
    slopes = {name: float(np.sum(found.get(Port("", name), 0.0))) for name in names}
    spreads = {name: spread_of(chain.inputs[name]) for name in names}
    moved = {n: slopes[n] * s for n, s in spreads.items() if s is not None}
    variance = sum(value**2 for value in moved.values())
    rows = []
    for name in names:
        value = float(np.asarray(one[name]).ravel()[0])
        share = moved[name] ** 2 / variance if name in moved and variance else float("nan")
        rows.append(("input", name, value, chain.inputs[name].unit, slopes[name],
                     _ratio(slopes[name] * value, level), share))  # fmt: skip
    rows.sort(key=lambda item: _rank(item), reverse=True)
    links = _links(chain, trace, at_ports, level, moved, variance, spreads)
    return pd.DataFrame([*rows, *links], columns=_COLUMNS)


def _rank(item: tuple[Any, ...]) -> float:
    share, elasticity = item[6], item[5]
    return (0.0 if np.isnan(share) else 1e6 * share) + (
        0.0 if np.isnan(elasticity) else abs(elasticity)
    )


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else float("nan")


def _links(
    chain: Chain,
    trace: Trace,
    at_ports: Tangents,
    level: float,
    moved: dict[str, float],
    variance: float,
    spreads: dict[str, float | None],
) -> list[tuple[Any, ...]]:
    flow = chain._flow
    tangents: dict[str, Tangents] = {}
    for name in moved:
        if moved[name] != 0.0:
            shape = np.shape(trace.batch[name])
            tangents[name] = flow.push(
                trace, {name: np.full(shape, float(spreads[name] or 0.0))}, {}
            )
    rows = []
    for node in flow.nodes:
        for feed in flow.wiring.feeds[node]:
            here = Port(node, feed.port)
            if (
                not feed.source.node
                or not feed.link.differentiable
                or feed.port not in trace.runs[node].inputs
            ):
                continue
            adjoint = np.asarray(at_ports.get(here, 0.0))
            value = np.asarray(trace.runs[node].inputs[feed.port])
            field = flow.nodes[node].inputs[feed.port]
            covariance = 0.0
            for name, slopes in tangents.items():
                if feed.source in slopes:
                    carried = float(
                        np.sum(adjoint * feed.link.push(np.asarray(slopes[feed.source])))
                    )
                    covariance += carried * moved[name]
            scalar = value.size == 1
            rows.append((
                "link", f"{feed.source} -> {here}", float(value.ravel()[0]) if scalar else float("nan"),
                field.unit, float(adjoint.sum()) if scalar else float("nan"),
                _ratio(float(np.sum(adjoint * value)), level),
                covariance / variance if variance else float("nan"),
            ))  # fmt: skip
    return rows
