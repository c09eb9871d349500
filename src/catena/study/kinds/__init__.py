"""The kinds of study: each turns a study into tasks, and finished tasks into an answer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from catena.study.kind import Kind
    from catena.study.schema import Part

_MODULES = {
    "predict": "catena.study.kinds.predict",
    "population": "catena.study.kinds.population",
    "dose_finding": "catena.study.kinds.dose_finding",
}


def names() -> tuple[str, ...]:
    """Return the names of all kinds: those of this folder, then the operations."""
    from catena import ops

    return (*_MODULES, *(name for name in ops.names() if name not in _MODULES))


def kind(name: str) -> Kind:
    """Return the kind of study of that name."""
    if name not in _MODULES:
        from catena.study.kinds.operation import OperationKind

        return OperationKind(name)
    found: Kind = import_module(_MODULES[name]).KIND
    return found


def settings_class(name: Any) -> type[Part] | None:
    """Return the settings schema of a kind, or None when there is no such kind."""
    return kind(name).settings if isinstance(name, str) and name in names() else None
