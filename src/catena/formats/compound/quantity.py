"""A number as compound cards write it: value, unit, uncertainty, status and source."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from catena.core.distribution import Distribution
from catena.core.errors import UnitError
from catena.core.units import compatible, factor

Status = Literal["measured", "predicted", "assumed"]
Source = Annotated[str, Field(min_length=5)]
"""Author, year and DOI or PubMed number; for assumed values, why this value was chosen."""

_Z95 = 1.959963984540054
_Z999 = 3.090232306167813


class Part(BaseModel):
    """Settings shared by all parts of a card: immutable, no unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Number(Part):
    """A value with its unit and, where known, its uncertainty.

    Attributes:
        value: The value in ``unit``.
        unit: Unit text; "" for a dimensionless number.
        cv: Coefficient of variation as a fraction; the number is lognormal with this median.
        fold: Fold range that holds 95 % of a lognormal with this median.
        sd: Standard deviation of a normal, in ``unit``.
        range: Lowest and highest plausible value of a triangular, in ``unit``.
    """

    value: float
    unit: str
    cv: Annotated[float, Field(gt=0)] | None = None
    fold: Annotated[float, Field(gt=1)] | None = None
    sd: Annotated[float, Field(gt=0)] | None = None
    range: tuple[float, float] | None = None

    @model_validator(mode="after")
    def _sound(self) -> Number:
        given = [name for name in ("cv", "fold", "sd", "range") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of cv, fold, sd and range, not {' and '.join(given)}")
        if (self.cv or self.fold) and self.value <= 0:
            raise ValueError("cv and fold need a value above 0; use sd or range")
        if self.range and not (
            self.range[0] <= self.value <= self.range[1] and self.range[0] < self.range[1]
        ):
            raise ValueError(f"range {list(self.range)} does not hold the value {self.value:g}")
        return self

    def to(self, unit: str) -> float:
        """Returns the value in another unit.

        Raises:
            UnitError: The units differ in dimension.
        """
        return self.value * factor(self.unit, unit)

    def distribution(self, unit: str) -> Distribution | None:
        """Returns the uncertainty as a distribution in ``unit``; None when none is given."""
        scale = factor(self.unit, unit)
        value = self.value * scale
        cv = self._lognormal_cv()
        if cv is not None:
            return Distribution(name="lognormal", parameters=(value, cv))
        if self.sd is not None:
            return Distribution(name="normal", parameters=(value, self.sd * scale))
        if self.range is not None:
            low, high = self.range
            return Distribution(name="triangular", parameters=(low * scale, value, high * scale))
        return None

    def upper(self) -> float:
        """Returns the value that is exceeded with probability 0.001 at most, in ``unit``."""
        cv = self._lognormal_cv()
        if cv is not None:
            return self.value * math.exp(_Z999 * math.sqrt(math.log1p(cv * cv)))
        if self.sd is not None:
            return self.value + _Z999 * self.sd
        return self.range[1] if self.range is not None else self.value

    def _lognormal_cv(self) -> float | None:
        if self.fold is not None:
            return math.sqrt(math.expm1((math.log(self.fold) / _Z95) ** 2))
        return self.cv


class Quantity(Number):
    """A number with its status and source.

    Attributes:
        status: ``measured``, ``predicted`` or ``assumed``.
        source: Author, year and DOI or PubMed number.
        note: What a reader must know to use the number well.
    """

    status: Status
    source: Source
    note: str = ""


class Measure:
    """Check of one number of a card: its dimension and where it may lie.

    Args:
        unit: Unit in which the bounds are given and in which the body models take the number.
        low: Lower bound.
        high: Upper bound; the number's uncertainty must not cross it either.
        open_low: Whether the lower bound itself is excluded.
    """

    def __init__(
        self,
        unit: str,
        low: float = -math.inf,
        high: float = math.inf,
        *,
        open_low: bool = False,
    ) -> None:
        self.unit, self.low, self.high, self.open_low = unit, low, high, open_low

    def __call__(self, number: Number) -> Number:
        """Returns the number; a ValueError says what is wrong with it."""
        try:
            fits = compatible(number.unit, self.unit)
        except UnitError as error:
            raise ValueError(f"{error.what}; {error.fix}") from None
        if not fits:
            raise ValueError(
                f"unit {number.unit!r} is of another dimension; write it in {self.unit or 'no unit'!r}"
            )
        value = number.to(self.unit)
        below = value <= self.low if self.open_low else value < self.low
        if below or value > self.high:
            raise ValueError(f"{value:g} {self.unit} is outside {self._interval()}")
        if number.upper() * factor(number.unit, self.unit) > self.high * (1 + 1e-12):
            raise ValueError(f"the uncertainty reaches above {self.high:g}; give a range instead")
        return number

    def _interval(self) -> str:
        return f"{'(' if self.open_low else '['}{self.low:g}, {self.high:g}]"


def measured_in(
    unit: str, low: float = -math.inf, high: float = math.inf, *, open_low: bool = False
) -> AfterValidator:
    """Returns the pydantic annotation that applies a ``Measure`` to a number."""
    return AfterValidator(Measure(unit, low, high, open_low=open_low))
