"""Parameters of differential equations become networks of their states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.banded import ENDS
from catena.core.errors import InputError, SolverError, did_you_mean
from catena.core.identity import content_key
from catena.core.model import ModelInfo
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.core.trainable import TrainingRecord
from catena.core.work import Work
from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.fit import Shape, Trained, fit_terms
from catena.learn.hybrid.model import HybridModel
from catena.learn.hybrid.runs import Run
from catena.learn.hybrid.saving import save_hybrid
from catena.learn.hybrid.simulate import trajectories
from catena.learn.hybrid.training import LOOK, Plan
from catena.numerics.ode import OdeSystem
from catena.ops.hybrid.data import apart, read_runs
from catena.ops.hybrid.settings import HybridSettings
from catena.ops.result import answer, table

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from catena.core.model import Model


def learn_terms(
    model: Model,
    data: pd.DataFrame,
    settings: HybridSettings,
    given: Mapping[str, Any],
    key: int,
    work: Work,
) -> Result:
    """Return the hybrid model of a system and data, with how well it describes every run."""
    if not isinstance(model, OdeSystem):
        raise InputError("Terms can be learned inside differential equations only",
                         where=f"model {model.info.id}", why="it is not an OdeSystem",
                         fix='use method="residual" to correct its outputs')  # fmt: skip
    slots = Slots.of(model, tuple(settings.terms), tuple(settings.of))
    shape, plan = shape_of(slots, settings), plan_of(settings)
    runs, notes = read_runs(slots, data, settings.run, given)
    training, validation = apart(runs, settings.validation)
    total = settings.regression + sum(steps for _, steps in settings.stages)
    total = -(-total // LOOK) * LOOK
    with work.bar(total, "training") as advance:
        trained = fit_terms(slots, training, shape, plan, key,
                            validation=validation, advance=advance)  # fmt: skip
    return described(slots, trained, training, validation, plan, key, notes, "hybrid")


def shape_of(slots: Slots, settings: HybridSettings) -> Shape:
    """Return the network's shape, its names checked.

    Raises:
        InputError: a name is no learned term or no state.
    """
    states = slots.system.states.names
    for name in (*settings.positive, *settings.limited_by):
        if name not in slots.terms:
            raise InputError(f"{name!r} is not learned", where="hybrid settings",
                             why=f"the learned terms are {', '.join(slots.terms[:8])}",
                             fix=did_you_mean(name, slots.terms, "use one of these"))  # fmt: skip
    for name in settings.limited_by.values():
        if name not in states:
            raise InputError(f"No state {name!r} to limit a term", where="hybrid settings",
                             why=f"the states are {', '.join(states[:8])}",
                             fix=did_you_mean(name, states, "use one of these"))  # fmt: skip
    if any(width < 1 for width in settings.hidden):
        raise InputError("A hidden layer needs units", where="hybrid settings",
                         why=f"hidden is {settings.hidden}", fix="say hidden=[16, 16]")  # fmt: skip
    return Shape(tuple(settings.hidden), settings.rank, settings.memory,
                 tuple(settings.positive), dict(settings.limited_by))  # fmt: skip


def plan_of(settings: HybridSettings) -> Plan:
    """Return how to train."""
    if not settings.stages or any(length < 0 or steps < 0 for length, steps in settings.stages):
        raise InputError("No stage of training", where="hybrid settings",
                         why=f"stages is {settings.stages}",
                         fix="give pairs of intervals per window and steps")  # fmt: skip
    return Plan(settings.members, settings.regression, tuple(settings.stages), settings.rate,
                settings.penalty, settings.steps)  # fmt: skip


def described(
    slots: Slots,
    trained: Trained,
    training: Sequence[Run],
    validation: Sequence[Run],
    plan: Plan,
    key: int,
    notes: Sequence[str],
    operation: str,
    summary: Mapping[str, Any] | None = None,
) -> Result:
    """Return the result that holds a trained ensemble as a model, and its errors by run and state."""
    runs = [*training, *validation]
    found = trajectories(slots, trained, runs, plan.steps)
    errors = [_errors(run, predicted) for run, predicted in zip(runs, found, strict=True)]
    judged = errors[len(training) :] or errors[: len(training)]
    model = _model(slots, trained, training, judged, key)
    states = slots.system.states.names
    by_run = np.array([_rms(error[1:] / trained.scale) for error in errors])
    role = ["training"] * len(training) + ["validation"] * len(validation)
    overall = {r: float(np.sqrt(np.nanmean([by_run[k] ** 2 for k in range(len(runs)) if role[k] == r])))
               for r in dict.fromkeys(role)}  # fmt: skip
    worst = max(overall.items(), key=lambda item: item[0] == "validation")
    plain = {
        "headline": f"{len(slots.terms)} learned terms; error on the {worst[0]} runs "
        f"{100 * worst[1]:.2g} % of each state's largest value",
        "nrmse": overall,
        "terms": list(slots.terms),
        "latent_rates": len(trained.network.mixing),
        "weights": trained.network.size,
        "members": len(trained.weights),
        **(summary or {}),
    }
    grid = [(run, state) for run in range(len(runs)) for state in range(len(states))]
    return answer(
        slots.system,
        Schema([Field("run", kind="text"), Field("role", kind="text"), Field("state", kind="text"),
                Field("nrmse", doc="Root mean square error over the state's largest value")]),
        {"run": [runs[k].name for k, _ in grid], "role": [role[k] for k, _ in grid],
         "state": [states[i] for _, i in grid], "nrmse": by_run.ravel()},
        operation=operation, key=key, summary=plain, parts={"training": _history(trained)},
        figures={"fit": partial(_figure, slots, runs, found)},
        artefacts={"model": partial(save_hybrid, model)}, new_model=model, warnings=list(notes),
    )  # fmt: skip


def _model(
    slots: Slots, trained: Trained, training: Sequence[Run], judged: Sequence[np.ndarray], key: int
) -> HybridModel:
    """Return the ensemble as a Model that knows its remaining error and its domain."""
    states, info = slots.system.states.names, slots.system.info
    left = _rms(np.concatenate([error[1:] for error in judged]))
    record = TrainingRecord(
        data_key=content_key([[r.name, r.times, r.states] for r in training]),
        rows=sum(len(run.times) for run in training),
        scaling={n: (0.0, float(s)) for n, s in zip(states, trained.scale, strict=True)},
        conformal={n: float(ENDS * e) for n, e in zip(states, left, strict=True)
                   if n in slots.system.outputs},
        domain=input_ranges(slots, training), seed=key,
    )  # fmt: skip
    return HybridModel(slots, trained, record, ModelInfo(
        id=f"{info.id}.hybrid", title=f"{info.title or info.id}, hybrid", scale=info.scale,
        backend="jax", doc=f"{info.id} with {', '.join(slots.terms[:4])} learned from data.",
        tags=("hybrid",)))  # fmt: skip


def input_ranges(slots: Slots, runs: Sequence[Run]) -> dict[str, tuple[float, float]]:
    """Return the ranges of controls, parameters and time in the runs."""
    times = np.concatenate([run.times for run in runs])
    found = {"time": (min(0.0, float(times.min())), float(times.max()))}
    for name in slots.system.forcing.names:
        values = np.concatenate([run.controls[name][1] for run in runs])
        found[name] = (float(values.min()), float(values.max()))
    for name in slots.parameters.names:
        column = np.array([run.parameters[name] for run in runs])
        if np.isfinite(column).all():
            found[name] = (float(column.min()), float(column.max()))
    return found


def _errors(run: Run, predicted: np.ndarray) -> np.ndarray:
    """Return predicted minus measured states (t, n), NaN where nothing was measured.

    Raises:
        SolverError: a course does not stay finite.
    """
    mean = predicted.mean(axis=0)
    if not np.isfinite(mean).all():
        raise SolverError(f"The learned course of run {run.name!r} runs away", where="hybrid",
                          why="its states do not stay finite",
                          fix="limit terms by their states, or take more steps per interval")  # fmt: skip
    return np.asarray(mean - run.states)


def _rms(errors: np.ndarray) -> np.ndarray:
    """Return the root mean square over samples (n,) of what was measured, 0 where nothing was."""
    known = np.isfinite(errors)
    total = np.where(known, errors, 0.0) ** 2
    return np.asarray(np.sqrt(total.sum(axis=0) / np.maximum(known.sum(axis=0), 1)))


def _history(trained: Trained) -> Result:
    stages = [s for s in trained.history.stages if "training" in s]
    members = range(len(stages[0]["training"])) if stages else range(0)
    rows = [(s["stage"], k, s["training"][k]) for s in stages for k in members]
    return table(
        Schema([Field("stage", kind="text"), Field("member", kind="integer"), Field("error")]),
        {
            "stage": [r[0] for r in rows],
            "member": [r[1] for r in rows],
            "error": [r[2] for r in rows],
        },
    )


def _figure(slots: Slots, runs: Sequence[Run], found: Sequence[np.ndarray]) -> go.Figure:
    """Draw measured and predicted courses of the first run, state by state."""
    import plotly.graph_objects as go

    run, members = runs[0], found[0]
    figure = go.Figure(layout={"xaxis": {"title": f"time [{slots.system.time_unit}]"},
                               "yaxis": {"title": "share of the largest value"},
                               "title": f"Run {run.name}"})  # fmt: skip
    for k, field in enumerate(list(slots.system.states)[:6]):
        size = np.nanmax(np.abs(run.states[:, k])) or 1.0
        figure.add_scatter(x=run.times, y=members.mean(axis=0)[:, k] / size, name=field.name)
        figure.add_scatter(x=run.times, y=run.states[:, k] / size, mode="markers",
                           name=f"{field.name}, measured")  # fmt: skip
    return figure
