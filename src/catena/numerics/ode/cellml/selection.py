"""What a person picks from a model: inputs, outputs, stimuli and initial values, by full name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, final

from catena.core.errors import SchemaError, did_you_mean
from catena.numerics.ode.cellml.expression import Expression, Number, names
from catena.numerics.ode.cellml.resolve import Equations, ordered

#: Names of inputs that an OdeSystem has anyway.
_TAKEN = frozenset({"time", "events"})


@final
@dataclass
class Selection:
    """The parts of a model that matter for one system.

    Args:
        model: All equations.
        names: Field name of every owner.
        values: Right sides that remain: without those that an input or a stimulus replaces.
        stimulus: Parts of the periodic stimulus by the variable it replaces.
        initial: Initial value of every state.
        outputs: Owners returned.
        inputs: Owners that are inputs.
        started: States whose initial value is an input.
    """

    model: Equations
    names: dict[str, str]
    values: dict[str, Expression]
    stimulus: dict[str, Mapping[str, Any]]
    initial: dict[str, Expression]
    outputs: list[str]
    inputs: list[str] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    @property
    def time(self) -> str:
        """The variable of integration."""
        return self.model.time or ""

    @property
    def changing(self) -> set[str]:
        """Names that change during a run without an equation: time, states, stimuli."""
        return {self.time, *self.initial, *self.stimulus}

    def needed(self, also: Sequence[str] = ()) -> list[str]:
        """Return all paths the system (and ``also``) needs, each after what it reads."""
        wanted = [state + "'" for state in self.initial] + self.outputs + list(also)
        wanted += [name for value in self.initial.values() for name in names(value)]
        values = {**self.values, **{c: Number(v) for c, v in self.model.constants.items()}}
        return ordered(self.model, wanted, values, self.changing | set(self.inputs))


def select(
    model: Equations,
    parameters: Sequence[str] | None,
    outputs: Sequence[str] | None,
    stimulus: Mapping[str, Mapping[str, Any]],
    initial: Mapping[str, float],
) -> Selection:
    """Look up everything a person named; see ``load_cellml``.

    Raises:
        SchemaError: a name is not there or not of the kind it should be.
        DataError: the equations do not determine what is wanted.
    """
    if model.time is None:
        raise SchemaError("Not a dynamic model", where=model.source.file,
                          why="it has no differential equation",
                          fix="give a model with at least one d/dt")  # fmt: skip
    chosen = Selection(
        model,
        _field_names(model),
        dict(model.values),
        {_computed(model, name, "stimulus"): parts for name, parts in stimulus.items()},
        dict(model.initial),
        [_find(model, name, "outputs") for name in (model.initial if outputs is None else outputs)],
    )
    for path in chosen.stimulus:
        del chosen.values[path]
    for name, value in initial.items():
        chosen.initial[state_named(model, name, "initial")] = Number(float(value))
    _choose_inputs(chosen, parameters)
    return chosen


def state_named(model: Equations, name: str, argument: str) -> str:
    """Return the path of a state a person named.

    Raises:
        SchemaError: it is not a state.
    """
    path = _find(model, name, argument)
    if path not in model.initial:
        _refuse(model, argument, name, "it is no state", did_you_mean(name, model.initial))
    return path


def _choose_inputs(chosen: Selection, parameters: Sequence[str] | None) -> None:
    model = chosen.model
    # What a stimulus names is an input, whatever else is.
    named = [
        _find(model, part, "stimulus")
        for parts in chosen.stimulus.values()
        for part in parts.values()
        if isinstance(part, str)
    ]
    named += [_find(model, name, "parameters") for name in parameters or ()]
    chosen.started = [path for path in dict.fromkeys(named) if path in model.initial]
    moving = varying(chosen, named)
    chosen.inputs = [path for path in dict.fromkeys(named) if path not in model.initial]
    for path in chosen.inputs:
        if path in moving or path == chosen.time:
            _refuse(model, "parameters", path, "it changes during a run",
                    "name a constant, or replace a current with stimulus=")  # fmt: skip
        chosen.values.pop(path, None)
    if parameters is None:
        read = set(chosen.needed())
        chosen.inputs += [c for c in model.constants if c in read and c not in chosen.inputs]


def varying(chosen: Selection, also: Sequence[str] = ()) -> set[str]:
    """Return all names whose values change during a run."""
    known = chosen.changing
    for path in chosen.needed(also):
        if any(name in known for name in names(chosen.values.get(path, Number(0.0)))):
            known.add(path)
    return known


def _field_names(model: Equations) -> dict[str, str]:
    """Name fields: the variable's own name where it is unique, else component__variable."""
    owners = list(dict.fromkeys(read.owner for read in model.reads.values()))
    short = Counter(path.partition(".")[2] for path in owners)
    found = {}
    for path in owners:
        component, _, name = path.partition(".")
        unique = short[name] == 1 and name not in _TAKEN and not name[0].isdigit()
        found[path] = name if unique else f"{component}__{name}"
        if found[path][0].isdigit():
            found[path] = "_" + found[path]
    return found


def _find(model: Equations, name: str, argument: str) -> str:
    if name not in model.reads:
        _refuse(model, argument, name, "the model has no such variable",
                did_you_mean(name, model.reads, "write component.variable"))  # fmt: skip
    return model.reads[name].owner


def _computed(model: Equations, name: str, argument: str) -> str:
    path = _find(model, name, argument)
    if path in model.initial or path not in model.values:
        _refuse(model, argument, name, "it is not computed by an equation",
                "name the variable that holds the current")  # fmt: skip
    return path


def _refuse(model: Equations, argument: str, name: str, why: str, fix: str) -> NoReturn:
    raise SchemaError(f"{argument} names {name!r}, which does not fit", where=model.source.file,
                      why=why, fix=fix)  # fmt: skip
