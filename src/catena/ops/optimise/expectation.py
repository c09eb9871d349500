"""What was expected before the data, as the mean of a Gaussian process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from gpytorch.means import Mean

#: Step of the central differences in unit coordinates.
_STEP = 1e-4


class _Expected(torch.autograd.Function):
    """A NumPy function of points with a gradient by central differences."""

    @staticmethod
    def forward(ctx: Any, points: torch.Tensor, function: Callable[..., np.ndarray]) -> Any:
        ctx.save_for_backward(points)
        ctx.function = function
        flat = points.detach().reshape(-1, points.shape[-1]).numpy()
        return torch.as_tensor(function(flat)).reshape(points.shape[:-1])

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> Any:
        (points,) = ctx.saved_tensors
        flat = points.detach().reshape(-1, points.shape[-1]).numpy()
        rows, dims = flat.shape
        steps = _STEP * np.eye(dims)
        moved = np.concatenate([flat[None] + steps[:, None], flat[None] - steps[:, None]])
        values = ctx.function(moved.reshape(-1, dims)).reshape(2, dims, rows)
        slope = torch.as_tensor((values[0] - values[1]).T / (2.0 * _STEP)).reshape(points.shape)
        return grads[0].unsqueeze(-1) * slope, None


class ExpectedMean(Mean):
    """Mean of a process: a NumPy function of coordinates (n, d) that returns (n,)."""

    def __init__(self, function: Callable[[np.ndarray], np.ndarray]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return expected values (...) at coordinates (..., d)."""
        expected: torch.Tensor = _Expected.apply(x, self.function)
        return expected
