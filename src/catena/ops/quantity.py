"""One number per row out of a model's outputs: an output, a position, or a reduction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.core.spec import NUMERIC
from catena.core.values import Padded

if TYPE_CHECKING:
    from catena.core.model import Model

_CALL = re.compile(r"\s*(max|min|mean|sum|first|last)\s*\(\s*([\w.]+)\s*\)\s*$")
_ITEM = re.compile(r"\s*([\w.]+)\s*\[\s*([^\]]+?)\s*\]\s*$")


@final
@dataclass(frozen=True)
class Quantity:
    """A number per row: ``auc``, ``max(plasma)``, ``last(biomass)``, ``plasma[12]``.

    Args:
        text: As written.
        output: Output of the model.
        how: ``value``, ``max``, ``min``, ``mean``, ``sum``, ``first``, ``last`` or ``item``.
        position: Position along the first dimension of an ``item``.
        unit: Unit text.
    """

    text: str
    output: str
    how: str
    position: int
    unit: str

    @classmethod
    def of(cls, model: Model, text: str) -> Quantity:
        """Read a quantity of a model.

        Raises:
            InputError: there is no such output, or it does not give one number per row.
        """
        how, output, item = "value", text.strip(), ""
        if call := _CALL.match(text):
            how, output = call.groups()
        elif text not in model.outputs and (found := _ITEM.match(text)):
            how, (output, item) = "item", found.groups()
        if output not in model.outputs:
            raise InputError(f"No output {output[:60]!r}", where=f"model {model.info.id}",
                             why=f"the outputs are {', '.join(model.outputs.names[:12])}",
                             fix=did_you_mean(output, model.outputs.names, "see describe()"))  # fmt: skip
        field = model.outputs[output]
        if field.kind not in (*NUMERIC, "integer", "boolean"):
            raise _not_a_number(model, text, f"{output!r} is a {field.kind}", "name a number")
        if how == "value" and field.shape:
            raise _not_a_number(model, text, f"{output!r} has a dimension ({', '.join(field.shape)})",
                                f"say for example max({output}), last({output}) or {output}[0]")  # fmt: skip
        if how != "value" and len(field.shape) != 1:
            raise _not_a_number(model, text, f"{output!r} has {len(field.shape)} dimensions",
                                "name it alone" if not field.shape else "name another output")  # fmt: skip
        position = 0
        if how == "item":
            position = _position(model, text, item, field.labels)
        return cls(text, output, how, position, field.unit)

    def read(self, values: Mapping[str, Any]) -> np.ndarray:
        """Return the numbers (n,) of outputs (n, *shape).

        Raises:
            InputError: a position lies beyond the dimension.
        """
        value = values[self.output]
        if isinstance(value, Padded):
            return self._ragged(np.asarray(value.values, dtype=float), np.asarray(value.mask))
        array = np.asarray(value, dtype=float)
        if self.how == "value":
            return array
        if self.how == "item":
            self._reach(array.shape[1])
            return np.asarray(array[:, self.position])
        if self.how in ("first", "last"):
            return np.asarray(array[:, 0 if self.how == "first" else -1])
        return np.asarray(getattr(np, self.how)(array, axis=1))

    def slopes(self, values: Mapping[str, Any], slopes: np.ndarray) -> np.ndarray:
        """Return derivatives (n, d) of the numbers from those of the output (n, *shape, d)."""
        if self.how == "value":
            return slopes
        if self.how == "mean":
            return np.asarray(slopes.mean(axis=1))
        if self.how == "sum":
            return np.asarray(slopes.sum(axis=1))
        rows = np.arange(len(slopes))
        if self.how in ("max", "min"):
            array = np.asarray(values[self.output], dtype=float)
            at = array.argmax(axis=1) if self.how == "max" else array.argmin(axis=1)
            return np.asarray(slopes[rows, at])
        at_one = {"first": 0, "last": -1, "item": self.position}[self.how]
        return np.asarray(slopes[:, at_one])

    def traced(self, value: Any) -> Any:
        """Return the number of one row's output, inside a JAX trace."""
        if self.how == "value":
            return value
        if self.how in ("first", "last", "item"):
            return value[{"first": 0, "last": -1, "item": self.position}[self.how]]
        return getattr(value, self.how)()

    def _ragged(self, array: np.ndarray, mask: np.ndarray) -> np.ndarray:
        if self.how == "item":
            self._reach(int(mask.sum(axis=1).min()))
            return np.asarray(array[:, self.position])
        if self.how in ("first", "last"):
            last = mask.sum(axis=1) - 1
            return np.asarray(array[np.arange(len(array)), 0 if self.how == "first" else last])
        blank = {"max": -np.inf, "min": np.inf}.get(self.how, 0.0)
        filled = np.where(mask, array, blank)
        if self.how == "mean":
            return np.asarray(filled.sum(axis=1) / mask.sum(axis=1))
        return np.asarray(getattr(filled, self.how)(axis=1))

    def _reach(self, length: int) -> None:
        if self.position >= length:
            raise InputError(f"{self.text!r} does not exist", where="quantity",
                             why=f"there are {length} positions, counted from 0", fix="lower it")  # fmt: skip


def _position(model: Model, text: str, item: str, labels: tuple[str, ...]) -> int:
    if item in labels:
        return labels.index(item)
    if item.isdigit():
        return int(item)
    raise _not_a_number(model, text, f"{item!r} is no position",
                        did_you_mean(item, labels, "count from 0") if labels else "count from 0")  # fmt: skip


def _not_a_number(model: Model, text: str, why: str, fix: str) -> InputError:
    return InputError(f"{text[:60]!r} is not one number per row", where=f"model {model.info.id}",
                      why=why, fix=fix)  # fmt: skip
