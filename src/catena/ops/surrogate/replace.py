"""Replace a slow model by a fast one that says how far it can be trusted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from catena.core.errors import InputError, SolverError, did_you_mean
from catena.core.identity import content_key
from catena.core.model import Model, ModelInfo
from catena.core.registry import load
from catena.core.result import Result
from catena.core.spec import OBJECTS, Schema
from catena.core.trainable import TrainingRecord
from catena.core.values import Padded
from catena.core.work import Work
from catena.ops.operation import Operation
from catena.ops.space import Over, Space
from catena.ops.surrogate.design import Design
from catena.ops.surrogate.fitting import Means
from catena.ops.surrogate.model import SurrogateModel
from catena.ops.surrogate.parent import Parent
from catena.ops.surrogate.report import report
from catena.ops.surrogate.settings import Method, SurrogateSettings
from catena.ops.surrogate.training import Plan, Trained, Training

if TYPE_CHECKING:
    import pandas as pd

#: Largest budget for which Gaussian processes are fitted within seconds.
_MANY = 1000


def surrogate(
    model: Model | str,
    over: Over,
    *,
    of: str | Sequence[str] | None = None,
    given: Mapping[str, Any] | None = None,
    subject_to: Sequence[str] = (),
    budget: int = 400,
    target_error: float = 0.01,
    method: Method = "auto",
    adaptive: bool = True,
    allow_short: bool = False,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Learn a fast stand-in for a model to a requested error.

    The error is the root mean squared error over the sampled space divided by the standard
    deviation of the output there (NRMSE). It is measured on rows drawn at random and kept out of
    the fit, and the target counts as met when the upper end of its one-sided 90 % interval is
    within it.

    Args:
        model: Model, chain or id.
        over: What varies: names, or ranges, distributions and choices by name. An input with a
            dimension, varied as a whole at eight or more positions, is taken as a function.
        of: Outputs to learn (numbers, curves, fields); every numeric one by default.
        given: Values of the inputs that do not vary (one row).
        subject_to: Linear constraints between what varies.
        budget: Evaluations of the model at most.
        target_error: Largest NRMSE of any output.
        method: See ``SurrogateSettings``.
        adaptive: Place half of every batch where it promises to cut the error most.
        allow_short: Return what was reached, with ``summary["met"]`` false, instead of refusing.
        key: 64-bit seed.
        work: Executor, cache and progress.

    Returns:
        One row per output with its error; ``model`` is the surrogate, which has the ports of its
        parent and can stand in for it in any chain. Parts: ``history``, ``checks``. Artefact:
        ``surrogate``, the folder ``load_surrogate`` reads.

    Raises:
        InputError: names or ranges do not fit, an output does not vary, or the budget is too small.
        Infeasible: the constraints contradict each other.
        SolverError: the target was not reached (``details["achieved"]`` says what was), or the
            model fails at most points.

    Sources:
        Rasmussen and Williams 2006, Gaussian Processes for Machine Learning; Papadopoulos, Vovk and
        Gammerman 2011, doi:10.1613/jair.3198 (conformal intervals).
    """
    subject = load(model) if isinstance(model, str) else model
    if not 0 < target_error < 1:
        raise InputError(f"A target error of {target_error} makes no sense", where="surrogate",
                         why="it is a share of the output's standard deviation",
                         fix="say target_error=0.01 for 1 %")  # fmt: skip
    space = Space.of(subject, over, subject_to)
    parent = Parent(subject, space, of, given, key, work if work is not None else Work())
    means = _means(method, parent, budget)
    trained = Training(parent, Plan(budget, target_error, means, adaptive, key)).run()
    if not trained.met and not allow_short:
        raise _short(trained, parent, target_error)
    fitted = assemble(parent, trained, key)
    return report(parent, trained, fitted, means, target_error, key)


def _means(method: Method, parent: Parent, budget: int) -> Means:
    """Return what learns, checking that it suits the inputs and outputs."""
    curves = all(field.shape for field in parent.outputs)
    functions = bool(Design(parent.space).functions)
    where = f"model {parent.source.info.id}"
    if method not in get_args(Method):
        raise InputError(f"No method {method!r}", where=where, why=f"there are {', '.join(get_args(Method))}",
                         fix=did_you_mean(str(method), get_args(Method), 'use "auto"'))  # fmt: skip
    if method == "pod" and not curves:
        raise InputError("Nothing to reduce", where=where, why="an output wanted is a single number",
                         fix='use method="gp", or name outputs with a dimension')  # fmt: skip
    if method == "operator" and not (curves and functions):
        raise InputError("No operator to learn", where=where,
                         why="it needs a function as input (a dimension varied as a whole) and curves as outputs",
                         fix='use method="auto"')  # fmt: skip
    if method == "auto":
        if functions and curves:
            return "operator"
        return "gp" if budget <= _MANY else "ensemble"
    return "gp" if method == "pod" else method


def _short(trained: Trained, parent: Parent, target: float) -> SolverError:
    achieved = {name: judgement.to_dict() for name, judgement in trained.judgements.items()}
    worst, judgement = max(trained.judgements.items(), key=lambda item: item[1].upper)
    return SolverError(
        f"The error asked for was not reached within {trained.evaluations} evaluations",
        where=f"surrogate of {parent.source.info.id}",
        why=f"NRMSE of {worst!r} is {judgement.nrmse:.2%} (upper end {judgement.upper:.2%}), "
        f"asked was {target:.2%}",
        fix="raise budget or target_error, narrow over, or pass allow_short=True to keep it as it is",
        details={"achieved": achieved, "target_error": target, "evaluations": trained.evaluations},
    )


def assemble(parent: Parent, trained: Trained, key: int) -> SurrogateModel:
    """Make the Model out of what was trained."""
    info = parent.source.info
    fixed: dict[str, np.ndarray | str] = {}
    defaults: dict[str, Any] = {}
    for name, value in parent.fixed.items():
        defaults[name] = _default(parent, name, value)
        if isinstance(value, Padded) or parent.model.inputs[name].kind in OBJECTS:
            fixed[name] = content_key(value)
        else:
            fixed[name] = np.array(value, float)
    for reading in parent.where:
        if reading.position is not None:
            varied = fixed[reading.port]
            if isinstance(varied, np.ndarray):
                varied[0, reading.position] = np.nan
    return SurrogateModel(
        info=ModelInfo(
            id=f"{info.id}.surrogate", version=info.version, scale=info.scale, backend="jax",
            title=f"Surrogate: {info.title or info.id}", licence=info.licence, citation=info.citation,
            doc=f"Learned from {len(trained.rows)} evaluations of {info.id}; errors are measured on "
            f"{len(trained.checks)} others.",
            tags=(*info.tags, "surrogate"),
        ),
        inputs=parent.model.inputs.with_defaults(defaults),
        outputs=Schema(f for f in parent.outputs),
        where=parent.where,
        emulators=trained.emulators,
        features=trained.features,
        domain=trained.domain,
        fixed=fixed,
        training=_record(parent, trained, key),
    )  # fmt: skip


def _default(parent: Parent, name: str, value: Any) -> Any:
    """Return a fixed value as the default of its field, in plain data where possible."""
    field = parent.model.inputs[name]
    if isinstance(value, Padded):
        raw = parent.given.get(name, field.default)
        return raw.to_dict("records") if hasattr(raw, "to_dict") else raw
    if field.kind == "category":
        return field.choices[int(value[0])]
    one = value[0]
    if np.ndim(one):
        return np.asarray(one).tolist()
    return one.item() if hasattr(one, "item") else one


def _record(parent: Parent, trained: Trained, key: int) -> TrainingRecord:
    scaling = {name: (e.target.centre, e.target.scale) for name, e in trained.emulators.items()}
    widths: dict[str, float] = {}
    for name, emulator in trained.emulators.items():
        _, low, high = emulator.band(trained.checks.x, np.zeros(len(trained.checks)))
        widths[name] = float(np.median(high - low) / 2.0)
    return TrainingRecord(
        data_key=content_key(trained.rows.x, trained.rows.values),
        rows=len(trained.rows),
        scaling=scaling,
        conformal=widths,
        domain={
            "variables": {v.name: [v.low, v.high, v.unit] for v in parent.space.variables},
            "reach": trained.domain.reach,
        },
        seed=key,
    )


def run(
    model: Model | None,
    settings: SurrogateSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Do what the settings say; see ``surrogate``."""
    assert model is not None  # the operation declares that it needs one
    return surrogate(
        model, settings.over, of=settings.of, given=given, subject_to=settings.subject_to,
        budget=settings.budget, target_error=settings.target_error, method=settings.method,
        adaptive=settings.adaptive, allow_short=settings.allow_short, key=key, work=work,
    )  # fmt: skip


def save_surrogate(fitted: SurrogateModel, path: str | Path) -> None:
    """Write a surrogate into a folder; see ``load_surrogate``."""
    from catena.ops.surrogate.files import write

    write(fitted, Path(path))


OPERATION = Operation(
    name="surrogate",
    title="A fast stand-in with error bars for a slow model",
    settings=SurrogateSettings,
    run=run,
)
