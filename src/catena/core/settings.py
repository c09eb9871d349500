"""What a person chooses, as plain data: strict, immutable, checked when it is read."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Base of every group of settings: unknown keys and wrong types are errors.

    Subclasses declare their fields with types, limits and defaults; the class docstring holds one
    line per field, from which help texts and forms are made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    def arguments(self) -> dict[str, Any]:
        """Return the values by name, as arguments of the function these settings are for."""
        return {name: getattr(self, name) for name in type(self).model_fields}
