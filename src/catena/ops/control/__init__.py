"""Control of a dynamic Model: predictive control, tuned PID, and a learned policy as a baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catena.ops.control.controller import Controller, Move
    from catena.ops.control.loop import Plant, closed_loop
    from catena.ops.control.operation import OPERATION, control
    from catena.ops.control.pid import Pid, tune
    from catena.ops.control.policy import Policy, train
    from catena.ops.control.stating import Problem, problem

_HOMES = {
    "OPERATION": "operation", "control": "operation", "Controller": "controller",
    "Move": "controller", "Plant": "loop", "closed_loop": "loop", "Pid": "pid", "tune": "pid",
    "Policy": "policy", "train": "policy", "Problem": "stating", "problem": "stating",
}  # fmt: skip

__all__ = ["OPERATION", "Controller", "Move", "Pid", "Plant", "Policy", "Problem", "closed_loop",
           "control", "problem", "train", "tune"]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a part when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
