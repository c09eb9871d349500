"""The fitted outcomes of an experiment as one BoTorch model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.ops.optimise.outcome import Outcome, forward, model_outcome, prior_column
from catena.ops.optimise.regression import EXACT

if TYPE_CHECKING:
    import torch

#: Expected outcomes (n, m) at points (n, d), before any data.
Prior = Callable[[np.ndarray], np.ndarray]


@final
class Process:
    """Independent Gaussian processes of several outcomes, each on its own scale.

    Args:
        z: Coordinates (n, d).
        y: Outcomes (n, m), wished-for ones oriented so that low is good; NaN is missing.
        wished: Per outcome, whether it is wished for (else it only has bounds).
        categories: Positions of categories.
        noise: Standard deviation per outcome, 0 for exact data, None to infer them.
        prior: Expected outcomes (k, m) at coordinates (k, d), oriented like ``y``.
    """

    def __init__(
        self,
        z: np.ndarray,
        y: np.ndarray,
        wished: Sequence[bool],
        categories: Sequence[int],
        noise: Sequence[float] | None,
        prior: Prior | None,
    ) -> None:
        self.z, self.y = z, y
        self.categories = list(categories)
        self.exact = noise is not None and not any(noise)
        expected = prior(z) if prior is not None else None
        self.outcomes: list[Outcome] = []
        self.members: list[Any] = []
        for k in range(y.shape[1]):
            seen = np.isfinite(y[:, k])
            outcome = model_outcome(
                z[seen],
                y[seen, k],
                categories=self.categories,
                noise=None if noise is None else float(noise[k]),
                prior=None if expected is None else expected[seen, k],
                # The floor scale believes in little below the best value seen: right for one
                # objective, whose order alone counts, not for the volume of several.
                low_is_good=wished[k] and sum(wished) == 1,
            )
            self.outcomes.append(outcome)
            self.members.append(_botorch(outcome, z[seen], y[seen, k], self.categories, prior, k))
        from botorch.models import ModelListGP

        self.model: Any = self.members[0] if len(self.members) == 1 else ModelListGP(*self.members)

    def raw(self, samples: torch.Tensor) -> torch.Tensor:
        """Map modelled samples (..., m) to the outcomes' own scales."""
        import torch

        columns = [outcome.inverse(samples[..., k]) for k, outcome in enumerate(self.outcomes)]
        return torch.stack(columns, dim=-1)

    def at(self, z: np.ndarray) -> Process:
        """Return this process with the data replaced by its own predictions at ``z`` (n, d)."""
        new = copy.copy(self)
        new.z, new.y = z, self.mean(z)
        return new

    def mean(self, z: np.ndarray) -> np.ndarray:
        """Return the median outcomes (n, m) predicted at coordinates (n, d)."""
        import torch

        with torch.no_grad():
            posterior = self.model.posterior(torch.as_tensor(z, dtype=torch.float64))
            return np.asarray(self.raw(posterior.mean).numpy())


def _botorch(
    outcome: Outcome,
    z: np.ndarray,
    y: np.ndarray,
    categories: list[int],
    prior: Prior | None,
    column: int,
) -> Any:
    """Return a SingleTaskGP with the fitted hyperparameters set."""
    import torch
    from botorch.models import SingleTaskGP

    fit = outcome.fit
    train_x = torch.as_tensor(z, dtype=torch.float64)
    train_y = torch.as_tensor(mapped(outcome, y), dtype=torch.float64)[:, None]
    noise = torch.full_like(train_y, max(fit.noise * fit.variance, EXACT))
    gp = SingleTaskGP(
        train_x,
        train_y,
        train_Yvar=noise,
        covar_module=_kernel(outcome, z.shape[1], categories),
        mean_module=_mean(outcome, prior, column),
        outcome_transform=None,
    )
    return gp.eval()


def mapped(outcome: Outcome, y: np.ndarray) -> np.ndarray:
    """Return an outcome's values on the scale it is modelled on."""
    values, _ = forward(outcome.form, outcome.exponent, (y - outcome.centre) / outcome.spread)
    return np.asarray((values - outcome.middle) / outcome.width)


def _kernel(outcome: Outcome, dims: int, categories: list[int]) -> Any:
    import torch
    from botorch.models.kernels.categorical import CategoricalKernel
    from gpytorch.kernels import MaternKernel, RBFKernel, ScaleKernel

    fit = outcome.fit
    numeric = [k for k in range(dims) if k not in categories]
    parts: list[Any] = []
    if numeric:
        options = {"ard_num_dims": len(numeric), "active_dims": tuple(numeric)}
        part = MaternKernel(nu=2.5, **options) if fit.kernel == "matern" else RBFKernel(**options)
        part = part.double()
        part.lengthscale = torch.as_tensor(fit.scales[numeric], dtype=torch.float64)
        parts.append(part)
    if categories:
        part = CategoricalKernel(
            ard_num_dims=len(categories), active_dims=tuple(categories)
        ).double()
        # BoTorch takes the mean over the columns where we add them up.
        scales = fit.scales[categories] / len(categories)
        part.lengthscale = torch.as_tensor(scales, dtype=torch.float64)
        parts.append(part)
    product = parts[0] * parts[1] if len(parts) == 2 else parts[0]
    kernel = ScaleKernel(product).double()
    kernel.outputscale = torch.as_tensor(fit.variance, dtype=torch.float64)
    return kernel


def _mean(outcome: Outcome, prior: Prior | None, column: int) -> Any:
    import torch
    from gpytorch.means import ConstantMean

    weights = outcome.fit.weights
    if prior is None:
        constant = ConstantMean().double()
        constant.constant.data.fill_(float(weights[0]))
        return constant
    from catena.ops.optimise.expectation import ExpectedMean

    def expected(points: np.ndarray) -> np.ndarray:
        values = prior(points)[:, column]
        o = outcome
        column_ = prior_column(o.form, o.exponent, o.centre, o.spread, o.middle, o.width, values)
        return np.asarray(weights[0] + weights[1] * column_)

    return ExpectedMean(expected).to(torch.float64)
