"""How an ODE system is solved: method, tolerances, limits, threads."""

from __future__ import annotations

from typing import Literal, final

from pydantic import BaseModel, ConfigDict, Field

Method = Literal["auto", "rodas4", "kvaerno5", "kvaerno4", "tsit5", "dopri8", "expm"]


@final
class SolverSettings(BaseModel):
    """Solver choices; the defaults suit stiff physiological systems.

    Args:
        method: ``auto`` takes ``expm`` for systems declared linear, else ``rodas4``. ``kvaerno5``
            and ``kvaerno4`` are implicit Runge-Kutta methods, ``tsit5`` and ``dopri8`` explicit
            ones for systems that are not stiff.
        rtol: Relative tolerance of one step.
        atol: Absolute tolerance of one step, in the unit of each state.
        max_steps: Step attempts per row before the row is given up.
        threads: Rows are spread over this many threads; None takes one per processor core.
        chunk: Rows handed to a thread at a time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = "auto"
    rtol: float = Field(default=1e-6, gt=0, lt=1)
    atol: float = Field(default=1e-9, gt=0)
    max_steps: int = Field(default=16_384, ge=1)
    threads: int | None = Field(default=None, ge=1)
    chunk: int = Field(default=32, ge=1)
