"""The operation: a controller for a dynamic Model, tried out in a closed loop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catena.core.errors import InputError
from catena.core.registry import load
from catena.ops.control.settings import ControlSettings
from catena.ops.operation import Operation

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result
    from catena.core.work import Work
    from catena.ops.control.stating import Problem

#: Settings that state the problem; the others are about the trial.
_STATED = (
    "horizon", "track", "weights", "minimise", "minimise_end", "limited", "margins", "soft",
    "impulses", "moves", "rates", "blocks", "scenarios", "branching", "disturbed", "before",
    "start", "shooting",
)  # fmt: skip


def control(
    model: Model | str,
    inputs: Mapping[str, Any] | None = None,
    *,
    interval: Any,
    hours: Any,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
    **choices: Any,
) -> Result:
    """Control a dynamic model and simulate the closed loop.

    Args:
        model: An OdeSystem or the id of one.
        inputs: Decided inputs with their ranges, ``{"feed": "0..1 L/h"}``.
        interval: Sampling interval.
        hours: Length of the trial.
        given: Values of other parameters and inputs.
        key: 64-bit seed.
        work: Shows progress.
        **choices: Further fields of ``ControlSettings``: method, horizon, track, minimise, limited,
            scenarios, measured, plant, ...

    Returns:
        One row per sample: time, states, inputs, status and time taken; parts ``limits`` and
        ``alarms``; figures of states and inputs.

    Raises:
        InputError: a name, range or formula is wrong.
        Infeasible: limits contradict each other.
    """
    from pydantic import ValidationError

    try:
        settings = ControlSettings(inputs=_plain(inputs or {}), interval=interval, hours=hours,
                                   **{name: _plain(value) for name, value in choices.items()})  # fmt: skip
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError("Bad settings of control", where=".".join(map(str, first["loc"])),
                         why=str(first["msg"]), fix="see ControlSettings") from None  # fmt: skip
    return run(load(model), settings, given=given, key=key, work=work)


def _plain(value: Any) -> Any:
    """Return tuples as lists, as plain data has them."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def run(
    model: Model | None,
    settings: ControlSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Try a controller out as a study says."""
    from catena.core.work import Work as Worker
    from catena.ops.control.limits import quantity
    from catena.ops.control.loop import Plant, closed_loop
    from catena.ops.control.report import reported
    from catena.ops.control.stating import problem

    if model is None:
        raise InputError(
            "Nothing to control", where="control", why="no model is named", fix="name one"
        )
    where = f"control of {model.info.id}"
    uncertain = [name for name in settings.plant if name not in settings.scenarios]
    stated = problem(model, settings.inputs, interval_=settings.interval, loose=uncertain, given=given,
                     **{name: getattr(settings, name) for name in _STATED})  # fmt: skip
    length = quantity(settings.hours, stated.dynamics.system.time_unit, where)
    if length < stated.width:
        raise InputError("A trial without samples", where=where,
                         why=f"{length:g} is shorter than an interval", fix="make it longer")  # fmt: skip
    controller, extra = _controller(stated, settings, key)
    follower = _follower(model, stated, settings, given, key) if settings.measured else None
    units = stated.dynamics.units
    noise = {
        name: quantity(sd, units.get(name, ""), where) for name, sd in settings.measured.items()
    }
    with (work or Worker()).bar(round(length / stated.width), "samples") as advance:
        record = closed_loop(Plant(stated, settings.plant), controller, length, estimator=follower,
                             measured=noise, key=key, advance=advance)  # fmt: skip
    return reported(model, stated, record, method=settings.method, extra=extra, key=key)


def _controller(
    stated: Problem, settings: ControlSettings, key: int
) -> tuple[Any, dict[str, float]]:
    """Return the controller asked for and what its tuning or training found."""
    if settings.method == "pid":
        from catena.ops.control.pid import tune

        return tune(stated, key=key)
    if settings.method == "policy":
        from catena.ops.control.policy import train

        policy, costs = train(stated, rounds=settings.rounds, key=key)
        return policy, {"first_cost": float(costs[0]), "last_cost": float(costs[-1])}
    from catena.ops.control.controller import Controller

    controller = Controller(stated, iterations=settings.iterations, time_limit=settings.time_limit)
    controller.prepare()
    return controller, {}


def _follower(
    model: Model,
    stated: Problem,
    settings: ControlSettings,
    given: Mapping[str, Any] | None,
    key: int,
) -> Any:
    """Return an estimator of the states and unknown rates from the measured outputs."""
    from catena.ops.estimate.analysis import estimator

    dynamics = stated.dynamics
    size = dict(zip(dynamics.states, stated.horizon.scale, strict=True))
    rates = {name: float(0.1 * size[name] / stated.width) for name in settings.disturbed}
    return estimator(model, tuple(settings.measured), width=stated.width, method=settings.estimator,
                     disturbed=rates, held=dynamics.held, given=given,
                     start={k: float(v) for k, v in zip(dynamics.states, stated.start, strict=True)},
                     lag=20 * stated.width, key=key)  # fmt: skip


OPERATION = Operation(
    name="control", title="Control a plant and try the loop out", settings=ControlSettings, run=run
)
