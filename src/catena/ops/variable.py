"""One thing an operation may vary: an input or parameter of a model, with its range."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from catena.core.distribution import Distribution
from catena.core.errors import CatenaError, InputError, did_you_mean
from catena.core.spec import NUMERIC, Field

if TYPE_CHECKING:
    from catena.core.model import Model

_ELEMENT = re.compile(r"(.+)\[(\d+)\]$")
_PREFIX = re.compile(r"\s*(log|linear|integer)\s+(.*)$", re.DOTALL)
#: Probability left out at each end where a distribution has to stand for a range.
_TAIL = 1e-6


@final
@dataclass(frozen=True)
class Variable:
    """A number, whole number or choice that may be varied.

    Args:
        name: Input or parameter; ``feed[3]`` is the fourth number of an input with a dimension.
        kind: What it is. Categories and booleans are held as their index.
        low: Lower end, in ``unit``.
        high: Upper end.
        unit: Unit text.
        scale: ``log`` for what varies by factors.
        choices: Texts of a category.
        distribution: How likely values are; None means that only the range is known.
        place: Whether it is an input of the model or a parameter its rows share.
        port: The input or parameter it belongs to.
        position: Position along the dimension of ``port``, or None for a single number.
    """

    name: str
    kind: Literal["real", "integer", "category", "boolean"] = "real"
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    scale: Literal["linear", "log"] = "linear"
    choices: tuple[str, ...] = ()
    distribution: Distribution | None = None
    place: Literal["input", "param"] = "input"
    port: str = ""
    position: int | None = None

    def __post_init__(self) -> None:
        if not self.port:
            object.__setattr__(self, "port", self.name)
        if self.kind in ("category", "boolean"):
            object.__setattr__(self, "low", 0.0)
            object.__setattr__(self, "high", float(max(len(self.choices), 1) - 1))
        if not (np.isfinite(self.low) and np.isfinite(self.high)):
            raise _refused(self.name, f"its range {self.low:g} to {self.high:g} is open",
                           f'give a range, e.g. {{"{self.name}": "1..10 {self.unit}"}}')  # fmt: skip
        if self.low > self.high or (self.low == self.high and not self.choices):
            raise _refused(self.name, f"its range {self.low:g} to {self.high:g} {self.unit} is empty",
                           "give a lower end below the upper end, or leave it out")  # fmt: skip
        if self.scale == "log" and self.low <= 0:
            raise _refused(self.name, f"a logarithmic range cannot start at {self.low:g}",
                           "start above zero, or use a linear range")  # fmt: skip

    @property
    def discrete(self) -> bool:
        """Whether only whole steps exist."""
        return self.kind != "real"

    @property
    def levels(self) -> float:
        """Number of values; infinite for a real number."""
        return np.inf if self.kind == "real" else self.high - self.low + 1

    def to_unit(self, x: np.ndarray) -> np.ndarray:
        """Map values to [0, 1]: by rank for a distribution, else linearly or in the logarithm."""
        x = np.asarray(x, dtype=float)
        if self.distribution is not None:
            first, last = self.distribution.cdf(np.array([self.low, self.high]))
            return np.asarray(np.clip((self.distribution.cdf(x) - first) / (last - first), 0, 1))
        if self.discrete:
            return (x - self.low + 0.5) / (self.high - self.low + 1)
        if self.scale == "log":
            return np.asarray(np.log(x / self.low) / np.log(self.high / self.low))
        return (x - self.low) / (self.high - self.low)

    def from_unit(self, u: np.ndarray) -> np.ndarray:
        """Map [0, 1] to values; the inverse of ``to_unit`` (whole steps share it equally)."""
        u = np.asarray(u, dtype=float)
        if self.distribution is not None:
            first, last = self.distribution.cdf(np.array([self.low, self.high]))
            edge = np.finfo(float).eps
            p = np.clip(first + u * (last - first), edge, 1.0 - edge)
            return self.snap(np.clip(self.distribution.ppf(p), self.low, self.high))
        if self.discrete:
            steps = np.floor(u * (self.high - self.low + 1))
            return self.low + np.clip(steps, 0, self.high - self.low)
        if self.scale == "log":
            return np.clip(self.low * (self.high / self.low) ** u, self.low, self.high)
        return self.low + (self.high - self.low) * u

    def snap(self, x: np.ndarray) -> np.ndarray:
        """Round to whole steps where only these exist."""
        return np.clip(np.round(x), self.low, self.high) if self.discrete else np.asarray(x)

    def text(self, x: float) -> str | float | int:
        """Return a value as people write it: the text of a category, a whole number, a number."""
        if self.kind == "category":
            return self.choices[round(x)]
        if self.kind == "boolean":
            return "yes" if round(x) else "no"
        return round(x) if self.kind == "integer" else float(x)

    def field(self) -> Field:
        """Return the declaration of a column that holds this variable."""
        kind: Any = "text" if self.kind in ("category", "boolean") else "real"
        name = _ELEMENT.sub(r"\1_\2", self.name)
        return Field(name, unit=self.unit, kind=kind, title=self.name)


def variables_of(model: Model, name: str, wish: Any) -> list[Variable]:
    """Read what is said about one name: a range, a distribution, choices, or nothing.

    Args:
        model: The model whose input or parameter it is.
        name: Input or parameter, or one position of it (``feed[3]``).
        wish: None (the field's own range or distribution), ``"10..400 mg"``,
            ``"log 0.1..10 1/h"``, ``"integer 2..8"``, ``"lognormal(12 L/h, 30 %)"``, a pair of
            numbers, a list of choices, a Distribution or a Variable.

    Returns:
        One variable, or one per position of an input with a dimension.

    Raises:
        InputError: the name is unknown or nothing sensible is said about it.
    """
    element = _ELEMENT.match(name)
    port = element.group(1) if element and name not in model.inputs else name
    field, place = _declared(model, port)
    if isinstance(wish, Variable):
        return [replace(wish, name=name, place=place, port=port)]
    if not field.shape:
        return [_variable(field, name, wish, place)]
    single = replace(_variable(field.with_(default=None), name, wish, place), port=port)
    length = _length(model, field)
    if element:
        position = int(element.group(2))
        if position >= length:
            raise _refused(name, f"{port!r} has {length} numbers, counted from 0", "lower it")
        return [replace(single, position=position)]
    return [replace(single, name=f"{port}[{k}]", position=k) for k in range(length)]


def _declared(model: Model, port: str) -> tuple[Field, Literal["input", "param"]]:
    if port in model.inputs:
        return model.inputs[port], "input"
    if port in model.params:
        return model.params[port], "param"
    known = (*model.inputs.names, *model.params.names)
    raise InputError(f"No input or parameter {port[:60]!r}", where=f"model {model.info.id}",
                     why=f"it has {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}",
                     fix=did_you_mean(port[:60], known, f"see: catena describe {model.info.id}"))  # fmt: skip


def _length(model: Model, field: Field) -> int:
    if field.labels:
        return len(field.labels)
    if field.default is None or field.kind not in NUMERIC or len(field.shape) != 1:
        raise _refused(field.name, "the number of its positions is not known",
                       f"give the model a default: model.at({field.name}=[...])")  # fmt: skip
    return int(np.shape(field.default)[-1])


def _variable(field: Field, name: str, wish: Any, place: Literal["input", "param"]) -> Variable:
    if field.kind == "category":
        return _choice(field, name, wish, place)
    if field.kind == "boolean":
        return Variable(name, "boolean", choices=("no", "yes"), place=place)
    if field.kind not in (*NUMERIC, "integer"):
        raise _refused(name, f"a {field.kind} cannot be varied", "vary numbers and categories")
    kind: Literal["real", "integer"] = "integer" if field.kind == "integer" else "real"
    scale: Literal["linear", "log"] = field.scale
    if wish is None:
        return _declared_range(field, name, kind, scale, place)
    distribution: Distribution | None = None
    if isinstance(wish, str):
        prefix = _PREFIX.match(wish)
        if prefix:
            if prefix.group(1) == "integer":
                kind, scale = "integer", "linear"
            else:
                scale = "log" if prefix.group(1) == "log" else "linear"
            wish = prefix.group(2)
        wish = _parsed(wish, field, name)
    elif isinstance(wish, Sequence) and len(wish) == 2 and all(_is_number(w) for w in wish):
        return Variable(name, kind, float(wish[0]), float(wish[1]), field.unit, scale, place=place)
    if not isinstance(wish, Distribution):
        raise _refused(name, f"{wish!r} is no range", 'write "1..10", a pair, or a distribution')
    if wish.name == "uniform":
        low, high = wish.parameters
    elif wish.name == "loguniform":
        (low, high), scale = wish.parameters, "log"
    else:
        distribution = wish
        low, high = _ends(wish, field)
        scale = "log" if wish.name == "lognormal" else scale
    return Variable(name, kind, low, high, field.unit, scale, (), distribution, place)


def _parsed(text: str, field: Field, name: str) -> Distribution:
    try:
        return Distribution.parse(text, field.unit)
    except CatenaError as error:
        raise InputError(f"Cannot vary {name!r}", where=error.where or f"variable {name!r}",
                         why=f"{error.what}: {error.why}".rstrip(": "), fix=error.fix) from None  # fmt: skip


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)


def _choice(field: Field, name: str, wish: Any, place: Literal["input", "param"]) -> Variable:
    wanted = list(field.choices) if wish is None else wish
    if isinstance(wanted, (str, Mapping)) or not isinstance(wanted, Sequence) or not wanted:
        raise _refused(name, "it is a category", f"give a list out of {', '.join(field.choices)}")
    for text in wanted:
        if text not in field.choices:
            raise _refused(name, f"{text!r} is none of its choices",
                           did_you_mean(str(text), field.choices, ", ".join(field.choices)))  # fmt: skip
    return Variable(name, "category", choices=tuple(wanted), place=place)


def _declared_range(
    field: Field,
    name: str,
    kind: Literal["real", "integer"],
    scale: Literal["linear", "log"],
    place: Literal["input", "param"],
) -> Variable:
    if field.distribution is not None and field.distribution.name != "discrete":
        low, high = _ends(field.distribution, field)
        return Variable(name, kind, low, high, field.unit, scale, (), field.distribution, place)
    low, high = (np.nan if bound is None else float(bound) for bound in field.bounds)
    if scale == "log" and low <= 0:
        scale = "linear"
    return Variable(name, kind, low, high, field.unit, scale, place=place)


def _ends(distribution: Distribution, field: Field) -> tuple[float, float]:
    """Return the range a distribution covers, cut at the field's bounds."""
    low, high = distribution.ppf(np.array([_TAIL, 1.0 - _TAIL]))
    bottom, top = field.bounds
    return (
        float(low if bottom is None else max(low, bottom)),
        float(high if top is None else min(high, top)),
    )


def _refused(name: str, why: str, fix: str) -> InputError:
    return InputError(f"Cannot vary {name!r}", where=f"variable {name!r}", why=why, fix=fix)
