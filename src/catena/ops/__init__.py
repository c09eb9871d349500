"""Operations: each written once, over any Model or Chain, and returning the one result type.

    >>> from catena import ops
    >>> ops.sensitivity("body.pbpk", of="max(plasma)", over={"weight": "50..100 kg"})  # doctest: +SKIP

Nothing heavy is imported before an operation is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catena.ops.operation import Operation

#: Operation -> module that holds its function (of the same name) and its ``OPERATION``, and what
#: it does; here, so that listing operations imports none.
_MODULES: dict[str, tuple[str, str]] = {
    "simulate": ("catena.ops.simulate", "Predict scenarios in people."),
}


def names() -> tuple[str, ...]:
    """Return the names of all operations."""
    return tuple(_MODULES)


def summary(name: str) -> str:
    """Return what an operation does, in one line."""
    return _MODULES[name][1]


def operation(name: str) -> Operation:
    """Return an operation by name, with its settings class.

    Raises:
        InputError: there is no such operation.
    """
    if name not in _MODULES:
        from catena.core.errors import InputError, did_you_mean

        raise InputError(f"No operation {name!r}", where="catena.ops",
                         why=f"the operations are {', '.join(_MODULES)}",
                         fix=did_you_mean(name, _MODULES, "use one of these"))  # fmt: skip
    found: Operation = import_module(_MODULES[name][0]).OPERATION
    return found


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'catena.ops' has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name][0]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_MODULES, "names", "operation", "summary"])
