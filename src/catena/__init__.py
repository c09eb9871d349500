"""Catena: AI fused with multi-scale simulation, from the molecule to the clinic.

Everything is a Model: a pure function from named, typed, unit-carrying inputs to named outputs.
A Chain couples Models and is itself a Model.

    >>> import catena as ct
    >>> ct.models("pharmacokinetics")            # find
    >>> pk = ct.load("body.pbpk")                # load and look
    >>> pk.predict(weight="70 kg").table()       # numbers with units
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from catena.core.chain import Chain
    from catena.core.chain.feedback import Feedback
    from catena.core.chain.slot import Slot
    from catena.core.contract import check_model
    from catena.core.distribution import Distribution
    from catena.core.errors import CatenaError
    from catena.core.function import model
    from catena.core.model import Capabilities, Model, ModelInfo
    from catena.core.registry import load, models
    from catena.core.result import Result
    from catena.core.sampling import sample
    from catena.core.spec import Field, Schema
    from catena.core.trainable import Trainable
    from catena.numerics.ode.system import OdeSystem
    from catena.ops.calibrate import calibrate
    from catena.ops.campaign import campaign
    from catena.ops.optimise import optimise
    from catena.ops.population import population
    from catena.ops.sensitivity import sensitivity
    from catena.ops.surrogate import surrogate
    from catena.ops.uncertainty import uncertainty
    from catena.study import load_study, plan, run

#: Public name -> module that holds it; nothing is imported before it is asked for.
_LAZY = {
    "Capabilities": "catena.core.model",
    "CatenaError": "catena.core.errors",
    "Chain": "catena.core.chain",
    "Distribution": "catena.core.distribution",
    "Feedback": "catena.core.chain.feedback",
    "Field": "catena.core.spec",
    "Model": "catena.core.model",
    "ModelInfo": "catena.core.model",
    "OdeSystem": "catena.numerics.ode.system",
    "Result": "catena.core.result",
    "Schema": "catena.core.spec",
    "Slot": "catena.core.chain.slot",
    "Trainable": "catena.core.trainable",
    "calibrate": "catena.ops.calibrate",
    "campaign": "catena.ops.campaign",
    "check_model": "catena.core.contract",
    "load": "catena.core.registry",
    "load_study": "catena.study",
    "model": "catena.core.function",
    "models": "catena.core.registry",
    "optimise": "catena.ops.optimise",
    "plan": "catena.study",
    "population": "catena.ops.population",
    "run": "catena.study",
    "sample": "catena.core.sampling",
    "sensitivity": "catena.ops.sensitivity",
    "surrogate": "catena.ops.surrogate",
    "uncertainty": "catena.ops.uncertainty",
}

__all__ = [
    "Capabilities",
    "CatenaError",
    "Chain",
    "Distribution",
    "Feedback",
    "Field",
    "Model",
    "ModelInfo",
    "OdeSystem",
    "Result",
    "Schema",
    "Slot",
    "Trainable",
    "calibrate",
    "campaign",
    "chain",
    "check_model",
    "load",
    "load_study",
    "model",
    "models",
    "optimise",
    "plan",
    "population",
    "predict",
    "run",
    "sample",
    "sensitivity",
    "surrogate",
    "uncertainty",
]


def predict(
    model: str | Model,
    batch: Any = None,
    /,
    *,
    key: int = 0,
    on_error: Literal["raise", "skip"] = "raise",
    **inputs: Any,
) -> Result:
    """Load a model and predict in one line; see ``Model.predict``.

    Args:
        model: Model id such as ``molecule.descriptors``, or a Model.
        batch: Mapping, DataFrame or list of records.
        key: Seed of a stochastic model.
        on_error: ``skip`` drops bad rows and reports them in ``Result.status``.
        **inputs: Values by field name: numbers, arrays, texts with units.
    """
    from catena.core.registry import load

    return load(model).predict(batch, key=key, on_error=on_error, **inputs)


def chain(
    *,
    edges: Iterable[str] = (),
    feedback: Any = None,
    options: Mapping[str, Any] | None = None,
    **nodes: Any,
) -> Chain:
    """Couple models: ``chain(pk="body.pbpk", nca="body.exposure", edges=["pk.plasma -> nca.concentration"])``.

    Args:
        edges: ``"node.port -> node.port"``.
        feedback: Solver of cycles: ``fixed_point``, ``newton`` or ``anderson``.
        options: Further arguments of ``Chain``, such as ``inputs`` and ``outputs``.
        **nodes: Node name to Model, model id or Slot.
    """
    from catena.core.chain import Chain

    more = dict(options or {})
    if feedback is not None:
        more["feedback"] = feedback
    return Chain(nodes, edges=list(edges), **more)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("catena")
    elif name in _LAZY:
        value = getattr(importlib.import_module(_LAZY[name]), name)
    else:
        raise AttributeError(f"module 'catena' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
