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

#: Operation -> module that holds its function (of the same name) and its ``OPERATION``.
_MODULES: dict[str, str] = {}


def names() -> tuple[str, ...]:
    """Return the names of all operations."""
    return tuple(_MODULES)


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
    found: Operation = import_module(_MODULES[name]).OPERATION
    return found


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'catena.ops' has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_MODULES, "names", "operation"])
