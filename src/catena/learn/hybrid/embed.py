"""A declared system of which some parameters become learned functions of its states."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.core.spec import Field, Schema
from catena.learn.hybrid.network import TermNetwork
from catena.numerics.ode import OdeSystem

#: Names the embedded network adds to a system.
WEIGHTS, STATES = "network_weights", "network_states"


@final
@dataclass(frozen=True)
class Slots:
    """Which parameters of a system are learned, and from what.

    Inside, everything is a vector: states y, remaining parameters p, controls u, learned terms. A
    right-hand side with an attribute ``vector``, ``(t, y, p, u, terms) -> dy/dt`` on such vectors
    with the terms in the order of the system's parameters, compiles many times faster than one on
    names when there are dozens of states.

    Args:
        system: The system as written.
        terms: Parameters that a network replaces.
        features: States, controls, remaining parameters or ``time`` the network sees.
    """

    system: OdeSystem
    terms: tuple[str, ...]
    features: tuple[str, ...]

    @classmethod
    def of(cls, system: OdeSystem, terms: tuple[str, ...], features: tuple[str, ...] = ()) -> Slots:
        """Check the names; no features means all states and controls.

        Raises:
            InputError: a name is unknown, or the system is of a kind that cannot be learned.
        """
        where = f"model {system.info.id}"
        if not terms:
            raise InputError("No term to learn", where=where, why="terms is empty",
                             fix=f"name parameters: {', '.join(system.parameters.names[:8])}")  # fmt: skip
        for name in terms:
            if name not in system.parameters or system.parameters[name].shape:
                raise InputError(f"{name!r} cannot be learned", where=where,
                                 why="only a parameter with a single number becomes a network",
                                 fix=did_you_mean(name, system.parameters.names, "see describe()"))  # fmt: skip
        _check_kind(system, where)
        rest = tuple(n for n in system.parameters.names if n not in terms)
        known = (*system.states.names, *system.forcing.names, "time", *rest)
        chosen = features or (*system.states.names, *system.forcing.names)
        for name in chosen:
            if name not in known:
                raise InputError(f"The network cannot see {name!r}", where=where,
                                 why="it is no state, control or remaining parameter",
                                 fix=did_you_mean(name, known, "use one of these"))  # fmt: skip
        ordered = tuple(n for n in system.parameters.names if n in terms)
        return cls(system, ordered, tuple(dict.fromkeys(chosen)))

    @cached_property
    def parameters(self) -> Schema:
        """Parameters that stay."""
        return Schema(f for f in self.system.parameters if f.name not in self.terms)

    @cached_property
    def _sources(self) -> np.ndarray:
        """Positions of the features in (y, u, p, t)."""
        s = self.system
        order = [*s.states.names, *s.forcing.names, *self.parameters.names, "time"]
        return np.array([order.index(name) for name in self.features])

    def gather(self, t: Any, y: Any, p: Any, u: Any) -> Any:
        """Return the feature values (f,) at one moment (JAX)."""
        import jax.numpy as jnp

        return jnp.concatenate([y, u, p, jnp.reshape(t, (1,))])[self._sources]

    def slope(self, t: Any, y: Any, p: Any, u: Any, terms: Any) -> Any:
        """Return dy/dt (n,) of the written equations with given values of the terms (terms,)."""
        vector = getattr(self.system.rhs, "vector", None)
        if vector is not None and len(self.terms) == getattr(self.system.rhs, "terms", -1):
            return vector(t, y, p, u, terms)
        states, values, controls = self.named(y, p, u, terms)
        return self.system.layout.join(
            self.system.rhs(t, states, values, controls), f"rhs of {self.system.info.id}"
        )

    def named(
        self, y: Any, p: Any, u: Any, terms: Any
    ) -> tuple[Mapping[str, Any], Mapping[str, Any], Mapping[str, Any]]:
        """Return states, parameters and controls by name, as the author of the system wants them."""
        values = dict(zip(self.parameters.names, p, strict=True))
        if self.system.derive is not None:
            values = {**values, **self.system.derive(values)}
        values |= dict(zip(self.terms, terms, strict=True))
        controls = dict(zip(self.system.forcing.names, u, strict=True))
        return self.system.layout.split(y), values, controls

    def network_slope(self, network: TermNetwork) -> Callable[..., Any]:
        """Return ``(t, y (n + memory,), p, u, weights) -> dy/dt`` with the network inside."""
        import jax.numpy as jnp

        size = self.system.layout.size

        def slope(t: Any, y: Any, p: Any, u: Any, weights: Any) -> Any:
            states = y[:size]
            terms, drift = network(weights, self.gather(t, states, p, u), y[size:], states)
            return jnp.concatenate([self.slope(t, states, p, u, terms), drift])

        return slope


def _check_kind(system: OdeSystem, where: str) -> None:
    if any(system.layout.shapes) or any(f.shape for f in system.parameters):
        raise InputError("Arrays in a system cannot be learned", where=where,
                         why="a state or parameter has a shape",
                         fix="declare one state or parameter per quantity")  # fmt: skip
    if system.mass or system.crossings or system.stimuli or system.doses or system.actions:
        raise InputError("This system cannot be learned", where=where,
                         why="it has algebraic equations, state events, doses or stimuli",
                         fix="write it as plain differential equations; give doses as a control")  # fmt: skip


def embedded(slots: Slots, network: TermNetwork) -> OdeSystem:
    """Return the system with the network inside, its weights being a parameter.

    Args:
        slots: What is learned from what.
        network: The network.
    """
    system = slots.system
    size = system.layout.size
    within = slots.network_slope(network)

    def vectors(p: Mapping[str, Any], u: Mapping[str, Any]) -> tuple[Any, Any]:
        return _stack(p, slots.parameters.names), _stack(u, system.forcing.names)

    def rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        return {STATES: within(t, y[STATES], *vectors(p, u), p[WEIGHTS])}

    def output(t: Any, y: Any, p: Any, u: Any) -> Mapping[str, Any]:
        vector, (known, controls) = y[STATES], vectors(p, u)
        features = slots.gather(t, vector[:size], known, controls)
        terms, _ = network(p[WEIGHTS], features, vector[size:], vector[:size])
        return system.output(t, *slots.named(vector[:size], known, controls, terms))

    def initial(p: Any) -> dict[str, Any]:
        import jax.numpy as jnp

        values = {f.name: jnp.asarray(f.default, dtype=float) for f in system.states}
        if system.initial is not None:
            values |= dict(system.initial(p))
        parts = [jnp.reshape(values[n], (1,)) for n in system.states.names]
        return {STATES: jnp.concatenate([*parts, jnp.zeros(network.memory)])}

    labels = (*system.states.names, *(f"memory{k}" for k in range(network.memory)))
    state = Field(STATES, shape=("network_state",), labels=labels, default=np.zeros(len(labels)))
    weights = Field(WEIGHTS, shape=("network_weight",), default=np.zeros(network.size))
    return OdeSystem(
        system.info, Schema([state]), Schema([*slots.parameters, weights]), rhs, system.outputs,
        output, initial=initial, forcing=system.forcing, interpolation=system.interpolation,
        settings=_settings(slots, network), time_unit=system.time_unit,
    )  # fmt: skip


def _stack(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    import jax.numpy as jnp

    parts = [jnp.reshape(values[name], (1,)) for name in names]
    return jnp.concatenate(parts) if parts else jnp.zeros(0)


def _settings(slots: Slots, network: TermNetwork) -> Any:
    """Return solver settings: explicit steps, with a tolerance that follows the states' sizes."""
    settings = slots.system.settings
    if settings.method != "auto":
        return settings
    highest = dict(zip(network.features, np.abs(network.high), strict=True))
    seen = [highest[n] for n in slots.system.states.names if highest.get(n)]
    return settings.model_copy(
        update={"method": "tsit5", "rtol": 1e-6, "atol": 1e-7 * min(seen, default=1.0)}
    )
