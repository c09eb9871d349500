# mypy: disable-error-code="name-defined, no-any-return"
"""State events: functions of the state whose rise through zero stops a lane; in the mini language.

A step over which one rises is looked into by bisection on the dense output, then tried again so
that it ends where the function has just become positive; there the action is applied. Names in
capitals are constants of the ``workspace``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    B,
    F,
    I,
    M,
    V,
    any_,
    fabs,
    lane,
    load,
    mask_store,
    put,
    select,
    splat,
    store,
    unroll,
)
from catena.numerics.ode.kernel.step import interpolate


def risen(ws: PF, after: PF) -> M:
    """Whether any function rose from G to ``after``, per lane."""
    found = splat(0.0) > 1.0
    for c in range(NC):
        found = found | ((load(ws + W_G, c) <= 0.0) & (load(after, c) > 0.0))
    return found


def watch(ws: PF, keep: M, now: V) -> M:
    """Hold back lanes that pass an event inside the step; return the lanes that go on.

    Args:
        ws: Workspace; the step tried is in YN and K.
        keep: Lanes whose step is accurate enough.
        now: Time at the end of the step.
    """
    store(ws + W_TS, 0, now)
    crossings(ws + W_TS, ws + W_YN, ws + W_Q, ws + W_GN)
    passed = keep & risen(ws, ws + W_GN) & ~(load(ws + W_LANDING, 0) > 0.0)
    if any_(passed):
        t = load(ws + W_T, 0)
        h = load(ws + W_H, 0)
        before = splat(0.0)
        behind = splat(1.0)
        # 2**-36 of a step is below 1e-10 of it.
        for _ in range(36):
            middle = 0.5 * (before + behind)
            interpolate(ws, middle)
            store(ws + W_TS, 0, t + middle * h)
            crossings(ws + W_TS, ws + W_YD, ws + W_Q, ws + W_DG)
            up = risen(ws, ws + W_DG)
            behind = select(up, middle, behind)
            before = select(up, before, middle)
        cut = passed & (behind < 1.0 - 1e-9)
        store(
            ws + W_LANDING, 0, select(passed, select(cut, behind * h, h), load(ws + W_LANDING, 0))
        )
        keep = keep & ~cut
    if TANGENTS:
        # The slope just before the event; the event itself may switch the right-hand side.
        interpolate(ws, splat(1.0 - 1e-6))
        store(ws + W_TS, 0, load(ws + W_T, 0) + (1.0 - 1e-6) * load(ws + W_H, 0))
        rhs(ws + W_TS, ws + W_YD, ws + W_Q, ws + W_FN)
    return keep


def land(ws: PF, lanes: PI, directions: I, keep: M) -> B:
    """Apply what happens at the ends of steps; return whether a lane needs attention."""
    for c in range(NC):
        store(
            ws + W_G, c, select(keep & ~risen(ws, ws + W_GN), load(ws + W_GN, c), load(ws + W_G, c))
        )
    fired = keep & risen(ws, ws + W_GN)
    store(ws + W_LANDING, 0, select(keep, splat(0.0), load(ws + W_LANDING, 0)))
    if any_(fired):
        fire(ws, lanes, directions, fired, 1.0)
        return True
    return False


def fire(ws: PF, lanes: PI, directions: I, where: M, moving: F) -> None:
    """Apply the actions of the functions that rose from G to GN, and what they set off in turn.

    Args:
        ws: Workspace.
        lanes: Integers of the lanes.
        directions: Number of directions of the derivative.
        where: Lanes in which a function rose.
        moving: 1 when the moment follows the states, 0 when it is that of a stop.
    """
    if TANGENTS:
        shift_tangents(ws, directions, moving)
    store(ws + W_AMOUNT, 0, splat(0.0))
    left = where
    while any_(left):
        for which in unroll(NC):
            rose = left & (load(ws + W_G, which) <= 0.0) & (load(ws + W_GN, which) > 0.0)
            if any_(rose):
                count(ws, lanes, rose)
                if ON_CROSSING[which] > 0:
                    if TANGENTS:
                        for d in range(directions):
                            block = ws + T_BASE + d * T_STRIDE
                            store(block + T_A, 0, splat(0.0))
                            ACTION_TANGENTS[ON_CROSSING[which] - 1](
                                ws + W_T, ws + W_Y, ws + W_Q, ws + W_AMOUNT, block + T_YS,
                                block + T_Q, block + T_A, block + T_SHIFT, block + T_X,
                            )  # fmt: skip
                            for i in range(N):
                                mask_store(block + T_YS, i, load(block + T_X, i), rose)
                    ACTIONS[ON_CROSSING[which] - 1](
                        ws + W_T, ws + W_Y, ws + W_Q, ws + W_AMOUNT, ws + W_X
                    )
                    for i in range(N):
                        mask_store(ws + W_Y, i, load(ws + W_X, i), rose)
                elif ON_CROSSING[which] == -1:
                    for k in range(W):
                        if lane(rose, k):
                            lanes[L_PHASE + k] = FINISHED
                            lanes[L_ENDED + k] = CODE_TERMINAL
        for c in range(NC):
            mask_store(ws + W_G, c, load(ws + W_GN, c), left)
        crossings(ws + W_T, ws + W_Y, ws + W_Q, ws + W_GN)
        left = left & risen(ws, ws + W_GN)
        for k in range(W):
            if lanes[L_PHASE + k] == FINISHED:
                left = put(left, k, False)
    # What has fallen back is armed again.
    for c in range(NC):
        mask_store(ws + W_G, c, load(ws + W_GN, c), where)
    if TANGENTS:
        shift_back(ws, directions, where)


def count(ws: PF, lanes: PI, rose: M) -> None:
    """Count state events that follow each other without time passing; too many end the row."""
    for k in range(W):
        if lane(rose, k):
            t = ws[W_T + k]
            lanes[L_RESTART + k] = 1
            if t - ws[W_SINCE + k] > 1e-9 * (fabs(t) + fabs(ws[W_END + k])):
                lanes[L_EVENTS + k] = 0
            ws[W_SINCE + k] = t
            lanes[L_EVENTS + k] = lanes[L_EVENTS + k] + 1
            if lanes[L_EVENTS + k] > EVENT_LIMIT:
                lanes[L_PHASE + k] = FINISHED
                lanes[L_ENDED + k] = CODE_STORM


def shift_tangents(ws: PF, directions: I, moving: F) -> None:
    """Account for the shift of the event in time: sensitivities at the shifted moment, to T_YS.

    With ``g`` the function that rises, the moment moves by ``-dg / (dg/dt)``, and the state there by
    the slope before the event times that (the saltation matrix; Hiskens and Pai 2000,
    doi:10.1109/81.828574).
    """
    for i in range(NQ):
        store(ws + W_ZERO, i, splat(0.0))
    store(ws + W_ONE, 0, splat(1.0))
    crossings_tangent(ws + W_T, ws + W_Y, ws + W_Q, ws + W_FN, ws + W_ZERO, ws + W_ONE, ws + W_DG)
    slope = splat(1.0)
    for c in range(NC):
        slope = select(first_risen(ws, c), load(ws + W_DG, c), slope)
    for d in range(directions):
        block = ws + T_BASE + d * T_STRIDE
        store(block + T_SHIFT, 0, splat(0.0))
        crossings_tangent(
            ws + W_T, ws + W_Y, ws + W_Q, block + T_Y, block + T_Q, block + T_SHIFT, ws + W_DG
        )
        change = splat(0.0)
        for c in range(NC):
            change = select(first_risen(ws, c), load(ws + W_DG, c), change)
        shift = splat(0.0)
        if moving > 0.0:
            shift = -change / slope
        store(block + T_SHIFT, 0, shift)
        for i in range(N):
            store(block + T_YS, i, load(block + T_Y, i) + shift * load(ws + W_FN, i))


def first_risen(ws: PF, c: I) -> M:
    """Whether function ``c`` rose and none before it did, per lane."""
    found = (load(ws + W_G, c) <= 0.0) & (load(ws + W_GN, c) > 0.0)
    for b in range(c):
        found = found & ~((load(ws + W_G, b) <= 0.0) & (load(ws + W_GN, b) > 0.0))
    return found


def shift_back(ws: PF, directions: I, where: M) -> None:
    """Return the sensitivities after the event to the unshifted moment, in T_Y."""
    rhs(ws + W_T, ws + W_Y, ws + W_Q, ws + W_F)
    for d in range(directions):
        block = ws + T_BASE + d * T_STRIDE
        shift = load(block + T_SHIFT, 0)
        for i in range(N):
            after = load(block + T_YS, i) - shift * load(ws + W_F, i)
            mask_store(block + T_Y, i, after, where)
