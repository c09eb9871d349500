# mypy: disable-error-code="name-defined, no-any-return"
"""One Rosenbrock step of all lanes at once, and what is read off it; in the mini language.

These functions are translated to machine code by ``lang``. Names in capitals are constants of the
``workspace``; ``rhs``, ``factor``, ``solve``, ... are the straight-line functions of the system.
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    PF,
    F,
    V,
    fabs,
    fmax,
    fmin,
    load,
    select,
    splat,
    sqrt,
    store,
    unroll,
)
from catena.numerics.ode.kernel.mathlib_exponential import exp, log


def step(ws: PF) -> None:
    """Try one step from Y over H: stage values to YS, increments to K, the end state to YN."""
    t = load(ws + W_T, 0)
    h = load(ws + W_H, 0)
    store(ws + W_IH, 0, 1.0 / h)
    store(ws + W_IHG, 0, 1.0 / (h * GAMMA))
    if TIMED:
        factor(ws + W_T, ws + W_Y, ws + W_Q, ws + W_IHG, ws + W_LU, ws + W_FT)
    else:
        factor(ws + W_T, ws + W_Y, ws + W_Q, ws + W_IHG, ws + W_LU)
    rhs(ws + W_T, ws + W_Y, ws + W_Q, ws + W_F)
    for j in unroll(STAGES):
        for i in range(N):
            value = load(ws + W_Y, i)
            drag = splat(0.0)
            for m in unroll(j):
                k = load(ws + W_K, m * N + i)
                if j < CHAINED:
                    value = value + A[j][m] * k
                drag = drag + C[j][m] * k
            if j >= CHAINED:
                # A chained stage starts where the one before ended.
                value = load(ws + W_YS, YS_STEP * (j - 1) + i) + load(ws + W_K, (j - 1) * N + i)
            if TIMED:
                if (D[j] != 0.0) and (not MASS):
                    drag = drag + D[j] * h * h * load(ws + W_FT, i)
            store(ws + W_B, i, drag)
            if j > 0:
                store(ws + W_YS, YS_STEP * j + i, value)
        if j > 0:
            store(ws + W_TS, 0, t + ALPHA[j] * h)
            rhs(ws + W_TS, ws + W_YS + YS_STEP * j * W, ws + W_Q, ws + W_F)
        if MASS:
            weigh(ws + W_B, ws + W_X)
            for i in range(N):
                drag = load(ws + W_X, i)
                if TIMED:
                    if D[j] != 0.0:
                        drag = drag + D[j] * h * h * load(ws + W_FT, i)
                store(ws + W_B, i, drag)
        solve(ws + W_LU, ws + W_F, ws + W_B, ws + W_IH, ws + W_K + j * N * W)
    for i in range(N):
        last = load(ws + W_YS, YS_STEP * (STAGES - 1) + i)
        store(ws + W_YN, i, last + load(ws + W_K, (STAGES - 1) * N + i))


def error_norm(ws: PF, rtol: F, atol: PF) -> V:
    """Return the size of the error estimate in units of its tolerance, per lane.

    The root mean square over the states, but at least half the largest: the mean alone lets one state
    among thirty err by five times its tolerance.
    """
    total = splat(0.0)
    largest = splat(0.0)
    for i in range(N):
        size = fmax(fabs(load(ws + W_Y, i)), fabs(load(ws + W_YN, i)))
        share = load(ws + W_K, (STAGES - 1) * N + i) / (atol[i] + rtol * size)
        total = total + share * share
        largest = fmax(largest, fabs(share))
    # The sum comes second: where it is not a number, neither is the result.
    return fmax(0.5 * largest, sqrt(total / N))


def root(x: V) -> V:
    """Return the root of the method's order: a step's error grows with that power of its length."""
    if ORDER == 4:
        return sqrt(sqrt(x))
    else:
        return exp(log(fmax(x, splat(1e-300))) / ORDER)


def growth(ws: PF, error: V) -> V:
    """Return by how much the step may grow after an error, per lane.

    The elementary controller of Hairer and Wanner (1996), section IV.8, with Gustafsson's
    prediction from the last two accepted steps (doi:10.1145/198429.198437).
    """
    plain = root(error) / 0.9
    last = load(ws + W_LAST_ERROR, 0)
    ratio = load(ws + W_LAST_STEP, 0) / load(ws + W_H, 0)
    predicted = ratio * root(error * error / fmax(last, splat(1e-300))) / 0.9
    known = last > 0.0
    good = error <= 1.0
    divisor = select(known & good, fmax(plain, predicted), plain)
    return 1.0 / fmax(splat(1.0 / 6.0), fmin(splat(5.0), divisor))


def interpolate(ws: PF, theta: V) -> None:
    """Write the states a share ``theta`` into the step just tried to YD."""
    for i in range(N):
        end = load(ws + W_YN, i)
        start = load(ws + W_Y, i)
        curve = splat(0.0)
        for m in unroll(NDENSE):
            weight = splat(0.0)
            for j in unroll(DENSE_STAGES):
                weight = weight + DENSE[NDENSE - 1 - m][j] * load(ws + W_K, j * N + i)
            curve = curve * theta + weight
        store(ws + W_YD, i, (1.0 - theta) * start + theta * (end + (1.0 - theta) * curve))


def scaled_norm(ws: PF, vector: PF, rtol: F, atol: PF) -> V:
    """Return the root mean square of a state-sized vector over the tolerance at Y, per lane."""
    total = splat(0.0)
    for i in range(N):
        share = load(vector, i) / (atol[i] + rtol * fabs(load(ws + W_Y, i)))
        total = total + share * share
    return sqrt(total / N)


def first_step(ws: PF, rtol: F, atol: PF) -> V:
    """Return a step to begin with from two right-hand sides, per lane.

    Source: Hairer, Norsett and Wanner, Solving Ordinary Differential Equations I (1993), II.4.
    """
    rhs(ws + W_T, ws + W_Y, ws + W_Q, ws + W_F)
    size = splat(0.0)
    for i in range(N):
        share = load(ws + W_Y, i) / (atol[i] + rtol * fabs(load(ws + W_Y, i)))
        size = size + share * share
    size = sqrt(size / N)
    slope = scaled_norm(ws, ws + W_F, rtol, atol)
    tiny = (size < 1e-5) | (slope < 1e-5)
    guess = select(tiny, splat(1e-6), 0.01 * size / fmax(slope, splat(1e-300)))
    guess = fmin(guess, load(ws + W_END, 0) - load(ws + W_T, 0))
    guess = fmax(guess, splat(1e-300))
    for i in range(N):
        store(ws + W_YD, i, load(ws + W_Y, i) + guess * load(ws + W_F, i))
    store(ws + W_TS, 0, load(ws + W_T, 0) + guess)
    rhs(ws + W_TS, ws + W_YD, ws + W_Q, ws + W_B)
    for i in range(N):
        store(ws + W_B, i, (load(ws + W_B, i) - load(ws + W_F, i)) / guess)
    bend = fmax(slope, scaled_norm(ws, ws + W_B, rtol, atol))
    longest = select(bend <= 1e-15, fmax(splat(1e-6), guess * 1e-3),
                  root(0.01 / fmax(bend, splat(1e-300))))  # fmt: skip
    # A right-hand side that is not finite after the guess leaves the guess.
    return select(longest > 0.0, fmin(100.0 * guess, longest), guess)
