"""Remake the answers in ``answers.py``: ``python -m benchmarks.ode.references``.

Radau IIA collocation with seven stages (order 13; Hairer and Wanner II, section IV.5) in
extended precision (80-bit on x86): simplified Newton with a double-precision factorisation and
extended-precision residuals. Each problem is integrated at two tolerances; their difference
bounds the error, and the published values confirm it where there are any.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.linalg import lu_factor, lu_solve

from benchmarks.ode.problems import PROBLEMS, Problem, Slopes

STAGES = 7
Long = np.longdouble

# End values printed in the IVP test set.
PUBLISHED = {
    "HIRES": (0.7371312573325668e-3, 0.1442485726316185e-3, 0.5888729740967575e-4,
              0.1175651343283149e-2, 0.2386356198831331e-2, 0.6238968252742796e-2,
              0.2849998395185769e-2, 0.2850001604814231e-2),
    "ROBER": (0.2083340149701255e-7, 0.8333360770334713e-13, 0.9999999791665050),
    "van der Pol": (0.1706167732170483e1, -0.8928097010247975),
    "Oregonator": (0.1000814870318523e1, 0.1228178521549917e4, 0.1320554942846706e3),
}  # fmt: skip


def collocation(stages: int) -> tuple[Any, Any, Any]:
    """Return nodes, weights A (extended precision) and the row that gives the last coefficient.

    The last coefficient is that of the highest Legendre polynomial of the solution over a step;
    it is a pessimistic measure of what the step leaves unresolved.
    """
    import mpmath as mp

    with mp.workdps(40):
        # Radau nodes: zeros of P_s - P_{s-1} on [-1, 1], the last of which is 1.
        first = [mp.taylor(lambda x, k=k: mp.legendre(k, x), 0, k) for k in (stages, stages - 1)]
        gap = [a - b for a, b in zip(first[0], [*first[1], mp.mpf(0)], strict=True)]
        zeros = sorted(mp.polyroots(gap[::-1], maxsteps=500, extraprec=200), key=mp.re)
        nodes = [(mp.re(zero) + 1) / 2 for zero in zeros]
        powers = mp.matrix(stages, stages)
        integrals = mp.matrix(stages, stages)
        for i, c in enumerate(nodes):
            for k in range(stages):
                powers[i, k], integrals[i, k] = c**k, c ** (k + 1) / (k + 1)
        weights = integrals * mp.inverse(powers)
        # A polynomial of degree s through 0 and the nodes, written in shifted Legendre terms.
        points = [mp.mpf(0), *nodes]
        basis = mp.matrix(stages + 1, stages + 1)
        for i, c in enumerate(points):
            for k in range(stages + 1):
                basis[i, k] = mp.legendre(k, 2 * c - 1)
        last = mp.inverse(basis)[stages, :]
        digits = [[mp.nstr(weights[i, j], 30) for j in range(stages)] for i in range(stages)]
        row = [float(last[0, j]) for j in range(stages + 1)]
        return ([mp.nstr(c, 30) for c in nodes], digits, row)


def jacobian(slopes: Slopes, t: Any, y: np.ndarray) -> np.ndarray:
    """Return df/dy in double precision by complex steps (exact for rational slopes)."""
    out = np.empty((len(y), len(y)))
    for column in range(len(y)):
        moved = y.astype(complex)
        moved[column] += 1e-100j
        out[:, column] = np.imag(np.array(slopes(float(t), list(moved)))) / 1e-100
    return out


def integrate(problem: Problem, tolerance: float) -> np.ndarray:
    """Return extended-precision values at the problem's times."""
    nodes, weights, last = collocation(STAGES)
    c, a = np.array(nodes, dtype=Long), np.array(weights, dtype=Long)
    t, y, h = Long(0), np.array(problem.start, dtype=Long), Long(1e-12)
    out = []
    for end in problem.times:
        while t < end:
            size = min(h, Long(end) - t)
            stages = _solve(problem.slopes, t, y, size, c, a)
            if stages is None:
                h = size / 4
                continue
            path = np.vstack([y, y + stages]).astype(float)
            scale = np.abs(path).max(axis=0) + 1e-300
            worst = float(np.max(np.abs(np.array(last) @ path) / scale))
            factor = 0.8 * (tolerance / max(worst, 1e-30)) ** (1 / STAGES)
            if worst <= tolerance:
                t = Long(end) if size == Long(end) - t else t + size
                y = y + stages[-1]
            h = size * Long(min(3.0, max(0.2, factor)))
        out.append(y.copy())
    return np.array(out)


def _solve(
    slopes: Slopes, t: Any, y: np.ndarray, h: Any, c: np.ndarray, a: np.ndarray
) -> np.ndarray | None:
    """Return stage increments (stages, n), or None when Newton does not converge."""
    n = len(y)
    matrix = np.eye(STAGES * n) - np.kron(a.astype(float), jacobian(slopes, t, y)) * float(h)
    factors = lu_factor(matrix)
    z, before = np.zeros((STAGES, n), dtype=Long), np.inf
    for turn in range(25):
        f = np.array([slopes(t + ci * h, list(y + zi)) for ci, zi in zip(c, z, strict=True)])
        residual = h * (a @ f) - z
        change = lu_solve(factors, residual.astype(float).ravel()).reshape(STAGES, n)
        if not np.isfinite(change).all():
            return None
        z = z + change
        scale = np.abs(np.vstack([y, y + z])).max(axis=0) + Long(1e-300)
        moved = float(np.max(np.abs(change) / scale))
        # Rounding of the residual stops progress a little above the unit of the last place.
        if moved < 1e-18 or (moved < 1e-15 and moved > 0.3 * before):
            return z
        if turn > 2 and moved > 0.9 * before:
            return None
        before = moved
    return None


def main() -> None:
    """Write ``answers.py`` afresh and print how sure each answer is."""
    lines = ['"""Reference values by problem and time; written by ``references``."""', "",
             "ANSWERS: dict[str, tuple[tuple[float, ...], ...]] = {"]  # fmt: skip
    for problem in PROBLEMS:
        rough, fine = integrate(problem, 1e-10), integrate(problem, 1e-12)
        gap = float(np.max(np.abs(rough - fine) / np.abs(fine)))
        text = f"{problem.name}: two tolerances agree to {gap:.1e}"
        if problem.name in PUBLISHED:
            known = np.array(PUBLISHED[problem.name])
            apart = float(np.max(np.abs(fine[-1] - known) / np.abs(known)))
            text += f", published values to {apart:.1e}"
        print(text)
        lines.append(f'    "{problem.name}": (')
        for values in fine.astype(float):
            lines += [
                "        (",
                *(f"            {value!r}," for value in values.tolist()),
                "        ),",
            ]
        lines.append("    ),")
    lines.append("}\n")
    Path(__file__).with_name("answers.py").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
