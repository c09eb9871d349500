"""Hybrid models: HEK293 cultures against the published hybrid networks.

    python -m benchmarks.ops hybrid [--size small|full]

``small`` trains one seed per protocol, ``full`` five. Two protocols: *corners* trains on Br5-Br9 and
tests on Br1-Br4; *published* trains on Br1-Br4 and Br9, keeps Br7 to choose weights, and tests on
Br5, Br6 and Br8, as the published figures were reached.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.ops.hek293 import SETTINGS, Cultures, cultures
from benchmarks.ops.rows import Row, Store

VERSION = 1
#: Root mean square errors on Br5, Br6 and Br8 in the authors' table.
PUBLISHED = {"LSTM hybrid": 0.0376, "FFNN hybrid": 0.0476}
TARGET, SECONDS = 0.030, 120.0
PROTOCOLS: dict[str, dict[str, list[int]]] = {
    "corners": {"train": [5, 6, 7, 8, 9], "validation": [], "test": [1, 2, 3, 4]},
    "published": {"train": [1, 2, 3, 4, 9], "validation": [7], "test": [5, 6, 8]},
}


def run(size: str, store: Store) -> list[Row]:
    """Return the figures of all cells."""
    seeds = range(5 if size == "full" else 1)
    rows = []
    for name in PROTOCOLS:
        keys = [{"version": VERSION, "protocol": name, "seed": seed, **SETTINGS} for seed in seeds]
        cells = store.cells(keys, hek_cell, f"HEK293 {name}")
        rows += _hek_rows(name, cells)
    return rows


def hek_cell(key: dict[str, Any]) -> dict[str, Any]:
    """Train once under a protocol and report errors on every culture and the CPU time."""
    from catena.ops.hybrid import hybrid

    data, protocol = cultures(), PROTOCOLS[key["protocol"]]
    numbers = protocol["train"] + protocol["validation"]
    started = time.process_time()
    result = hybrid(
        data.system(), data.table(numbers), given={"withdrawal_rate": 0.0}, key=key["seed"],
        validation=[f"Br{n}" for n in protocol["validation"]],
        **data.learning, **{n: key[n] for n in SETTINGS},
    )  # fmt: skip
    seconds = time.process_time() - started
    largest = {"all": data.largest(list(range(1, 10))), "seen": data.largest(numbers)}
    found: dict[str, Any] = {"cpu_seconds": seconds, "training": result.summary["nrmse"]}
    shown = {n: data.predicted(result.model, n) for n in range(1, 10)}
    for label, scale in largest.items():
        found[label] = {str(n): rms(data.errors(shown[n], n, scale)) for n in shown}
    found["coverage"] = coverage(data, result.model, protocol["test"])
    found["naive"] = {str(n): rms(data.errors(naive(data, numbers, n), n, largest["all"]))
                      for n in protocol["test"]}  # fmt: skip
    return found


def coverage(data: Cultures, model: Any, numbers: list[int]) -> float:
    """Return the share of test concentrations inside their 90 % intervals."""
    inside = []
    for number in numbers:
        found = model.predict(**data.inputs(number))
        for k, name in enumerate(data.species):
            truth = data.concentrations[number - 1, 1:, k]
            inside.append((found.lower[name][0, 1:] <= truth) & (truth <= found.upper[name][0, 1:]))
    return float(np.mean(inside))


def naive(data: Cultures, numbers: list[int], number: int) -> np.ndarray:
    """Return the mean course of the training cultures: what one knows without a model."""
    return np.asarray(data.concentrations[[n - 1 for n in numbers]].mean(axis=0))


def rms(errors: np.ndarray) -> float:
    """Return the root mean square."""
    return float(np.sqrt((errors**2).mean()))


def together(errors: dict[str, float], numbers: list[int]) -> float:
    """Return the root mean square over cultures with equally many samples."""
    return float(np.sqrt(np.mean([errors[str(n)] ** 2 for n in numbers])))


def _hek_rows(name: str, cells: list[dict[str, Any]]) -> list[Row]:
    test = PROTOCOLS[name]["test"]
    scores = np.array([together(cell["all"], test) for cell in cells])
    seen = np.array([together(cell["seen"], test) for cell in cells])
    seconds = np.array([cell["cpu_seconds"] for cell in cells])
    cover = np.array([cell["coverage"] for cell in cells])
    peer = ", ".join(f"{who} {value}" for who, value in PUBLISHED.items())
    same = "same training, validation and test cultures" if name == "published" else \
        "published on other cultures (train Br1-4, 9; test Br5, 6, 8)"  # fmt: skip
    spread = f"{scores.min():.4f} to {scores.max():.4f} over {len(cells)} seeds"
    by_run = ", ".join(f"Br{n} {np.mean([c['all'][str(n)] for c in cells]):.4f}" for n in test)
    return [
        Row(f"HEK293 {name}: normalised test RMSE", f"{scores.mean():.4f} ({spread})",
            float(scores.mean()), f"<= {TARGET}", bool(scores.mean() <= TARGET),
            f"mean training course {together(cells[0]['naive'], test):.4f}", peer,
            f"{by_run}; scaled by the training cultures' maxima {seen.mean():.4f}; peer: {same}"),
        Row(f"HEK293 {name}: training", f"{seconds.mean():.0f} s CPU (most {seconds.max():.0f})",
            float(seconds.max()), f"<= {SECONDS:.0f} s", bool(seconds.max() <= SECONDS),
            peer="717 s (LSTM hybrid), 484 s (FFNN hybrid), as published"),
        Row(f"HEK293 {name}: coverage of 90 % intervals on the test cultures",
            f"{100 * cover.mean():.0f} %", float(cover.mean()), "85-95 %",
            bool(0.85 <= cover.mean() <= 0.95)),
    ]  # fmt: skip
