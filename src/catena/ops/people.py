"""Virtual people for any model: its own population, a table of real people, distributions.

A model that knows a population offers ``population(n, seed, **filters)`` returning columns named
as its inputs (``body.physiology`` does). A chain takes it from the one node that offers it, so a
study names no shelf. People of a survey are drawn with its weights.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.distribution import Distribution
from catena.core.drawing import draw
from catena.core.errors import InputError, did_you_mean
from catena.core.identity import content_key, split_key
from catena.core.spec import NUMERIC, Schema

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
    vary: Mapping[str, Any] | None = None,
    *,
    correlation: Any = None,
    covariates: Any = None,
    weights: str | None = None,
) -> People:
    """Draw virtual people; the person at an index does not depend on how many are drawn.

    Args:
        model: Model or chain the people go into.
        n: Number of people.
        seed: Seed of the study.
        filters: Passed to the model's own population (age range, share of women).
        vary: Distributions by input, e.g. ``{"clearance": "lognormal(12 L/h, 30 %)"}``.
        correlation: Correlation of normal scores between the varied inputs, see
            ``catena.core.drawing.draw``.
        covariates: Table of real people (a DataFrame or columns by input); whole rows are drawn,
            so what belongs together stays together. It takes the place of the model's own people.
        weights: Column of ``covariates`` that says how many people a row stands for; equal by
            default.

    Raises:
        InputError: nobody would differ, an input is unknown, or the table does not fit.
    """
    offer = _population(model) if covariates is None else None
    columns: dict[str, np.ndarray] = {}
    if covariates is not None:
        columns = _resampled(model, covariates, weights, n, split_key(seed, "covariates"))
    if offer is not None:
        prefix, owner = offer
        drawn = _crowd(owner, n, split_key(seed, "people") >> 1, dict(filters or {}))
        for name in drawn:
            port = name if name in model.inputs else prefix + name
            if port in model.inputs:
                columns[port] = np.asarray(drawn[name])
    elif filters:
        raise InputError("No population to filter", where=model.info.id,
                         why=f"{model.info.id} brings no people, so {', '.join(filters)} cannot apply",
                         fix="leave these settings out, or use a chain with body.physiology")  # fmt: skip
    columns |= _varied(model, dict(vary or {}), n, seed, correlation)
    if not columns:
        raise InputError(
            "Nobody differs from anybody",
            where=model.info.id,
            why="the model brings no population, and nothing is varied",
            fix='vary an input: {"clearance": "lognormal(12 L/h, 30 %)"}',
        )
    source = "covariates" if covariates is not None else ""
    return People(columns, n, owner.info.id if offer is not None else source)


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
            raise InputError(f"Unknown filter {name[:60]!r}", where="filters",
                             why=f"the people of {owner.info.id} take {', '.join(known) or 'none'}",
                             fix=did_you_mean(name[:60], known, "leave it out"))  # fmt: skip
    try:
        drawn: Mapping[str, Any] = owner.population(n, seed, **filters)
    except (TypeError, ValueError) as error:
        raise InputError("Cannot draw people", where="filters", why=str(error)[:300],
                         fix="correct the values of the filters") from None  # fmt: skip
    return drawn


def _varied(
    model: Model, vary: dict[str, Any], n: int, seed: int, correlation: Any
) -> dict[str, np.ndarray]:
    """Draw the varied inputs jointly; the first people stay the same when more are drawn."""
    fields = []
    for name, law in vary.items():
        if name not in model.inputs:
            raise InputError(f"{model.info.id} has no input {name[:60]!r}", where="vary",
                             why=f"its inputs are {', '.join(model.inputs.names[:12])}",
                             fix=did_you_mean(name[:60], model.inputs.names, "use one of these"))  # fmt: skip
        field = model.inputs[name]
        if field.shape or field.kind not in (*NUMERIC, "integer"):
            raise InputError(f"Cannot vary {name!r}", where="vary", why="it is not a single number",
                             fix="vary numbers")  # fmt: skip
        drawn = law if isinstance(law, Distribution) else Distribution.parse(str(law), field.unit)
        fields.append(field.with_(distribution=drawn))
    found = draw(Schema(fields), n, split_key(seed, "vary"), correlation, "plain")
    return {
        name: values.astype(np.int64) if model.inputs[name].kind == "integer" else values
        for name, values in found.items()
    }


def _resampled(
    model: Model, table: Any, weights: str | None, n: int, seed: int
) -> dict[str, np.ndarray]:
    """Draw whole rows of a table of people, as often as their weights say."""
    columns = {str(name): np.asarray(table[name]) for name in table}
    size = len(next(iter(columns.values()))) if columns else 0
    if not size:
        raise InputError("No people", where="covariates", why="the table is empty", fix="give rows")
    mass = np.ones(size)
    if weights is not None:
        if weights not in columns:
            raise InputError(f"No column {weights[:60]!r}", where="covariates",
                             why=f"the columns are {', '.join(list(columns)[:12])}",
                             fix=did_you_mean(weights, columns, "name the weights' column"))  # fmt: skip
        mass = columns.pop(weights).astype(float)
        bad = np.flatnonzero(~(np.isfinite(mass) & (mass >= 0)))
        if len(bad) or not mass.sum() > 0:
            raise InputError("Bad weights", where=f"covariates.{weights}",
                             why=f"rows {', '.join(map(str, bad[:5]))} are negative or missing"
                             if len(bad) else "they sum to zero", fix="correct them")  # fmt: skip
    people = {name: column for name, column in columns.items() if name in model.inputs}
    if not people:
        raise InputError("No column is an input", where="covariates",
                         why=f"{model.info.id} has {', '.join(model.inputs.names[:12])}",
                         fix="rename the columns to the inputs' names")  # fmt: skip
    uniform = np.random.Generator(np.random.Philox(key=seed)).random(n)
    rows = np.searchsorted(np.cumsum(mass) / mass.sum(), uniform, side="right")
    return {name: column[np.minimum(rows, size - 1)] for name, column in people.items()}
