"""The kernel inside a trace of JAX: ``grad``, ``jacfwd``, ``hessian``, ``vmap``, ``jit``.

A trace holds one call-back to the host per evaluation, whatever the batch: values; values with all
first derivatives; all second derivatives (the kernel of the system augmented by sensitivities).
The rules contract those tables with tangents, so that JAX can transpose them. Third derivatives,
some second ones and more directions than ``MOST`` take the diffrax back end, which is logged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, final

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from catena.core.errors import BackendError
from catena.numerics.ode.calls import Leaves, Plan

if TYPE_CHECKING:
    from catena.numerics.ode.kernel_backend import KernelRows

#: Directions up to which tables of derivatives are filled. Measured on the whole-body model (51
#: states, 123 parameters, 25 times): a gradient takes 0.3 s after 9 s of compilation, in the reverse
#: mode of diffrax 0.2 s after 164 s.
MOST = 256
_log = logging.getLogger(__name__)

Moving = Mapping[str, Any]


def traced_outputs(rows: KernelRows, plan: Plan, leaves: Leaves, size: int) -> Any:
    """Return flat outputs (size, t, no), differentiable.

    Args:
        rows: The compiled system.
        plan: Where everything lies and when integration stops.
        leaves: Values, some of them JAX arrays.
        size: Number of rows.
    """
    moving = {name: value for name, value in leaves.named().items() if hasattr(value, "aval")}
    if not moving:
        return jnp.asarray(rows.run(plan.fill(leaves), size).out)
    rows.prepare(plan, tangents=False)
    return _Bridge(rows, plan, leaves, size).outputs(moving)


@final
class _Bridge:
    """One call: the functions of its moving leaves, and their rules of differentiation."""

    def __init__(self, rows: KernelRows, plan: Plan, leaves: Leaves, size: int) -> None:
        self.rows, self.plan, self.leaves, self.size = rows, plan, leaves, size
        self.shape = (size, leaves.time.shape[1], rows.flat.no)

    # Functions of the moving leaves -------------------------------------------------------

    def outputs(self, moving: Moving) -> Any:
        """Return the outputs; the rule takes values and derivatives from one call-back."""

        @jax.custom_jvp
        def value(moving: Moving) -> Any:
            return self._call(self._host_values, self.shape, moving)

        @partial(value.defjvp, symbolic_zeros=True)
        def rule(primals: tuple[Moving], tangents: tuple[Moving]) -> Any:
            active = _active(tangents[0])
            count = self._count(active)
            if count > MOST:
                _log.info("%s: %d directions take the diffrax back end", self.name, count)
                dense, at, fixed = _split(primals[0], tangents[0], active)
                return jax.jvp(lambda m: self._by_diffrax({**fixed, **m}), (at,), (dense,))
            out, table, slopes = self._first(primals[0], active)
            return out, self._contracted(table, slopes, tangents[0], active)

        return value(moving)

    def _first(self, moving: Moving, active: tuple[str, ...]) -> tuple[Any, Any, Any]:
        """Return outputs, derivatives (size, directions, t, no) and slopes in time."""
        self.rows.prepare(self.plan, tangents=True)
        slopes = self.shape if "time" in active else (0,)
        shapes = (self.shape, (self.size, self._count(active), *self.shape[1:]), slopes)

        @jax.custom_jvp
        def first(moving: Moving) -> Any:
            return self._call(partial(self._host_first, active), shapes, moving)

        @partial(first.defjvp, symbolic_zeros=True)
        def rule(primals: tuple[Moving], tangents: tuple[Moving]) -> Any:
            again = _active(tangents[0])
            reason = self._why_not(active, again)
            if reason:
                _log.info("%s: second derivatives take the diffrax back end: %s", self.name, reason)
                dense, at, fixed = _split(primals[0], tangents[0], again)
                return jax.jvp(lambda m: self._first_by_diffrax({**fixed, **m}, active),
                               (at,), (dense,))  # fmt: skip
            out, table, slopes = first(*primals)
            own = self._first(primals[0], again)[1]
            moved = self._contracted(own, None, tangents[0], again)
            second = self._second(primals[0], active, again)
            bent = self._contracted(second, None, tangents[0], again)
            return (out, table, slopes), (moved, bent, jnp.zeros_like(slopes))

        out: tuple[Any, Any, Any] = first(moving)
        return out

    def _second(self, moving: Moving, active: tuple[str, ...], again: tuple[str, ...]) -> Any:
        """Return second derivatives (size, directions of again, those of active, t, no)."""
        second_kernel = self.rows.augmented()
        shape = (self.size, self._count(again), self._count(active), *self.shape[1:])

        def host(moving: Moving) -> np.ndarray:
            lead, plan, leaves, size = self._open(moving)
            found = second_kernel.table(plan, leaves, active, again, size)
            return found.reshape((*lead, *shape))

        @jax.custom_jvp
        def second(moving: Moving) -> Any:
            return self._call(host, shape, moving)

        @second.defjvp
        def rule(primals: tuple[Moving], tangents: tuple[Moving]) -> Any:
            _log.info("%s: third derivatives take the diffrax back end", self.name)

            def reference(moving: Moving) -> Any:
                return self._table(lambda m: self._first_by_diffrax(m, active)[1], moving, again)

            return second(*primals), jax.jvp(reference, primals, tangents)[1]

        return second(moving)

    def _why_not(self, active: tuple[str, ...], again: tuple[str, ...]) -> str:
        """Return why the kernel has no second derivatives here, or "".

        Raises:
            BackendError: nothing has.
        """
        if self.rows.flat.crossings is not None:
            raise BackendError("No second derivatives through state events", where=self.name,
                               why="the jump of the sensitivities is known to first order only",
                               fix="differentiate once, or drop the crossings")  # fmt: skip
        both = {*active, *again}
        kinds = self.plan.system.interpolation
        if self.plan.schedule.cycle is not None:
            return "a regimen is at steady state"
        if "time" in both:
            return "output times move"
        if any(kinds[n.removeprefix("forcing.")] == "cubic" for n in both if n[:8] == "forcing."):
            return "points of a cubic forcing move"
        try:
            self.rows.augmented()
        except BackendError as error:
            return f"{error.what}: {error.why}"
        return ""

    # The same by diffrax --------------------------------------------------------------------

    def _by_diffrax(self, moving: Moving, forward: bool = False) -> Any:
        from catena.numerics.ode.choice import diffrax_rows

        rows = diffrax_rows(self.plan, "derivatives the kernel does not have")
        solve = rows.forward if forward else rows.traced
        return jax.jit(lambda m: solve(self.plan, self.leaves.with_(m), self.size))(moving)

    def _first_by_diffrax(self, moving: Moving, active: tuple[str, ...]) -> tuple[Any, Any, Any]:
        """Return what ``_first`` does, differentiable in forward mode."""
        function = partial(self._by_diffrax, forward=True)
        slopes = jnp.zeros(0)
        if "time" in active:
            fixed = {name: value for name, value in moving.items() if name != "time"}
            slopes = jax.jvp(lambda time: function({**fixed, "time": time}),
                             (moving["time"],), (jnp.ones_like(moving["time"]),))[1]  # fmt: skip
        return function(moving), self._table(function, moving, active), slopes

    def _table(self, function: Any, moving: Moving, active: tuple[str, ...]) -> Any:
        """Return a function's derivatives to the numbers of some leaves, on a new second axis."""
        columns = []
        for name in active:
            if name == "time":
                continue
            value = moving[name]
            fixed = {other: v for other, v in moving.items() if other != name}
            for k in range(_numbers(value)):
                seed = jnp.zeros((len(value), _numbers(value))).at[:, k].set(1.0)
                move = seed.reshape(value.shape)
                columns.append(
                    jax.jvp(lambda v, n=name, f=fixed: function({**f, n: v}), (value,), (move,))[1]
                )
        return jnp.stack(columns, axis=1) if columns else jnp.zeros((self.size, 0, *self.shape[1:]))

    # On the host ----------------------------------------------------------------------------

    def _host_values(self, moving: Moving) -> np.ndarray:
        lead, plan, leaves, size = self._open(moving)
        return self.rows.run(plan.fill(leaves), size).out.reshape((*lead, *self.shape))

    def _host_first(self, active: tuple[str, ...], moving: Moving) -> tuple[np.ndarray, ...]:
        lead, plan, leaves, size = self._open(moving)
        directions = plan.directions(leaves, [name for name in active if name != "time"])
        timed = "time" in active
        outcome = self.rows.run_tangents(plan.fill(leaves), directions, size, time_slopes=timed)
        table = outcome.tangents
        if table is None or not self._count(active):
            table = np.zeros((size, 0, *self.shape[1:]))
        slopes = outcome.time_slopes if timed else np.zeros(0)
        assert slopes is not None
        return (
            outcome.out.reshape((*lead, *self.shape)),
            table.reshape((*lead, self.size, *table.shape[1:])),
            slopes.reshape((*lead, *self.shape)) if timed else np.zeros((*lead, 0)),
        )

    def _open(self, moving: Moving) -> tuple[tuple[int, ...], Plan, Leaves, int]:
        """Return the axes ``vmap`` has added, and plan, leaves and number of all those rows."""
        named = self.leaves.named()
        arrays = {name: np.asarray(value) for name, value in moving.items()}
        leads = {name: a.shape[: a.ndim - np.ndim(named[name])] for name, a in arrays.items()}
        lead = np.broadcast_shapes(*leads.values())
        times = int(np.prod(lead, dtype=int))
        schedule, tables = self.plan.schedule, ("amt", "forcing")
        if schedule.rows > 1 or any(name.split(".")[0] in tables for name in moving):
            schedule = schedule.repeated(times * self.size // schedule.rows if times > 1 else 1)
        wide = {name: _rows(a, lead, a.ndim - len(leads[name]), self.size)
                for name, a in arrays.items()}  # fmt: skip
        still = {name: np.tile(value, (times, *(1,) * (np.ndim(value) - 1)))
                 for name, value in named.items() if name not in wide and len(value) > 1}  # fmt: skip
        leaves = self.leaves.with_({**still, **wide})
        plan = Plan(self.plan.system, self.plan.places, schedule)
        return lead, plan, leaves, times * self.size

    # Small parts ----------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The model's id."""
        return self.plan.system.info.id

    def _call(self, host: Any, shapes: Any, moving: Moving) -> Any:
        struct = jax.tree.map(
            lambda shape: jax.ShapeDtypeStruct(shape, np.float64), shapes,
            is_leaf=lambda x: isinstance(x, tuple) and (not x or isinstance(x[0], int)),
        )  # fmt: skip
        return jax.pure_callback(host, struct, moving, vmap_method="expand_dims")

    def _count(self, active: tuple[str, ...]) -> int:
        """Return the number of directions of some leaves; output times are no direction."""
        named = self.leaves.named()
        return sum(_numbers(named[name]) for name in active if name != "time")

    def _contracted(
        self, table: Any, slopes: Any, tangents: Moving, active: tuple[str, ...]
    ) -> Any:
        """Return what tangents make of a table (size, directions, ...)."""
        first, out = 0, jnp.zeros(())
        for name in active:
            move = tangents[name]
            if name == "time":
                out += slopes * jnp.broadcast_to(move, self.shape[:2])[..., None]
                continue
            move = jnp.broadcast_to(move.reshape(len(move), -1), (self.size, _numbers(move)))
            out += jnp.einsum("rd...,rd->r...", table[:, first : first + move.shape[1]], move)
            first += move.shape[1]
        return out


def _numbers(value: Any) -> int:
    """Return how many numbers a leaf holds in one row."""
    return int(np.prod(np.shape(value)[1:], dtype=int))


def _active(tangents: Moving) -> tuple[str, ...]:
    """Return the leaves that have a tangent."""
    return tuple(name for name in tangents if not isinstance(tangents[name], SymbolicZero))


def _split(primals: Moving, tangents: Moving, active: tuple[str, ...]) -> tuple[Any, Any, Any]:
    """Return tangents and values of the active leaves, and the values of the others."""
    dense = {name: tangents[name] for name in active}
    at = {name: primals[name] for name in active}
    return dense, at, {name: value for name, value in primals.items() if name not in active}


def _rows(array: np.ndarray, lead: tuple[int, ...], ndim: int, size: int) -> np.ndarray:
    """Merge the axes ``vmap`` has added with the rows; what all rows share stays one row."""
    core = array.shape[array.ndim - ndim :]
    if all(length == 1 for length in array.shape[: array.ndim - ndim]) and (
        core[0] == 1 or all(length == 1 for length in lead)
    ):
        return array.reshape(core)
    whole = np.broadcast_to(array, (*lead, size, *core[1:]))
    return whole.reshape((-1, *core[1:]))
