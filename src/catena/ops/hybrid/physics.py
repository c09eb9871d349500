"""Parameters found with networks that are held to the equations, without integrating them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.result import Result
from catena.core.spec import Field, Schema
from catena.core.work import Work
from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.fit import state_scale
from catena.learn.hybrid.informed import Problem
from catena.numerics.ode import OdeSystem
from catena.ops.hybrid.data import read_runs
from catena.ops.hybrid.settings import HybridSettings
from catena.ops.result import answer

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model


def infer_parameters(
    model: Model,
    data: pd.DataFrame,
    settings: HybridSettings,
    given: Mapping[str, Any],
    key: int,
    work: Work,
) -> Result:
    """Return the system with parameters found by physics-informed networks.

    Each of ``members`` fits starts elsewhere; the one that meets data and equations best is taken,
    and the spread of the others is shown.
    """
    if not isinstance(model, OdeSystem):
        raise InputError("Physics-informed fits need differential equations",
                         where=f"model {model.info.id}", why="it is not an OdeSystem",
                         fix="use calibrate for other models")  # fmt: skip
    slots = Slots.of(model, tuple(settings.terms), tuple(settings.of))
    start = np.array([_start(model.parameters[n]) for n in slots.terms])
    runs, notes = read_runs(slots, data, settings.run, given)
    problem = Problem(slots, runs, start, state_scale(slots, runs), settings.hidden,
                      settings.collocation, settings.trust)  # fmt: skip
    found = []
    with work.bar(settings.members, "physics-informed fits") as advance:
        for k in range(settings.members):
            found.append(problem.solve(split_key(key, f"member {k}") % 2**32))
            advance(1)
    cost = np.array([f.misfit**2 + settings.trust * f.residual**2 for f in found])
    best = found[int(np.nanargmin(cost))]
    values = np.stack([f.values for f in found])
    new = model.at(**dict(zip(slots.terms, best.values.tolist(), strict=True)))
    shown = ", ".join(f"{n} = {v:.4g} {model.parameters[n].unit}".rstrip()
                      for n, v in zip(slots.terms[:4], best.values, strict=False))  # fmt: skip
    return answer(
        model,
        Schema([Field("parameter", kind="text"), Field("unit", kind="text"), Field("value"),
                Field("start"), Field("spread", doc="Standard deviation over fits that started elsewhere")]),
        {"parameter": list(slots.terms), "unit": [model.parameters[n].unit for n in slots.terms],
         "value": best.values, "start": start, "spread": values.std(axis=0)},
        operation="hybrid", key=key,
        summary={
            "headline": f"Found {shown}; courses miss the data by {100 * best.misfit:.2g} % of the "
            "largest values",
            "misfit": best.misfit, "residual": best.residual, "fits": len(found),
        },
        new_model=new, warnings=notes,
    )  # fmt: skip


def _start(field: Field) -> float:
    if field.default is not None:
        return float(field.default)
    low, high = field.bounds
    if low is not None and high is not None:
        return float(np.sqrt(low * high)) if low > 0 else 0.5 * (low + high)
    raise InputError(f"No start for {field.name!r}", where="hybrid", why="it has no default",
                     fix=f"say model.at({field.name}=...) first")  # fmt: skip
