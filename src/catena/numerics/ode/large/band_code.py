# mypy: disable-error-code="no-any-return"
"""Factorise and solve a band matrix with row exchanges; in the mini language of the kernel.

LAPACK's dgbtrf spends most of its time on a narrow band between calls of tiny BLAS functions.
Here the rows lie one after the other, each shifted left as its leading entry is eliminated, so
that one vector instruction updates up to eight entries (scheme of bandec in Press et al.,
Numerical Recipes, 3rd edition, 2007, section 2.4).
"""

from __future__ import annotations

from catena.numerics.ode.kernel.lang import (
    PF,
    PI,
    I,
    W,
    fabs,
    function,
    load,
    splat,
    store,
)


@function(noalias=True)
def factorise(rows: PF, factors: PF, pivots: PI, n: I, lower: I, vectors: I, stride: I) -> I:
    """Eliminate column after column.

    Args:
        rows: The matrix; row i begins at ``i * stride`` with its first column that may differ from
            zero (column max(0, i - lower)), padded with zeros. On return the rows of U, their
            first entry inverted.
        factors: Multipliers, ``lower`` per column; written.
        pivots: Row exchanged with each row; written.
        n: Rows.
        lower: Entries below the diagonal.
        vectors: Vectors that cover the entries of a row of U but its first.
        stride: Numbers from row to row; room for one vector past the last.

    Returns:
        0, or 1 + the column in which no pivot was found.
    """
    for k in range(n):
        last = k + lower
        if last > n - 1:
            last = n - 1
        best = k
        size = fabs(rows[k * stride])
        for i in range(k + 1, last + 1):
            other = fabs(rows[i * stride])
            if other > size:
                size = other
                best = i
        pivots[k] = best
        # Also where the entry is not a number.
        if not (size > 0.0):
            return k + 1
        top = rows + k * stride
        if best != k:
            chosen = rows + best * stride
            first = top[0]
            top[0] = chosen[0]
            chosen[0] = first
            for v in range(vectors):
                held = load(top + 1, v)
                store(top + 1, v, load(chosen + 1, v))
                store(chosen + 1, v, held)
        inverse = 1.0 / top[0]
        top[0] = inverse
        multipliers = factors + k * lower
        for i in range(k + 1, last + 1):
            row = rows + i * stride
            share = row[0] * inverse
            multipliers[i - k - 1] = share
            for v in range(vectors):
                store(row, v, load(row + 1, v) - share * load(top + 1, v))
            row[vectors * W] = 0.0
    return 0


@function(noalias=True)
def solve(
    rows: PF, factors: PF, pivots: PI, order: PI, n: I, lower: I, width: I, stride: I,
    right: PF, work: PF, result: PF,
) -> None:  # fmt: skip
    """Solve for one right-hand side.

    Args:
        rows: See ``factorise``; so are ``factors``, ``pivots``, ``n``, ``lower``, ``stride``.
        factors: Multipliers.
        pivots: Exchanged rows.
        order: State at each place of the band.
        n: Rows.
        lower: Entries below the diagonal.
        width: Entries of a row of U.
        stride: Numbers from row to row.
        right: Right-hand side by state, (n,).
        work: Room for n + width numbers.
        result: Solution by state, (n,); written.
    """
    for k in range(n):
        work[k] = right[order[k]]
    for k in range(width):
        work[n + k] = 0.0
    for k in range(n):
        other = pivots[k]
        value = work[other]
        if other != k:
            work[other] = work[k]
            work[k] = value
        last = k + lower
        if last > n - 1:
            last = n - 1
        multipliers = factors + k * lower
        for i in range(k + 1, last + 1):
            work[i] = work[i] - multipliers[i - k - 1] * value
    for back in range(n):
        i = n - 1 - back
        row = rows + i * stride
        value = work[i]
        # The nearest entry last: it has only just been computed.
        for far in range(1, width):
            j = width - far
            value = value - row[j] * work[i + j]
        value = value * row[0]
        work[i] = value
        result[order[i]] = value


@function(noalias=True)
def solve_many(
    rows: PF, factors: PF, pivots: PI, order: PI, n: I, lower: I, width: I, stride: I,
    right: PF, work: PF, result: PF,
) -> None:  # fmt: skip
    """Solve for W right-hand sides at once; as ``solve`` with vectors (n, W) for numbers."""
    for k in range(n):
        store(work, k, load(right, order[k]))
    for k in range(width):
        store(work, n + k, splat(0.0))
    for k in range(n):
        other = pivots[k]
        value = load(work, other)
        if other != k:
            store(work, other, load(work, k))
            store(work, k, value)
        last = k + lower
        if last > n - 1:
            last = n - 1
        multipliers = factors + k * lower
        for i in range(k + 1, last + 1):
            store(work, i, load(work, i) - multipliers[i - k - 1] * value)
    for back in range(n):
        i = n - 1 - back
        row = rows + i * stride
        value = load(work, i)
        for far in range(1, width):
            j = width - far
            value = value - row[j] * load(work, i + j)
        value = value * row[0]
        store(work, i, value)
        store(result, order[i], value)
