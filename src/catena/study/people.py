"""Virtual people for any model: from the model's own population, and from distributions.

A model that knows a population offers ``population(n, seed, **filters)`` returning columns named
as its inputs (``body.physiology`` does). A chain takes it from the one node that offers it, so a
study names no shelf.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.distribution import Distribution
from catena.core.errors import StudyError, did_you_mean
from catena.core.identity import content_key, split_key

if TYPE_CHECKING:
    from catena.core.model import Model


@dataclass(frozen=True)
class People:
    """Virtual people.

    Args:
        columns: Values by input of the model, one row per person.
        size: Number of people.
        source: Which model made them; empty when only distributions did.
    """

    columns: Mapping[str, np.ndarray]
    size: int
    source: str

    @property
    def key(self) -> str:
        """Content key."""
        return content_key(self.size, dict(self.columns))

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the columns of some people."""
        return {name: column[rows] for name, column in self.columns.items()}


def people(
    model: Model,
    n: int,
    seed: int,
    filters: Mapping[str, Any] | None = None,
    vary: Mapping[str, str] | None = None,
) -> People:
    """Draw virtual people; the person at an index does not depend on how many are drawn.

    Args:
        model: Model or chain the people go into.
        n: Number of people.
        seed: Seed of the study.
        filters: Passed to the model's own population (age range, share of women).
        vary: Distributions by input, e.g. ``{"clearance": "lognormal(12 L/h, 30 %)"}``.

    Raises:
        StudyError: neither a population nor a distribution is there, or an input is unknown.
    """
    offer = _population(model)
    columns: dict[str, np.ndarray] = {}
    if offer is not None:
        prefix, owner = offer
        drawn = _crowd(owner, n, split_key(seed, "people") >> 1, dict(filters or {}))
        for name in drawn:
            port = name if name in model.inputs else prefix + name
            if port in model.inputs:
                columns[port] = np.asarray(drawn[name])
    elif filters:
        raise StudyError("No population to filter", where=model.info.id,
                         why=f"{model.info.id} brings no people, so {', '.join(filters)} cannot apply",
                         fix="leave these settings out, or use a chain with body.physiology")  # fmt: skip
    for name, text in (vary or {}).items():
        columns[name] = _drawn(model, name, text, n, seed)
    if not columns:
        raise StudyError(
            "Nobody differs from anybody",
            where=model.info.id,
            why="the model brings no population and settings.vary is empty",
            fix='write settings: {vary: {clearance: "lognormal(12 L/h, 30 %)"}}',
        )
    return People(columns, n, owner.info.id if offer is not None else "")


def _population(model: Any) -> tuple[str, Any] | None:
    """Return (port prefix, model) of the one that offers a population."""
    if callable(getattr(model, "population", None)):
        return "", model
    nodes = getattr(model, "nodes", None) or {}
    offers = [(f"{n}.", m) for n, m in nodes.items() if callable(getattr(m, "population", None))]
    return offers[0] if len(offers) == 1 else None


def _crowd(owner: Any, n: int, seed: int, filters: dict[str, Any]) -> Mapping[str, Any]:
    """Ask a model for people; what a person wrote wrongly becomes an error they can read."""
    known = [
        name for name in inspect.signature(owner.population).parameters if name not in ("n", "seed")
    ]
    for name in filters:
        if name not in known:
            raise StudyError(f"Unknown filter {name[:60]!r}", where="settings.filters",
                             why=f"the people of {owner.info.id} take {', '.join(known) or 'none'}",
                             fix=did_you_mean(name[:60], known, "leave it out"))  # fmt: skip
    try:
        drawn: Mapping[str, Any] = owner.population(n, seed, **filters)
    except (TypeError, ValueError) as error:
        raise StudyError("Cannot draw people", where="settings.filters", why=str(error)[:300],
                         fix="correct the values of the filters") from None  # fmt: skip
    return drawn


def _drawn(model: Model, name: str, text: str, n: int, seed: int) -> np.ndarray:
    if name not in model.inputs:
        raise StudyError(f"{model.info.id} has no input {name[:60]!r}", where="settings.vary",
                         why=f"its inputs are {', '.join(model.inputs.names[:12])}",
                         fix=did_you_mean(name[:60], model.inputs.names, "use one of these"))  # fmt: skip
    field = model.inputs[name]
    law = Distribution.parse(text, field.unit)
    # Philox counts: the first n uniforms of a stream are the same whatever follows.
    uniform = np.random.Generator(np.random.Philox(split_key(seed, f"vary/{name}"))).random(n)
    low, high = field.bounds
    return np.clip(
        law.ppf(uniform), -np.inf if low is None else low, np.inf if high is None else high
    )
