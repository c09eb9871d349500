"""A declared system as functions of flat vectors: what every solver is given.

Everything a person names (states, parameters, inputs, outputs) gets a place in a vector. What is
constant between two stops (infusion rates, polynomial pieces of forcing, stimuli) is the segment
vector ``s``; what happens at a stop is a numbered action.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy import float64
from numpy.typing import NDArray

from catena.core.errors import ContractError, SchemaError, did_you_mean
from catena.numerics.ode.declare.checks import mass_diagonal
from catena.numerics.ode.forcing import DEGREE
from catena.numerics.ode.layout import added, part_of

if TYPE_CHECKING:
    from catena.numerics.ode.system import OdeSystem

Shapes = Mapping[str, tuple[int, ...]]
#: From so many states on matrices are not stored in full.
LARGE_FROM = 200
#: Number of the action that returns to the initial state; doses and declared actions follow.
RESET = 1


@final
@dataclass(frozen=True)
class Flat:
    """A system of ordinary or index-1 differential-algebraic equations, M dy/dt = rhs.

    Args:
        n: States.
        np: Parameters.
        ns: Values that are constant between stops.
        no: Outputs at one time.
        rhs: ``(t (), y (n,), p (np,), s (ns,)) -> (n,)``; all functions are JAX functions of
            float64 arrays without batch axis.
        outputs: ``(t, y, p, s) -> (no,)``.
        initial: ``p -> (n,)``.
        actions: ``(t, y, p, s, a ()) -> (n,)`` each; action k is called k + 1 in tables.
        crossings: ``(t, y, p, s) -> (nc,)``; an entry fires when it passes from <= 0 to > 0.
        on_crossing: Per entry the action it brings about; 0 for none, -1 ends the row.
        mass: Constant matrix M (n, n), singular for algebraic equations; its diagonal (n,) from
            ``LARGE_FROM`` states on; None is the identity.
        labels: Names of the states.
    """

    n: int
    np: int
    ns: int
    no: int
    rhs: Callable[..., Any]
    outputs: Callable[..., Any]
    initial: Callable[..., Any]
    actions: tuple[Callable[..., Any], ...] = ()
    crossings: Callable[..., Any] | None = None
    on_crossing: tuple[int, ...] = ()
    mass: NDArray[float64] | None = None
    labels: tuple[str, ...] = ()


@final
@dataclass(frozen=True)
class Vector:
    """Places of named arrays in one flat vector."""

    shapes: Shapes
    offsets: Mapping[str, int]
    size: int

    @classmethod
    def of(cls, shapes: Shapes) -> Vector:
        """Lay the arrays out one after the other."""
        offsets, size = {}, 0
        for name, shape in shapes.items():
            offsets[name] = size
            size += prod(shape)
        return cls(dict(shapes), offsets, size)

    def span(self, name: str) -> slice:
        """Return where an array lies."""
        return slice(self.offsets[name], self.offsets[name] + prod(self.shapes[name]))

    def split(self, vector: Any) -> dict[str, Any]:
        """Return the arrays by name from (..., size)."""
        lead = vector.shape[:-1]
        return {
            name: part_of(vector, self.span(name)).reshape((*lead, *shape))
            for name, shape in self.shapes.items()
        }


@final
@dataclass(frozen=True)
class Places:
    """Where everything a person names lies in the flat vectors.

    Args:
        parameters: Parameters in ``p``.
        rates: Positions in ``y`` of the dosed states; their infusion rates lead ``s``.
        forcing: First coefficient of each forcing in ``s``.
        origin: Place in ``s`` of the time about which the polynomials are written, -1 for none.
        stimuli: Place of each stimulus in ``s``.
        segment: Length of ``s``.
    """

    parameters: Vector
    rates: tuple[int, ...]
    forcing: Mapping[str, int]
    origin: int
    stimuli: Mapping[str, int]
    segment: int

    @classmethod
    def of(cls, system: OdeSystem, shapes: Shapes | None = None) -> Places:
        """Lay out a system.

        Args:
            system: The declaration.
            shapes: Shapes of the parameters that are given; by default those of their defaults.
        """
        at = len(system.dosed)
        forcing = {}
        for name, kind in system.interpolation.items():
            forcing[name] = at
            at += DEGREE[kind] + 1
        origin = -1
        if any(DEGREE[kind] for kind in system.interpolation.values()):
            origin, at = at, at + 1
        stimuli = {stimulus.name: at + k for k, stimulus in enumerate(system.stimuli)}
        known = default_shapes(system) if shapes is None else shapes
        return cls(
            Vector.of(known), system.dosed, forcing, origin, stimuli, at + len(system.stimuli)
        )

    def inputs(self, system: OdeSystem, t: Any, s: Any) -> dict[str, Any]:
        """Return ``u``: forcing and stimuli at ``t`` from the segment vector."""
        out = {}
        for name, kind in system.interpolation.items():
            first, degree = self.forcing[name], DEGREE[kind]
            value = s[first + degree]
            for power in range(degree - 1, -1, -1):
                value = s[first + power] + (t - s[self.origin]) * value
            out[name] = value
        out.update({name: s[place] for name, place in self.stimuli.items()})
        return out


def default_shapes(system: OdeSystem) -> dict[str, tuple[int, ...]]:
    """Return the shapes parameters have when nothing is given.

    Raises:
        SchemaError: the length of a dimension is known only from values.
    """
    shapes = {}
    for field in system.parameters:
        shape = np.shape(field.default) if field.default is not None else ()
        if len(shape) != len(field.shape):
            shape = (len(field.labels),) if len(field.shape) == 1 and field.labels else None
        if shape is None:
            raise SchemaError(f"The length of {field.name!r} is not known",
                              where=f"model {system.info.id}",
                              why="it has neither labels nor an array as default",
                              fix="give the shapes of the parameters")  # fmt: skip
        shapes[field.name] = shape
    return shapes


def flat_of(system: OdeSystem, places: Places | None = None) -> Flat:
    """Return the system as functions of flat vectors.

    Args:
        system: The declaration.
        places: Layout to use; by default that of the declared defaults.

    Raises:
        ContractError: the output function does not return what is declared.
    """
    from catena.core.jaxconfig import enable_x64

    enable_x64()
    where = Places.of(system) if places is None else places
    view = _View(system, where)
    crossings, on_crossing, after = _crossings(system, view)
    return Flat(
        n=system.layout.size, np=where.parameters.size, ns=where.segment,
        no=outputs_of(system, where).size, rhs=view.rhs, outputs=view.outputs,
        initial=view.initial, actions=(*_actions(system, view), *after), crossings=crossings,
        on_crossing=on_crossing, mass=_mass(system),
        labels=system.layout.labels,
    )  # fmt: skip


def _mass(system: OdeSystem) -> np.ndarray | None:
    diagonal = mass_diagonal(system.mass, system.layout)
    return diagonal if diagonal is None or diagonal.size >= LARGE_FROM else np.diag(diagonal)


def outputs_of(system: OdeSystem, places: Places) -> Vector:
    """Return the places of the outputs at one time.

    Raises:
        ContractError: the output function does not return what is declared.
    """
    import jax

    key = ("outputs", tuple(places.parameters.shapes.items()))
    if key in system._programs:
        known: Vector = system._programs[key]
        return known
    view = _View(system, places)
    shapes = [(), (system.layout.size,), (places.parameters.size,), (places.segment,)]
    out = jax.eval_shape(view.look, *(jax.ShapeDtypeStruct(s, float) for s in shapes))
    if set(out) != set(system.outputs.names):
        raise ContractError(
            f"{system.info.id} does not return what it declares",
            where=f"output function of {system.info.id}",
            why=f"declared {sorted(system.outputs.names)}, returned {sorted(out)}",
            fix="make the output function return the declared outputs",
        )
    found = Vector.of({name: out[name].shape for name in system.outputs.names})
    system._programs[key] = found
    return found


@final
@dataclass(frozen=True)
class _View:
    """The author's functions over flat vectors."""

    system: OdeSystem
    places: Places

    def parameters(self, p: Any) -> dict[str, Any]:
        values = self.places.parameters.split(p)
        derive = self.system.derive
        return {**values, **derive(values)} if derive else values

    def open(self, t: Any, y: Any, p: Any, s: Any) -> tuple[Any, Any, Any, Any]:
        """Return (t, y, p, u) as the author wants them."""
        inputs = self.places.inputs(self.system, t, s)
        return t, self.system.layout.split(y), self.parameters(p), inputs

    def rhs(self, t: Any, y: Any, p: Any, s: Any) -> Any:
        dy = self.system.layout.join(self.system.rhs(*self.open(t, y, p, s)), "the right-hand side")
        if not self.places.rates:
            return dy
        for k, place in enumerate(self.places.rates):
            dy = added(dy, place, part_of(s, slice(k, k + 1)))
        return dy

    def look(self, t: Any, y: Any, p: Any, s: Any) -> dict[str, Any]:
        import jax.numpy as jnp

        out = self.system.output(*self.open(t, y, p, s))
        return {name: jnp.asarray(value, dtype=float) for name, value in out.items()}

    def outputs(self, t: Any, y: Any, p: Any, s: Any) -> Any:
        import jax.numpy as jnp

        out = self.look(t, y, p, s)
        names = self.system.outputs.names
        return jnp.concatenate([jnp.zeros(0), *(out[name].reshape(-1) for name in names)])

    def initial(self, p: Any) -> Any:
        import jax.numpy as jnp

        layout = self.system.layout
        start = jnp.asarray(layout.initial)
        if self.system.initial is None:
            return start
        given = self.system.initial(self.parameters(p))
        return layout.join({**layout.split(start), **given}, "initial")

    def changed(self, y: Any, new: Mapping[str, Any], where: str) -> Any:
        """Return the state with new values of some states."""
        layout = self.system.layout
        for name in new:
            if name not in layout.names:
                raise SchemaError(f"{where} changes {name!r}, which is no state", where=where,
                                  why=f"the states are {', '.join(layout.names[:12])}",
                                  fix=did_you_mean(name, layout.names, "name a state"))  # fmt: skip
        return layout.join({**layout.split(y), **new}, where)


def _actions(system: OdeSystem, view: _View) -> list[Callable[..., Any]]:
    """Return what event records can bring about: reset, doses, declared actions."""
    if not (system.doses or system.actions):
        return []
    found: list[Callable[..., Any]] = [lambda t, y, p, s, a: view.initial(p)]
    found += [
        lambda t, y, p, s, a, at=place: added(y, at, a.reshape(1)) for place in view.places.rates
    ]
    for name, act in system.actions.items():

        def action(t: Any, y: Any, p: Any, s: Any, a: Any, act: Any = act, name: str = name) -> Any:
            return view.changed(y, act(*view.open(t, y, p, s), a), f"action {name!r}")

        found.append(action)
    return found


def _crossings(
    system: OdeSystem, view: _View
) -> tuple[Callable[..., Any] | None, tuple[int, ...], list[Callable[..., Any]]]:
    """Return the rising functions, what each brings about, and the actions they need."""
    if not system.crossings:
        return None, (), []
    taken = len(_actions(system, view))
    on_crossing: list[int] = []
    after: list[Callable[..., Any]] = []
    signs: list[tuple[Callable[..., Any], float]] = []
    for crossing in system.crossings:
        number = -1 if crossing.terminal else 0
        if crossing.action is not None:

            def action(
                t: Any, y: Any, p: Any, s: Any, a: Any, act: Any = crossing.action,
                name: str = crossing.name,
            ) -> Any:  # fmt: skip
                return view.changed(y, act(*view.open(t, y, p, s)), f"crossing {name!r}")

            after.append(action)
            number = taken + len(after)
        for sign in {"rising": (1.0,), "falling": (-1.0,), "both": (1.0, -1.0)}[crossing.direction]:
            signs.append((crossing.when, sign))
            on_crossing.append(number)

    def crossings(t: Any, y: Any, p: Any, s: Any) -> Any:
        import jax.numpy as jnp

        opened = view.open(t, y, p, s)
        return jnp.stack([sign * jnp.asarray(when(*opened), dtype=float) for when, sign in signs])

    return crossings, tuple(on_crossing), after
