# mypy: disable-error-code="name-defined, no-any-return"
"""Rows enter lanes: parameters, initial states, the segment and action of a slot; in the mini language.

Names in capitals are constants of the ``workspace``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    I,
    M,
    atomic_add,
    floats,
    ints,
    lane,
    load,
    mask_store,
    put,
    splat,
    to_float,
    unroll,
)
from catena.numerics.ode.kernel.tangents import refresh_tangents, start_tangents


def take(call: PI, ws: PF, lanes: PI, k: I) -> None:
    """Load the next row of the queue into lane ``k``, or leave the lane idle."""
    row = -1
    cancel = ints(call[C_CANCEL])
    if cancel[0] == 0:
        row = atomic_add(ints(call[C_QUEUE]), 0, 1)
        if row >= call[C_ROWS]:
            row = -1
    lanes[L_ROW + k] = row
    if row < 0:
        lanes[L_PHASE + k] = IDLE
        ws[W_ACTIVE + k] = 0.0
        return
    p = floats(call[C_P]) + row * call[C_P_STRIDE]
    for i in range(NP):
        ws[W_P + i * W + k] = p[i]
    times = floats(call[C_TIMES]) + row * call[C_TIMES_STRIDE]
    start = floats(call[C_START]) + row * call[C_START_STRIDE]
    ws[W_T + k] = start[0]
    ws[W_END + k] = times[call[C_NT] - 1]
    ws[W_DUE + k] = times[0]
    for name in unroll((W_LAST_ERROR, W_HELD, W_LANDING, W_TAKEN, W_REFUSED)):
        ws[name + k] = 0.0
    ws[W_LAST_STEP + k] = 1.0
    ws[W_NATURAL + k] = 1.0
    ws[W_SINCE + k] = -INFINITY
    ws[W_ACTIVE + k] = 1.0
    lanes[L_NEXT + k] = 0
    lanes[L_EVENTS + k] = 0
    lanes[L_ENDED + k] = CODE_OK
    lanes[L_RESTART + k] = 2
    lanes[L_PHASE + k] = LOADED
    if TANGENTS:
        for d in range(call[C_DIRECTIONS]):
            block = ws + T_BASE + d * T_STRIDE
            seed = floats(call[C_DP]) + row * call[C_DP_STRIDE] + d * NP
            for i in range(NP):
                block[T_P + i * W + k] = seed[i]
    enter(call, ws, lanes, k, 0)


def enter(call: PI, ws: PF, lanes: PI, k: I, slot: I) -> None:
    """Load the segment and action of a slot into lane ``k``."""
    row = lanes[L_ROW + k]
    segment = floats(call[C_SEGMENT]) + row * call[C_SEGMENT_STRIDE] + slot * NS
    for i in range(NS):
        ws[W_S + i * W + k] = segment[i]
    actions = ints(call[C_SLOT_ACTION]) + row * call[C_SLOT_ACTION_STRIDE]
    amounts = floats(call[C_SLOT_AMOUNT]) + row * call[C_SLOT_AMOUNT_STRIDE]
    lanes[L_ACTION + k] = actions[slot]
    ws[W_AMOUNT + k] = amounts[slot]
    lanes[L_SLOT + k] = slot
    if TANGENTS:
        slots = call[C_SLOTS] + 1
        for d in range(call[C_DIRECTIONS]):
            block = ws + T_BASE + d * T_STRIDE
            if NS > 0:
                bend_ = floats(call[C_DSEGMENT]) + row * call[C_DSEGMENT_STRIDE]
                bend_ = bend_ + (d * slots + slot) * NS * call[C_HAS_DSEGMENT]
                for i in range(NS):
                    block[T_S + i * W + k] = bend_[i] * to_float(call[C_HAS_DSEGMENT])
            dose = floats(call[C_DAMOUNT]) + row * call[C_DAMOUNT_STRIDE]
            dose = dose + (d * slots + slot) * call[C_HAS_DAMOUNT]
            block[T_A + k] = dose[0] * to_float(call[C_HAS_DAMOUNT])


def begin(call: PI, ws: PF, lanes: PI) -> None:
    """Give new rows their initial states; what happens at the start is due next."""
    begun = in_phase(lanes, LOADED)
    prepare(ws + W_P, ws + W_S, ws + W_Q)
    initial(ws + W_P, ws + W_X)
    for i in range(N):
        mask_store(ws + W_Y, i, load(ws + W_X, i), begun)
    if TANGENTS:
        start_tangents(call[C_DIRECTIONS], ws, begun)
        refresh_tangents(call[C_DIRECTIONS], ws)
    for k in range(W):
        if lane(begun, k):
            if call[C_Y0] != 0:
                given = floats(call[C_Y0]) + lanes[L_ROW + k] * call[C_Y0_STRIDE]
                for i in range(N):
                    ws[W_Y + i * W + k] = given[i]
                if TANGENTS:
                    for d in range(call[C_DIRECTIONS]):
                        block = ws + T_BASE + d * T_STRIDE
                        seed = floats(call[C_DY0]) + lanes[L_ROW + k] * call[C_DY0_STRIDE]
                        seed = seed + d * N * call[C_HAS_DY0]
                        for i in range(N):
                            block[T_Y + i * W + k] = seed[i] * to_float(call[C_HAS_DY0])
            lanes[L_PHASE + k] = ACT


def in_phase(lanes: PI, phase: I) -> M:
    """Return the lanes in a phase."""
    found = splat(0.0) > 1.0
    for k in range(W):
        found = put(found, k, lanes[L_PHASE + k] == phase)
    return found
