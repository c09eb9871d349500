"""Fine-tuning of hybrid models: the trunk stays, the group's offset and the last layer adapt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.core.work import Work
from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.fit import Shape, Trained, fit_terms, refitted
from catena.learn.hybrid.model import HybridModel
from catena.learn.hybrid.network import TermNetwork
from catena.learn.hybrid.runs import Run
from catena.learn.hybrid.simulate import trajectories
from catena.learn.hybrid.training import Plan
from catena.learn.transfer.shift import Shift, shift
from catena.ops.hybrid.data import apart, read_runs
from catena.ops.hybrid.terms import described, plan_of, shape_of
from catena.ops.result import table
from catena.ops.transfer.settings import Free, TransferSettings

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.numerics.ode import OdeSystem

#: Share of a single target run that is trained on when nothing else can be held out.
_EARLY = 0.6
_SIGNIFICANT = 0.05
#: Error, in largest values, at which a course that runs away is counted.
_RUNAWAY = 10.0


@final
@dataclass(frozen=True)
class Source:
    """What the source domain gives.

    Args:
        slots: What is learned from what.
        trained: The ensemble of the source.
        plan: How networks of this kind are trained.
        runs: Source runs, where they were given.
    """

    slots: Slots
    trained: Trained
    plan: Plan
    runs: list[Run]


def fine_tune(
    model: Model,
    source: pd.DataFrame | None,
    target: pd.DataFrame,
    settings: TransferSettings,
    given: Mapping[str, Any],
    key: int,
    work: Work,
) -> Result:
    """Return the source's hybrid model adapted to the target, with its errors beside the others'."""
    steps = sum(count for _, count in settings.stages)
    with work.bar(4, "transfer") as advance:
        base = _source(model, source, settings, given, key)
        advance(1)
        runs, notes = read_runs(base.slots, target, settings.learning.run, given)
        tune = Plan(len(base.trained.weights), 0, tuple(settings.stages), settings.rate,
                    settings.penalty, base.plan.steps)  # fmt: skip
        training, held = _held_out(runs, settings.holdout)
        weights = freed(base.trained.network, settings.free)
        tuned = refitted(base.slots, base.trained, training, weights, tune, key)
        judged = _compared(base, tuned, training, held, key)
        advance(2)
        known = training if settings.holdout else runs
        if not steps:
            tuned = base.trained
        elif not settings.holdout:  # judged by their ends, the runs now train as a whole
            tuned = refitted(base.slots, base.trained, runs, weights, tune, key)
        advance(1)
    best = min(judged, key=lambda name: judged[name])
    notes += _warnings(judged, best)
    chosen = {"tuned": tuned, "source": base.trained}.get(best, tuned)
    moved = _shift(base, runs, settings, key)
    summary = {
        "headline": f"Tuned to the target: {100 * judged['tuned']:.2g} % error where training from "
        f"scratch has {100 * judged['scratch']:.2g} % and the source as it is {100 * judged['source']:.2g} %",
        "held_out_error": judged,
        "share_of_scratch": judged["tuned"] / judged["scratch"],
        "negative_transfer": judged["tuned"] > judged["scratch"],
        "returned": "source" if best == "source" else "tuned",
        **_shift_summary(moved),
    }
    result = described(base.slots, chosen, known, held if settings.holdout else [], base.plan, key,
                       notes, "transfer", summary)  # fmt: skip
    result.parts["comparison"] = table(
        Schema(
            [Field("trained", kind="text"), Field("nrmse", doc="Error on held-out target samples")]
        ),
        {"trained": list(judged), "nrmse": list(judged.values())},
    )
    return result


def freed(network: TermNetwork, free: Free) -> np.ndarray:
    """Return which weights may move (size,).

    An offset at the first layer and a gain per term are a group's embedding.
    """
    if free == "all":
        return np.ones(network.size, bool)
    last = len(network.hidden)
    names = ["offsets0", "gains"]
    if free == "last":
        names += [f"weights{last}", f"offsets{last}"]
    return np.asarray(np.any([network.layer(name) > 0 for name in names], axis=0))


def _source(
    model: Model, source: pd.DataFrame | None, settings: TransferSettings, given: Mapping[str, Any],
    key: int,
) -> Source:  # fmt: skip
    """Return the source's ensemble: that of a hybrid model, or one trained on the source data."""
    learning = settings.learning
    if isinstance(model, HybridModel):
        runs = read_runs(model.slots, source, learning.run, given)[0] if source is not None else []
        return Source(model.slots, model.trained, plan_of(learning), runs)
    system: OdeSystem = _system(model)
    slots = Slots.of(system, tuple(learning.terms), tuple(learning.of))
    if source is None or not len(source):
        raise InputError("Nothing to transfer from", where="transfer",
                         why="the model is not trained and there are no source data",
                         fix="give source data, or a hybrid model")  # fmt: skip
    runs, _ = read_runs(slots, source, learning.run, given)
    training, validation = apart(runs, learning.validation)
    trained = fit_terms(slots, training, shape_of(slots, learning), plan_of(learning), key,
                        validation=validation)  # fmt: skip
    return Source(slots, trained, plan_of(learning), runs)


def _system(model: Model) -> OdeSystem:
    from catena.numerics.ode import OdeSystem

    if not isinstance(model, OdeSystem):
        raise InputError("This model cannot be fine-tuned", where=f"model {model.info.id}",
                         why="it is neither a hybrid model nor a system of differential equations",
                         fix='use method="multi_task" on tables')  # fmt: skip
    return model


def _held_out(runs: Sequence[Run], names: Sequence[str]) -> tuple[list[Run], list[Run]]:
    """Return target runs to train on and to judge by.

    Without named runs every target run is cut in time: the early part trains, the whole judges.
    """
    if names:
        return apart(runs, names)
    early = []
    for run in runs:
        count = max(2, int(np.ceil(_EARLY * len(run.times))))
        early.append(replace(run, times=run.times[:count], states=run.states[:count]))
    return early, list(runs)


def _compared(
    base: Source, tuned: Trained, training: list[Run], held: list[Run], key: int
) -> dict[str, float]:
    """Return the held-out error of the source as it is, tuned, and trained from scratch."""
    plan = replace(base.plan, members=len(base.trained.weights))
    network = base.trained.network
    limited = {t: base.slots.system.states.names[i]
               for t, i in zip(network.terms, network.limited_by, strict=True) if i >= 0}  # fmt: skip
    positive = tuple(t for t, p in zip(network.terms, network.positive, strict=True) if p)
    shape = Shape(network.hidden, None, network.memory, positive, limited)
    scratch = fit_terms(base.slots, training, shape, plan, split_key(key, "scratch") % 2**32)
    seen = {run.name: len(run.times) for run in training}
    kinds = {"source": base.trained, "tuned": tuned, "scratch": scratch}
    return {name: _error(base, ensemble, held, seen) for name, ensemble in kinds.items()}


def _error(base: Source, trained: Trained, held: list[Run], seen: Mapping[str, int]) -> float:
    """Return the root mean square scaled error on samples that were not trained on."""
    found = trajectories(base.slots, trained, held, base.plan.steps)
    squares = []
    for predicted, run in zip(found, held, strict=True):
        first = max(seen.get(run.name, 1), 1)
        gap = (predicted.mean(axis=0) - run.states)[first:] / base.trained.scale
        squares.append(gap[np.isfinite(run.states[first:])] ** 2)
    flat = np.concatenate(squares)
    return float(
        np.sqrt(np.mean(np.where(np.isfinite(flat), np.minimum(flat, _RUNAWAY**2), _RUNAWAY**2)))
    )


def _shift(
    base: Source, target: Sequence[Run], settings: TransferSettings, key: int
) -> Shift | None:
    """Compare the samples of source and target; None where the source data were not given."""
    one = [run.states for run in base.runs]
    if not one:
        return None
    rows = [np.concatenate(part) for part in (one, [run.states for run in target])]
    rows = [part[np.isfinite(part).all(axis=1)] for part in rows]
    return shift(rows[0], rows[1], key, settings.permutations) if min(map(len, rows)) > 1 else None


def _shift_summary(found: Shift | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"shift": {
        "discrepancy": found.discrepancy, "p_discrepancy": found.p_discrepancy,
        "classifier_area": found.accuracy, "p_classifier": found.p_accuracy,
        "shifted": min(found.p_discrepancy, found.p_accuracy) < _SIGNIFICANT / 2,
        "effective_source_rows": found.effective,
    }}  # fmt: skip


def _warnings(judged: Mapping[str, float], best: str) -> list[str]:
    if judged["tuned"] > judged["scratch"]:
        return ["negative transfer: on held-out target samples training from scratch is better than "
                "what the source gives; measure more of the target, or train on it alone"]  # fmt: skip
    if best == "source":
        return ["tuning made the held-out error larger, so the source's model is returned as it is"]
    return []
