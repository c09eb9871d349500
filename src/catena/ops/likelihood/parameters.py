"""The parameters of a likelihood: what is free in the model, where it enters, and the noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.ops.likelihood.data import Measurements
from catena.ops.likelihood.noise import Noise
from catena.ops.likelihood.predict import Owner
from catena.ops.space import Space
from catena.ops.variable import Variable

if TYPE_CHECKING:
    from catena.core.model import Model


def check_free(model: Model, free: Space, local: Sequence[str]) -> None:
    """Refuse what cannot be calibrated.

    Raises:
        InputError: something free is no real number, or local and not free.
    """
    for variable in free.variables:
        if variable.discrete:
            raise InputError(f"{variable.name!r} cannot be calibrated", where=f"model {model.info.id}",
                             why=f"it is a {variable.kind}, and derivatives are needed",
                             fix="calibrate real numbers; choose the others with optimise")  # fmt: skip
        _check_range(model, variable)
    if free.constraints:
        raise InputError("Constraints cannot be calibrated under", where="free",
                         why="only ranges of single parameters are kept to",
                         fix="write the model in parameters that are free of each other")  # fmt: skip
    ports = {v.port for v in free.variables}
    for name in local:
        if name not in ports:
            raise InputError(f"{name!r} is local but not free", where="local",
                             why=f"free are {', '.join(free.names)}",
                             fix=did_you_mean(name, ports, "add it to free"))  # fmt: skip
        if name in model.params or any(v.position is not None for v in free.variables if v.port == name):  # fmt: skip
            raise InputError(f"{name!r} cannot be local", where="local",
                             why="only single inputs differ between experiments", fix="make it global")  # fmt: skip


def _check_range(model: Model, variable: Variable) -> None:
    """Refuse a range that leaves what the model allows."""
    field = (model.inputs if variable.place == "input" else model.params)[variable.port]
    low, high = field.bounds
    below = low is not None and (variable.low < low or (field.low_open and variable.low == low))
    above = high is not None and (
        variable.high > high or (field.high_open and variable.high == high)
    )
    if below or above:
        raise InputError(f"The range of {variable.name!r} leaves what the model allows", where="free",
                         why=f"{variable.low:g} to {variable.high:g} {variable.unit} was asked for, "
                         f"{'above ' if field.low_open else ''}{'-inf' if low is None else f'{low:g}'} to "
                         f"{'below ' if field.high_open else ''}{'inf' if high is None else f'{high:g}'} is allowed",
                         fix="give a range inside")  # fmt: skip


def middle_of(variable: Variable) -> float:
    """Return the middle of a variable's range, on its scale."""
    if variable.scale == "log":
        return float(np.sqrt(variable.low * variable.high))
    return 0.5 * (variable.low + variable.high)


def owners_of(
    free: Space, local: tuple[str, ...], data: Measurements
) -> tuple[list[Variable], tuple[Owner, ...]]:
    """Return the model's parameters, and where they enter its rows."""
    variables: list[Variable] = []
    owners = []
    rows = data.batch.size
    for variable in free.variables:
        first = len(variables)
        if variable.port in local:
            used = [data.experiments[e] for e in dict.fromkeys(data.experiment.tolist())]
            order = {e: k for k, e in enumerate(dict.fromkeys(data.experiment.tolist()))}
            variables += [replace(variable, name=f"{variable.name}@{e}") for e in used]
            index = np.array([first + order[int(e)] for e in data.experiment])
        else:
            variables.append(variable)
            index = np.full(rows, first)
        owners.append(Owner(variable.port, variable.position, index))
    return variables, tuple(owners)


def noise_variables(noise: Noise, data: Measurements, index: int) -> list[Variable]:
    """Return the estimated numbers of an error model, with wide ranges taken from the data."""
    mine = data.of(index)
    values = data.value[mine]
    values = values[np.isfinite(values)]
    spread = max(float(np.ptp(values)), 1e-3 * float(np.abs(values).max(initial=0.0)), 1e-12)
    out = []
    for number in noise.free:
        low, high = (1e-6 * spread, 10.0 * spread) if number == "sd" else (1e-6, 10.0)
        out.append(Variable(noise.parameter(number), low=low, high=high, unit=noise.unit(number),
                            scale="log"))  # fmt: skip
    return out
