"""Objectives and limits under uncertainty: every point is tried in the same scenarios."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

import numpy as np

from catena.core.errors import InputError

if TYPE_CHECKING:
    from catena.ops.evaluator import Evaluator
    from catena.ops.optimise.problem import Limit

_RISK = re.compile(r"(mean|worst|quantile|cvar)(?:\s+([\d.]+)\s*(%?))?$")


@final
@dataclass(frozen=True)
class Risk:
    """How an uncertain objective becomes one number.

    Args:
        kind: ``mean``, ``quantile`` (of the bad side), ``cvar`` (mean of the bad tail beyond the
            quantile; Rockafellar and Uryasev 2000, 10.21314/JOR.2000.038) or ``worst``.
        level: Probability of the quantile.
    """

    kind: Literal["mean", "quantile", "cvar", "worst"]
    level: float = 0.9

    @classmethod
    def parse(cls, text: str) -> Risk:
        """Read ``"mean"``, ``"quantile 0.9"``, ``"cvar 95 %"`` or ``"worst"``.

        Raises:
            InputError: it is none of these.
        """
        found = _RISK.match(text.strip().lower())
        level = 0.9
        if found and found.group(2):
            level = float(found.group(2)) / (100.0 if found.group(3) else 1.0)
        if not found or not 0.0 < level < 1.0:
            raise InputError(f"No risk measure {text[:40]!r}", where="optimise", why="measures are "
                             "mean, quantile, cvar (with a probability) and worst",
                             fix='write "cvar 0.9"')  # fmt: skip
        return cls(found.group(1), level)  # type: ignore[arg-type]

    def weights(self, bad: np.ndarray) -> np.ndarray:
        """Return scenario weights (n, s) for values (n, s) whose high side is bad."""
        count = bad.shape[1]
        if self.kind == "mean":
            return np.full(bad.shape, 1.0 / count)
        order = np.argsort(bad, axis=1, kind="stable")
        first = min(int(np.ceil(self.level * count)), count) - 1
        if self.kind == "worst":
            chosen = order[:, -1:]
        elif self.kind == "quantile":
            chosen = order[:, first : first + 1]
        else:
            chosen = order[:, first:]
        weights = np.zeros(bad.shape)
        np.put_along_axis(weights, chosen, 1.0 / chosen.shape[1], axis=1)
        return weights


@final
class Scenarios:
    """Evaluates points in common scenarios of the uncertain inputs (common random numbers).

    Args:
        evaluator: Evaluates the varied variables followed by the uncertain ones.
        scenarios: Values of the uncertain variables (s, u).
        risk: What is made of the objectives.
        signs: Per objective 1 (low is good) or -1.
        limits: Limits, one column each; a limit is kept when its quantile at ``probability`` is.
        probability: Share of scenarios in which every single limit holds.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        scenarios: np.ndarray,
        risk: Risk,
        signs: Sequence[float],
        limits: Sequence[Limit],
        probability: float,
    ) -> None:
        self.evaluator, self.scenarios = evaluator, scenarios
        self.risk, self.signs, self.limits = risk, list(signs), list(limits)
        self.chance = Risk("quantile", probability)

    @property
    def calls(self) -> int:
        """Rows of the model evaluated so far."""
        return self.evaluator.calls

    @property
    def failures(self) -> list[tuple[int, str]]:
        """What failed in the last call."""
        return self.evaluator.failures

    def all(self, x: np.ndarray) -> np.ndarray:
        """Return what every scenario gives (n, s, m)."""
        y = self.evaluator(self._crossed(x))
        return y.reshape(len(x), len(self.scenarios), -1)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return reduced numbers (n, m); NaN where a scenario failed."""
        y = self.all(x)
        return self._reduced(y, self._weights(y))

    def with_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return reduced numbers (n, m) and their derivatives to the varied variables."""
        flat, slopes = self.evaluator.with_gradient(self._crossed(x))
        shape = (len(x), len(self.scenarios))
        y = flat.reshape(*shape, -1)
        weights = self._weights(y)
        own = slopes.reshape(*shape, *slopes.shape[1:])[..., : x.shape[1]]
        return self._reduced(y, weights), np.einsum("nsm,nsmd->nmd", weights, own)

    def _crossed(self, x: np.ndarray) -> np.ndarray:
        left = np.repeat(x, len(self.scenarios), axis=0)
        return np.hstack([left, np.tile(self.scenarios, (len(x), 1))])

    def _weights(self, y: np.ndarray) -> np.ndarray:
        columns = [self.risk.weights(sign * y[:, :, k]) for k, sign in enumerate(self.signs)]
        columns += [self.chance.weights(lim.sign * y[:, :, lim.column]) for lim in self.limits]
        return np.stack(columns, axis=2)

    @staticmethod
    def _reduced(y: np.ndarray, weights: np.ndarray) -> np.ndarray:
        failed = ~np.isfinite(y).all(axis=(1, 2))
        reduced = (np.where(np.isfinite(y), y, 0.0) * weights).sum(axis=1)
        reduced[failed] = np.nan
        return np.asarray(reduced)
