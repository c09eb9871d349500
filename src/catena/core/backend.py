"""How a model's author method is called and differentiated: NumPy, JAX, PyTorch, external.

A back end gets arrays in declared units (constants with batch length 1), hands the author full
rows, and returns NumPy arrays. Tangents and cotangents are mappings of field name to array;
names may be inputs or parameters (forward mode only for parameters, which rows share).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, final

import numpy as np

from catena.core.difference import difference
from catena.core.errors import BackendError, InputError
from catena.core.returned import checked_outputs
from catena.core.spec import NUMERIC
from catena.core.values import Padded, broadcast, register_pytree, rows_of

if TYPE_CHECKING:
    from catena.core.model import Model

Arrays = Mapping[str, Any]


class BackendProtocol(Protocol):
    """What a back end offers."""

    def call(self, model: Model, batch: Arrays, size: int, key: int) -> dict[str, Any]:
        """Evaluate."""
        ...

    def jvp(
        self, model: Model, batch: Arrays, tangents: Arrays, size: int, key: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Evaluate with directional derivatives."""
        ...

    def vjp(
        self, model: Model, batch: Arrays, cotangents: Arrays, size: int, key: int
    ) -> dict[str, Any]:
        """Pull cotangents back to the real inputs."""
        ...


@cache
def backend_of(name: str) -> BackendProtocol:
    """Return the back end of a ``ModelInfo.backend`` name."""
    kinds: dict[str, Callable[[], BackendProtocol]] = {
        "numpy": NumpyBackend,
        "external": NumpyBackend,
        "jax": JaxBackend,
        "torch": TorchBackend,
    }
    return kinds[name]()


def prepare(model: Model, batch: Arrays, size: int) -> dict[str, Any]:
    """Stretch constants over the rows and turn static fields into plain values."""
    return {
        name: static_value(model, name, value)
        if name in model.static_fields
        else broadcast(value, size)
        for name, value in batch.items()
    }


def static_value(model: Model, name: str, value: Any) -> Any:
    """Return the one value all rows share, as text for a category.

    Raises:
        InputError: the rows differ.
    """
    first = value[0]
    if rows_of(value) > 1 and not bool(np.all(np.asarray(value) == first)):
        raise InputError(
            f"{name!r} must be the same for all rows",
            where=f"model {model.info.id}",
            why="it selects the method, not a value",
            fix="make one call per value",
        )
    field = model.inputs[name]
    if field.kind == "category":
        return field.choices[int(first)]
    return first.item() if hasattr(first, "item") else first


def differentiable(model: Model, names: Arrays) -> list[str]:
    """Return the real-valued inputs among ``names`` that are not static."""
    return [
        name
        for name in names
        if name in model.inputs
        and model.inputs[name].kind in NUMERIC
        and name not in model.static_fields
        and not isinstance(names[name], Padded)
    ]


def _empty(model: Model, batch: Arrays) -> dict[str, Any]:
    """Return outputs of no rows; dimension lengths come from inputs that share their names."""
    sizes: dict[str, int] = {}
    for name, value in batch.items():
        field = model.inputs[name]
        if not isinstance(value, Padded) and field.shape:
            sizes |= dict(zip(field.shape, np.shape(value)[1:], strict=True))
    out: dict[str, Any] = {}
    for field in model.outputs:
        if field.kind == "table":
            continue
        if field.labels:
            sizes.setdefault(field.shape[0], len(field.labels))
        kind = np.dtype(float if field.kind in NUMERIC else np.int64)
        out[field.name] = np.zeros((0, *(sizes.get(dim, 0) for dim in field.shape)), kind)
    return out


@final
class NumpyBackend:
    """Calls the author directly; derivatives by fourth-order differences unless they give some."""

    def call(self, model: Model, batch: Arrays, size: int, key: int) -> dict[str, Any]:
        """Evaluate the author's method on NumPy arrays."""
        if size == 0:
            return _empty(model, batch)
        raw = model._predict(prepare(model, batch, size), model.param_values, key)
        return checked_outputs(model, raw, size)

    def jvp(
        self, model: Model, batch: Arrays, tangents: Arrays, size: int, key: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Use the author's ``_jvp`` or differences along the tangent."""
        rule = getattr(model, "_jvp", None)
        if rule is not None:
            values, slopes = rule(prepare(model, batch, size), model.param_values, tangents, key)
            return dict(values), dict(slopes)
        return difference(model, batch, tangents, size, key)

    def vjp(
        self, model: Model, batch: Arrays, cotangents: Arrays, size: int, key: int
    ) -> dict[str, Any]:
        """Use the author's ``_vjp`` or one difference per input component."""
        rule = getattr(model, "_vjp", None)
        if rule is not None:
            return dict(rule(prepare(model, batch, size), model.param_values, cotangents, key))
        out = {}
        for name in differentiable(model, batch):
            full = np.asarray(broadcast(batch[name], size), dtype=float)
            flat = np.zeros((size, int(np.prod(full.shape[1:], dtype=int))))
            for component in range(flat.shape[1]):
                seed = np.zeros_like(flat)
                seed[:, component] = 1.0
                _, slopes = self.jvp(model, batch, {name: seed.reshape(full.shape)}, size, key)
                flat[:, component] = _dot(cotangents, slopes, size)
            out[name] = flat.reshape(full.shape)
        return out


def _dot(cotangents: Arrays, slopes: Arrays, size: int) -> np.ndarray:
    total = np.zeros(size)
    for name, cotangent in cotangents.items():
        total += (np.asarray(cotangent) * slopes[name]).reshape(size, -1).sum(axis=1)
    return total


@final
class JaxBackend:
    """Jits the author's method once per shape; derivatives through JAX."""

    def call(self, model: Model, batch: Arrays, size: int, key: int) -> dict[str, Any]:
        """Evaluate the compiled method."""
        if size == 0:
            return _empty(model, batch)
        run, arrays, params = self._compiled(model, batch, size, "call")
        return checked_outputs(model, _to_numpy(run(arrays, params, np.uint64(key))), size)

    def jvp(
        self, model: Model, batch: Arrays, tangents: Arrays, size: int, key: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Push tangents of inputs and parameters through ``jax.jvp``."""
        run, arrays, params = self._compiled(model, batch, size, "jvp", tuple(sorted(tangents)))
        values, slopes = run(arrays, params, np.uint64(key), dict(tangents))
        return _to_numpy(values), _to_numpy(slopes)

    def vjp(
        self, model: Model, batch: Arrays, cotangents: Arrays, size: int, key: int
    ) -> dict[str, Any]:
        """Pull cotangents back through ``jax.vjp``."""
        run, arrays, params = self._compiled(model, batch, size, "vjp", tuple(sorted(cotangents)))
        pulled: dict[str, Any] = _to_numpy(run(arrays, params, np.uint64(key), dict(cotangents)))
        return pulled

    def _compiled(
        self, model: Model, batch: Arrays, size: int, mode: str, names: tuple[str, ...] = ()
    ) -> tuple[Callable[..., Any], dict[str, Any], dict[str, Any]]:
        """Return the jitted function of a mode with its traced arguments.

        Copies made by ``at`` share the compiled functions: parameter values are arguments.
        """
        _start_jax()
        statics = {n: static_value(model, n, batch[n]) for n in model.static_fields if n in batch}
        arrays = {name: value for name, value in batch.items() if name not in statics}
        params = {n: v for n, v in model.param_values.items() if not isinstance(v, str)}
        texts = {n: v for n, v in model.param_values.items() if isinstance(v, str)}
        memory = model.__dict__.setdefault("_compiled", {})
        slot = (mode, size, names, tuple(statics.items()), tuple(texts.items()))
        if slot not in memory:
            memory[slot] = self._compile(model, mode, size, names, statics, texts)
        return memory[slot], arrays, params

    def _compile(
        self,
        model: Model,
        mode: str,
        size: int,
        names: tuple[str, ...],
        statics: dict[str, Any],
        texts: dict[str, Any],
    ) -> Callable[..., Any]:
        import jax

        def call(arrays: Arrays, params: Arrays, key: Any) -> dict[str, Any]:
            full = {name: broadcast(value, size) for name, value in arrays.items()}
            return dict(model._predict({**full, **statics}, {**params, **texts}, key))

        def jvp(arrays: Arrays, params: Arrays, key: Any, tangents: Arrays) -> Any:
            full = {name: broadcast(value, size) for name, value in arrays.items()}
            point = {n: full[n] if n in full else params[n] for n in names}
            seeds = {n: _like(tangents[n], point[n]) for n in names}

            def along(moving: Arrays) -> tuple[dict[str, Any], dict[str, Any]]:
                inner = {n: v for n, v in moving.items() if n in full}
                outer = {n: v for n, v in moving.items() if n not in full}
                values = call({**full, **inner}, {**params, **outer}, key)
                rest = {n: v for n, v in values.items() if not _inexact(v)}
                return {n: v for n, v in values.items() if n not in rest}, rest

            values, slopes, rest = jax.jvp(along, (point,), (seeds,), has_aux=True)
            return {**values, **rest}, slopes

        def vjp(arrays: Arrays, params: Arrays, key: Any, cotangents: Arrays) -> Any:
            full = {name: broadcast(value, size) for name, value in arrays.items()}
            point = {n: full[n] for n in differentiable(model, full)}

            def onto(moving: Arrays) -> dict[str, Any]:
                values = call({**full, **moving}, params, key)
                return {n: values[n] for n in names}

            values, pull = jax.vjp(onto, point)
            (gradients,) = pull({n: _like(cotangents[n], values[n]) for n in names})
            return gradients

        chosen: dict[str, Callable[..., Any]] = {"call": call, "jvp": jvp, "vjp": vjp}
        compiled: Callable[..., Any] = jax.jit(chosen[mode])
        return compiled


@cache
def _start_jax() -> None:
    from catena.core.jaxconfig import enable_x64

    try:
        enable_x64()
    except ImportError as error:
        raise BackendError("JAX is not installed", where="backend jax", why=str(error),
                           fix="pip install jax") from None  # fmt: skip
    register_pytree()


def _inexact(value: Any) -> bool:
    return bool(np.issubdtype(value.dtype, np.floating)) if hasattr(value, "dtype") else False


def _like(seed: Any, value: Any) -> Any:
    import jax.numpy as jnp

    array = jnp.asarray(seed, dtype=value.dtype)
    if array.ndim > value.ndim:  # a tangent per row given for a parameter that rows share
        array = array[0]
    return jnp.broadcast_to(array, value.shape)


def _to_numpy(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: _to_numpy(value) for name, value in values.items()}
    if isinstance(values, Padded):
        return Padded(_to_numpy(values.values), np.asarray(values.mask))
    return np.asarray(values)


@final
class TorchBackend:
    """Hands the author float64 tensors; derivatives through ``torch.func``."""

    def call(self, model: Model, batch: Arrays, size: int, key: int) -> dict[str, Any]:
        """Evaluate the author's method on tensors without recording gradients."""
        if size == 0:
            return _empty(model, batch)
        torch = _torch()
        with torch.no_grad():
            raw = model._predict(_tensors(model, batch, size), _param_tensors(model), key)
        return checked_outputs(model, {n: _from_tensor(v) for n, v in raw.items()}, size)

    def jvp(
        self, model: Model, batch: Arrays, tangents: Arrays, size: int, key: int
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Push tangents through ``torch.func.jvp``."""
        torch = _torch()
        full, params = _tensors(model, batch, size), _param_tensors(model)
        names = sorted(tangents)
        point = tuple(full[n] if n in full else params[n] for n in names)
        seeds = tuple(_tensor_like(tangents[n], p) for n, p in zip(names, point, strict=True))

        def along(*moving: Any) -> dict[str, Any]:
            moved = dict(zip(names, moving, strict=True))
            inner = {n: moved.get(n, v) for n, v in full.items()}
            outer = {n: moved.get(n, v) for n, v in params.items()}
            values = model._predict(inner, outer, key)
            return {n: v for n, v in values.items() if torch.is_floating_point(v)}

        _, slopes = torch.func.jvp(along, point, seeds)
        return self.call(model, batch, size, key), {n: _from_tensor(v) for n, v in slopes.items()}

    def vjp(
        self, model: Model, batch: Arrays, cotangents: Arrays, size: int, key: int
    ) -> dict[str, Any]:
        """Pull cotangents back through ``torch.func.vjp``."""
        torch = _torch()
        full, params = _tensors(model, batch, size), _param_tensors(model)
        names = differentiable(model, batch)

        def onto(*moving: Any) -> dict[str, Any]:
            values = model._predict({**full, **dict(zip(names, moving, strict=True))}, params, key)
            return {n: values[n] for n in cotangents}

        values, pull = torch.func.vjp(onto, *(full[n] for n in names))
        seeds = {n: _tensor_like(cotangents[n], values[n]) for n in values}
        return {n: _from_tensor(v) for n, v in zip(names, pull(seeds), strict=True)}


def _torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise BackendError("PyTorch is not installed", where="backend torch", why=str(error),
                           fix='pip install "catena[torch]"') from None  # fmt: skip
    return torch


def _tensors(model: Model, batch: Arrays, size: int) -> dict[str, Any]:
    torch = _torch()
    return {
        name: torch.tensor(np.ascontiguousarray(value))
        if isinstance(value, np.ndarray) and value.dtype != object
        else value
        for name, value in prepare(model, batch, size).items()
    }


def _param_tensors(model: Model) -> dict[str, Any]:
    torch = _torch()
    return {
        name: torch.as_tensor(np.asarray(value)) if not isinstance(value, str) else value
        for name, value in model.param_values.items()
    }


def _tensor_like(seed: Any, value: Any) -> Any:
    torch = _torch()
    array = np.asarray(seed, dtype=float)
    if array.ndim > value.ndim:
        array = array[0]
    return torch.tensor(np.array(np.broadcast_to(array, tuple(value.shape))), dtype=value.dtype)


def _from_tensor(value: Any) -> Any:
    return value.detach().cpu().numpy() if hasattr(value, "detach") else value
