"""Plates and worklists: where each experiment stands, and what is pipetted into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.spec import Field, Schema
from catena.core.units import conversion, parse_quantity
from catena.ops.result import table
from catena.ops.space import Space

#: Rows and columns by number of wells.
PLATES = {6: (2, 3), 12: (3, 4), 24: (4, 6), 48: (6, 8), 96: (8, 12), 384: (16, 24), 1536: (32, 48)}


def well_names(wells: int, edge: bool = True) -> list[str]:
    """Return the names of a plate's wells, row by row; without the outer ring if ``edge`` is off.

    Raises:
        InputError: there is no plate of that size.
    """
    if wells not in PLATES:
        raise InputError(f"No plate of {wells} wells", where="plate", why=f"known are {', '.join(map(str, PLATES))}",
                         fix="use one of these")  # fmt: skip
    rows, columns = PLATES[wells]
    inner = 0 if edge else 1
    return [
        f"{_letters(r)}{c + 1}"
        for r in range(inner, rows - inner)
        for c in range(inner, columns - inner)
    ]


def _letters(row: int) -> str:
    return chr(ord("A") + row) if row < 26 else "A" + chr(ord("A") + row - 26)


def layout(
    experiments: Sequence[str],
    *,
    wells: int = 96,
    replicates: int = 1,
    controls: Mapping[str, int] | None = None,
    edge: bool = True,
    key: int = 0,
) -> Any:
    """Spread experiments, replicates and controls over plates at random.

    Each plate is a block: a replicate of every experiment is placed before the next replicate
    begins, so that plates differ in replicates and not in experiments, and controls stand on
    every plate.

    Args:
        experiments: Identifiers.
        wells: Wells per plate.
        replicates: Wells per experiment.
        controls: Wells per plate by control, ``{"blank": 4}``.
        edge: Whether the outer ring may be used (it evaporates first).
        key: 64-bit seed.

    Returns:
        Table: plate, well, experiment, replicate.

    Raises:
        InputError: nothing is to be placed, or the controls fill the plates.
    """
    names = well_names(wells, edge)
    fixed = [name for name, count in (controls or {}).items() for _ in range(count)]
    room = len(names) - len(fixed)
    if not experiments or replicates < 1:
        raise InputError("Nothing to place", where="plate", why=f"{len(experiments)} experiments, {replicates} replicates",
                         fix="give one at least")  # fmt: skip
    if room < 1:
        raise InputError("No well is left", where="plate", why=f"{len(fixed)} controls in {len(names)} wells",
                         fix="use fewer controls or a larger plate")  # fmt: skip
    queue = [(name, r) for r in range(1, replicates + 1) for name in experiments]
    rows: list[tuple[int, str, str, int]] = []
    for plate, start in enumerate(range(0, len(queue), room), start=1):
        rng = np.random.Generator(np.random.Philox(key=split_key(key, f"plate {plate}")))
        what = [*queue[start : start + room], *((name, 0) for name in fixed)]
        places = rng.permutation(len(names))[: len(what)]
        rows += [(plate, names[place], *item) for place, item in zip(places, what, strict=True)]
    columns = [list(column) for column in zip(*rows, strict=True)]
    fields = Schema([Field("plate", kind="integer"), Field("well", kind="text"),
                     Field("experiment", kind="text"), Field("replicate", kind="integer")])  # fmt: skip
    return table(fields, dict(zip(fields.names, columns, strict=True)))


@final
class Stocks:
    """Stock solutions from which wells are mixed.

    Args:
        concentrations: Stock by factor, ``{"glucose": "100 g/L"}``; in the factor's dimension.
        volume: Volume of a well, ``"200 uL"``.
        diluent: What fills the rest.
        smallest: Smallest volume that can be pipetted; 0 is always possible.
        step: Step of the pipette.
    """

    def __init__(
        self,
        concentrations: Mapping[str, str],
        volume: str = "200 uL",
        diluent: str = "diluent",
        smallest: str = "1 uL",
        step: str = "0.1 uL",
    ) -> None:
        self.concentrations = dict(concentrations)
        self.diluent = diluent
        self.volume, self.smallest, self.step = map(_microlitres, (volume, smallest, step))


def _microlitres(text: str) -> float:
    value, unit = parse_quantity(text, "uL")
    return float(conversion(unit, "uL").apply(value))


def worklist(space: Space, x: np.ndarray, ids: Sequence[str], places: Any, stocks: Stocks) -> Any:
    """Return the transfers that mix each experiment in its wells.

    Args:
        space: The factors.
        x: Experiments (n, d).
        ids: Their identifiers.
        places: What ``layout`` returned.
        stocks: Stock solutions.

    Returns:
        Table: plate, well, source, volume [uL], experiment; wells in plate order.

    Raises:
        InputError: a factor has no stock, or a volume does not fit; every bad well is named.
    """
    volumes, faults = _volumes(space, x, ids, stocks)
    if faults:
        raise InputError("The wells cannot be mixed", where="worklist",
                         why="; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if faults[5:] else ""),
                         fix="use stronger or weaker stocks, larger wells, or limit the factors")  # fmt: skip
    number = {name: row for row, name in enumerate(ids)}
    rows: list[tuple[int, str, str, float, str]] = []
    for plate, well, name in zip(
        places["plate"], places["well"], places["experiment"], strict=True
    ):
        if name not in number:
            rows.append((int(plate), well, name, stocks.volume, name))
            continue
        for source, amounts in volumes.items():
            if amounts[number[name]] > 0:
                rows.append((int(plate), well, source, float(amounts[number[name]]), name))
    columns = [list(column) for column in zip(*rows, strict=True)]
    fields = Schema([Field("plate", kind="integer"), Field("well", kind="text"), Field("source", kind="text"),
                     Field("volume", unit="uL"), Field("experiment", kind="text")])  # fmt: skip
    return table(fields, dict(zip(fields.names, columns, strict=True)))


def _volumes(
    space: Space, x: np.ndarray, ids: Sequence[str], stocks: Stocks
) -> tuple[dict[str, np.ndarray], list[str]]:
    volumes: dict[str, np.ndarray] = {}
    faults: list[str] = []
    for k, variable in enumerate(space.variables):
        if variable.choices:  # a kind of medium or strain is a source of its own, not a mixture
            continue
        if variable.name not in stocks.concentrations:
            faults.append(f"{variable.name} has no stock solution")
            continue
        value, unit = parse_quantity(stocks.concentrations[variable.name], variable.unit)
        stock = float(conversion(unit, variable.unit).apply(value))
        exact = x[:, k] / stock * stocks.volume
        amounts = np.round(exact / stocks.step) * stocks.step
        small = (exact > 0) & (exact < stocks.smallest)
        faults += [f"{ids[row]}: {exact[row]:.3g} uL of {variable.name} is below the smallest volume"
                   for row in np.flatnonzero(small).tolist()]  # fmt: skip
        volumes[variable.name] = amounts
    rest = (
        stocks.volume - np.sum(list(volumes.values()), axis=0)
        if volumes
        else np.full(len(x), stocks.volume)
    )
    faults += [f"{ids[row]}: {stocks.volume - rest[row]:.4g} uL in a well of {stocks.volume:g} uL"
               for row in np.flatnonzero(rest < -1e-9).tolist()]  # fmt: skip
    volumes[stocks.diluent] = np.round(np.maximum(rest, 0.0) / stocks.step) * stocks.step
    return volumes, faults
