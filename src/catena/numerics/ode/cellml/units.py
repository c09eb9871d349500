"""Units of CellML: factor, offset and dimensions in SI, and the text Catena uses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, final

from catena.core.errors import UnitError, did_you_mean

#: SI base units in the order of the exponents below: metre kilogram second ampere kelvin mole
#: candela. Factor, exponents and symbol of every standard unit of CellML 1.0, 1.1 and 2.0.
_STANDARD: dict[str, tuple[float, tuple[int, ...], str]] = {
    "metre": (1.0, (1, 0, 0, 0, 0, 0, 0), "m"),
    "gram": (1e-3, (0, 1, 0, 0, 0, 0, 0), "g"),
    "kilogram": (1.0, (0, 1, 0, 0, 0, 0, 0), "kg"),
    "second": (1.0, (0, 0, 1, 0, 0, 0, 0), "s"),
    "ampere": (1.0, (0, 0, 0, 1, 0, 0, 0), "A"),
    "kelvin": (1.0, (0, 0, 0, 0, 1, 0, 0), "K"),
    "mole": (1.0, (0, 0, 0, 0, 0, 1, 0), "mol"),
    "candela": (1.0, (0, 0, 0, 0, 0, 0, 1), "cd"),
    "litre": (1e-3, (3, 0, 0, 0, 0, 0, 0), "L"),
    "hertz": (1.0, (0, 0, -1, 0, 0, 0, 0), "Hz"),
    "becquerel": (1.0, (0, 0, -1, 0, 0, 0, 0), "Bq"),
    "newton": (1.0, (1, 1, -2, 0, 0, 0, 0), "N"),
    "pascal": (1.0, (-1, 1, -2, 0, 0, 0, 0), "Pa"),
    "joule": (1.0, (2, 1, -2, 0, 0, 0, 0), "J"),
    "watt": (1.0, (2, 1, -3, 0, 0, 0, 0), "W"),
    "coulomb": (1.0, (0, 0, 1, 1, 0, 0, 0), "C"),
    "volt": (1.0, (2, 1, -3, -1, 0, 0, 0), "V"),
    "ohm": (1.0, (2, 1, -3, -2, 0, 0, 0), "ohm"),
    "siemens": (1.0, (-2, -1, 3, 2, 0, 0, 0), "S"),
    "farad": (1.0, (-2, -1, 4, 2, 0, 0, 0), "F"),
    "henry": (1.0, (2, 1, -2, -2, 0, 0, 0), "H"),
    "weber": (1.0, (2, 1, -2, -1, 0, 0, 0), "Wb"),
    "tesla": (1.0, (0, 1, -2, -1, 0, 0, 0), "T"),
    "lumen": (1.0, (0, 0, 0, 0, 0, 0, 1), "lm"),
    "lux": (1.0, (-2, 0, 0, 0, 0, 0, 1), "lx"),
    "gray": (1.0, (2, 0, -2, 0, 0, 0, 0), "Gy"),
    "sievert": (1.0, (2, 0, -2, 0, 0, 0, 0), "Sv"),
    "katal": (1.0, (0, 0, -1, 0, 0, 1, 0), "kat"),
    "celsius": (1.0, (0, 0, 0, 0, 1, 0, 0), "degC"),
    "dimensionless": (1.0, (0,) * 7, ""),
    "radian": (1.0, (0,) * 7, "rad"),
    "steradian": (1.0, (0,) * 7, "sr"),
}
_SPELLINGS = {"meter": "metre", "liter": "litre"}
_BASES = ("m", "kg", "s", "A", "K", "mol", "cd")
_PREFIXES = {
    "yotta": (24, "Y"), "zetta": (21, "Z"), "exa": (18, "E"), "peta": (15, "P"), "tera": (12, "T"),
    "giga": (9, "G"), "mega": (6, "M"), "kilo": (3, "k"), "hecto": (2, "h"), "deca": (1, "da"),
    "deka": (1, "da"), "deci": (-1, "d"), "centi": (-2, "c"), "milli": (-3, "m"),
    "micro": (-6, "u"), "nano": (-9, "n"), "pico": (-12, "p"), "femto": (-15, "f"),
    "atto": (-18, "a"), "zepto": (-21, "z"), "yocto": (-24, "y"),
}  # fmt: skip
_CELSIUS_OFFSET = 273.15


@final
@dataclass(frozen=True)
class Part:
    """One ``unit`` inside a ``units`` definition: multiplier x (prefix unit)^exponent."""

    units: str
    prefix: str = "0"
    exponent: float = 1.0
    multiplier: float = 1.0
    offset: float = 0.0


@final
@dataclass(frozen=True)
class Units:
    """What a unit means.

    Args:
        factor: Value of one unit in base units.
        dimensions: Exponents by base unit; units declared as base units count as their own.
        offset: Added after ``factor``: value in base units = x * factor + offset.
        text: The same in the spelling of Catena, "" if it cannot be spelled.
    """

    factor: float
    dimensions: tuple[tuple[str, float], ...]
    offset: float
    text: str


Definition: TypeAlias = "tuple[Part, ...] | tuple[UnitTable, str] | None"


@final
class UnitTable:
    """The units one component may use.

    Args:
        definitions: Parts by name; None declares a new base unit, and a table with a name the
            unit of that name in another file.
        outer: Table of the model around a component.
        file: File name for errors.
    """

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        outer: UnitTable | None = None,
        file: str = "",
    ) -> None:
        self._definitions, self._outer, self._file = dict(definitions), outer, file
        self._known: dict[str, Units] = {}

    def __getitem__(self, name: str) -> Units:
        return self.find(name)

    def find(self, name: str, place: str = "", open_: tuple[str, ...] = ()) -> Units:
        """Return the meaning of a unit name.

        Raises:
            UnitError: the unit is not defined, or is defined by itself.
        """
        if name in self._known:
            return self._known[name]
        where = place or self._file
        if name in open_:
            raise UnitError(f"Unit {name!r} is defined by itself", where=where,
                            why=" -> ".join((*open_, name)), fix="break the circle")  # fmt: skip
        if name in self._definitions:
            found = self._defined(name, place, (*open_, name))
        elif self._outer is not None:
            return self._outer.find(name, place, open_)
        elif _SPELLINGS.get(name, name) in _STANDARD:
            found = _standard(_SPELLINGS.get(name, name))
        else:
            known = [*self._definitions, *_STANDARD]
            raise UnitError(f"Unknown unit {name!r}", where=where,
                            why="it is neither a standard unit of CellML nor defined in the file",
                            fix=did_you_mean(name, known, "define it with <units>"))  # fmt: skip
        self._known[name] = found
        return found

    def _defined(self, name: str, place: str, open_: tuple[str, ...]) -> Units:
        match self._definitions[name]:
            case None:
                return Units(1.0, ((name, 1.0),), 0.0, "")
            case (UnitTable() as other, str() as there):
                return other.find(there)
            case parts:
                return self._derived(parts, place, open_)

    def _derived(self, parts: tuple[Part, ...], place: str, open_: tuple[str, ...]) -> Units:
        factor, dimensions, offset = 1.0, dict[str, float](), 0.0
        for part in parts:
            inner = self.find(part.units, place, open_)
            size = 10.0 ** self._power(part.prefix, place)
            factor *= part.multiplier * (size * inner.factor) ** part.exponent
            for base, exponent in inner.dimensions:
                dimensions[base] = dimensions.get(base, 0.0) + exponent * part.exponent
            if part.offset and (len(parts) > 1 or part.exponent != 1.0 or part.multiplier != 1.0):
                # The specification's formula and its Fahrenheit example contradict each other.
                raise UnitError("Unit with an offset and more", where=place or self._file,
                                why=f"{open_[-1]!r} joins an offset with a multiplier, an exponent "
                                "or other units, which CellML leaves ambiguous",
                                fix="convert the values to kelvin in the model")  # fmt: skip
            if len(parts) == 1 and part.exponent == 1.0:
                # x_new = x_old / prefix + offset, as celsius = kelvin - 273.15.
                offset = inner.offset - part.offset * size * inner.factor
        kept = tuple(sorted((base, e) for base, e in dimensions.items() if e))
        return Units(factor, kept, offset, _spelled(parts, self._texts(parts), factor, kept))

    def _texts(self, parts: tuple[Part, ...]) -> list[str]:
        return [self.find(part.units).text for part in parts]

    def _power(self, prefix: str, place: str) -> float:
        if prefix in _PREFIXES:
            return _PREFIXES[prefix][0]
        try:
            return float(int(prefix))
        except ValueError:
            raise UnitError(f"Unknown prefix {prefix!r}", where=place or self._file,
                            why="a prefix is a name of SI or a whole power of ten",
                            fix=did_you_mean(prefix, _PREFIXES, "use milli, micro, ..."),
                            ) from None  # fmt: skip


def conversion(source: Units, target: Units) -> tuple[float, float] | None:
    """Return (factor, offset) with target value = source value * factor + offset.

    Returns:
        None when the two have different dimensions.
    """
    if source.dimensions != target.dimensions:
        return None
    factor = source.factor / target.factor
    # Equal definitions written in another order must not scale by 1 - 2e-16.
    factor = 1.0 if math.isclose(factor, 1.0, rel_tol=1e-13) else factor
    return factor, (source.offset - target.offset) / target.factor


def _standard(name: str) -> Units:
    factor, exponents, symbol = _STANDARD[name]
    dimensions = sorted((base, float(e)) for base, e in zip(_BASES, exponents, strict=True) if e)
    offset = _CELSIUS_OFFSET if name == "celsius" else 0.0
    return Units(factor, tuple(dimensions), offset, symbol)


def _spelled(
    parts: tuple[Part, ...], texts: list[str], factor: float, dimensions: tuple[object, ...]
) -> str:
    """Spell a product of units for Catena; "" when it is dimensionless or has no spelling."""
    if not dimensions:
        return "" if factor == 1.0 else f"{factor:.15g}"
    scale = 1.0
    above: list[str] = []
    below: list[str] = []
    for part, text in zip(parts, texts, strict=True):
        scale *= part.multiplier
        if part.units == "dimensionless" and part.prefix == "0" and not part.offset:
            continue
        symbol = _STANDARD.get(_SPELLINGS.get(part.units, part.units), (0, (), ""))[2]
        prefix = _PREFIXES.get(part.prefix, (0, ""))[1]
        if part.offset or not text:
            return ""
        if symbol and (prefix or part.prefix == "0"):
            text = prefix + symbol
        elif part.prefix != "0":
            text = f"1e{_PREFIXES.get(part.prefix, (part.prefix, ''))[0]} * {text}"
        size = abs(part.exponent)
        if not text.isalpha() and (size != 1.0 or part.exponent < 0):
            text = f"({text})"
        (above if part.exponent > 0 else below).append(text if size == 1.0 else f"{text}^{size:g}")
    top = " * ".join(above) or "1"
    text = " / ".join([top if scale == 1.0 else f"{scale:.15g} * {top}", *below])
    # Blanks end an exponent, without which Catena would read "^3/ms" as one.
    return text if "^" in text else text.replace(" / ", "/").replace(" * ", "*")
