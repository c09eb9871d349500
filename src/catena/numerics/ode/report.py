"""How the integration of each row went, for people and for the row status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from catena.core.errors import RowFault
from catena.numerics.ode.backend import GOOD, REASONS

if TYPE_CHECKING:
    from catena.numerics.ode.system import OdeSystem


class Report(NamedTuple):
    """What came of every row, and what computed it.

    Args:
        code: Why a row ended (n,), see ``backend``.
        time: Time reached (n,).
        state: State there (n, states).
        worst: Position of the state to blame where a row failed (n,).
        steps: Steps taken (n,).
        refused: Steps refused (n,).
        backend: ``kernel``, ``large``, ``diffrax`` or ``expm``.
        method: The integration method.
        fallback: Why it is not the kernel, or None.
    """

    code: np.ndarray
    time: np.ndarray
    state: np.ndarray
    worst: np.ndarray
    steps: np.ndarray
    refused: np.ndarray
    backend: str
    method: str
    fallback: str | None


def diagnostics(system: OdeSystem, report: Report) -> dict[str, Any]:
    """Return the solver, its back end, tolerances, and per row: success, steps, refused steps."""
    return {
        "solver": report.method,
        "backend": report.backend,
        "fallback": report.fallback,
        "rtol": system.settings.rtol,
        "atol": system.settings.atol,
        "success": np.isin(report.code, GOOD),
        "steps": report.steps.astype(int),
        "refused": report.refused.astype(int),
    }


def row_faults(system: OdeSystem, report: Report) -> list[RowFault]:
    """Return one fault per failed row: the time reached, why, and the state to blame."""
    labels = system.layout.labels
    found = []
    for row in np.flatnonzero(~np.isin(report.code, GOOD)):
        worst = int(report.worst[row])
        value = report.state[row, worst]
        found.append(
            RowFault(
                int(row),
                "time",
                f"integration stopped at {report.time[row]:.6g} {system.time_unit}: "
                f"{REASONS[int(report.code[row])]}; the largest error is in state "
                f"{labels[worst]!r}, value {value:.6g}",
            )
        )
    return found
