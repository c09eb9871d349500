"""Scales on which an outcome is modelled: the one that makes the data most likely is taken.

A process with a sharp optimum or a range of decades is far from Gaussian as measured and close to
it in the logarithm of the distance to its best value. Scales are monotone, so the optimum stays
where it is; likelihoods are compared in the units of the data by the Jacobian of the map.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, final

import numpy as np

from catena.ops.optimise.regression import Fit, Kernel, fit

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

#: Yeo-Johnson exponents tried (1 is the scale as it is).
_POWERS = (0.0, 0.5, 1.0, 1.5)
#: Offsets, in parts of the interquartile range, of the logarithm of the distance to the best.
_FLOORS = (0.01, 0.1)
_LARGE = 30.0


@final
@dataclass(frozen=True)
class Outcome:
    """A monotone map of one outcome, and the process fitted on it.

    Args:
        form: ``power`` (Yeo and Johnson 2000, 10.1093/biomet/87.4.954) or ``floor``, the
            logarithm of the distance to the lowest value seen.
        exponent: Exponent of ``power``; offset of ``floor``.
        centre: Subtracted before the map.
        spread: Divided by before the map.
        middle: Mean after the map.
        width: Standard deviation after the map.
        fit: The process on the mapped, standardised values.
    """

    form: Literal["power", "floor"]
    exponent: float
    centre: float
    spread: float
    middle: float
    width: float
    fit: Fit

    def inverse(self, values: torch.Tensor) -> torch.Tensor:
        """Map modelled values back to the outcome's own scale (differentiable)."""
        import torch

        t = values * self.width + self.middle
        if self.form == "floor":
            back = torch.exp(t.clamp(max=_LARGE)) - self.exponent
        else:
            back = _power_inverse(t, self.exponent)
        return back * self.spread + self.centre


def _power_inverse(t: torch.Tensor, power: float) -> torch.Tensor:
    import torch

    if power == 1.0:
        return t
    high = t.clamp(min=0.0)
    low = (-t).clamp(min=0.0)
    up = (
        torch.expm1(high.clamp(max=_LARGE))
        if power == 0.0
        else (1 + power * high) ** (1 / power) - 1
    )
    rest = 2.0 - power
    return torch.where(t >= 0, up, 1 - (1 + rest * low) ** (1 / rest))


def forward(form: str, exponent: float, z: np.ndarray) -> tuple[np.ndarray, float]:
    """Return mapped values and the log Jacobian summed over them."""
    if form == "floor":
        return np.log(z + exponent), float(-np.log(z + exponent).sum())
    if exponent == 1.0:
        return z.copy(), 0.0
    high, low, rest = np.maximum(z, 0.0), np.maximum(-z, 0.0), 2.0 - exponent
    up = np.log1p(high) if exponent == 0.0 else ((1 + high) ** exponent - 1) / exponent
    values = np.where(z >= 0, up, -((1 + low) ** rest - 1) / rest)
    slope = np.where(z >= 0, (exponent - 1) * np.log1p(high), (1 - exponent) * np.log1p(low))
    return values, float(slope.sum())


def model_outcome(
    x: np.ndarray,
    y: np.ndarray,
    *,
    categories: Sequence[int] = (),
    noise: float | None = None,
    prior: np.ndarray | None = None,
    low_is_good: bool = True,
) -> Outcome:
    """Choose scale and kernel of one outcome by the evidence, and fit it.

    Args:
        x: Inputs (n, d), numeric columns in [0, 1], categories as indices.
        y: Outcome (n,); if it is wished for, oriented so that low is good.
        categories: Positions of category columns.
        noise: Standard deviation of the outcome's noise in its own units, 0 for exact data,
            None to infer it.
        prior: What is expected at the rows before any data (n,), or None.
        low_is_good: Whether the ``floor`` scale makes sense.
    """
    best: Outcome | None = None
    start: np.ndarray | None = None
    for form, exponent in _candidates(len(y), low_is_good, noise):
        centre, spread = _frame(form, y)
        mapped, jacobian = forward(form, exponent, (y - centre) / spread)
        middle, width = float(mapped.mean()), float(max(mapped.std(), 1e-12))
        jacobian -= len(y) * np.log(width)
        trend = _trend(form, exponent, centre, spread, middle, width, prior, y)
        ratio = None if noise is None else (noise / (spread * width)) ** 2
        for kernel in _kernels(len(y)):
            found = fit(x, (mapped - middle) / width, kernel=kernel, categories=categories,
                        trend=trend, noise=ratio, start=start)  # fmt: skip
            start = np.log(found.scales) if start is None else start
            evidence = found.evidence + jacobian - len(y) * np.log(spread)
            if best is None or evidence > best.fit.evidence:
                kept = Fit(found.kernel, found.scales, found.noise, found.variance,
                           found.weights, evidence)  # fmt: skip
                best = Outcome(form, exponent, centre, spread, middle, width, kept)
    assert best is not None
    return best


def _candidates(
    rows: int, low_is_good: bool, noise: float | None
) -> list[tuple[Literal["power", "floor"], float]]:
    """Return the scales to try: few data or known noise speak for the scale as it is."""
    if rows < 12 or (noise is not None and noise > 0):
        return [("power", 1.0)]
    scales: list[tuple[Literal["power", "floor"], float]] = [("power", 1.0)]
    scales += [("power", power) for power in _POWERS if power != 1.0]
    if low_is_good:
        scales += [("floor", floor) for floor in _FLOORS]
    return scales


def _kernels(rows: int) -> tuple[Kernel, ...]:
    return ("matern",) if rows < 6 else ("matern", "gauss")


def _frame(form: str, y: np.ndarray) -> tuple[float, float]:
    """Return what is subtracted and divided by before a map."""
    if form == "floor":
        quartiles = np.quantile(y, [0.25, 0.75])
        return float(y.min()), float(max(quartiles[1] - quartiles[0], y.std(), 1e-300))
    return float(y.mean()), float(max(y.std(), 1e-300))


def _trend(
    form: str, exponent: float, centre: float, spread: float, middle: float, width: float,
    prior: np.ndarray | None, y: np.ndarray,
) -> np.ndarray | None:  # fmt: skip
    """Return the trend columns: a constant, and what was expected on the same scale."""
    if prior is None:
        return None
    column = prior_column(form, exponent, centre, spread, middle, width, prior)
    return np.stack([np.ones(len(y)), column], axis=1)


def prior_column(
    form: str, exponent: float, centre: float, spread: float, middle: float, width: float,
    prior: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return expected outcomes on a modelling scale."""
    z = (prior - centre) / spread
    if form == "floor":
        z = np.maximum(z, -0.5 * exponent)  # below the best value seen the logarithm ends
    return (forward(form, exponent, z)[0] - middle) / width
