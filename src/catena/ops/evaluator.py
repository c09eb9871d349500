"""A model seen as a function from points of a space to a few numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import CatenaError, InputError
from catena.core.gradient import jacobian
from catena.core.spec import NUMERIC
from catena.core.values import Batch, take
from catena.ops.lift import lift
from catena.ops.quantity import Quantity
from catena.ops.space import Space
from catena.ops.variable import Variable

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.work import Work


@final
class Evaluator:
    """Evaluates points (n, d) of a space to numbers (n, m), in batches; failures stay rows.

    Args:
        model: Model or chain; parameters of it that the space varies become per-row.
        space: What varies.
        of: What to compute: ``"auc"``, ``"max(plasma)"``, ``"plasma[12]"``.
        given: Values of other inputs (one row), with units as text.
        key: Seed of a stochastic model.
        work: Executor, cache and progress; blocks of rows show on its bar.
        block: Rows per call of the model.

    Raises:
        InputError: a name is unknown, or values do not fit.
    """

    def __init__(
        self,
        model: Model,
        space: Space,
        of: str | Sequence[str] = (),
        *,
        given: Mapping[str, Any] | None = None,
        key: int = 0,
        work: Work | None = None,
        block: int = 200_000,
    ) -> None:
        if isinstance(of, str) or not of:
            of = [of] if isinstance(of, str) and of else _first(model)
        shared = [v.port for v in space.variables if v.place == "param"]
        self.source, self.space, self.key, self.work, self.block = model, space, key, work, block
        self.model = lift(model, tuple(dict.fromkeys(shared))) if shared else model
        self.quantities = tuple(Quantity.of(self.model, text) for text in of)
        self.calls = 0
        self.failures: list[tuple[int, str]] = []
        self._base = self._checked(dict(given or {}))

    @property
    def names(self) -> tuple[str, ...]:
        """What is computed, as written."""
        return tuple(quantity.text for quantity in self.quantities)

    @property
    def units(self) -> tuple[str, ...]:
        """Unit texts of what is computed."""
        return tuple(quantity.unit for quantity in self.quantities)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Return numbers (n, m) at points (n, d); rows that fail are NaN (see ``failures``)."""
        x = np.atleast_2d(np.asarray(x, dtype=float))
        self.failures = []
        out = np.full((len(x), len(self.quantities)), np.nan)
        for rows in self._groups(x):
            for start in range(0, len(rows), self.block):
                some = rows[start : start + self.block]
                out[some] = self._values(x[some], some)
        self.calls += len(x)
        return out

    def with_gradient(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return numbers (n, m) and derivatives (n, m, d) to the variables.

        Derivatives are exact where the model has gradients, else fourth-order differences; along
        whole numbers and categories they are 0.
        """
        x = np.atleast_2d(np.asarray(x, dtype=float))
        y = self(x)
        out = np.zeros((len(x), len(self.quantities), self.space.dim))
        good = np.flatnonzero(np.isfinite(y).all(axis=1))
        out[~np.isfinite(y).all(axis=1)] = np.nan
        for rows in self._groups(x[good]):
            out[good[rows]] = self._slopes(x[good[rows]])
        return y, out

    def batch(self, x: np.ndarray) -> Batch:
        """Return the checked inputs of the model at points (n, d)."""
        values = dict(self._base.values_)
        for port, variables in self._ports.items():
            values[port] = self._column(port, variables, x)
        return Batch(self.model.inputs, values, len(x))

    def at(self, x: np.ndarray) -> Model:
        """Return the original model with the values of one point (d,) as its defaults."""
        changes: dict[str, Any] = {}
        row = np.asarray(x, dtype=float).reshape(1, -1)
        for port, variables in self._ports.items():
            if variables[0].kind in ("category", "boolean"):
                value: Any = variables[0].text(float(row[0, self._index(variables[0])]))
                changes[port] = value if variables[0].kind == "category" else value == "yes"
            else:
                column = self._column(port, variables, row)[0]
                changes[port] = column.item() if np.ndim(column) == 0 else column
        return self.source.at(**changes)

    @cached_property
    def traced(self) -> Callable[[Any], Any] | None:
        """A JAX function of one point (d,) giving (m,), or None where the model is not JAX."""
        nodes = getattr(self.model, "nodes", None)
        if self.model.info.backend != "jax" or nodes or self.space.discrete.any():
            return None
        import jax.numpy as jnp

        fixed = {n: v for n, v in self._base.values_.items() if n not in self._ports}
        statics = {
            n: _static(self.model, n, v) for n, v in fixed.items() if n in self.model.static_fields
        }
        params = self.model.param_values
        columns = {port: [self._index(v) for v in vs] for port, vs in self._ports.items()}

        def call(x: Any) -> Any:
            moving = {}
            for port, places in columns.items():
                if self._ports[port][0].position is None:
                    moving[port] = x[places[0]][None]
                else:
                    base = jnp.asarray(self._base[port])
                    positions = jnp.asarray([v.position for v in self._ports[port]])
                    moving[port] = base.at[0, positions].set(x[jnp.asarray(places)])
            values = self.model._predict(
                {**fixed, **moving, **statics}, params, np.uint64(self.key)
            )
            return jnp.stack([q.traced(values[q.output][0]) for q in self.quantities])

        return call

    # How ----------------------------------------------------------------------------------

    @cached_property
    def _ports(self) -> dict[str, list[Variable]]:
        found: dict[str, list[Variable]] = {}
        for variable in self.space.variables:
            found.setdefault(variable.port, []).append(variable)
        return found

    def _index(self, variable: Variable) -> int:
        return self.space.names.index(variable.name)

    def _checked(self, given: dict[str, Any]) -> Batch:
        """Check the fixed inputs once, at the middle of the space."""
        twice = sorted(set(given) & {p for p, vs in self._ports.items() if vs[0].position is None})
        if twice:
            raise InputError(f"{', '.join(twice)} both fixed and varied", where=f"model {self.source.info.id}",
                             why="an input is one or the other", fix="drop it from one of them")  # fmt: skip
        middle = self.space.from_unit(np.full((1, self.space.dim), 0.5))[0]
        values = dict(given)
        for port, variables in self._ports.items():
            if variables[0].position is None:
                index = self._index(variables[0])
                text = variables[0].text(middle[index])
                values[port] = text if variables[0].kind != "boolean" else text == "yes"
        batch = self.model.inputs.validate(values, where=f"model {self.source.info.id}")
        if batch.size != 1:
            raise InputError("One value per fixed input", where=f"model {self.source.info.id}",
                             why=f"{batch.size} rows were given", fix="give one row, or vary the input")  # fmt: skip
        return batch

    def _column(self, port: str, variables: list[Variable], x: np.ndarray) -> Any:
        first = variables[0]
        if first.position is None:
            column = x[:, self._index(first)]
            if first.kind == "category":
                places = [self.model.inputs[port].choices.index(text) for text in first.choices]
                return np.asarray(places, dtype=np.int64)[np.round(column).astype(int)]
            if first.kind == "boolean":
                return np.round(column).astype(bool)
            whole = self.model.inputs[port].kind == "integer"
            return np.round(column).astype(np.int64) if whole else column
        full = np.repeat(np.asarray(self._base[port], dtype=float), len(x), axis=0)
        for variable in variables:
            full[:, variable.position] = x[:, self._index(variable)]
        return full

    def _groups(self, x: np.ndarray) -> list[np.ndarray]:
        """Split rows so that static fields (methods, not values) agree within a call."""
        statics = [
            self._index(v) for v in self.space.variables if v.port in self.model.static_fields
        ]
        if not statics or not len(x):
            return [np.arange(len(x))]
        _, group = np.unique(x[:, statics], axis=0, return_inverse=True)
        return [np.flatnonzero(group.ravel() == k) for k in range(int(group.max()) + 1)]

    def _values(self, x: np.ndarray, rows: np.ndarray) -> np.ndarray:
        out = np.full((len(x), len(self.quantities)), np.nan)
        batch = self.batch(x)
        faults = {fault.row: fault.why for fault in self.model._check(batch)}
        keep = np.array(
            [row for row in range(len(x)) if row not in faults and -1 not in faults], dtype=int
        )
        self.failures += [(int(rows[row]), why) for row, why in faults.items() if row >= 0]
        if -1 in faults:
            self.failures += [(int(row), faults[-1]) for row in rows]
        if not len(keep):
            return out
        if len(keep) < len(x):
            batch = Batch(
                self.model.inputs, {n: take(v, keep) for n, v in batch.items()}, len(keep)
            )
        try:
            result = self.model.predict(batch, key=self.key, on_error="skip")
        except CatenaError as error:
            if len(keep) == 1 or isinstance(error, InputError):
                self.failures += [(int(rows[row]), f"{error.what}: {error.why}") for row in keep]
                return out
            raise
        good = np.array([text == "ok" for text in result.status])
        self.failures += [(int(rows[keep[k]]), t) for k, t in enumerate(result.status) if t != "ok"]
        if good.any():
            out[keep[good]] = np.stack([q.read(result.values_) for q in self.quantities], axis=1)
        return out

    def _slopes(self, x: np.ndarray) -> np.ndarray:
        out = np.zeros((len(x), len(self.quantities), self.space.dim))
        ports = [p for p, vs in self._ports.items() if vs[0].kind == "real"
                 and self.model.inputs[p].kind in NUMERIC]  # fmt: skip
        if not ports:
            return out
        batch = self.batch(x)
        outputs = tuple(dict.fromkeys(quantity.output for quantity in self.quantities))
        found = jacobian(self.model, batch, outputs, tuple(ports), "auto", self.key)
        values = {}
        if any(quantity.how in ("max", "min") for quantity in self.quantities):
            values = self.model.evaluate(batch.values_, batch.size, self.key)
        for k, quantity in enumerate(self.quantities):
            for port in ports:
                slopes = found[quantity.output, port]
                for variable in self._ports[port]:
                    part = slopes if variable.position is None else slopes[..., variable.position]
                    wanted = quantity.slopes(values, part[..., None])[..., 0]
                    out[:, k, self._index(variable)] = wanted
        return out


def _first(model: Model) -> list[str]:
    """Return the single scalar number a model gives, if there is only one."""
    scalars = [f.name for f in model.outputs if f.kind in NUMERIC and not f.shape]
    if len(scalars) == 1:
        return scalars
    raise InputError("Which output?", where=f"model {model.info.id}",
                     why=f"it has {len(model.outputs)} outputs: {', '.join(model.outputs.names[:12])}",
                     fix='say of="auc" or of="max(plasma)"')  # fmt: skip


def _static(model: Model, name: str, value: Any) -> Any:
    from catena.core.backend import static_value

    return static_value(model, name, value)
