"""What a Chain costs over a script that calls the same models by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.timing import Row, alternate, row, times
from catena.core.chain import Chain
from catena.core.function import model
from catena.core.registry import load
from catena.formats.compound import load_card

PEOPLE = 200


@model(id="bench.noop", inputs="x = 0", outputs="y", backend="numpy")
def noop(x: Any) -> dict[str, Any]:
    return {"y": x}


def three_noops(size: int) -> Row:
    """Three nodes that do nothing: what remains is the chain itself, caching switched off."""
    chain = Chain(a=noop, b=noop, c=noop, edges=["a.y -> b.x", "b.y -> c.x"]).with_cache(None)
    values = np.arange(float(size))
    seconds = times(lambda: chain.predict({"x": values}), 50)
    return row(f"three no-op nodes, {size} rows", seconds, f"<= {1 + size / 1000:g} ms")


def main_chain() -> Row:
    """The main job's chain against the same node calls written out, on changing people."""
    chain: Any = load("chain.oral_drug").with_cache(None)
    card = load_card("midazolam")
    people = dict(load("body.physiology").population(PEOPLE, seed=1))  # type: ignore[attr-defined]
    inputs = {
        **card.ports(chain.inputs.names),
        **{name: people[name] for name in people if name in chain.inputs},
        "smiles": card.smiles,
        "dose": 7.5,
        "events": [{"time": 0.0, "amt": 7.5, "cmt": "oral"}],
        "time": np.linspace(0.0, 24.0, 32),
    }
    batch = chain.inputs.validate(inputs)
    state = {"call": 0}

    def moved() -> dict[str, Any]:
        # A new value each time, so that neither side profits from anything it remembers.
        state["call"] += 1
        return {**batch.values_, "logp": batch["logp"] * (1.0 + 1e-9 * state["call"])}

    ours, hand = alternate(
        lambda: chain.evaluate(moved(), batch.size),
        lambda: by_hand(chain, moved(), batch.size),
        5,
    )
    return row(f"main job's chain, {PEOPLE} people", ours, "ratio <= 1.03", "script by hand", hand)


def by_hand(chain: Any, batch: dict[str, Any], size: int) -> dict[str, Any]:
    """Call the nodes as a user without Chain would: in order, values passed by name."""
    values: dict[str, dict[str, Any]] = {}
    feeds: dict[str, dict[str, tuple[str, str]]] = {name: {} for name in chain.nodes}
    for edge in chain.edges:
        (source, output), (target, port) = (p.split(".", 1) for p in (edge.source, edge.target))
        feeds[target][port] = (source, output)
    shared = {port: name for name, ports in chain.to_dict()["inputs"].items() for port in ports}
    for name in ("descriptors", "physiology", "partition", "clearance", "pbpk", "exposure"):
        node = chain.nodes[name]
        given = {}
        for field in node.inputs:
            if field.name in feeds[name]:
                source, output = feeds[name][field.name]
                given[field.name] = values[source][output]
                continue
            for known in (shared.get(f"{name}.{field.name}"), f"{name}.{field.name}", field.name):
                if known in batch:
                    given[field.name] = batch[known]
                    break
        rows = 1 if all(len(value) == 1 for value in given.values()) else size
        values[name] = node.evaluate(given, rows)
    return values["exposure"]


def run() -> list[Row]:
    """Measure both."""
    return [three_noops(1), three_noops(1000), three_noops(100_000), main_chain()]
