"""What a calibrated model predicts for measurements, with the uncertainty of both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.banded import ENDS
from catena.ops.likelihood.predict import Predictor

if TYPE_CHECKING:
    from catena.ops.calibrate.fit import Fit
    from catena.ops.likelihood import Measurements

Array = np.ndarray[Any, Any]


def predicted_band(
    fit: Fit, data: Measurements, *, noise: bool = True, predictor: Predictor | None = None
) -> tuple[Array, Array, Array]:
    """Return predictions of measurements (k,) and the ends of their 90 % intervals.

    The uncertainty of the parameters is carried over linearly; ``noise`` adds that of a single
    measurement, in logarithms where the error is log-normal.

    Args:
        fit: The calibration.
        data: Measurements, real or imagined.
        noise: Whether the intervals are those of new measurements.
        predictor: Predicts ``data``; the likelihood's own by default.
    """
    likelihood = fit.likelihood
    count = likelihood.count
    predictor = predictor or likelihood.predictor
    mean, slopes = predictor.with_jacobian(fit.theta[None, :count])
    mean = mean[0]
    relative = slopes[0] * fit.found.scale[:count]
    covariance = fit.found.covariance[:count, :count]
    variance = np.einsum("ki,ij,kj->k", relative, covariance, relative)
    low, high = np.full(len(mean), np.nan), np.full(len(mean), np.nan)
    known = {one.output.name: k for k, one in enumerate(likelihood.noises)}
    with np.errstate(all="ignore"):
        for index, output in enumerate(data.outputs):
            mine = data.of(index)
            at, spread = mean[mine], variance[mine]
            k = known.get(output.name)
            model = likelihood.noises[k] if k is not None else None
            if model is not None and noise and k is not None:
                sd = data.sd[mine] if model.name == "given" else np.nan
                scale = model.scale(at[None, :], likelihood.numbers(k, fit.theta[None, :]), sd)[0]
                spread = spread / at**2 + scale**2 if model.log else spread + scale**2
            elif model is not None and model.log:
                spread = spread / at**2
            half = ENDS * np.sqrt(spread)
            log = model is not None and model.log
            low[mine] = at * np.exp(-half) if log else at - half
            high[mine] = at * np.exp(half) if log else at + half
    return mean, low, high
