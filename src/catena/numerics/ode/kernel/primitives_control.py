"""Calls, branches and loops: calls are inlined, branches chosen or merged, loops unrolled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from catena.numerics.ode.kernel.primitives_arithmetic import nested
from catena.numerics.ode.kernel.primitives_values import Scope, Traced, Value

#: Runs a (closed) jaxpr on values, for the equation that holds it.
Runner = Callable[[Scope, Any, list[Value]], list[Value]]

#: Longest loop that is written out when it works on values that depend on the inputs.
LONGEST_LOOP = 64
#: Longest loop over known values only; it costs time now, not instructions later.
LONGEST_KNOWN_LOOP = 10_000


def call(scope: Scope, values: list[Value], run: Runner) -> list[Value]:
    """Inline a call; derivatives are taken of what is inlined, not by a custom rule."""
    params = scope.equation.params
    inner = next(params[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in params)
    return run(scope, inner, values)


def cond(scope: Scope, values: list[Value], run: Runner) -> list[Value]:
    """Follow the branch of a constant index; otherwise compute all and choose."""
    which, branches = values[0], scope.equation.params["branches"]
    index = scope.known(which)
    if index is not None:
        return run(scope, branches[int(np.clip(int(index), 0, len(branches) - 1))], values[1:])
    results = [run(scope, branch, values[1:]) for branch in branches]
    return [nested(scope, which, list(cases)) for cases in zip(*results, strict=True)]


def while_loop(scope: Scope, values: list[Value], run: Runner) -> list[Value]:
    """Unroll a loop whose condition is known each time round."""
    params = scope.equation.params
    split, start = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
    for_test, for_body, carry = values[:split], values[split:start], values[start:]
    rounds = 0
    while True:
        test = scope.known(run(scope, params["cond_jaxpr"], [*for_test, *carry])[0])
        if test is None:
            raise scope.unsupported(
                "how often the loop runs depends on the inputs",
                "use a fixed number of iterations, or a formula in closed form",
            )
        if not test:
            return carry
        rounds += 1
        _limit(scope, rounds, values)
        carry = run(scope, params["body_jaxpr"], [*for_body, *carry])


def scan(scope: Scope, values: list[Value], run: Runner) -> list[Value]:
    """Unroll a loop of fixed length."""
    params = scope.equation.params
    length, carried, constant = params["length"], params["num_carry"], params["num_consts"]
    _limit(scope, length, values)
    constants, carry = values[:constant], values[constant : constant + carried]
    xs = values[constant + carried :]
    steps = range(length - 1, -1, -1) if params["reverse"] else range(length)
    collected: list[list[Value]] = []
    for step in steps:
        out = run(scope, params["jaxpr"], [*constants, *carry, *(_row(x, step) for x in xs)])
        carry = out[:carried]
        collected.append(out[carried:])
    if params["reverse"]:
        collected.reverse()
    avals = [out.aval for out in scope.equation.outvars[carried:]]
    ys = [_stacked(scope, [row[k] for row in collected], aval) for k, aval in enumerate(avals)]
    return [*carry, *ys]


def _limit(scope: Scope, rounds: int, values: list[Value]) -> None:
    traced = any(isinstance(value, Traced) for value in values)
    most = LONGEST_LOOP if traced else LONGEST_KNOWN_LOOP
    if rounds > most:
        raise scope.unsupported(
            f"the loop runs more than {most} times",
            "write it as array operations, or shorten it",
        )


def _row(value: Value, step: int) -> Value:
    if isinstance(value, Traced):
        return Traced(np.asarray(value.ids[step]), value.dtype)
    return np.asarray(value[step])


def _stacked(scope: Scope, rows: list[Value], aval: Any) -> Value:
    if not rows:
        return np.zeros(aval.shape, aval.dtype)
    numbers = [row for row in rows if not isinstance(row, Traced)]
    if len(numbers) == len(rows):
        return np.stack(numbers)
    return Traced(np.stack([scope.lift(row) for row in rows]), aval.dtype)


CONTROL: dict[str, Callable[[Scope, list[Value], Runner], list[Value]]] = {
    **dict.fromkeys(
        ("jit", "pjit", "call", "closed_call", "core_call", "remat", "remat2", "checkpoint",
         "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "custom_lin"), call
    ),
    "cond": cond, "while": while_loop, "scan": scan,
}  # fmt: skip
