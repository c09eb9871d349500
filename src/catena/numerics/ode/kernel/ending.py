# mypy: disable-error-code="name-defined, no-any-return"
"""Rows leave lanes: what came of them, and who is to blame where they failed; in the mini language.

Names in capitals are constants of the ``workspace``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    F,
    I,
    fabs,
    floats,
    ints,
    load,
    put,
    splat,
    store,
)
from catena.numerics.ode.kernel.loading import take
from catena.numerics.ode.kernel.writing import emit_rest


def retire(call: PI, ws: PF, lanes: PI, atol: PF, rtol: F) -> None:
    """Write what is known of rows that are over and take new ones."""
    over = splat(0.0) > 1.0
    ended = False
    for k in range(W):
        if lanes[L_PHASE + k] == FINISHED:
            ended = True
            if lanes[L_ROW + k] >= 0:
                code = lanes[L_ENDED + k]
                if (code == CODE_OK) or (code == CODE_TERMINAL):
                    over = put(over, k, True)
                else:
                    blame(call, ws, lanes, k, atol, rtol)
    if ended:
        emit_rest(call, ws, lanes, over)
        for k in range(W):
            if lanes[L_PHASE + k] == FINISHED:
                if lanes[L_ROW + k] >= 0:
                    report(call, ws, lanes, k)
                take(call, ws, lanes, k)


def blame(call: PI, ws: PF, lanes: PI, k: I, atol: PF, rtol: F) -> None:
    """Find out why a row failed and which state is to blame."""
    worst = 0
    if lanes[L_ENDED + k] == CODE_TOO_SMALL:
        singular = False
        for i in range(NLU):
            entry = ws[W_LU + i * W + k]
            if entry - entry != 0.0:
                singular = True
        largest = -1.0
        for i in range(N):
            error = ws[W_K + ((STAGES - 1) * N + i) * W + k]
            share = fabs(error) / (atol[i] + rtol * fabs(ws[W_Y + i * W + k]))
            if share > largest:
                largest = share
                worst = i
        if singular:
            lanes[L_ENDED + k] = CODE_SINGULAR
        elif lanes[L_EVENTS + k] > FEW_EVENTS:
            lanes[L_ENDED + k] = CODE_STORM
    # Look at the slopes here, and a little further on: a domain may end at this point.
    h = load(ws + W_H, 0)
    rhs(ws + W_T, ws + W_Y, ws + W_Q, ws + W_F)
    for i in range(N):
        store(ws + W_YD, i, load(ws + W_Y, i) + 2.0 * h * load(ws + W_F, i))
    store(ws + W_TS, 0, load(ws + W_T, 0) + 2.0 * h)
    rhs(ws + W_TS, ws + W_YD, ws + W_Q, ws + W_B)
    broken = False
    for i in range(N):
        here = ws[W_F + i * W + k]
        there = ws[W_B + i * W + k]
        if ((here - here != 0.0) or (there - there != 0.0)) and (not broken):
            broken = True
            worst = i
    ended = lanes[L_ENDED + k]
    if broken and ((ended == CODE_TOO_SMALL) or (ended == CODE_NOT_A_NUMBER)):
        lanes[L_ENDED + k] = CODE_NOT_A_NUMBER
    codes = ints(call[C_WORST])
    codes[lanes[L_ROW + k]] = worst


def report(call: PI, ws: PF, lanes: PI, k: I) -> None:
    """Write how the integration of a row went."""
    row = lanes[L_ROW + k]
    code = ints(call[C_CODE])
    code[row] = lanes[L_ENDED + k]
    time = floats(call[C_TIME])
    time[row] = ws[W_T + k]
    taken = floats(call[C_STEPS])
    taken[row] = ws[W_TAKEN + k]
    refused = floats(call[C_REFUSED])
    refused[row] = ws[W_REFUSED + k]
    state = floats(call[C_STATE])
    for i in range(N):
        state[row * N + i] = ws[W_Y + i * W + k]
