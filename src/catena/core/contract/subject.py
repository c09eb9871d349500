"""The model under test, with rows made once and outputs computed once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, final

import numpy as np

from catena.core.contract.inputs import inputs_of
from catena.core.contract.report import Failed, NotApplicable
from catena.core.errors import CatenaError
from catena.core.model import Model
from catena.core.result import Result
from catena.core.spec import NUMERIC, Field
from catena.core.values import Batch, Padded

#: Rows of the main batch; one size, because back ends compile per size.
ROWS = 7


@final
class Subject:
    """A model with its test rows.

    Args:
        model: The model.
        rows: Input values given by the caller.
        quick: Keep to small batches.
    """

    def __init__(
        self, model: Model, rows: Mapping[str, Any] | None = None, quick: bool = False
    ) -> None:
        self.model = model
        self.given = rows
        self.quick = quick
        self.cautious = False
        self._rows = Batch(model.inputs, {}, 0)

    def make(self, size: int, seed: int = 0) -> Batch:
        """Return valid rows; see ``inputs_of``."""
        return inputs_of(self.model, size, seed, self.given, self.cautious)

    @cached_property
    def first(self) -> Result | Exception:
        """The main batch computed once, or why that failed."""
        try:
            return self._computed()
        except CatenaError:
            self.cautious = True
        except Exception as error:
            return error
        try:
            return self._computed()
        except Exception as error:
            return error

    def _computed(self) -> Result:
        self._rows = self.make(ROWS)
        # A copy, so that a model that writes into its inputs does not spoil the rows.
        mine = {name: copied(value) for name, value in self._rows.items()}
        return self.model.predict(Batch(self.model.inputs, mine, ROWS))

    @property
    def base(self) -> Result:
        """The main batch computed; checks that build on it do not apply when it failed."""
        if isinstance(self.first, Exception):
            raise NotApplicable("needs C05: the model must predict first")
        return self.first

    @property
    def inputs(self) -> Batch:
        """A copy of the main batch."""
        if isinstance(self.first, Exception):
            raise NotApplicable("needs C05: the model must predict first")
        mine = {name: copied(value) for name, value in self._rows.items()}
        return Batch(self.model.inputs, mine, ROWS)

    def values(self) -> dict[str, Any]:
        """Return copies of the main batch's values, as a person could pass them."""
        return {name: copied(value) for name, value in self.inputs.full().items()}

    def take(self, rows: list[int]) -> Batch:
        """Return some rows of the main batch."""
        index = np.array(rows, dtype=int)
        values = {
            name: value.take(index) if isinstance(value, Padded) else value[index]
            for name, value in self.inputs.full().items()
        }
        return Batch(self.model.inputs, values, len(rows))

    def scalars(self) -> list[Field]:
        """Return the scalar real inputs that are present and not static."""
        return [
            field
            for field in self.model.inputs
            if field.kind in NUMERIC
            and not field.shape
            and field.name in self.inputs
            and field.name not in self.model.static_fields
        ]

    @property
    def tolerance(self) -> float:
        """Relative agreement asked for: adaptive solvers step differently in other company."""
        return 1e-4 if self.model.capabilities.dynamic else 1e-8


def copied(value: Any) -> Any:
    """Return a writable copy of an input value."""
    if isinstance(value, Padded):
        parts = {name: np.array(array) for name, array in value.columns().items()}
        return Padded(parts or np.array(value.values), np.array(value.mask))
    return np.array(value)


def require_equal(a: Mapping[str, Any], b: Mapping[str, Any], tolerance: float, what: str) -> None:
    """Compare outputs; the scale of a column is its largest magnitude.

    Raises:
        Failed: an output differs by more than ``tolerance`` of its scale.
    """
    for name, left in a.items():
        gap = distance(left, b[name])
        if gap > tolerance:
            raise Failed(
                f"{what}: {name} differs by {gap:.2g} of its scale (allowed {tolerance:g})"
            )


def distance(left: Any, right: Any) -> float:
    """Return the largest difference relative to the largest magnitude (inf: not comparable)."""
    if isinstance(left, Padded):
        parts = left.columns() or {"": left.values}
        others = right.columns() or {"": right.values}
        return max((distance(parts[name], others[name]) for name in parts), default=0.0)
    left, right = np.asarray(left), np.asarray(right)
    if left.shape != right.shape:
        return float("inf")
    if left.dtype.kind not in "fc":
        return 0.0 if bool(np.all(left == right)) else float("inf")
    if left.size == 0:
        return 0.0
    scale = max(float(np.max(np.abs(left))), float(np.max(np.abs(right))), 1e-300)
    return float(np.max(np.abs(left - right))) / scale


def refusal(subject: Subject, values: Any, what: str, **options: Any) -> CatenaError:
    """Return the error a bad input raises.

    Raises:
        Failed: the input was accepted, or refused with a foreign exception.
    """
    try:
        subject.model.predict(values, **options)
    except CatenaError as error:
        return error
    except Exception as error:
        raise Failed(f"{what} raised {type(error).__name__} instead of an InputError") from error
    raise Failed(f"{what} was accepted")
