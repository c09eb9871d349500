# mypy: disable-error-code="name-defined, no-any-return"
"""The loop that takes rows from a queue through their steps, stops and outputs; in the mini language.

A lane holds one row at a time. All lanes step together, each with its own time and step length; a
lane whose row is done takes the next from the queue, so that a slow row never holds up the others.
What a row does depends on nothing in its neighbours, hence results are the same to the last bit
whatever the number of threads. Names in capitals are constants of the ``workspace``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.crossings import land, watch
from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    B,
    F,
    M,
    V,
    all_,
    any_,
    fabs,
    floats,
    fmax,
    fmin,
    ints,
    isnan,
    lane,
    load,
    mask_store,
    select,
    splat,
    store,
    to_float,
)
from catena.numerics.ode.kernel.rows import settle
from catena.numerics.ode.kernel.step import error_norm, growth, step
from catena.numerics.ode.kernel.tangents import keep_step, push_step
from catena.numerics.ode.kernel.writing import emit_inside


def drive(call: PI, ws: PF, lanes: PI) -> None:
    """Integrate rows from the queue until it is empty.

    Args:
        call: Descriptor of the call, see ``workspace.CALL``.
        ws: Workspace of this thread, filled with finite numbers.
        lanes: Integers of the lanes, see ``workspace.LANE``.
    """
    tolerance = floats(call[C_RTOL])
    rtol = tolerance[0]
    atol = floats(call[C_ATOL])
    cancel = ints(call[C_CANCEL])
    for k in range(W):
        lanes[L_PHASE + k] = FINISHED
        lanes[L_ROW + k] = -1
    settle(call, ws, lanes, rtol, atol)
    while running(lanes):
        if cancel[0] != 0:
            abandon(lanes)
            settle(call, ws, lanes, rtol, atol)
        else:
            propose(ws)
            step(ws)
            if advance(call, ws, lanes, rtol, atol):
                settle(call, ws, lanes, rtol, atol)


def running(lanes: PI) -> B:
    """Whether any lane holds a row."""
    for k in range(W):
        if lanes[L_PHASE + k] == RUN:
            return True
    return False


def abandon(lanes: PI) -> None:
    """End all rows because the caller asked for it."""
    for k in range(W):
        if lanes[L_PHASE + k] == RUN:
            lanes[L_PHASE + k] = FINISHED
            lanes[L_ENDED + k] = CODE_CANCELLED


def propose(ws: PF) -> None:
    """Choose the step to try: the natural one, cut at the next stop."""
    natural = load(ws + W_NATURAL, 0)
    left = load(ws + W_TARGET, 0) - load(ws + W_T, 0)
    # Landing a hair before a stop would leave a step too small to take.
    h = select(natural * 1.000001 >= left, left, natural)
    if NC > 0:
        h = select(load(ws + W_LANDING, 0) > 0.0, load(ws + W_LANDING, 0), h)
    # Idle lanes compute along on their last row.
    store(ws + W_H, 0, select(load(ws + W_ACTIVE, 0) > 0.0, h, splat(1e-3)))


def advance(call: PI, ws: PF, lanes: PI, rtol: F, atol: PF) -> B:
    """Accept or refuse the step of every lane; return whether a lane needs attention."""
    t = load(ws + W_T, 0)
    h = load(ws + W_H, 0)
    target = load(ws + W_TARGET, 0)
    active = load(ws + W_ACTIVE, 0) > 0.0
    error = error_norm(ws, rtol, atol)
    keep = active & (error <= 1.0)
    refused = active & ~(error <= 1.0)
    now = select(h == target - t, target, t + h)
    renew_step(ws, error, keep, refused)
    if NC > 0:
        keep = watch(ws, keep, now)
    tries = load(ws + W_TAKEN, 0) + load(ws + W_REFUSED, 0) + 1.0
    store(ws + W_TAKEN, 0, load(ws + W_TAKEN, 0) + select(keep, splat(1.0), splat(0.0)))
    lost = select(active & ~keep, splat(1.0), splat(0.0))
    store(ws + W_REFUSED, 0, load(ws + W_REFUSED, 0) + lost)
    if TANGENTS:
        if any_(keep):
            push_step(call[C_DIRECTIONS], ws)
    before = now
    if NC > 0:
        # What falls on an event, to the precision of its moment, is seen after it.
        before = select(load(ws + W_LANDING, 0) > 0.0, now - 1e-9 * h, now)
    emit_inside(call, ws, lanes, keep, before)
    if TANGENTS:
        keep_step(call[C_DIRECTIONS], ws, keep)
    if all_(keep | ~active):
        # The usual case, apart because masked stores are slow on many processors.
        for i in range(N):
            store(ws + W_Y, i, load(ws + W_YN, i))
    else:
        for i in range(N):
            mask_store(ws + W_Y, i, load(ws + W_YN, i), keep)
    store(ws + W_T, 0, select(keep, now, t))
    attention = False
    if NC > 0:
        attention = land(ws, lanes, call[C_DIRECTIONS], keep)
    natural = load(ws + W_NATURAL, 0)
    tiny = active & ((natural <= 1e-15 * fabs(t)) | (natural < 1e-40))
    stopped = keep & (now >= target)
    many = active & (tries >= to_float(call[C_MAX_STEPS])) & ~(keep & (now >= load(ws + W_END, 0)))
    if any_(stopped | tiny | many):
        attention = True
        for k in range(W):
            if lanes[L_PHASE + k] == RUN:
                if lane(tiny, k):
                    lanes[L_PHASE + k] = FINISHED
                    lanes[L_ENDED + k] = CODE_TOO_SMALL
                elif lane(many, k):
                    lanes[L_PHASE + k] = FINISHED
                    lanes[L_ENDED + k] = CODE_TOO_MANY
                elif lane(stopped, k):
                    lanes[L_PHASE + k] = CHECK
    return attention


def renew_step(ws: PF, error: V, keep: M, refused: M) -> None:
    """Choose the step after this one, per lane."""
    h = load(ws + W_H, 0)
    natural = load(ws + W_NATURAL, 0)
    change = select(isnan(error), splat(0.1), growth(ws, error))
    # No growth right after a refusal.
    again = load(ws + W_HELD, 0) > 0.0
    change = select(keep & again, fmin(change, splat(1.0)), change)
    after = h * change
    # A step cut short at a stop says little: keep what was natural before.
    after = select(keep & (h < natural), fmax(after, natural), after)
    store(ws + W_NATURAL, 0, select(keep | refused, after, natural))
    store(ws + W_HELD, 0, select(refused, splat(1.0), splat(0.0)))
    store(ws + W_LAST_STEP, 0, select(keep, h, load(ws + W_LAST_STEP, 0)))
    least = fmax(error, splat(0.01))
    store(ws + W_LAST_ERROR, 0, select(keep, least, load(ws + W_LAST_ERROR, 0)))
    store(ws + W_LANDING, 0, select(refused, splat(0.0), load(ws + W_LANDING, 0)))
