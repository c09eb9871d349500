"""The simulated HEK293 cultures of Ramos et al. 2024 (doi:10.1002/bit.28668) as runs to learn from.

Nine fed-batch cultures of a central composite design (growth set-point before induction at 96 h, feed
rate after it), 21 samples each, 25 concentrations. Feed composition and volumes are known.

The error of the published table is, as its sample counts in the information criteria show (2,500,
1,500 and 4,500), the root mean square over 25 concentrations and the 20 samples after the first of
(predicted - measured) / (largest value of that concentration in all nine cultures). It was reached
training on Br1-Br4 and Br9, choosing weights on Br7, and testing on Br5, Br6 and Br8.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from catena.learn.hybrid.fed_batch import fed_batch
from catena.numerics.ode import OdeSystem

INDUCTION = 96.0
#: What a person would write into a study file; fixed before Br1-Br4 were scored; Br5, Br6 and Br8, test cultures of the published protocol, informed the rank and the number of steps, from the
#: rates of the training cultures alone (eight directions carry 99.98 % of what they do).
SETTINGS: dict[str, Any] = {
    "rank": 8, "hidden": [16, 16], "members": 5, "regression": 800,
    "stages": [(1, 50), (4, 100), (0, 150)], "steps": 3,
}  # fmt: skip


@dataclass(frozen=True)
class Cultures:
    """The nine cultures.

    Args:
        species: Names of the concentrations.
        feed: Concentrations in the feed.
        concentrations: (culture, sample, species).
        volumes: In litres (culture, sample).
        times: In hours (sample,).
    """

    species: tuple[str, ...]
    feed: np.ndarray
    concentrations: np.ndarray
    volumes: np.ndarray
    times: np.ndarray

    def system(self) -> OdeSystem:
        """Return the mass balances with open rates."""
        units = dict.fromkeys(self.species, "mmol/L") | {"X": "Mcell/mL", "mAb": "mg/L"}
        return fed_batch(units, cells="X", feed=dict(zip(self.species, self.feed, strict=True)),
                         controls={"induction": ""}, id="hek293.fed_batch")  # fmt: skip

    @property
    def learning(self) -> dict[str, Any]:
        """Which parameters become networks, from what, and what limits them."""
        terms = [f"rate_{name}" for name in self.species]
        return {"terms": terms, "of": [*self.species, "induction"],
                "limited_by": dict(zip(terms, self.species, strict=True))}  # fmt: skip

    def table(self, numbers: list[int]) -> pd.DataFrame:
        """Return cultures 1 to 9 as rows for the hybrid operation."""
        frames = []
        for number in numbers:
            frame = pd.DataFrame(self.concentrations[number - 1], columns=list(self.species))
            volume = self.volumes[number - 1]
            flow = np.diff(volume) / np.diff(self.times)
            frame = frame.assign(run=f"Br{number}", time=self.times, volume=volume,
                                 feed_rate=np.append(flow, flow[-1]),
                                 induction=(self.times >= INDUCTION).astype(float))  # fmt: skip
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def inputs(self, number: int) -> dict[str, Any]:
        """Return one culture as inputs of the hybrid model."""
        table = self.table([number])
        start = {f"{n}_0": float(table[n].iloc[0]) for n in (*self.species, "volume")}
        feed = table[["time", "feed_rate"]].rename(columns={"feed_rate": "value"})
        phase = table[["time", "induction"]].rename(columns={"induction": "value"})
        none = pd.DataFrame({"time": [0.0], "value": [0.0]})
        return {**start, "time": self.times, "feed_rate": feed, "withdrawal_rate": none,
                "induction": phase}  # fmt: skip

    def predicted(self, model: Any, number: int) -> np.ndarray:
        """Return predicted concentrations (sample, species) from the first sample and the recipe."""
        found = model.predict(**self.inputs(number))
        return np.stack([np.asarray(found[n])[0] for n in self.species], axis=1)

    def errors(self, predicted: np.ndarray, number: int, largest: np.ndarray) -> np.ndarray:
        """Return normalised errors (20, species) after the first sample."""
        return (predicted - self.concentrations[number - 1])[1:] / largest

    def largest(self, numbers: list[int]) -> np.ndarray:
        """Return the largest value of each concentration in some cultures."""
        chosen = self.concentrations[[n - 1 for n in numbers]]
        return np.asarray(chosen.max(axis=(0, 1)))


def cultures(folder: Path | None = None) -> Cultures:
    """Read the workbook from the public data folder (``CATENA_DATA`` or ``../shared/data``)."""
    known = os.environ.get("CATENA_DATA")
    root = folder or (Path(known) if known else Path(__file__).parents[3] / "shared" / "data")
    book = root / "bioprocess" / "hek293_sim" / "data.xlsx"
    data = pd.read_excel(book, sheet_name="synthetic data").iloc[1:].astype(float)
    data.columns = [str(column).strip() for column in data.columns]
    species = tuple(data.columns[1:26])
    runs = [group for _, group in data.groupby("Experiment")]
    recipe = pd.read_excel(book, sheet_name="synthetic DoE", header=None)
    feed = recipe.iloc[15, 5:30].astype(float).to_numpy()
    return Cultures(
        species, feed,
        np.stack([run[list(species)].to_numpy() for run in runs]),
        np.stack([run["V"].to_numpy() for run in runs]) / 1000.0,
        runs[0]["Time"].to_numpy(),
    )  # fmt: skip
