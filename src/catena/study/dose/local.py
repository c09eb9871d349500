"""Local sensitivity at the typical person: what one per cent of an input does to the exposure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.spec import NUMERIC
from catena.study.dose.settings import Ports
from catena.study.dose.simulate import dosing

if TYPE_CHECKING:
    from catena.core.model import Model


@dataclass(frozen=True)
class Local:
    """Elasticities (relative change of the exposure per relative change of the input).

    Args:
        columns: input, dose, cmax, auc: one row per input and dose.
        method: How the derivatives were computed.
    """

    columns: Mapping[str, np.ndarray]
    method: str


def local_sensitivity(
    model: Model,
    people: Mapping[str, np.ndarray],
    doses: np.ndarray,
    route: str,
    ports: Ports,
    over: Sequence[str],
) -> Local:
    """Return elasticities of peak and area to the named inputs, at every dose.

    Args:
        model: Model or chain from dose to exposure.
        people: Values of the people by input; their medians make the typical person.
        doses: Candidate doses [mg].
        route: Dosed state.
        ports: Which outputs play which part.
        over: Inputs to change.
    """
    values = {**typical(model, people), **dosing(model, doses, doses, route)}
    of = (ports.cmax, ports.auc)
    found = model.jacobian(values, of=of, wrt=tuple(over), mode="forward")
    result = model.predict(values)
    given: Mapping[str, Any] = result.inputs if result.inputs is not None else values
    point = {name: np.asarray(given[name], dtype=np.float64) for name in over}
    columns: dict[str, list[Any]] = {"input": [], "dose": [], "cmax": [], "auc": []}
    for name in over:
        for index, dose in enumerate(doses):
            x = point[name][index if len(point[name]) > 1 else 0]
            columns["input"].append(name)
            columns["dose"].append(dose)
            for role, port in (("cmax", ports.cmax), ("auc", ports.auc)):
                slope = float(np.ravel(found[(port, name)][index])[0])
                columns[role].append(slope * float(x) / float(np.asarray(result[port])[index]))
    exact = model.capabilities.gradient
    return Local(
        {
            name: np.array(column, dtype=object if name == "input" else float)
            for name, column in columns.items()
        },
        "exact gradients through the chain" if exact else "central differences",
    )


def typical(model: Model, people: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the typical person: medians of numbers, the commonest category."""
    found: dict[str, Any] = {}
    for name, column in people.items():
        field = model.inputs[name]
        if field.kind in NUMERIC:
            found[name] = np.median(column, axis=0)[None]
        else:
            values, counts = np.unique(column, return_counts=True)
            found[name] = values[[int(np.argmax(counts))]]
    return found
