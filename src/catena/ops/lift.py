"""Parameters become inputs: what the rows of a model share may then differ from row to row."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, final

import numpy as np

from catena.core.errors import InputError
from catena.core.model import Model
from catena.core.spec import NUMERIC, Schema
from catena.core.values import broadcast, take


def lift(model: Model, names: tuple[str, ...]) -> Model:
    """Return a model in which the named parameters are inputs.

    Args:
        model: Any model or chain.
        names: Its parameters; numbers only.

    Raises:
        InputError: a name is no numeric parameter.
    """
    for name in names:
        if name not in model.params or model.params[name].kind not in (*NUMERIC, "integer"):
            raise InputError(f"Cannot vary parameter {name!r}", where=f"model {model.info.id}",
                             why="it is not a number the model declares as parameter",
                             fix=f"choose among {', '.join(model.params.names) or 'none'}")  # fmt: skip
    whole = model.info.backend == "jax" and not hasattr(model, "nodes")
    return _Traced(model, names) if whole else _Grouped(model, names)


class _Lifted(Model):
    """What both ways share: declarations."""

    def __init__(self, model: Model, names: tuple[str, ...]) -> None:
        self.inner, self.names = model, names
        self.info = model.info
        self.inputs = Schema([*model.inputs, *(model.params[name] for name in names)])
        self.outputs = model.outputs
        self.params = Schema([f for f in model.params if f.name not in names])
        self.capabilities = model.capabilities
        self.static_fields = model.static_fields

    def _check(self, batch: Mapping[str, Any]) -> list[Any]:
        return self.inner._check({n: v for n, v in batch.items() if n not in self.names})

    def _domain(self, batch: Mapping[str, Any]) -> np.ndarray | None:
        return self.inner._domain({n: v for n, v in batch.items() if n not in self.names})

    def _identity(self) -> dict[str, Any]:
        return {"lifted": list(self.names), "inner": self.inner.key}


@final
class _Traced(_Lifted):
    """A JAX model, mapped over rows with the parameters of each."""

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        import jax

        statics = {n: v for n, v in batch.items() if n in self.static_fields}
        moving = {n: v for n, v in batch.items() if n not in statics}

        def row(one: Mapping[str, Any]) -> Mapping[str, Any]:
            inner = {n: v[None] for n, v in one.items() if n not in self.names}
            own = {n: one[n] for n in self.names}
            values = self.inner._predict({**inner, **statics}, {**params, **own}, key)
            return {n: v[0] for n, v in values.items()}

        mapped: Mapping[str, Any] = jax.vmap(row)(moving)
        return mapped


@final
class _Grouped(_Lifted):
    """Any other model: rows that share parameter values are one call."""

    def __init__(self, model: Model, names: tuple[str, ...]) -> None:
        super().__init__(model, names)
        self.info = model.info.model_copy(update={"backend": "numpy"})

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        parts, order = [], []
        for rows, model in self._groups(batch):
            inner = self._inner(batch, rows)
            parts.append(model.evaluate(inner, len(rows), key))
            order.append(rows)
        back = np.argsort(np.concatenate(order), kind="stable")
        return {n: np.concatenate([part[n] for part in parts])[back] for n in parts[0]}

    def _jvp(
        self,
        batch: Mapping[str, Any],
        params: Mapping[str, Any],
        tangents: Mapping[str, Any],
        key: Any,
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Push tangents; parameters' one at a time, as the rows of a group share their values."""
        values, slopes, order = [], [], []
        for rows, model in self._groups(batch):
            inner, size = self._inner(batch, rows), len(rows)
            own = {n: np.asarray(take(v, rows)) for n, v in tangents.items() if n not in self.names}
            value, slope = model.jvp(inner, own, size, key) if own else (None, None)
            for name in self.names:
                if name not in tangents:
                    continue
                weight = np.broadcast_to(np.asarray(tangents[name], dtype=float).ravel(), (size,)) if np.size(
                    tangents[name]) == 1 else np.asarray(tangents[name], dtype=float)[rows]  # fmt: skip
                value, more = model.jvp(inner, {name: np.asarray(1.0)}, size, key)
                more = {n: _scaled(weight, v) for n, v in more.items()}
                slope = more if slope is None else {n: slope[n] + more[n] for n in more}
            values.append(value)
            slopes.append(slope)
            order.append(rows)
        back = np.argsort(np.concatenate(order), kind="stable")
        return _joined(values, back), _joined(slopes, back)

    def _inner(self, batch: Mapping[str, Any], rows: np.ndarray) -> dict[str, Any]:
        """Return the rows of the inner model's inputs, static ones as arrays again."""
        inner = {}
        for name, value in batch.items():
            if name in self.names:
                continue
            if name in self.static_fields:
                field = self.inputs[name]
                one = field.choices.index(value) if field.kind == "category" else value
                inner[name] = np.asarray([one])
            else:
                inner[name] = take(value, rows)
        return inner

    def _groups(self, batch: Mapping[str, Any]) -> list[tuple[np.ndarray, Model]]:
        size = max(len(v) for n, v in batch.items() if n in self.names)
        table = np.stack(
            [np.asarray(broadcast(batch[n], size), dtype=float) for n in self.names], 1
        )
        unique, group = np.unique(table, axis=0, return_inverse=True)
        return [
            (np.flatnonzero(group.ravel() == k), self._variant(tuple(row)))
            for k, row in enumerate(unique)
        ]

    def _variant(self, values: tuple[float, ...]) -> Model:
        if values not in self._variants:
            if len(self._variants) > 4096:
                self._variants.clear()
            self._variants[values] = self.inner.at(**dict(zip(self.names, values, strict=True)))
        return self._variants[values]

    @cached_property
    def _variants(self) -> dict[tuple[float, ...], Model]:
        return {}


def _scaled(weight: np.ndarray, value: Any) -> np.ndarray:
    array = np.asarray(value)
    return np.asarray(weight.reshape(-1, *([1] * (array.ndim - 1))) * array)


def _joined(parts: list[Any], back: np.ndarray) -> dict[str, Any]:
    return {n: np.concatenate([np.asarray(part[n]) for part in parts])[back] for n in parts[0]}
