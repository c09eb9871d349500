# mypy: disable-error-code="name-defined, no-any-return"
"""What happens at the stops of a row, and how it sets out again; in the mini language.

Names in capitals are constants of the ``workspace``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.algebraic import make_consistent
from catena.numerics.ode.kernel.crossings import fire, risen
from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    B,
    F,
    I,
    any_,
    floats,
    lane,
    load,
    mask_store,
    put,
    splat,
    store,
    unroll,
)
from catena.numerics.ode.kernel.loading import enter, in_phase
from catena.numerics.ode.kernel.step import first_step


def act(directions: I, ws: PF, lanes: PI) -> None:
    """Apply the actions that are due, in the new segment."""
    due = in_phase(lanes, ACT)
    acted = splat(0.0) > 1.0
    for a in unroll(NACTIONS):
        hit = due
        for k in range(W):
            hit = put(hit, k, lane(hit, k) and (lanes[L_ACTION + k] == a + 1))
        if any_(hit):
            if TANGENTS:
                for d in range(directions):
                    block = ws + T_BASE + d * T_STRIDE
                    store(block + T_SHIFT, 0, splat(0.0))
                    ACTION_TANGENTS[a](
                        ws + W_T, ws + W_Y, ws + W_Q, ws + W_AMOUNT, block + T_Y, block + T_Q,
                        block + T_A, block + T_SHIFT, block + T_X,
                    )  # fmt: skip
                    for i in range(N):
                        mask_store(block + T_Y, i, load(block + T_X, i), hit)
            ACTIONS[a](ws + W_T, ws + W_Y, ws + W_Q, ws + W_AMOUNT, ws + W_X)
            for i in range(N):
                mask_store(ws + W_Y, i, load(ws + W_X, i), hit)
            acted = acted | hit
    for k in range(W):
        if lane(acted, k):
            if lanes[L_RESTART + k] == 0:
                lanes[L_RESTART + k] = 1
        if lane(due, k):
            lanes[L_PHASE + k] = CHECK
    if ALGEBRAIC_STATES > 0:
        make_consistent(directions, ws, lanes, due)
    if NC > 0:
        crossings(ws + W_T, ws + W_Y, ws + W_Q, ws + W_GN)
        fresh = due
        for k in range(W):
            fresh = put(fresh, k, lane(due, k) and (lanes[L_RESTART + k] == 2))
        for c in range(NC):
            mask_store(ws + W_G, c, load(ws + W_GN, c), fresh)
        fired = due & risen(ws, ws + W_GN)
        if any_(fired):
            fire(ws, lanes, directions, fired, 0.0)
        for c in range(NC):
            mask_store(ws + W_G, c, load(ws + W_GN, c), due)


def check(call: PI, ws: PF, lanes: PI, k: I) -> None:
    """Pass to the next slot if it is at this moment, else set out for it."""
    slots = floats(call[C_SLOT_TIME]) + lanes[L_ROW + k] * call[C_SLOT_TIME_STRIDE]
    slot = lanes[L_SLOT + k]
    following = INFINITY
    if slot < call[C_SLOTS]:
        following = slots[slot]
    t = ws[W_T + k]
    end = ws[W_END + k]
    if following <= t:
        enter(call, ws, lanes, k, slot + 1)
        lanes[L_PHASE + k] = FILL
    elif t >= end:
        lanes[L_PHASE + k] = FINISHED
    else:
        lanes[L_PHASE + k] = RUN
        ws[W_TARGET + k] = following if following < end else end


def restart(ws: PF, lanes: PI, rtol: F, atol: PF) -> B:
    """Choose a first step where states have jumped; return whether a row cannot go on."""
    fresh = splat(0.0) > 1.0
    for k in range(W):
        if lanes[L_PHASE + k] == RUN:
            if lanes[L_RESTART + k] > 0:
                fresh = put(fresh, k, True)
                lanes[L_RESTART + k] = 0
    stuck = False
    if any_(fresh):
        h = first_step(ws, rtol, atol)
        mask_store(ws + W_NATURAL, 0, h, fresh)
        mask_store(ws + W_LAST_ERROR, 0, splat(0.0), fresh)
        mask_store(ws + W_HELD, 0, splat(0.0), fresh)
        finite = splat(0.0) < 1.0
        for i in range(N):
            slope = load(ws + W_F, i)
            finite = finite & (slope - slope == 0.0)
        for k in range(W):
            if lane(fresh, k):
                if not lane(finite, k):
                    lanes[L_PHASE + k] = FINISHED
                    lanes[L_ENDED + k] = CODE_NOT_A_NUMBER
                    stuck = True
    return stuck
