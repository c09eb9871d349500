"""Events of SBML.

An event starts when its condition turns from false to true. The engine watches a number that is
positive exactly while the condition holds and tells by its size how far off the change is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, final

from catena.numerics.ode.sbml.description import Event
from catena.numerics.ode.sbml.equations import Moment, Values
from catena.numerics.ode.sbml.expression import CONDITIONS, ORDERED, Expr, as_number
from catena.numerics.ode.sbml.mathml import refused
from catena.numerics.ode.sbml.structure import Structure

#: What a condition that just holds, or just does not, measures at least.
_JUST = 1e-300


@final
@dataclass(frozen=True)
class Margin:
    """How far a condition is from changing: positive while it holds, negative while not."""

    structure: Structure
    condition: Expr

    def __call__(self, t: Any, y: Values, p: Values, u: Values) -> Any:
        """Return the margin at one time."""
        import jax.numpy as jnp

        now = Moment(self.structure, t, y, p)
        holds = now.holds(self.condition)
        margin = _margin(self.condition, now)
        # Its slope counts at the very moment, too: it says how the moment moves.
        above = jnp.where(margin >= 0.0, margin, 0.0) + _JUST
        below = jnp.where(margin <= 0.0, margin, 0.0) - _JUST
        return jnp.where(holds, above, below)


@final
@dataclass(frozen=True)
class Group:
    """Events that start together, because they have the same condition.

    Args:
        structure: What determines each quantity.
        members: The events, first to happen first.
    """

    structure: Structure
    members: tuple[Event, ...]

    @property
    def name(self) -> str:
        """Name of the first event."""
        return self.members[0].name

    @property
    def trigger(self) -> Expr:
        """Condition that starts the events."""
        return self.members[0].trigger

    def __call__(self, t: Any, y: Values, p: Values, u: Values) -> dict[str, Any]:
        """Return the states that change; what they start in turn is up to the engine."""
        start = Moment(self.structure, t, y, p)
        changed: dict[str, Any] = {}
        for event in self.members:
            states = {**y, **changed}
            now = Moment(self.structure, t, states, p)
            new = _assigned(event, start if event.at_trigger else now, now)
            # Another event of the same moment may have made the condition false again.
            changed |= new if event.persistent else _chosen(now.holds(event.trigger), new, states)
        return changed


@final
@dataclass(frozen=True)
class Start:
    """Initial states, with the events that happen at time zero.

    Args:
        structure: What determines each quantity.
        groups: Events whose condition counts as false before the start.
    """

    structure: Structure
    groups: tuple[Group, ...]

    def __call__(self, p: Values) -> dict[str, Any]:
        """Return the states at the start."""
        first = Moment(self.structure, 0.0, None, p)
        states = {name: first.held(name, first(name)) for name in self.structure.states}
        derived = {name: first(name) for name in self.structure.derived}
        for group in self.groups:
            holds = Moment(self.structure, 0.0, states, {**p, **derived}).holds(group.trigger)
            changed = group(0.0, states, {**p, **derived}, {})
            states |= _chosen(holds, changed, states)
        return states


def grouped(structure: Structure) -> tuple[Group, ...]:
    """Return the events in the order in which simultaneous ones happen.

    Raises:
        DataError: simultaneous events whose priorities are formulas.
    """
    by_condition: dict[tuple[Expr, bool], list[Event]] = {}
    for event in structure.model.events:
        by_condition.setdefault((event.trigger, event.initial), []).append(event)
    groups = [
        Group(structure, tuple(sorted(events, key=lambda e: -_priority(e, structure, len(events)))))
        for events in by_condition.values()
    ]
    groups.sort(key=lambda group: -_priority(group.members[0], structure, 1))
    return tuple(groups)


def _priority(event: Event, structure: Structure, together: int) -> float:
    if event.priority is None:
        return -math.inf
    if structure.varying(event.priority) or structure.needed([event.priority]):
        if together == 1:
            return 0.0
        raise refused(f"event {event.name!r}, line {event.line}", structure.model.name,
                      "its priority among simultaneous events is a formula",
                      "give the priority as a number")  # fmt: skip
    value = Moment(structure, 0.0, None, {}).of(event.priority)
    return float(value)


def _assigned(event: Event, values: Moment, now: Moment) -> dict[str, Any]:
    """Return the states an event sets; concentrations become amounts in the volume it leaves."""
    structure = values.structure
    new = {name: values.of(tree) for name, tree in event.assignments}
    held = {}
    for name, value in new.items():
        place = structure.model.symbols[name].compartment
        whole = name in structure.amounts
        held[name] = value * (new[place] if place in new else now(place)) if whole else value
    return held


def _chosen(holds: Any, changed: Mapping[str, Any], states: Values) -> dict[str, Any]:
    import jax.numpy as jnp

    if isinstance(holds, bool):
        return dict(changed) if holds else {}
    return {name: jnp.where(holds, value, states[name]) for name, value in changed.items()}


def _margin(tree: Expr, now: Moment) -> Any:
    import jax.numpy as jnp

    if tree.op in ORDERED:
        left, right = (as_number(now.of(arg)) for arg in tree.args)
        return left - right if tree.op in ("gt", "ge") else right - left
    if tree.op == "not":
        return -_margin(tree.args[0], now)
    if tree.op in ("and", "or") and all(arg.op in CONDITIONS for arg in tree.args):
        parts = list(_margins(tree, now))
        join = jnp.minimum if tree.op == "and" else jnp.maximum
        result = parts[0]
        for part in parts[1:]:
            result = join(result, part)
        return result
    return jnp.where(now.holds(tree), 1.0, -1.0)


def _margins(tree: Expr, now: Moment) -> Iterator[Any]:
    for arg in tree.args:
        yield _margin(arg, now)
