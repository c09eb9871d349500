"""Operations: each written once, over any Model or Chain, and returning the one result type.

An operation is imported from the module of its name, ``from catena.ops.sensitivity import
sensitivity``; those most used are in the namespace ``catena`` too. Studies and the command line
find them here by name, and nothing heavy is imported before one is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catena.ops.operation import Operation

#: Operation -> module that holds its function (of the same name) and its ``OPERATION``, and what
#: it does; here, so that listing operations imports none.
_MODULES: dict[str, tuple[str, str]] = {
    "simulate": ("catena.ops.simulate", "Predict scenarios in people."),
    "calibrate": ("catena.ops.calibrate", "Fit parameters; intervals, profiles, identifiability."),
    "calibrate_petab": (
        "catena.ops.petab.calibration",
        "Fit a PEtab problem; it brings its own model.",
    ),
    "bayes": ("catena.ops.bayes", "Posterior: NUTS, SMC, simulation-based, Laplace."),
    "surrogate": ("catena.ops.surrogate", "Fast stand-in with intervals, to a requested error."),
    "optimise": ("catena.ops.optimise", "Best inputs, under constraints and uncertainty."),
    "sensitivity": ("catena.ops.sensitivity", "Which inputs and links carry the variance."),
    "uncertainty": ("catena.ops.uncertainty", "How uncertain an answer is, and where from."),
    "invert": ("catena.ops.invert", "Inputs that lead to the wanted outcome, with probability."),
    "explain": ("catena.ops.explain", "Why this prediction: Shapley, counterfactuals, links."),
    "campaign": (
        "catena.ops.campaign",
        "Closed-loop experiments: designs, batches, stopping rule.",
    ),
    "estimate": ("catena.ops.estimate", "States from samples: Kalman, particles, moving horizon."),
    "control": (
        "catena.ops.control",
        "Predictive control with a feasible fallback; PID; policies.",
    ),
    "hybrid": ("catena.ops.hybrid", "Physics with learned terms inside or beside it."),
    "transfer": ("catena.ops.transfer", "Carry what was learned over to another domain."),
    "federated": ("catena.ops.federated", "Learn over sites that keep their rows."),
    "drift": ("catena.ops.drift", "Compare today's data and errors with the reference."),
}


def names() -> tuple[str, ...]:
    """Return the names of all operations."""
    return tuple(_MODULES)


def summary(name: str) -> str:
    """Return what an operation does, in one line."""
    return _MODULES[name][1]


def find(name: str) -> Operation:
    """Return an operation by name, with its settings class.

    Raises:
        InputError: there is no such operation.
    """
    if name not in _MODULES:
        from catena.core.errors import InputError, did_you_mean

        raise InputError(f"No operation {name!r}", where="catena.ops",
                         why=f"the operations are {', '.join(_MODULES)}",
                         fix=did_you_mean(name, _MODULES, "use one of these"))  # fmt: skip
    found: Operation = import_module(_MODULES[name][0]).OPERATION
    return found
