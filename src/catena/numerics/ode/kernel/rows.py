# mypy: disable-error-code="name-defined, no-any-return"
"""What happens to rows between steps; in the mini language.

A lane passes through phases: LOADED (parameters are in), ACT (an action is due), CHECK (are there
more stops at this moment?), FILL (the next segment is in), RUN, FINISHED, IDLE. Names in capitals
are constants of the ``workspace``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.ending import retire
from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    B,
    F,
    I,
    any_,
)
from catena.numerics.ode.kernel.loading import begin, in_phase
from catena.numerics.ode.kernel.stops import act, check, restart
from catena.numerics.ode.kernel.tangents import refresh_tangents


def settle(call: PI, ws: PF, lanes: PI, rtol: F, atol: PF) -> None:
    """Bring every lane to where it runs or idles."""
    busy = True
    while busy:
        retire(call, ws, lanes, atol, rtol)
        if any_(in_phase(lanes, LOADED)):
            begin(call, ws, lanes)
        if any_(in_phase(lanes, FILL)):
            prepare(ws + W_P, ws + W_S, ws + W_Q)
            if TANGENTS:
                refresh_tangents(call[C_DIRECTIONS], ws)
            move(lanes, FILL, ACT)
        if any_(in_phase(lanes, ACT)):
            act(call[C_DIRECTIONS], ws, lanes)
        for k in range(W):
            if lanes[L_PHASE + k] == CHECK:
                check(call, ws, lanes, k)
        busy = pending(lanes)
        if not busy:
            busy = restart(ws, lanes, rtol, atol)


def move(lanes: PI, phase: I, to: I) -> None:
    """Move all lanes in one phase to another."""
    for k in range(W):
        if lanes[L_PHASE + k] == phase:
            lanes[L_PHASE + k] = to


def pending(lanes: PI) -> B:
    """Whether any lane is neither running nor idle."""
    for k in range(W):
        if (lanes[L_PHASE + k] != RUN) and (lanes[L_PHASE + k] != IDLE):
            return True
    return False
