"""Settings from keyword arguments, with errors of the family."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from catena.core.errors import InputError, did_you_mean
from catena.core.settings import Settings

S = TypeVar("S", bound=Settings)


def settings_of(kind: type[S], given: Mapping[str, Any], where: str) -> S:
    """Return settings from keyword arguments; tuples count as lists.

    Raises:
        InputError: a name is unknown or a value does not fit.
    """
    for name in given:
        if name not in kind.model_fields:
            raise InputError(f"No setting {name!r}", where=where,
                             why=f"the settings are {', '.join(kind.model_fields)}",
                             fix=did_you_mean(name, kind.model_fields, "use one of these"))  # fmt: skip
    try:
        return kind.model_validate({name: _listed(name, value) for name, value in given.items()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InputError(f"Bad value of {place!r}", where=where,
                         why=str(first["msg"]).removeprefix("Value error, "),
                         fix="correct it") from None  # fmt: skip


def _listed(name: str, value: Any) -> Any:
    if name == "stages":
        return [tuple(pair) for pair in value]
    return list(value) if isinstance(value, tuple) else value
