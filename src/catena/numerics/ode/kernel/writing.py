# mypy: disable-error-code="name-defined, no-any-return"
"""Outputs of rows, from inside steps and at the end; in the mini language.

Names in capitals are constants of the ``workspace``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    I,
    M,
    V,
    any_,
    floats,
    fmax,
    lane,
    load,
    select,
    splat,
    store,
)
from catena.numerics.ode.kernel.step import interpolate
from catena.numerics.ode.kernel.tangents import interpolate_tangents


def emit_inside(call: PI, ws: PF, lanes: PI, keep: M, before: V) -> None:
    """Write the outputs of the step just accepted that are due before a time, mostly its end."""
    ready = keep & (load(ws + W_DUE, 0) < before)
    while any_(ready):
        t = load(ws + W_T, 0)
        due = load(ws + W_DUE, 0)
        theta = select(ready, fmax((due - t) / load(ws + W_H, 0), splat(0.0)), splat(0.0))
        interpolate(ws, theta)
        if TANGENTS:
            interpolate_tangents(call[C_DIRECTIONS], ws, theta)
        store(ws + W_TS, 0, select(ready, due, t))
        write(call, ws, lanes, ready)
        ready = keep & (load(ws + W_DUE, 0) < before)


def emit_rest(call: PI, ws: PF, lanes: PI, over: M) -> None:
    """Write the outputs that are left of rows that are over, at their last state."""
    ready = over & (load(ws + W_DUE, 0) < INFINITY)
    while any_(ready):
        for i in range(N):
            store(ws + W_YD, i, load(ws + W_Y, i))
        if TANGENTS:
            for d in range(call[C_DIRECTIONS]):
                block = ws + T_BASE + d * T_STRIDE
                for i in range(N):
                    store(block + T_YD, i, load(block + T_Y, i))
        store(ws + W_TS, 0, load(ws + W_T, 0))
        write(call, ws, lanes, ready)
        ready = over & (load(ws + W_DUE, 0) < INFINITY)


def write(call: PI, ws: PF, lanes: PI, ready: M) -> None:
    """Compute the outputs from YD at TS and store those of the lanes that are ready."""
    outputs(ws + W_TS, ws + W_YD, ws + W_Q, ws + W_O)
    nt = call[C_NT]
    scatter(ws + W_O, floats(call[C_OUT]), lanes, ready, nt, 1, 0)
    if TANGENTS:
        directions = call[C_DIRECTIONS]
        linearise_outputs(ws + W_TS, ws + W_YD, ws + W_Q, ws + W_WO)
        for d in range(directions):
            block = ws + T_BASE + d * T_STRIDE
            push_outputs(ws + W_WO, block + T_YD, block + T_Q, block + T_O)
            scatter(block + T_O, floats(call[C_TANGENTS]), lanes, ready, nt, directions, d)
        if call[C_SLOPES] != 0:
            rhs(ws + W_TS, ws + W_YD, ws + W_Q, ws + W_FN)
            outputs_rate(ws + W_TS, ws + W_YD, ws + W_Q, ws + W_FN, ws + W_O)
            scatter(ws + W_O, floats(call[C_RATES]), lanes, ready, nt, 1, 0)
    for k in range(W):
        if lane(ready, k):
            times = floats(call[C_TIMES]) + lanes[L_ROW + k] * call[C_TIMES_STRIDE]
            following = lanes[L_NEXT + k] + 1
            lanes[L_NEXT + k] = following
            ws[W_DUE + k] = INFINITY
            if following < nt:
                ws[W_DUE + k] = times[following]


def scatter(values: PF, table: PF, lanes: PI, ready: M, nt: I, many: I, which: I) -> None:
    """Store one set of outputs per ready lane at its row and time of a table."""
    for k in range(W):
        if lane(ready, k):
            place = ((lanes[L_ROW + k] * many + which) * nt + lanes[L_NEXT + k]) * NO
            for i in range(NO):
                table[place + i] = values[i * W + k]
