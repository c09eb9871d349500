"""Models that know how uncertain they are: values and the ends of their intervals come together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

from catena.core.model import Model
from catena.core.result import Result
from catena.core.values import Batch

#: Standard deviations of a normal distribution to the ends of its central 90 %.
ENDS = 1.6448536269514722
_BOTH = ("lower", "upper")


class Banded(Model):
    """A Model whose predictions carry 90 % intervals (``Result.lower``, ``Result.upper``)."""

    @property
    def banded(self) -> tuple[str, ...]:
        """Outputs that have intervals; all of them unless a model says otherwise."""
        return self.outputs.names

    @abstractmethod
    def _band(self, batch: Mapping[str, Any], size: int, key: int) -> dict[str, Any]:
        """Return all outputs, and ``name:lower`` and ``name:upper`` of those with intervals.

        Args:
            batch: Checked inputs.
            size: Number of rows, at least one.
            key: 64-bit seed.
        """

    def predict(
        self,
        batch: Any = None,
        /,
        *,
        key: int = 0,
        on_error: Literal["raise", "skip"] = "raise",
        **inputs: Any,
    ) -> Result:
        """Predict with 90 % intervals; see ``Model.predict``."""
        result = super().predict(batch, key=key, on_error=on_error, **inputs)
        for end, table in zip(_BOTH, (result.lower, result.upper), strict=True):
            for name in self.banded:
                table[name] = result.values_.pop(f"{name}:{end}")
        return result

    def _outcome(
        self,
        checked: Batch,
        key: int,
        on_error: Literal["raise", "skip"],
        values: dict[str, Any] | None = None,
    ) -> Any:
        # The ends ride along by hidden names, so that rows dropped later take theirs with them.
        if values is None and checked.size:
            values = self._band(checked.values_, checked.size, key)
        elif values is None:
            values = self.evaluate(checked.values_, 0, key)
            values |= {f"{name}:{end}": values[name] for name in self.banded for end in _BOTH}
        return super()._outcome(checked, key, on_error, values)
