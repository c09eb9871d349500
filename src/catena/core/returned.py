"""What an author's method returned, brought to the declared names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import ContractError
from catena.core.values import broadcast

if TYPE_CHECKING:
    from catena.core.model import Model


def checked_outputs(model: Model, values: Mapping[str, Any], size: int) -> dict[str, Any]:
    """Bring raw outputs to declared names and shapes.

    Raises:
        ContractError: an output is missing, undeclared or has the wrong shape.
    """
    extra = [name for name in values if name not in model.outputs]
    missing = [f.name for f in model.outputs if f.name not in values and not f.optional]
    if extra or missing:
        raise ContractError(
            f"{model.info.id} does not return what it declares",
            where=f"model {model.info.id}",
            why=f"missing {missing}, undeclared {extra}",
            fix="make _predict return the declared outputs",
        )
    out: dict[str, Any] = {}
    for field in model.outputs:
        value = values.get(field.name)
        if value is None:
            continue
        if hasattr(value, "mask") and not isinstance(value, np.ma.MaskedArray):
            out[field.name] = broadcast(value, size)
            continue
        array = np.asarray(value)
        if array.ndim == len(field.shape):
            array = array[None]
        if array.ndim != len(field.shape) + 1 or len(array) not in (1, size):
            raise ContractError(
                f"{model.info.id} returns {field.name!r} in the wrong shape",
                where=f"model {model.info.id}",
                why=f"got {array.shape}, declared (batch={size}, {', '.join(field.shape)})",
                fix="return arrays with a leading batch axis",
            )
        out[field.name] = broadcast(array, size)
    return out
