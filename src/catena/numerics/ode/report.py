"""How the integration of each row went, for people and for the row status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import RowFault
from catena.numerics.ode.backend import DONE, REASONS

if TYPE_CHECKING:
    from catena.numerics.ode.system import OdeSystem


def diagnostics(system: OdeSystem, report: Any) -> dict[str, Any]:
    """Return solver name, tolerances, and per row: success, steps taken and refused."""
    return {
        "solver": system.method,
        "rtol": system.settings.rtol,
        "atol": system.settings.atol,
        "success": report.code == DONE,
        "steps": report.steps.astype(int),
        "refused": report.refused.astype(int),
    }


def row_faults(system: OdeSystem, report: Any) -> list[RowFault]:
    """Return one fault per failed row: the time reached, why, and the state to blame."""
    labels = system.layout.labels
    found = []
    for row in np.flatnonzero(report.code != DONE):
        worst = int(report.worst[row])
        value = report.state[row, worst]
        found.append(
            RowFault(
                int(row),
                "time",
                f"integration stopped at {report.time[row]:.6g} {system.time_unit}: "
                f"{REASONS[float(report.code[row])]}; the largest error is in state "
                f"{labels[worst]!r}, value {value:.6g}",
            )
        )
    return found
