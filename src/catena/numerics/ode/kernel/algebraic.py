# mypy: disable-error-code="name-defined"
"""Consistent values of algebraic states, by Newton's method; in the mini language.

With an infinitesimal step the matrix of the Rosenbrock method freezes the differential states and is
the Jacobian of the algebraic equations in the others, so the factorisation at hand serves Newton too.
Names in capitals are constants of the ``workspace``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    I,
    M,
    any_,
    fabs,
    fmax,
    lane,
    load,
    mask_store,
    select,
    splat,
    store,
)


def make_consistent(directions: I, ws: PF, lanes: PI, where: M) -> None:
    """Solve the algebraic equations for the algebraic states of some lanes."""
    left = where
    rounds = 0
    while any_(left) and (rounds < 50):
        freeze(ws)
        rhs(ws + W_T, ws + W_Y, ws + W_Q, ws + W_F)
        for i in range(N):
            store(ws + W_F, i, load(ws + W_F, i) * ALGEBRAIC[i])
        solve(ws + W_LU, ws + W_F, ws + W_B, ws + W_IH, ws + W_X)
        change = splat(0.0)
        for i in range(N):
            if ALGEBRAIC[i] > 0.0:
                old = load(ws + W_Y, i)
                move = load(ws + W_X, i)
                # A move that is not finite would only hide that the matrix is singular.
                finite = move - move == 0.0
                mask_store(ws + W_Y, i, old + move, left & finite)
                share = select(finite, fabs(move) / (fabs(old + move) + 1e-12), splat(1.0))
                change = fmax(change, share)
        left = left & ~(change <= 1e-13)
        rounds = rounds + 1
    if any_(left):
        for k in range(W):
            if lane(left, k):
                lanes[L_PHASE + k] = FINISHED
                lanes[L_ENDED + k] = CODE_SINGULAR
    if TANGENTS:
        freeze(ws)
        linearise_rhs(ws + W_T, ws + W_Y, ws + W_Q, ws + W_WR)
        for d in range(directions):
            block = ws + T_BASE + d * T_STRIDE
            push_rhs(ws + W_WR, block + T_Y, block + T_Q, block + T_F)
            for i in range(N):
                store(block + T_F, i, load(block + T_F, i) * ALGEBRAIC[i])
            solve(ws + W_LU, block + T_F, ws + W_B, ws + W_IH, ws + W_X)
            for i in range(N):
                if ALGEBRAIC[i] > 0.0:
                    moved = load(block + T_Y, i) + load(ws + W_X, i)
                    mask_store(block + T_Y, i, moved, where)


def freeze(ws: PF) -> None:
    """Factorise the matrix for an infinitesimal step."""
    store(ws + W_IHG, 0, splat(1e18))
    store(ws + W_IH, 0, splat(0.0))
    for i in range(N):
        store(ws + W_B, i, splat(0.0))
    if TIMED:
        factor(ws + W_T, ws + W_Y, ws + W_Q, ws + W_IHG, ws + W_LU, ws + W_FT)
    else:
        factor(ws + W_T, ws + W_Y, ws + W_Q, ws + W_IHG, ws + W_LU)
