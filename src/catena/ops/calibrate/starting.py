"""Where the searches of a calibration start."""

from __future__ import annotations

from typing import Any

import numpy as np

from catena.core.errors import SolverError
from catena.ops.calibrate.objective import Target
from catena.ops.likelihood import Likelihood
from catena.ops.space import Space

Array = np.ndarray[Any, Any]

#: Times that starts which cannot be evaluated are drawn again.
_REDRAWN = 4


def start_points(target: Target, count: int, key: int) -> Array:
    """Return start points (n, d): the present values first, starts that fail drawn again."""
    likelihood = target.likelihood
    own = Space(likelihood.space.variables[: likelihood.count])
    points = own.sample(count, key, "latin")
    present = _present(likelihood)
    if present is not None:
        points[0] = present
    whole = _with_noise(target, points)
    lost = np.flatnonzero(~np.isfinite(target.value(target.inward(whole))))
    for attempt in range(_REDRAWN):
        if not len(lost):
            break
        fresh = _with_noise(target, own.sample(4 * len(lost), key + attempt + 1, "latin"))
        good = np.flatnonzero(np.isfinite(target.value(target.inward(fresh))))[: len(lost)]
        whole[lost[: len(good)]] = fresh[good]
        lost = lost[len(good) :]
    return target.inward(whole)


def _with_noise(target: Target, points: Array) -> Array:
    return np.concatenate([points, _first_noise(target, points)], axis=1)[:, : target.dim]


def _present(likelihood: Likelihood) -> Array | None:
    """Return the model's own values (q,) where all of them exist and lie inside the ranges."""
    out = np.full(likelihood.count, np.nan)
    source = likelihood.source
    for k, variable in enumerate(likelihood.space.variables[: likelihood.count]):
        field = (
            source.inputs[variable.port]
            if variable.place == "input"
            else source.params[variable.port]
        )
        if field.default is None:
            return None
        value = np.ravel(np.asarray(field.default, dtype=float))
        out[k] = value[0 if variable.position is None else variable.position]
        if not variable.low <= out[k] <= variable.high:
            return None
    return out


def _first_noise(target: Target, points: Array) -> Array:
    """Return numbers of the noise that fit the residuals at start points."""
    likelihood = target.likelihood
    extra = likelihood.space.variables[likelihood.count :]
    if not extra:
        return np.zeros((len(points), 0))
    mean = likelihood.predictor(points)
    columns = []
    for terms in likelihood.terms:
        value = likelihood.data.value[terms.mine]
        at = mean[:, terms.mine]
        for number in terms.noise.free:
            with np.errstate(all="ignore"):
                error = value - at
                if number == "cv":
                    error = error / np.maximum(np.abs(at), 1e-3 * np.abs(value).max())
                size = np.sqrt((error**2).mean(axis=1)) / len(terms.noise.free)
            columns.append(size)
    noise = np.stack(columns, axis=1)
    low, high = likelihood.space.bounds[:, likelihood.count :]
    middle = np.sqrt(low * high)
    return np.asarray(np.clip(np.where(np.isfinite(noise), noise, middle), 3.0 * low, high / 3.0))


def no_start(likelihood: Likelihood, target: Target, points: Array) -> SolverError:
    """Return the error of a model that cannot be evaluated anywhere."""
    likelihood.value(target.full(points))
    reasons = list(dict.fromkeys(likelihood.failures.values()))
    return SolverError("The model cannot be evaluated at any start", where=f"model {likelihood.source.info.id}",
                       why="; ".join(reasons[:3]) or "the likelihood is zero everywhere",
                       fix="narrow the ranges, or check conditions and noise", details={"reasons": reasons})  # fmt: skip
