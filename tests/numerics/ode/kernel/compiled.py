"""Compiles language functions for the tests of this folder."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from catena.numerics.ode.kernel import machine
from catena.numerics.ode.kernel.lang import PF, I, Unit, load, store
from catena.numerics.ode.kernel.types import Kind

C_TYPES = {
    None: None,
    Kind.F: ctypes.c_double,
    Kind.I: ctypes.c_int64,
    Kind.B: ctypes.c_bool,
    Kind.PF: ctypes.c_void_p,
    Kind.PI: ctypes.c_void_p,
}


def compiled(function: Callable[..., Any], lanes: int = 4, **constants: Any) -> Callable[..., Any]:
    """Compile one function; arrays are passed by address."""
    unit = Unit(lanes)
    signature = unit.add(function, constants)
    library = machine.load(machine.compile_unit(unit.text()))
    types = [C_TYPES[kind] for kind in signature.parameters]
    call = library.function(signature.symbol, C_TYPES[signature.result], *types)
    return lambda *arguments: call(
        *(a.ctypes.data if isinstance(a, np.ndarray) else a for a in arguments)
    )


def unary(n: I, a: PF, out: PF) -> None:
    for i in range(n):
        store(out, i, OPERATION(load(a, i)))  # noqa: F821


def binary(n: I, a: PF, b: PF, out: PF) -> None:
    for i in range(n):
        store(out, i, OPERATION(load(a, i), load(b, i)))  # noqa: F821


def over_arrays(operation: Callable[..., Any], arity: int, lanes: int = 4) -> Callable[..., Any]:
    """Return ``operation`` (V -> V or V, V -> V) as a function of whole arrays."""
    run = compiled(unary if arity == 1 else binary, lanes, OPERATION=operation)

    def call(*arrays: Any) -> np.ndarray:
        size = len(arrays[0])
        padded = size + -size % lanes
        columns = [np.resize(np.asarray(array, dtype=float), padded) for array in arrays]
        out = np.empty(padded)
        run(padded // lanes, *columns, out)
        return out[:size]

    return call
