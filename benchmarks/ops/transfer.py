"""Transfer: a new clone's single batch, with and without the batches of an older clone.

    python -m benchmarks.ops transfer [--size small|full]

Clones are simulated (``benchmarks.ops.clones``): six noisy batches of the old clone, one of the new;
judged on four further batches of the new clone by the root mean square error over each species'
largest value. ``small`` takes one seed, ``full`` five.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.ops.clones import NEW, OLD, SPECIES, batches, learning, system
from benchmarks.ops.rows import Row, Store

VERSION = 2
TARGET = 0.5
OLD_BATCHES, TEST_BATCHES = 6, 4


def run(size: str, store: Store) -> list[Row]:
    """Return the figures of all cells."""
    seeds = range(5 if size == "full" else 1)
    keys = [{"version": VERSION, "seed": seed} for seed in seeds]
    cells = store.cells(keys, cell, "new clone")
    tuned, scratch, source = (
        np.array([c[n] for c in cells]) for n in ("tuned", "scratch", "source")
    )
    share = tuned / scratch
    return [
        Row("New clone, one batch: error against training from scratch",
            f"{share.mean():.2f} ({share.min():.2f} to {share.max():.2f} over {len(cells)} seeds)",
            float(share.mean()), f"<= {TARGET}", bool(share.mean() <= TARGET),
            f"old clone's model as it is: {(source / scratch).mean():.2f}",
            note=f"error {100 * tuned.mean():.1f} %, from scratch {100 * scratch.mean():.1f} %, "
            "simulated clones with 2 % noise"),
        Row("New clone: shift between the clones found",
            f"{sum(c['shifted'] for c in cells)} of {len(cells)}", None, note="two permutation tests"),
    ]  # fmt: skip


def cell(key: dict[str, Any]) -> dict[str, Any]:
    """Train on the old clone, tune on one batch of the new, judge on others."""
    from catena.ops.hybrid import hybrid
    from catena.ops.transfer import transfer

    seed = key["seed"]
    old, one = batches(OLD, OLD_BATCHES, 1000 + seed), batches(NEW, 1, 2000 + seed)
    test = batches(NEW, TEST_BATCHES, 3000 + seed, noise=0.0)
    given = {"withdrawal_rate": 0.0}
    first = hybrid(system(), old, given=given, key=seed, **learning())
    tuned = transfer(first.model, old, one, given=given, key=seed, learning=learning(), free="last")
    scratch = hybrid(system(), one, given=given, key=seed, **learning())
    models = {"source": first.model, "tuned": tuned.model, "scratch": scratch.model}
    return {name: error(model, test) for name, model in models.items()} | {
        "shifted": tuned.summary["shift"]["shifted"], "returned": tuned.summary["returned"],
    }  # fmt: skip


def error(model: Any, test: Any) -> float:
    """Return the root mean square error on runs over each species' largest value."""
    names = list(SPECIES)
    largest = test[names].max().to_numpy()
    squares = []
    for _, frame in test.groupby("run"):
        start = {f"{n}_0": float(frame[n].iloc[0]) for n in (*names, "volume")}
        feed = frame[["time", "feed_rate"]].rename(columns={"feed_rate": "value"})
        found = model.predict(**start, time=frame["time"].to_numpy(), feed_rate=feed,
                              withdrawal_rate={"time": [0.0], "value": [0.0]})  # fmt: skip
        shown = np.stack([np.asarray(found[n])[0] for n in names], axis=1)
        squares.append(((shown - frame[names].to_numpy())[1:] / largest) ** 2)
    return float(np.sqrt(np.mean(np.concatenate(squares))))
