"""What can be read off a declaration: the code behind its functions, units of its doses."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from typing import Any

from catena.core.errors import SchemaError
from catena.core.spec import Schema


def code_of(function: Callable[..., Any]) -> str:
    """Return a hash of the source a function lives in; changed equations are a changed model.

    A callable whose source does not tell (made from a file, say) is known by its own ``key``.
    """
    own = getattr(function, "key", None)
    if isinstance(own, str):
        return own
    try:
        source = inspect.getsource(inspect.getmodule(function) or function)
    except (OSError, TypeError):
        code = getattr(function, "__code__", None)
        source = repr((code.co_code, code.co_consts, code.co_names)) if code else ""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    return hashlib.sha256(f"{name}\n{source}".encode()).hexdigest()


def same_unit(states: Schema, doses: tuple[str, ...]) -> str:
    """Return the unit that all dosed states share ("" when there are none).

    Raises:
        SchemaError: they differ, so one column of amounts cannot serve them.
    """
    if not doses:
        return ""
    units = {name: states[name.split("[")[0]].unit for name in doses}
    if len(set(units.values())) > 1:
        raise SchemaError(
            "Dosed states differ in unit",
            where="OdeSystem doses",
            why=", ".join(f"{name} [{unit}]" for name, unit in units.items()),
            fix="give all dosed states one unit",
        )
    return next(iter(units.values()))
