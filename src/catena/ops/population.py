"""A model in many virtual people: who they are, and how its outputs spread over them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from catena.core.registry import load
from catena.core.result import Result
from catena.core.spec import NUMERIC
from catena.ops.people import people

if TYPE_CHECKING:
    from catena.core.model import Model


def population(
    model: Model | str,
    n: int = 1000,
    seed: int = 0,
    *,
    given: Mapping[str, Any] | None = None,
    filters: Mapping[str, Any] | None = None,
    correlation: Any = None,
    covariates: Any = None,
    weights: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    **vary: Any,
) -> Result:
    """Predict a model in virtual people.

    Args:
        model: Model, chain or id.
        n: Number of people.
        seed: Seed; the first people stay the same when more are drawn.
        given: Inputs all people share, with units as text.
        filters: Passed to the model's own population (age range, share of women).
        correlation: Correlation of normal scores between varied inputs, ``{("a", "b"): 0.5}``.
        covariates: Table of real people to draw from; its columns are named as inputs.
        weights: Column of ``covariates`` that says how many people a row stands for.
        on_error: ``skip`` leaves out people who cannot be computed (see ``Result.status``).
        **vary: Distributions by input, ``clearance="lognormal(12 L/h, 30 %)"``.

    Returns:
        One row per person. ``summary`` holds 5, 50 and 95 % of every number over the people,
        ``inputs`` who they are.

    Raises:
        InputError: nobody would differ, or values do not fit.
    """
    subject = load(model)
    crowd = people(
        subject, n, seed, filters, vary, correlation=correlation, covariates=covariates, weights=weights
    )  # fmt: skip
    result = subject.predict({**dict(given or {}), **crowd.columns}, key=seed, on_error=on_error)
    result.provenance |= {"operation": "population", "people": crowd.key, "source": crowd.source}
    spread = {
        name: dict(zip(("low", "median", "high"), np.quantile(result[name], [0.05, 0.5, 0.95]).tolist(), strict=True))
        for name in result
        if result.fields[name].kind in NUMERIC and not result.fields[name].shape and result.size
    }  # fmt: skip
    title = subject.info.title or subject.info.id
    result.summary = {
        "headline": f"{title} in {result.size:,} virtual people.",
        "people": result.size,
        "failed_rows": len(result.status) - result.size,
        "outputs": spread,
    }
    return result
