"""The nearest other case in which the outcome would have been as wanted.

Candidates come from points over the whole range and along single inputs. Each is brought towards
the case as far as the outcome allows, inputs that need not change are set back, and exact
gradients find the nearest point of the edge. Distances are in standard deviations of the
background; only actionable changes are proposed.

Sources: S. Wachter, B. Mittelstadt, C. Russell, Harv. J. Law Technol. 31 (2018) 841; B. Ustun, A.
Spangher, Y. Liu, FAT* (2019) 10, doi:10.1145/3287560.3287566 (actionable changes).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from catena.core.errors import Infeasible, InputError, did_you_mean
from catena.core.identity import split_key
from catena.ops.explain.cases import Case
from catena.ops.invert.wanted import Requirement

Floats = NDArray[np.float64]
#: Points over the whole range by default, points along each line, and candidates refined.
POINTS = 2048
_LINE, _REFINED = 33, 8
#: Changes below this many standard deviations count as none.
_NOTHING = 1e-6


@final
@dataclass(frozen=True)
class Change:
    """Another case with the wanted outcome.

    Args:
        x: Values of the causes (d,).
        y: Outputs that were limited (m,).
        distance: Root of the sum of squared changes, in standard deviations.
        changed: Which causes changed (d,).
    """

    x: Floats
    y: Floats
    distance: float
    changed: NDArray[np.bool_]


@final
class Search:
    """Looks for the nearest changes of one case.

    Args:
        case: The case; its evaluator computes the limited outputs.
        requirements: What is wanted.
        fixed: Causes that cannot change.
        only: Causes that change in one direction only.

    Raises:
        InputError: a name is no cause, or nothing may change.
    """

    def __init__(
        self,
        case: Case,
        requirements: Sequence[Requirement],
        fixed: Sequence[str],
        only: Mapping[str, str],
    ) -> None:
        self.case, self.space, self.x = case, case.space, case.x
        self.where = f"model {case.evaluator.source.info.id}"
        self.limits = [limit for item in requirements for limit in item.limits]
        self.columns = [case.evaluator.names.index(item.quantity.text) for item in self.limits]
        self.low, self.high = self._ranges(fixed, only)
        self.free = self.high > self.low
        if not self.free.any():
            raise InputError("Nothing may change", where=self.where, why="every cause is fixed",
                             fix="leave some causes free")  # fmt: skip
        spread = np.concatenate([case.background, case.x[None]]).std(axis=0)
        width = self.space.bounds[1] - self.space.bounds[0]
        self.scale = np.where(spread > 0, spread, np.where(width > 0, width, 1.0))
        self.units = self._units()

    def _ranges(self, fixed: Sequence[str], only: Mapping[str, str]) -> tuple[Floats, Floats]:
        names = self.space.names
        for name in [*fixed, *only]:
            if name not in names:
                raise InputError(f"No cause {name!r}", where=self.where,
                                 why=f"the causes are {', '.join(names[:12])}",
                                 fix=did_you_mean(name, names, "name one of these"))  # fmt: skip
        low, high = self.space.bounds.copy()
        low, high = np.minimum(low, self.x), np.maximum(high, self.x)
        for name, direction in only.items():
            if direction not in ("increase", "decrease"):
                raise InputError(f"{name!r} cannot {direction!r}", where=self.where,
                                 why="a cause may increase or decrease",
                                 fix='say only={"dose": "decrease"}')  # fmt: skip
            k = names.index(name)
            low[k], high[k] = (
                (self.x[k], high[k]) if direction == "increase" else (low[k], self.x[k])
            )
        for name in fixed:
            k = names.index(name)
            low[k] = high[k] = self.x[k]
        return low, high

    def _units(self) -> Floats:
        """Return what one unit of margin is, by limit: the spread of its output."""
        y = self.case.evaluator(self.case.background)[:, self.columns]
        spread = np.array(
            [np.nanstd(column) if np.isfinite(column).any() else 0.0 for column in y.T]
        )
        return np.where(spread > 0, spread, 1.0)

    def margins(self, x: Floats) -> Floats:
        """Return the smallest margin (n,) of points (n, d); where the model fails, -inf."""
        y = self.case.evaluator(x)[:, self.columns]
        low, high = (
            np.array([getattr(item, end) for item in self.limits]) for end in ("low", "high")
        )
        least = (np.minimum(y - low, high - y) / self.units).min(axis=1)
        return np.where(np.isnan(least), -np.inf, least)

    def distance(self, x: Floats) -> Floats:
        """Return distances (n,) from the case."""
        return np.asarray(np.sqrt(np.sum(((x - self.x) / self.scale) ** 2, axis=-1)))

    def run(self, n: int, key: int) -> list[Change]:
        """Return changes, nearest first, no two with the same set of changed causes.

        Raises:
            Infeasible: no point meets what is wanted.
        """
        starts = self._starts(n, key)
        margin = self.margins(starts)
        good = starts[margin >= 0]
        if not len(good):
            best = self._climbed(starts[np.argsort(-margin)[:_REFINED]])
            if best is None:
                raise Infeasible(
                    "No actionable change gives the wanted outcome", where=self.where,
                    why=f"the best of {len(starts)} points misses it by {-margin.max():.3g} "
                    "standard deviations of the output",
                    fix="widen the ranges, free more causes, or want less",
                    conflicts=[item.text for item in self.limits],
                )  # fmt: skip
            good = best
        found: dict[bytes, Change] = {}
        for start in self._varied(good):
            for point in self._refined(start):
                change = self._change(point)
                name = change.changed.tobytes()
                if name not in found or change.distance < found[name].distance:
                    found[name] = change
        return sorted(found.values(), key=lambda change: change.distance)

    def _varied(self, good: Floats) -> Floats:
        """Return the nearest starts, and the nearest that change one cause only."""
        order = good[np.argsort(self.distance(good))]
        alone = (np.abs(order - self.x) > _NOTHING * self.scale).sum(axis=1) == 1
        return np.concatenate([order[:_REFINED], order[alone][:_REFINED]])

    def _starts(self, n: int, key: int) -> Floats:
        from scipy.stats import qmc

        seed = np.random.default_rng(split_key(key, "starts"))
        u = qmc.Sobol(self.space.dim, rng=seed).random_base2(int(np.ceil(np.log2(n))))
        everywhere = self._snapped(self.low + (self.high - self.low) * u)
        lines = [self.x[None]]
        for k in np.flatnonzero(self.free):
            line = np.repeat(self.x[None], _LINE, axis=0)
            line[:, k] = np.linspace(self.low[k], self.high[k], _LINE)
            lines.append(self._snapped(line))
        return np.concatenate([*lines, everywhere])

    def _snapped(self, x: Floats) -> Floats:
        return np.where(self.space.discrete, np.clip(np.round(x), self.low, self.high), x)

    def _refined(self, start: Floats) -> list[Floats]:
        """Bring one start nearer: with all causes, and with as few as possible."""
        near = self._towards(start, np.ones(self.space.dim, dtype=bool))
        few = self._towards(self._set_back(near), ~self.space.discrete)
        points = [near, few]
        for point in (near, few):
            changed = np.abs(point - self.x) > _NOTHING * self.scale
            free = self.free & ~self.space.discrete & (changed if point is few else True)
            if better := self._descended(point, free):
                points.append(better[0])
        return points

    def _towards(self, point: Floats, which: NDArray[np.bool_]) -> Floats:
        """Move the chosen causes back towards the case as far as the outcome allows."""
        inner, outer = 0.0, 1.0
        for _ in range(3):
            shares = np.linspace(inner, outer, _LINE)
            line = np.where(which, self.x + shares[:, None] * (point - self.x), point)
            line = self._snapped(line)
            good = np.flatnonzero(self.margins(line) >= 0)
            if not len(good):
                break
            outer = float(shares[good[0]])
            inner = float(shares[max(good[0] - 1, 0)])
        back = np.where(which, self.x + outer * (point - self.x), point)
        snapped = self._snapped(back)
        return snapped if self.margins(snapped[None])[0] >= 0 else point

    def _set_back(self, point: Floats) -> Floats:
        """Set causes back to the case one after the other, smallest change first."""
        out = point.copy()
        for k in np.argsort(np.abs(point - self.x) / self.scale):
            trial = out.copy()
            trial[k] = self.x[k]
            if out[k] != self.x[k] and self.margins(trial[None])[0] >= 0:
                out = trial
        return out

    def _descended(self, start: Floats, free: NDArray[np.bool_]) -> list[Floats]:
        """Find the nearest point of the edge by sequential quadratic programming."""
        if not free.any():
            return []
        from scipy.optimize import minimize

        scale, begin = self.scale[free], self.x[free]

        def full(z: Floats) -> Floats:
            point = start.copy()
            point[free] = np.clip(begin + z * scale, self.low[free], self.high[free])
            return point

        def slack(z: Floats) -> Floats:
            return np.asarray(self._sides(full(z)[None])[0][0])

        def slopes(z: Floats) -> Floats:
            return np.asarray(self._sides(full(z)[None])[1][0][:, free] * scale)

        ends = np.stack([self.low[free], self.high[free]])
        bounds = list(zip(*((ends - begin) / scale), strict=True))
        result = minimize(
            lambda z: float(z @ z), (start[free] - begin) / scale, jac=lambda z: 2.0 * z,
            bounds=bounds, constraints={"type": "ineq", "fun": slack, "jac": slopes},
            method="SLSQP", options={"maxiter": 60, "ftol": 1e-12},
        )  # fmt: skip
        point = full(result.x)
        # The solver may end a rounding error beyond the edge; a hair towards the start mends it.
        for share in (0.0, 1e-9, 1e-7, 1e-5, 1e-3):
            trial = point + share * (start - point)
            if self.margins(trial[None])[0] >= 0:
                closer = self.distance(trial[None])[0] <= self.distance(start[None])[0]
                return [trial] if closer else []
        return []

    def _sides(self, x: Floats) -> tuple[Floats, Floats]:
        """Return all one-sided margins (n, k) and their slopes (n, k, d)."""
        y, slopes = self.case.evaluator.with_gradient(x)
        values, rates = [], []
        for item, column, unit in zip(self.limits, self.columns, self.units, strict=True):
            for bound, sign in ((item.low, 1.0), (item.high, -1.0)):
                if np.isfinite(bound):
                    values.append(sign * (y[:, column] - bound) / unit)
                    rates.append(sign * slopes[:, column] / unit)
        return np.nan_to_num(np.stack(values, axis=1), nan=-1e6), np.nan_to_num(
            np.stack(rates, axis=1)
        )

    def _climbed(self, starts: Floats) -> Floats | None:
        """Climb from the best points by gradients; return those that arrive."""
        from scipy.optimize import minimize

        free = self.free & ~self.space.discrete
        if not free.any():
            return None
        arrived = []
        for start in starts:

            def missing(z: Floats, start: Floats = start) -> tuple[float, Floats]:
                point = start.copy()
                point[free] = z
                values, rates = self._sides(point[None])
                below = np.minimum(values[0] - 1e-6, 0.0)
                return float(below @ below), 2.0 * below @ rates[0][:, free]

            bounds = list(zip(self.low[free], self.high[free], strict=True))
            result = minimize(missing, start[free], jac=True, bounds=bounds, method="L-BFGS-B")
            point = start.copy()
            point[free] = result.x
            if self.margins(point[None])[0] >= 0:
                arrived.append(point)
        return np.array(arrived) if arrived else None

    def _change(self, x: Floats) -> Change:
        changed = np.abs(x - self.x) > _NOTHING * self.scale
        point = np.where(changed, x, self.x)
        if self.margins(point[None])[0] < 0:
            point, changed = x, x != self.x
        y: Any = self.case.evaluator(point[None])[0]
        return Change(point, y, float(self.distance(point[None])[0]), changed)
