"""How uncertain or variable a number is: named distributions with an inverse CDF."""

from __future__ import annotations

import re
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from catena.core.errors import SchemaError, UnitError, closest

Name = Literal["normal", "lognormal", "uniform", "loguniform", "triangular", "discrete"]
_ARITY = {"normal": 2, "lognormal": 2, "uniform": 2, "loguniform": 2, "triangular": 3}
_CALL = re.compile(r"\s*([A-Za-z]+)\s*\((.*)\)\s*$", re.DOTALL)
_RANGE = re.compile(r"\s*([^\s.]\S*?)\s*\.\.\s*(.+?)\s*$", re.DOTALL)


class Distribution(BaseModel):
    """A distribution of one number, in the unit of its field.

    Args:
        name: ``normal`` (mean, sd), ``lognormal`` (median, coefficient of variation as a
            fraction), ``uniform`` and ``loguniform`` (low, high), ``triangular`` (low, mode,
            high) or ``discrete`` (values, equally likely).
        parameters: The numbers named above.
    """

    model_config = ConfigDict(frozen=True)

    name: Name
    parameters: tuple[float, ...]

    @model_validator(mode="after")
    def _sound(self) -> Distribution:
        p = self.parameters
        wanted = _ARITY.get(self.name)
        if (wanted is not None and len(p) != wanted) or not p or not all(map(np.isfinite, p)):
            raise ValueError(f"{self.name} takes {wanted or 'one or more'} finite numbers, got {p}")
        if not _sound_parameters(self.name, p):
            raise ValueError(f"{self.name}{p} is not a distribution")
        return self

    def ppf(self, u: np.ndarray) -> np.ndarray:
        """Return quantiles at probabilities ``u`` (any shape, in (0, 1)), in the field's unit."""
        from scipy.special import ndtri

        p = self.parameters
        if self.name == "normal":
            return np.asarray(p[0] + p[1] * ndtri(u))
        if self.name == "lognormal":
            return np.asarray(p[0] * np.exp(np.sqrt(np.log1p(p[1] ** 2)) * ndtri(u)))
        if self.name == "uniform":
            return np.asarray(p[0] + (p[1] - p[0]) * u)
        if self.name == "loguniform":
            return np.asarray(p[0] * (p[1] / p[0]) ** u)
        if self.name == "triangular":
            low, mode, high = p
            split = (mode - low) / (high - low)
            left = low + np.sqrt(u * (high - low) * (mode - low))
            right = high - np.sqrt((1 - u) * (high - low) * (high - mode))
            return np.asarray(np.where(u < split, left, right))
        index = np.minimum((np.asarray(u) * len(p)).astype(int), len(p) - 1)
        return np.asarray(np.asarray(p)[index])

    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Return the probability of values up to ``x`` (any shape, in the field's unit)."""
        from scipy.special import ndtr

        p, x = self.parameters, np.asarray(x, dtype=float)
        if self.name == "normal":
            return np.asarray(ndtr((x - p[0]) / p[1]))
        if self.name == "discrete":
            return np.asarray(np.mean(np.asarray(p) <= x[..., None], axis=-1))
        if self.name in ("lognormal", "loguniform"):
            with np.errstate(divide="ignore"):
                logs = np.log(np.maximum(x, 0.0))
            if self.name == "lognormal":
                return np.asarray(ndtr((logs - np.log(p[0])) / np.sqrt(np.log1p(p[1] ** 2))))
            return np.asarray(np.clip((logs - np.log(p[0])) / np.log(p[1] / p[0]), 0.0, 1.0))
        if self.name == "uniform":
            return np.asarray(np.clip((x - p[0]) / (p[1] - p[0]), 0.0, 1.0))
        low, mode, high = p
        x = np.clip(x, low, high)
        rising = (x - low) ** 2 / ((high - low) * max(mode - low, np.finfo(float).tiny))
        falling = 1 - (high - x) ** 2 / ((high - low) * max(high - mode, np.finfo(float).tiny))
        return np.where(x < mode, rising, falling)

    @classmethod
    def parse(cls, text: str, unit: str = "") -> Distribution:
        """Read ``"lognormal(12 L/h, 30 %)"`` or ``"10..400 mg"`` into the given unit.

        Raises:
            SchemaError: the text is not a distribution or its parameters contradict it.
            UnitError: a unit in the text is unknown or of another dimension.
        """
        call = _CALL.match(text)
        if call is None:
            return _make("uniform", _range(text, unit), text)
        name = call.group(1).lower()
        if name not in Name.__args__:  # type: ignore[attr-defined]
            near = closest(name, Name.__args__)  # type: ignore[attr-defined]
            raise SchemaError(
                f"Unknown distribution {name!r}",
                where=text[:80],
                fix=f"use {' or '.join(near or list(Name.__args__))}",  # type: ignore[attr-defined]
            )
        parts = [part for part in call.group(2).split(",") if part.strip()]
        relative = {1} if name == "lognormal" else set()
        numbers = [
            _number(part, "" if index in relative else unit) for index, part in enumerate(parts)
        ]
        return _make(name, numbers, text)


def _sound_parameters(name: str, p: tuple[float, ...]) -> bool:
    if name == "normal":
        return p[1] > 0
    if name == "lognormal":
        return p[0] > 0 and p[1] > 0
    if name == "uniform":
        return p[0] < p[1]
    if name == "loguniform":
        return 0 < p[0] < p[1]
    if name == "triangular":
        return p[0] <= p[1] <= p[2] and p[0] < p[2]
    return True


def _make(name: str, numbers: Any, text: str) -> Distribution:
    try:
        return Distribution(name=name, parameters=tuple(numbers))
    except ValidationError as error:
        raise SchemaError(
            f"Not a distribution: {text[:80]!r}",
            where="distribution text",
            why=str(error.errors()[0]["msg"]).removeprefix("Value error, "),
            fix='write for example "lognormal(12 L/h, 30 %)" or "10..400 mg"',
        ) from None


def _range(text: str, unit: str) -> list[float]:
    from catena.core.units import parse_quantity

    match = _RANGE.match(text)
    if match is None:
        raise SchemaError(
            f"Not a distribution: {text[:80]!r}",
            where="distribution text",
            why="neither name(parameters) nor low..high",
            fix='write for example "lognormal(12 L/h, 30 %)" or "10..400 mg"',
        )
    low, high = match.groups()
    written = parse_quantity(high, unit)[1]
    return [_number(low, unit, written), _number(high, unit)]


def _number(text: str, unit: str, default_unit: str | None = None) -> float:
    from catena.core.units import conversion, parse_quantity

    value, given = parse_quantity(text, unit if default_unit is None else default_unit)
    try:
        return float(conversion(given, unit).apply(value))
    except UnitError as error:
        error.where = f"distribution text {text[:60]!r}"
        raise
