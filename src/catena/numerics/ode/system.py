"""The declaration of a dynamic model: states, right-hand side and outputs become a Model."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, final

import numpy as np

from catena.core.errors import RowFault, SchemaError
from catena.core.identity import content_key
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Field, Schema
from catena.core.values import Padded
from catena.numerics.ode import events as event_records
from catena.numerics.ode import forcing as forcing_tables
from catena.numerics.ode.declare.checks import check_actions, mass_diagonal, tolerances
from catena.numerics.ode.declare.crossings import Crossing, check_crossings
from catena.numerics.ode.declare.stimuli import Periodic, check_stimuli
from catena.numerics.ode.declared import code_of, same_unit
from catena.numerics.ode.forcing import Interpolation
from catena.numerics.ode.layout import Layout
from catena.numerics.ode.settings import SolverSettings

Values = Mapping[str, Any]
Action = Callable[[Any, Values, Values, Values, Any], Values]


class Solved(dict[str, Any]):
    """Outputs by name, with how the integration of every row went."""

    report: Any = None


@final
class OdeSystem(Model):
    """A system of ordinary differential equations, written once for one individual.

    Args:
        info: Identity; the back end must be ``jax``.
        states: State fields; ``default`` is the initial value, shapes are allowed.
        parameters: Fields that become inputs of the model.
        rhs: ``f(t, y, p, u) -> dict`` like ``y``; mappings of names to JAX values, no batch axis.
            It never looks at doses: they act on the states named in ``doses``.
        outputs: Output fields, shape ``(..., "time")``; without ``time`` the value at the last
            output time is returned.
        output: ``g(t, y, p, u) -> dict`` of outputs at one time.
        initial: ``h(p) -> dict`` of initial states that depend on parameters.
        derive: ``d(p) -> dict`` of values computed once per row and added to ``p``.
        forcing: Fields known as tables (time, value) over time; their values arrive in ``u``.
        interpolation: ``linear``, ``constant`` or ``cubic`` (monotone between the points), for
            all forcing inputs or by name.
        doses: Dosed states, scalar ``depot`` or one element ``tissue[liver]``.
        actions: Named changes of state ``c(t, y, p, u, amt) -> dict`` of the states that change
            (a feed pulse, a sample, a dilution); an event record with ``cmt`` of that name
            applies it with its ``amt``.
        stimuli: Pulses that repeat; their values arrive in ``u``.
        crossings: Events that the state brings about.
        mass: Factors of the derivatives by state; 0 marks an algebraic equation, of which the
            right-hand side returns the residual. Consistent values of the algebraic states are
            solved for at the start and after every event.
        linear: The right-hand side is affine in ``y`` and does not depend on ``t``; it is then
            solved exactly. Forcing of such a system must be ``constant``.
        settings: Solver choices.
        time_unit: Unit of time throughout.

    Raises:
        SchemaError: the parts contradict each other.

    Integration starts at time zero (earlier if an output or event is earlier, at the dose if
    that is at steady state). Outputs at the moment of a dose are those right after it.
    Parameters that are integers or categories arrive in ``p`` as floating-point numbers.
    """

    capabilities = Capabilities(gradient=True, dynamic=True)

    def __init__(
        self,
        info: ModelInfo,
        states: Schema | str,
        parameters: Schema | str,
        rhs: Callable[[Any, Values, Values, Values], Values],
        outputs: Schema | str,
        output: Callable[[Any, Values, Values, Values], Values],
        *,
        initial: Callable[[Values], Values] | None = None,
        derive: Callable[[Values], Values] | None = None,
        forcing: Schema | str = "",
        interpolation: Interpolation | Mapping[str, Interpolation] = "linear",
        doses: tuple[str, ...] = (),
        actions: Mapping[str, Action] | None = None,
        stimuli: tuple[Periodic, ...] = (),
        crossings: tuple[Crossing, ...] = (),
        mass: Mapping[str, float] | None = None,
        linear: bool = False,
        settings: SolverSettings | None = None,
        time_unit: str = "h",
    ) -> None:
        self.info = info
        self.states, self.parameters = Schema.parse(states), Schema.parse(parameters)
        self.forcing, self.outputs = Schema.parse(forcing), Schema.parse(outputs)
        self.rhs, self.output, self.initial, self.derive = rhs, output, initial, derive
        self.doses, self.linear, self.time_unit = tuple(doses), linear, time_unit
        self.actions, self.mass = dict(actions or {}), dict(mass or {})
        self.stimuli, self.crossings = tuple(stimuli), tuple(crossings)
        self.settings = settings or SolverSettings()
        self.interpolation = forcing_tables.kinds(self.forcing, interpolation)
        self.layout = Layout.of(self.states)
        self.dosed = tuple(self.layout.position(name) for name in self.doses)
        self._programs: dict[Any, Any] = {}
        self._declare()

    def _declare(self) -> None:
        if self.info.backend != "jax":
            raise SchemaError("An OdeSystem runs on JAX", where=f"model {self.info.id}",
                              why=f"its back end is {self.info.backend!r}",
                              fix='set backend="jax" in its ModelInfo')  # fmt: skip
        check_actions(self.actions, self.doses)
        check_stimuli(self.stimuli, self.parameters, self.forcing, self.time_unit)
        check_crossings(self.crossings)
        mass_diagonal(self.mass, self.layout)
        tolerances(self.settings, self.layout)
        if self.linear and not set(self.interpolation.values()) <= {"constant"}:
            raise SchemaError("A linear system cannot take sloping forcing",
                              where=f"model {self.info.id}",
                              why="exact steps need inputs that are constant between stops",
                              fix='use interpolation="constant" or linear=False')  # fmt: skip
        fields = [*self.parameters]
        fields.append(Field("time", unit=self.time_unit, shape=("time",), doc="Output times"))
        if self.doses or self.actions:
            unit = same_unit(self.states, self.doses)
            targets = (*self.doses, *self.actions)
            fields.append(
                Field("events", kind="table", shape=("event",), ragged=True, optional=True,
                      columns=event_records.columns(targets, unit, self.time_unit),
                      doc="Dose records in the columns of NM-TRAN")
            )  # fmt: skip
        fields += [forcing_tables.table_field(f, self.time_unit) for f in self.forcing]
        self.inputs = Schema(fields)

    # Model's hooks ------------------------------------------------------------------------

    def _check(self, batch: Values) -> list[RowFault]:
        times = np.asarray(batch["time"])
        shared = len(times) == 1
        found = [
            RowFault(-1 if shared else int(row), "time", "must not decrease")
            for row in np.flatnonzero((np.diff(times, axis=1) < 0).any(axis=1))
        ]
        if not times.shape[1]:
            found.append(RowFault(-1, "time", "at least one output time is needed"))
        if found:
            return found
        events = batch.get("events")
        if events is not None:
            found += event_records.faults(events, times[:, 0], len(self.doses))
        for field in self.forcing:
            found += forcing_tables.faults(
                field.name, batch[field.name], len(batch[field.name]) == 1
            )
        return found

    def _predict(self, batch: Values, params: Values, key: Any) -> dict[str, Any]:
        from catena.numerics.ode.run import trace

        size = max(int(np.shape(batch[f.name])[0]) for f in (*self.parameters, self.inputs["time"]))
        return trace(self, batch, size)

    def evaluate(self, batch: Values, size: int, key: int = 0) -> dict[str, Any]:
        """Compute without checks; rows that fail hold NaN. See ``Model.evaluate``."""
        if size == 0:
            return super().evaluate(batch, size, key)
        from catena.numerics.ode.run import values

        return values(self, batch, size)

    def jacobian(
        self,
        batch: Any = None,
        /,
        *,
        of: str | tuple[str, ...] | None = None,
        wrt: str | tuple[str, ...] | None = None,
        mode: Literal["auto", "forward", "reverse", "difference"] = "auto",
        key: int = 0,
        **inputs: Any,
    ) -> dict[tuple[str, str], np.ndarray]:
        """Return exact derivatives of outputs to inputs, row by row; see ``Model.jacobian``.

        The kernel takes all parameters asked for along in one integration.
        """
        checked = self._checked(batch, inputs, "raise")
        if mode in ("auto", "forward") and of is not None and wrt is not None and checked.size:
            from catena.numerics.ode.run import jacobian

            outputs, names = ([x] if isinstance(x, str) else list(x) for x in (of, wrt))
            if set(outputs) <= set(self.outputs.names):
                found = jacobian(self, checked.values_, outputs, names, checked.size)
                if found is not None:
                    return found
        return super().jacobian(checked, of=of, wrt=wrt, mode=mode, key=key)

    def jvp(
        self, batch: Values, tangents: Values, size: int, key: int = 0
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Push tangents of parameters and times forward; see ``Model.jvp``."""
        from catena.numerics.ode.run import push

        return push(self, batch, tangents, size)

    def vjp(self, batch: Values, cotangents: Values, size: int, key: int = 0) -> dict[str, Any]:
        """Pull cotangents of outputs back to parameters and times; see ``Model.vjp``."""
        from catena.numerics.ode.run import pull

        return pull(self, batch, cotangents, size)

    def _diagnose(
        self, batch: Values, values: dict[str, Any]
    ) -> tuple[dict[str, Any], list[RowFault]]:
        report = getattr(values, "report", None)
        if report is None:
            return {}, []
        from catena.numerics.ode.report import diagnostics, row_faults

        return diagnostics(self, report), row_faults(self, report)

    def _identity(self) -> dict[str, Any]:
        functions = (self.rhs, self.output, self.initial, self.derive, *self.actions.values(),
                     *(f for c in self.crossings for f in (c.when, c.action)))  # fmt: skip
        return {
            **super()._identity(),
            "functions": [code_of(f) for f in functions if f is not None],
            "states": self.states.key,
            "settings": self.settings.model_dump(exclude={"threads", "chunk"}),
            "declared": content_key(
                list(self.doses),
                self.linear,
                dict(self.interpolation),
                list(self.actions),
                list(self.stimuli),
                list(self.crossings),
                self.mass,
            ),
        }

    def __getstate__(self) -> dict[str, Any]:
        """Leave compiled programs behind when travelling; a worker makes its own."""
        return {**super().__getstate__(), "_programs": {}}

    # For people ---------------------------------------------------------------------------

    def solved_with(self, **changes: Any) -> Self:
        """Return the same system with other solver settings, e.g. ``rtol=1e-9``.

        Raises:
            SchemaError: ``atol`` names something that is no state.
        """
        new = copy.copy(self)
        new.__dict__.pop("key", None)
        new.settings = SolverSettings(**{**self.settings.model_dump(), **changes})
        tolerances(new.settings, new.layout)
        return new

    def event_table(self, records: Any) -> Padded:
        """Return checked events for use inside a traced function (``trace``).

        Args:
            records: One table for all rows, or a list with one table per row.
        """
        from catena.core.tables import table_column

        return table_column(self.inputs["events"], records)

    def trace(self, batch: Values) -> dict[str, Any]:
        """Compute inside a JAX trace: differentiable in both modes, unchecked.

        Args:
            batch: Parameters (n, *shape), ``time`` (n, t), ``events`` and forcing as ``Padded``.
                Event and forcing times must be concrete; amounts and values may be traced.

        Returns:
            Outputs (n, *shape); rows that fail hold NaN.
        """
        return self._predict(batch, {}, 0)
