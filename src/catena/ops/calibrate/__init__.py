"""Calibration of any Model: maximum likelihood, multistart, identifiability, profiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catena.core.work import Work
from catena.ops.calibrate.fit import calibrate
from catena.ops.calibrate.settings import CalibrateSettings
from catena.ops.operation import Operation

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result

__all__ = ["OPERATION", "CalibrateSettings", "calibrate"]


def run(
    model: Model | None,
    settings: CalibrateSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Calibrate as a study asks for it; see ``calibrate``."""
    from catena.core.errors import InputError
    from catena.ops.calibrate.multistart import Stops

    if model is None or data is None:
        raise InputError("Nothing to calibrate", where="calibrate", why="it needs a model and data",
                         fix="name the model and the data file")  # fmt: skip
    chosen = settings.model_dump(exclude={"iterations", "limits"})
    limits = {name: _pair(name, pair) for name, pair in settings.limits.items()}
    return calibrate(model, data, chosen.pop("free"), **chosen, limits=limits, given=given, key=key,
                     stops=Stops(iterations=settings.iterations), work=work)  # fmt: skip


def _pair(name: str, pair: list[float | None]) -> tuple[float | None, float | None]:
    from catena.core.errors import InputError

    if len(pair) != 2:
        raise InputError(f"Limits of {name!r} are two numbers", where="limits",
                         why=f"{len(pair)} were given", fix="write [0.05, null]")  # fmt: skip
    return pair[0], pair[1]


OPERATION = Operation(
    name="calibrate",
    title="Fit parameters to data, with intervals and identifiability",
    settings=CalibrateSettings,
    run=run,
    needs_data=True,
)
