"""Turn a pure function into a Model: a contributor's first model is ten lines."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import pickle
from collections.abc import Callable, Mapping
from typing import Any, final

from catena.core.errors import SchemaError, did_you_mean
from catena.core.model import Backend, Capabilities, Model, ModelInfo
from catena.core.spec import Schema


@final
class FunctionModel(Model):
    """A model made from a function; see ``model``."""

    def __init__(
        self,
        function: Callable[..., Mapping[str, Any]],
        info: ModelInfo,
        inputs: Schema,
        outputs: Schema,
        params: Schema,
        capabilities: Capabilities,
        static_fields: tuple[str, ...],
    ) -> None:
        self.info = info
        self.inputs = inputs
        self.outputs = outputs
        self.params = params
        self.capabilities = capabilities
        self.static_fields = static_fields
        self.function = function
        self._takes_key = "key" in inspect.signature(function).parameters

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        extra = {"key": key} if self._takes_key else {}
        return self.function(**batch, **params, **extra)

    def _identity(self) -> dict[str, Any]:
        try:
            source = inspect.getsource(self.function)
        except (OSError, TypeError):
            source = self.function.__qualname__
        return {**super()._identity(), "function": hashlib.sha256(source.encode()).hexdigest()}

    def __reduce__(self) -> tuple[Any, ...]:
        # The decorated name now holds the model, so the function travels by way of that name.
        if "<locals>" in self.function.__qualname__:
            raise pickle.PicklingError(f"{self.info.id} was defined inside a function")
        state = {name: value for name, value in self.__getstate__().items() if name != "function"}
        return (_restored, (self.function.__module__, self.function.__qualname__, state))


def _restored(module: str, name: str, state: dict[str, Any]) -> FunctionModel:
    """Find the model a function became where it was defined, with the state that travelled."""
    found: Any = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    new = object.__new__(FunctionModel)
    new.__dict__.update(state, function=getattr(found, "function", found))
    return new


def model(
    *,
    id: str,
    inputs: str | Schema,
    outputs: str | Schema,
    params: str | Schema = "",
    backend: Backend | None = None,
    title: str = "",
    version: str = "0.1.0",
    scale: str = "",
    doc: str = "",
    citation: str = "",
    licence: str = "Apache-2.0",
    tags: tuple[str, ...] = (),
    capabilities: Capabilities | None = None,
    static_fields: tuple[str, ...] = (),
) -> Callable[[Callable[..., Mapping[str, Any]]], FunctionModel]:
    """Decorate a pure, batch-first function as a Model.

    The function takes one argument per input and parameter (arrays with a leading batch axis,
    in the declared units; parameters without it) and, if it names it, ``key``. It returns a
    mapping of outputs.

    Args:
        id: ``shelf.topic[.variant]``.
        inputs: Schema or its short form, e.g. ``"mu [1/h] in 0..2 = 0.3, x0 [g/L] > 0"``.
        outputs: Schema or its short form.
        params: Constants that calibration may free.
        backend: ``jax`` when the function is written with jax.numpy (gradients are then exact),
            ``torch``, ``numpy`` or ``external``. Left out, ``jax`` is assumed when the
            function's module imports jax.numpy.
        title: Short title; the function's name by default.
        version: Version of the model.
        scale: Where it sits (molecule, cell, process, body, ...).
        doc: What it does; the function's docstring by default.
        citation: Source of the equations.
        licence: Licence of the model.
        tags: Words to find it by.
        capabilities: Flags; gradient is set for jax and torch.
        static_fields: Inputs passed as plain Python values.

    Returns:
        A decorator that returns the Model.

    Raises:
        SchemaError: the function's arguments and the declared ports differ.
    """

    def wrap(function: Callable[..., Mapping[str, Any]]) -> FunctionModel:
        kind = backend or _guess_backend(function)
        ins, outs, constants = (Schema.parse(part) for part in (inputs, outputs, params))
        info = ModelInfo(
            id=id,
            version=version,
            title=title or function.__name__.replace("_", " "),
            scale=scale,
            backend=kind,
            doc=doc or inspect.getdoc(function) or "",
            citation=citation,
            licence=licence,
            tags=tags,
        )
        flags = capabilities or Capabilities(gradient=kind in ("jax", "torch"))
        _check_arguments(function, id, (*ins.names, *constants.names))
        return FunctionModel(function, info, ins, outs, constants, flags, static_fields)

    return wrap


def _guess_backend(function: Callable[..., Any]) -> Backend:
    names = getattr(function, "__globals__", {})
    code = getattr(function, "__code__", None)
    used = set(code.co_names) if code is not None else set()
    modules = {getattr(names.get(name), "__name__", "") for name in used}
    if any(module.startswith("jax") for module in modules):
        return "jax"
    return "torch" if any(module.startswith("torch") for module in modules) else "numpy"


def _check_arguments(function: Callable[..., Any], id: str, declared: tuple[str, ...]) -> None:
    signature = inspect.signature(function)
    if any(p.kind is p.VAR_KEYWORD for p in signature.parameters.values()):
        return
    taken = [name for name in signature.parameters if name != "key"]
    for name in taken:
        if name not in declared:
            raise SchemaError(f"Argument {name!r} is not declared", where=f"model {id}",
                              why=f"declared are {', '.join(declared)}",
                              fix=did_you_mean(name, declared, "declare it as an input"))  # fmt: skip
    for name in declared:
        if name not in taken:
            raise SchemaError(f"The function does not take {name!r}", where=f"model {id}",
                              why=f"it takes {', '.join(taken)}",
                              fix=did_you_mean(name, taken, "add the argument"))  # fmt: skip
