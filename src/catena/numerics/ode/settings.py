"""How an ODE system is solved: method, tolerances, limits, threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, final

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, field_validator

Method = Literal[
    "auto", "kernel", "rodas4", "kvaerno5", "kvaerno4", "tsit5", "dopri8", "expm"
]  # fmt: skip

#: Absolute tolerance of a state for which none is given.
DEFAULT_ATOL = 1e-9


@final
class SolverSettings(BaseModel):
    """Solver choices; the defaults suit stiff physiological systems.

    Args:
        method: ``auto`` takes ``expm`` for systems declared linear, else ``kernel`` (machine
            code compiled from the equations) and, where that is impossible, ``rodas4``.
            ``kvaerno5`` and ``kvaerno4`` are implicit Runge-Kutta methods, ``tsit5`` and
            ``dopri8`` explicit ones for systems that are not stiff.
        rtol: Relative tolerance of one step.
        atol: Absolute tolerance of one step in the unit of each state: one number, or numbers by
            state (states not named keep 1e-9).
        max_steps: Step attempts per row before the row is given up.
        threads: Rows are spread over this many threads; None takes one per processor core.
        chunk: Rows handed to a thread at a time by methods other than ``kernel``.
        device: ``gpu`` solves all rows side by side on JAX's graphics processor.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Method = "auto"
    rtol: float = Field(default=1e-6, gt=0, lt=1)
    atol: PositiveFloat | tuple[tuple[str, PositiveFloat], ...] = DEFAULT_ATOL
    max_steps: int = Field(default=16_384, ge=1)
    threads: int | None = Field(default=None, ge=1)
    chunk: int = Field(default=32, ge=1)
    device: Literal["cpu", "gpu"] = "cpu"

    @field_validator("atol", mode="before")
    @classmethod
    def _pairs(cls, given: Any) -> Any:
        """Keep a mapping as sorted pairs, so that settings can be compared and hashed."""
        return tuple(sorted(given.items())) if isinstance(given, Mapping) else given
