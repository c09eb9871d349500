"""A declared system as one function of state, held inputs and loose values.

``u`` are the inputs somebody decides on (forcing or parameters held constant over an interval, and
impulses given at its start), ``q`` the values that may differ from what was assumed: uncertain
parameters, measured disturbances and unknown constant rates added to chosen states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError, did_you_mean

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.numerics.ode.system import OdeSystem

#: Prefix of the unknown constant rate added to a state.
DISTURBANCE = "rate of "


@final
@dataclass(frozen=True)
class Dynamics:
    """Flat view of a system; all functions are JAX functions without batch axis.

    Args:
        system: The declaration.
        states: Names of the positions of the state vector ``x`` (n,).
        held: Names of the entries of ``u`` that are held constant.
        impulses: Names of the entries of ``u`` after those: amounts given at once.
        loose: Names of the entries of ``q``.
        outputs: Names of the positions of the output vector.
        units: Unit by name of state, input, loose value or output.
        nominal: Values of ``q`` that were declared or given.
        rhs: ``(t, x, u, q) -> (n,)``.
        look: ``(t, x, u, q) -> (outputs,)``.
        jump: ``(t, x, u, q) -> (n,)``: the state right after the impulses of ``u``.
        initial: ``q -> (n,)``.
    """

    system: OdeSystem
    states: tuple[str, ...]
    held: tuple[str, ...]
    impulses: tuple[str, ...]
    loose: tuple[str, ...]
    outputs: tuple[str, ...]
    units: Mapping[str, str]
    nominal: np.ndarray
    rhs: Callable[..., Any]
    look: Callable[..., Any]
    jump: Callable[..., Any]
    initial: Callable[..., Any]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of all entries of ``u``."""
        return (*self.held, *self.impulses)

    def started(self, q: np.ndarray | None = None) -> np.ndarray:
        """Return the declared initial state (n,)."""
        return np.array(self.initial(self.nominal if q is None else q), dtype=float)


def system_of(model: Model) -> OdeSystem:
    """Return the equations behind a model.

    Raises:
        InputError: the model is no system of differential equations, or one with events or
            algebraic equations, which a filter or a controller cannot see through.
    """
    from catena.numerics.ode.system import OdeSystem

    system = model if isinstance(model, OdeSystem) else getattr(model, "system", None)
    if not isinstance(system, OdeSystem):
        raise InputError("The model has no differential equations to work with",
                         where=f"model {model.info.id}",
                         why=f"it is a {type(model).__name__}, not an OdeSystem",
                         fix="declare it with catena.numerics.ode.OdeSystem")  # fmt: skip
    hidden = {"crossings": bool(system.crossings), "algebraic states": bool(system.mass),
              "stimuli": bool(system.stimuli)}  # fmt: skip
    found = [name for name, there in hidden.items() if there]
    if found:
        raise InputError("The model cannot be estimated or controlled as it is",
                         where=f"model {model.info.id}", why=f"it has {' and '.join(found)}",
                         fix="give a variant of the model without them")  # fmt: skip
    return system


def dynamics(
    model: Model,
    *,
    held: Sequence[str] = (),
    impulses: Sequence[str] = (),
    loose: Sequence[str] = (),
    disturbed: Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
) -> Dynamics:
    """Return a system as a function of decisions and loose values.

    Args:
        model: A dynamic model.
        held: Parameters or forcing inputs that are decided on and held over an interval.
        impulses: Doses (names of dosed states) or declared actions.
        loose: Parameters or forcing inputs that may change from call to call.
        disturbed: States that receive an unknown constant rate; these rates end ``q``.
        given: Values of other parameters and forcing inputs, in their declared units.

    Raises:
        InputError: a name is unknown or named twice, or a value is missing.
    """
    from catena.numerics.ode.flat import Places, flat_of

    system = system_of(model)
    places = Places.of(system)
    flat = flat_of(system, places)
    _check_names(system, held, impulses, loose, disturbed)
    base = _Values(system, places, {**(given or {})}, (*held, *loose))
    into_p, into_s = base.slots(held)
    from_q_p, from_q_s = base.slots(loose)
    pushed = np.zeros((len(disturbed), flat.n))
    for row, name in enumerate(disturbed):
        pushed[row, system.layout.labels.index(name)] = 1.0
    count, free = len(held), len(loose)

    def vectors(u: Any, q: Any) -> tuple[Any, Any]:
        import jax.numpy as jnp

        values, named = u[:count], q[:free]
        p = jnp.asarray(base.p) + values @ into_p + named @ from_q_p
        return p, jnp.asarray(base.s) + values @ into_s + named @ from_q_s

    def rhs(t: Any, x: Any, u: Any, q: Any) -> Any:
        dx = flat.rhs(t, x, *vectors(u, q))
        return dx + q[free:] @ pushed if disturbed else dx

    def look(t: Any, x: Any, u: Any, q: Any) -> Any:
        return flat.outputs(t, x, *vectors(u, q))

    actions = [flat.actions[_number(system, name)] for name in impulses]

    def jump(t: Any, x: Any, u: Any, q: Any) -> Any:
        for k, action in enumerate(actions):
            x = action(t, x, *vectors(u, q), u[count + k])
        return x

    def initial(q: Any) -> Any:
        import jax.numpy as jnp

        return flat.initial(vectors(jnp.asarray(base.assumed(held)), jnp.asarray(q))[0])

    return Dynamics(
        system, system.layout.labels, tuple(held), tuple(impulses),
        (*loose, *(DISTURBANCE + name for name in disturbed)), _output_labels(system, places),
        _units(system, impulses, disturbed),
        np.concatenate([base.assumed(loose), np.zeros(len(disturbed))]), rhs, look, jump, initial,
    )  # fmt: skip


def _number(system: OdeSystem, name: str) -> int:
    """Return which of the flat actions gives an impulse; the first one is the reset."""
    return 1 + [*system.doses, *system.actions].index(name)


def _check_names(
    system: OdeSystem,
    held: Sequence[str],
    impulses: Sequence[str],
    loose: Sequence[str],
    disturbed: Sequence[str],
) -> None:
    scalars = (*(f.name for f in system.parameters if not f.shape), *system.forcing.names)
    known = {
        "decided inputs": (held, scalars),
        "impulses": (impulses, (*system.doses, *system.actions)),
        "loose values": (loose, scalars),
        "disturbed states": (disturbed, system.layout.labels),
    }
    for what, (names, choices) in known.items():
        for name in names:
            if name not in choices:
                raise InputError(f"{name!r} is not among the possible {what}",
                                 where=f"model {system.info.id}",
                                 why=f"possible are {', '.join(choices[:12]) or 'none'}",
                                 fix=did_you_mean(name, choices, "use one of these"))  # fmt: skip
    twice = {name for name in (*held, *loose) if (*held, *loose).count(name) > 1}
    if twice:
        raise InputError(f"{sorted(twice)[0]!r} is named twice", where=f"model {system.info.id}",
                         why="a value is either decided on or loose", fix="name it once")  # fmt: skip


@final
class _Values:
    """Values of parameters and held forcing that stay as they are.

    Args:
        system: The declaration.
        places: Places in the flat vectors.
        given: Values by name; defaults of the declaration serve for the others.
        varied: Names whose values come with every call; their places hold zero.
    """

    def __init__(
        self,
        system: OdeSystem,
        places: Any,
        given: Mapping[str, Any],
        varied: Sequence[str],
    ) -> None:
        self.system, self.places = system, places
        self.given = _checked(system, given)
        self.p, self.s = np.zeros(places.parameters.size), np.zeros(places.segment)
        for field in system.parameters:
            if field.name not in varied:
                span = places.parameters.span(field.name)
                self.p[span] = np.ravel(self._value(field.name))
        for name in system.forcing.names:
            if name not in varied:
                self.s[places.forcing[name]] = float(self._value(name))

    def _value(self, name: str) -> Any:
        fields = self.system.parameters if name in self.system.parameters else self.system.forcing
        default = fields[name].default
        if fields[name].kind == "category" and default is not None:
            default = fields[name].choices.index(default)
        value = self.given.get(name, default)
        if value is None:
            raise InputError(f"No value for {name!r}", where=f"model {self.system.info.id}",
                             why="it has no default", fix=f"give it: given={{{name!r}: ...}}")  # fmt: skip
        return value

    def slots(self, names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the matrices (k, np) and (k, ns) that put k values into their places."""
        p = np.zeros((len(names), self.p.size))
        s = np.zeros((len(names), self.s.size))
        for row, name in enumerate(names):
            if name in self.system.parameters:
                p[row, self.places.parameters.span(name)] = 1.0
            else:
                s[row, self.places.forcing[name]] = 1.0
        return p, s

    def assumed(self, names: Sequence[str]) -> np.ndarray:
        """Return given or default values (k,); zero for forcing without either."""
        out = []
        for name in names:
            known = name in self.given or name in self.system.parameters
            has = known or self.system.forcing[name].default is not None
            out.append(float(np.ravel(self._value(name))[0]) if has else 0.0)
        return np.array(out)


def _checked(system: OdeSystem, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return given values in declared units; a forcing is held at one value."""
    from catena.core.spec import Schema

    held = Schema([*system.parameters, *system.forcing])
    for name in given:
        if name not in held:
            raise InputError(f"No parameter or input {name!r}", where=f"model {system.info.id}",
                             why=f"it has {', '.join(held.names[:12])}",
                             fix=did_you_mean(name, held.names, "use one of these"))  # fmt: skip
    batch = held.select(given).validate(given, where=f"model {system.info.id}")
    if batch.size > 1:
        raise InputError("One value each is needed", where=f"model {system.info.id}",
                         why=f"{batch.size} rows were given", fix="give single values")  # fmt: skip
    return {name: np.asarray(batch[name])[0] for name in given}


def _output_labels(system: OdeSystem, places: Any) -> tuple[str, ...]:
    """Return a name for every position of the output vector, e.g. ``tissue[liver]``."""
    from catena.numerics.ode.flat import outputs_of

    labels: list[str] = []
    for name, shape in outputs_of(system, places).shapes.items():
        own = system.outputs[name].labels
        if not shape:
            labels.append(name)
        elif len(shape) == 1 and len(own) == shape[0]:
            labels += [f"{name}[{label}]" for label in own]
        else:
            labels += [f"{name}[{k}]" for k in range(prod(shape))]
    return tuple(labels)


def _units(system: OdeSystem, impulses: Sequence[str], disturbed: Sequence[str]) -> dict[str, str]:
    units = {field.name: field.unit for field in (*system.outputs, *system.forcing)}
    units |= {field.name: field.unit for field in system.parameters}
    for label in system.layout.labels:
        units[label] = system.states[label.split("[")[0]].unit
    for name in impulses:
        units.setdefault(name, "")
    for name in disturbed:
        unit = units[name]
        units[DISTURBANCE + name] = f"{unit or '1'}/{system.time_unit}"
    return units
