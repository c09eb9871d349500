# mypy: disable-error-code="name-defined"
"""The exact derivative of the discrete solution, in several directions; in the mini language.

Every step is differentiated with its length held fixed. The matrix that a stage is solved with is the
one already factorised, so a direction costs sparse products and two triangular solves per stage:
``E dk_i = J_i dy_i + f_q dq + dJ k_i + M sum_j c_ij dk_j / h + h d_i df_t``. What a linearisation
needs is computed once for all directions. Names in capitals are constants of the ``workspace``.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    PF,
    I,
    M,
    V,
    load,
    mask_store,
    splat,
    store,
    unroll,
)


def push_step(directions: I, ws: PF) -> None:
    """Differentiate the step just tried: increments of all directions to T_K."""
    t = load(ws + W_T, 0)
    h = load(ws + W_H, 0)
    linearise_jacobian(ws + W_T, ws + W_Y, ws + W_Q, ws + W_WJ)
    for d in range(directions):
        block = ws + T_BASE + d * T_STRIDE
        if TIMED:
            push_jacobian(ws + W_WJ, block + T_Y, block + T_Q, block + T_J, block + T_FT)
        else:
            push_jacobian(ws + W_WJ, block + T_Y, block + T_Q, block + T_J)
    for j in unroll(STAGES):
        if j == 0:
            linearise_rhs(ws + W_T, ws + W_Y, ws + W_Q, ws + W_WR)
        else:
            store(ws + W_TS, 0, t + ALPHA[j] * h)
            linearise_rhs(ws + W_TS, ws + W_YS + j * N * W, ws + W_Q, ws + W_WR)
        for d in range(directions):
            block = ws + T_BASE + d * T_STRIDE
            for i in range(N):
                value = load(block + T_Y, i)
                drag = splat(0.0)
                for m in unroll(j):
                    k = load(block + T_K, m * N + i)
                    if j < CHAINED:
                        value = value + A[j][m] * k
                    drag = drag + C[j][m] * k
                if j >= CHAINED:
                    value = load(block + T_YS, i) + load(block + T_K, (j - 1) * N + i)
                store(block + T_YS, i, value)
                if MASS:
                    store(ws + W_X, i, drag)
                else:
                    store(ws + W_B, i, drag)
            if MASS:
                weigh(ws + W_X, ws + W_B)
            push_rhs(ws + W_WR, block + T_YS, block + T_Q, block + T_F)
            bend(block + T_J, ws + W_K + j * N * W, block + T_X)
            for i in range(N):
                slope = load(block + T_F, i) + load(block + T_X, i)
                if TIMED:
                    if D[j] != 0.0:
                        slope = slope + D[j] * h * load(block + T_FT, i)
                store(block + T_F, i, slope)
            solve(ws + W_LU, block + T_F, ws + W_B, ws + W_IH, block + T_K + j * N * W)


def keep_step(directions: I, ws: PF, keep: M) -> None:
    """Move the sensitivities to the end of the step where it is accepted."""
    for d in range(directions):
        block = ws + T_BASE + d * T_STRIDE
        for i in range(N):
            end = load(block + T_YS, i) + load(block + T_K, (STAGES - 1) * N + i)
            mask_store(block + T_Y, i, end, keep)


def interpolate_tangents(directions: I, ws: PF, theta: V) -> None:
    """Write the sensitivities a share ``theta`` into the step to T_YD."""
    for d in range(directions):
        block = ws + T_BASE + d * T_STRIDE
        for i in range(N):
            end = load(block + T_YS, i) + load(block + T_K, (STAGES - 1) * N + i)
            curve = splat(0.0)
            for m in unroll(NDENSE):
                weight = splat(0.0)
                for j in unroll(DENSE_STAGES):
                    weight = weight + DENSE[NDENSE - 1 - m][j] * load(block + T_K, j * N + i)
                curve = curve * theta + weight
            start = load(block + T_Y, i)
            store(block + T_YD, i, (1.0 - theta) * start + theta * (end + (1.0 - theta) * curve))


def start_tangents(directions: I, ws: PF, begun: M) -> None:
    """Give new rows the derivatives of their initial states."""
    for d in range(directions):
        block = ws + T_BASE + d * T_STRIDE
        initial_tangent(ws + W_P, block + T_P, block + T_X)
        for i in range(N):
            mask_store(block + T_Y, i, load(block + T_X, i), begun)


def refresh_tangents(directions: I, ws: PF) -> None:
    """Recompute what follows from the derivatives of parameters and segment values."""
    for d in range(directions):
        block = ws + T_BASE + d * T_STRIDE
        prepare_tangent(ws + W_P, ws + W_S, block + T_P, block + T_S, block + T_Q)
