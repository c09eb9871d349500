"""Set inversion: sets known exactly, checked volumes and boxes, against plain sampling.

python -m benchmarks.ops invert [--size small|full]
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from scipy.stats import norm

from benchmarks.ops.rows import Row, Store
from catena.core.function import model

VERSION = 1


@model(id="bench.ring", inputs="x, y", outputs="r", backend="jax")
def ring(x, y):
    """Return the squared distance from the origin."""
    return {"r": x**2 + y**2}


@model(id="bench.ellipsoid", inputs="x, y, z", outputs="r", backend="jax")
def ellipsoid(x, y, z):
    """Return a quadric."""
    return {"r": x**2 + 2.0 * y**2 + 4.0 * z**2}


@model(id="bench.banana", inputs="x, y", outputs="r", backend="jax")
def banana(x, y):
    """Return Rosenbrock's function with a mild valley."""
    return {"r": (1.0 - x) ** 2 + 10.0 * (y - x**2) ** 2}


@model(id="bench.tolerance", inputs="x, y, e, f", outputs="z", backend="jax")
def tolerance(x, y, e, f):
    """Return a sum with two disturbances."""
    return {"z": x + y + e + f}


#: Problem -> model, statement, ranges, the exact test of points.
SETS: dict[str, tuple[Any, str, dict[str, str], Any]] = {
    "disc": (ring, "r <= 1", {"x": "-2..2", "y": "-2..2"}, lambda p: (p**2).sum(axis=1) <= 1),
    "ring": (ring, "0.5 <= r <= 2", {"x": "-2..2", "y": "-2..2"},
             lambda p: ((p**2).sum(axis=1) >= 0.5) & ((p**2).sum(axis=1) <= 2)),
    "banana": (banana, "r <= 1", {"x": "-1..3", "y": "-1..5"},
               lambda p: (1 - p[:, 0]) ** 2 + 10 * (p[:, 1] - p[:, 0] ** 2) ** 2 <= 1),
    "ellipsoid": (ellipsoid, "r <= 1", dict.fromkeys("xyz", "-1..1"),
                  lambda p: p[:, 0] ** 2 + 2 * p[:, 1] ** 2 + 4 * p[:, 2] ** 2 <= 1),
}  # fmt: skip
#: The exact fractions: circles and an ellipsoid by formula.
FRACTIONS = {"disc": np.pi / 16, "ring": 1.5 * np.pi / 16, "ellipsoid": np.pi / 6 / np.sqrt(8.0)}


def run(size: str, store: Store) -> list[Row]:
    """Return the rows of this benchmark."""
    names = list(SETS) if size == "full" else ["disc"]
    cells = {
        name: store.cell({"problem": name, "version": VERSION}, lambda name=name: _certain(name))
        for name in names
    }
    wrong = sum(cell["wrong"] for cell in cells.values())
    tried = sum(cell["tried"] for cell in cells.values())
    held = [name for name, cell in cells.items() if cell["held"]]
    widest = max(cells, key=lambda name: cells[name]["maybe"])
    rows = [
        Row("Sets without chance: points of decided boxes that contradict the exact set",
            f"{wrong} of {tried:,}", float(wrong), "0", wrong == 0),
        Row("Sets without chance: exact volume between the inner and the outer one",
            f"{len(held)} of {len(cells)}", float(len(held)), f"{len(cells)} of {len(cells)}",
            len(held) == len(cells)),
        Row(f"Largest undecided fraction ({widest})", f"{cells[widest]['maybe']:.2%}",
            cells[widest]["maybe"], "<= 5 %", cells[widest]["maybe"] <= 0.05,
            baseline=f"{cells[widest]['naive']:.2%} (cells a regular grid of equal size leaves open)",
            note=", ".join(f"{n}: {c['evaluations']:,} evaluations, {c['cpu']:.1f} s CPU" for n, c in cells.items())),
    ]  # fmt: skip
    share = cells["disc"]["design"] / 2.0
    rows.append(Row("Disc: largest box over the exact one (inscribed square)", f"{share:.0%}", share,
                    ">= 90 %", share >= 0.9))  # fmt: skip
    seeds = range(20 if size == "full" else 2)
    chance = store.cells([{"problem": "chance", "seed": s, "version": VERSION} for s in seeds],
                         _chance, "linear-Gaussian")  # fmt: skip
    worst = min(cell["probability"] for cell in chance)
    inside = sum(cell["held"] for cell in chance)
    rows += [
        Row("Linear-Gaussian, 90 % wanted: lowest exact probability of any inner point, over seeds",
            f"{worst:.3f}", worst, ">= 0.88", worst >= 0.88),
        Row("Linear-Gaussian: seeds whose volumes enclose the exact one", f"{inside} of {len(chance)}",
            float(inside), f">= {int(0.95 * len(chance))} of {len(chance)}", inside >= int(0.95 * len(chance)),
            note=f"undecided {np.mean([cell['maybe'] for cell in chance]):.1%} on average"),
    ]  # fmt: skip
    return rows


def _certain(name: str) -> dict[str, Any]:
    from catena.ops.invert import invert

    asked, wanted, over, inside = SETS[name]
    cpu = time.process_time()
    found = invert(asked, wanted, over)
    cpu = time.process_time() - cpu
    random = np.random.default_rng(0)
    space = found.model.space
    points = space.from_unit(random.random((100_000, space.dim)))
    truth, sure = inside(points), found.model.contains(points)
    possible = found.model.contains(points, undecided=True)
    fractions = found.summary["fractions"]
    exact = FRACTIONS.get(name, float(truth.mean()))
    decided = sure | ~possible
    return {
        "wrong": int((sure & ~truth).sum() + (~possible & truth).sum()), "tried": int(decided.sum()),
        "held": bool(fractions["inside"] <= exact <= fractions["inside"] + fractions["maybe"]),
        "maybe": fractions["maybe"], "evaluations": found.summary["evaluations"], "cpu": cpu,
        "design": float(np.prod(np.asarray(found["high"]) - np.asarray(found["low"]))),
        "naive": _grid(space, inside, found.summary["evaluations"]),
    }  # fmt: skip


def _grid(space: Any, inside: Any, evaluations: int) -> float:
    """Return the share of cells whose corners disagree, on a regular grid of as many points."""
    size = max(2, int(evaluations ** (1.0 / space.dim)))
    axes = np.meshgrid(*[np.linspace(0, 1, size)] * space.dim, indexing="ij")
    points = space.from_unit(np.stack([axis.ravel() for axis in axes], axis=1))
    truth = inside(points).reshape(axes[0].shape).astype(int)
    low, high = truth, truth
    for axis in range(space.dim):
        first, second = (np.take(low, range(k, size - 1 + k), axis=axis) for k in (0, 1))
        third, fourth = (np.take(high, range(k, size - 1 + k), axis=axis) for k in (0, 1))
        low, high = np.minimum(first, second), np.maximum(third, fourth)
    return float((low != high).mean())


def _chance(key: dict[str, Any]) -> dict[str, float]:
    from catena.ops.invert import invert

    noise = {"e": "normal(0, 0.4)", "f": "normal(0, 0.3)"}
    found = invert(tolerance, "z <= 2", {"x": "0..2", "y": "0..2"}, uncertain=noise, draws=1024,
                   n=1_000_000, key=key["seed"])  # fmt: skip
    edge = 2.0 - norm.ppf(0.9) * 0.5
    boxes = found.parts["boxes"]
    inner = np.array(boxes["status"]) == "inside"
    worst = float(np.max((np.asarray(boxes["x_high"]) + np.asarray(boxes["y_high"]))[inner]))
    fractions, exact = found.summary["fractions"], edge**2 / 8.0
    return {
        "probability": float(norm.cdf((2.0 - worst) / 0.5)),
        "held": float(fractions["inside"] <= exact <= fractions["inside"] + fractions["maybe"]),
        "maybe": fractions["maybe"],
    }
