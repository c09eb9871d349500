"""Measurements as people have them: long or wide tables, with gaps, late results and own noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.ops.estimate.augmented import parse
from catena.ops.estimate.noise import quantity

if TYPE_CHECKING:
    import pandas as pd


@final
@dataclass(frozen=True)
class Samples:
    """Measurements in order of arrival.

    Args:
        records: Mappings with ``time``, ``known``, ``output``, ``value`` and ``sd``.
        outputs: Outputs that occur.
        missing: Number of values that were not there.
        refused: Rows that could not be used, with the reason.
    """

    records: tuple[dict[str, Any], ...]
    outputs: tuple[str, ...]
    missing: int
    refused: tuple[str, ...]

    @property
    def moments(self) -> np.ndarray:
        """Times at which something was taken or became known."""
        return np.unique([r[name] for r in self.records for name in ("time", "known")])


def samples(
    data: pd.DataFrame | Sequence[Mapping[str, Any]],
    known: Sequence[str],
    *,
    noise: Mapping[str, Any],
    delays: Mapping[str, Any],
    units: Mapping[str, str],
    clock: str,
    where: str,
) -> Samples:
    """Read measurements.

    Args:
        data: Long (columns ``time, output, value`` and optionally ``sd``, ``known``) or wide
            (``time`` and one column per output); empty cells are missing values.
        known: Outputs of the model.
        noise: Standard deviations by output: ``"0.2 g/L"``, ``"5 %"`` of the value, a number.
        delays: Time from sample to result by output, where ``known`` does not say.
        units: Units by output.
        clock: Unit of time.
        where: Named in errors.

    Raises:
        InputError: there are no data, an output is unknown or its noise is not told.
    """
    import pandas as pd

    frame = data if isinstance(data, pd.DataFrame) else pd.DataFrame(list(data))
    if frame.empty or "time" not in frame:
        raise InputError("No measurements", where=where,
                         why="the table is empty" if frame.empty else "it has no column time",
                         fix="give time, output and value")  # fmt: skip
    if "output" not in frame:
        wide = [c for c in frame.columns if c not in ("time", "known")]
        frame = frame.melt(id_vars=[c for c in ("time", "known") if c in frame],
                           value_vars=wide, var_name="output", value_name="value")  # fmt: skip
    for name in frame["output"].unique():
        if name not in known:
            raise InputError(f"No output {name!r}", where=where,
                             why=f"the outputs are {', '.join(known[:12])}",
                             fix=did_you_mean(str(name), known, "rename the column"))  # fmt: skip
    late = {name: plain_time(text, clock) for name, text in delays.items()}
    records, refused, missing = [], [], 0
    for row, item in enumerate(frame.to_dict("records")):
        value, taken = float(item["value"]), float(item["time"])
        if np.isnan(value):
            missing += 1
            continue
        output = str(item["output"])
        arrives = item.get("known")
        arrives = (
            taken + late.get(output, 0.0) if arrives is None or arrives != arrives else arrives
        )
        why = _fault(value, taken, float(arrives))
        if why:
            refused.append(f"row {row}: {why}")
            continue
        sd = item.get("sd")
        deviation = (float(sd) if sd is not None and sd == sd
                     else _noise(noise, output, units[output], value, where))  # fmt: skip
        records.append({"time": taken, "known": float(arrives), "output": output, "value": value,
                        "sd": deviation})  # fmt: skip
    if not records:
        raise InputError("No measurements", where=where, why="no row can be used: "
                         + ("; ".join(refused[:3]) or "all values are missing"), fix="check the table")  # fmt: skip
    records.sort(key=lambda r: (r["known"], r["time"]))
    outputs = tuple(name for name in known if any(r["output"] == name for r in records))
    return Samples(tuple(records), outputs, missing, tuple(refused))


def _fault(value: float, taken: float, arrives: float) -> str:
    if not (np.isfinite(value) and np.isfinite(taken) and np.isfinite(arrives)):
        return "a number is infinite or the time is missing"
    return "known before it was taken" if arrives < taken else ""


def converted(value: float, spelled: str, unit: str) -> float:
    """Return a number in a unit."""
    from catena.core.units import conversion

    return value if spelled == unit else float(conversion(spelled, unit).apply(value))


def plain_time(text: Any, unit: str) -> float:
    """Return a time in the model's unit from a number or a text."""
    return converted(*parse(text, unit), unit)


def _noise(noise: Mapping[str, Any], output: str, unit: str, value: float, where: str) -> float:
    if output not in noise:
        raise InputError(f"The noise of {output!r} is not told", where=where,
                         why="neither a column sd nor noise= has it",
                         fix=f'say noise={{"{output}": "5 %"}}')  # fmt: skip
    found = quantity(noise[output], unit, abs(value), f"{where}, noise of {output}")
    if found <= 0:
        raise InputError(f"The noise of {output!r} is zero", where=where,
                         why=f"{noise[output]!r} of {value:g}", fix="give an absolute deviation")  # fmt: skip
    return found
