"""Units: text at the border, one conversion factor inside.

Pint parses; it never runs in a loop. ``conversion`` and ``parse_quantity`` are what the rest
of Catena uses. The registry knows the units biology adds to SI (cells, IU, CFU, OD, %).
"""

from __future__ import annotations

import math
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from catena.core.errors import UnitError, closest

if TYPE_CHECKING:
    import pint

# [IU], [CFU] and [OD] are dimensions of their own: an activity or an optical density turns into
# a mass or a count only through a named bridge. Cells are counts, as the field counts them.
_DEFINITIONS = (
    "cell = [cell_count] = cells",
    "colony_forming_unit = [colony] = CFU = cfu",
    "international_unit = [activity_unit] = IU",
    "optical_density = [optical_density] = OD = OD600",
    "plaque_forming_unit = [plaque] = PFU = pfu",
    "base_pair = [base_count] = basepair",
    "vvm = 1 / minute",
    "USD = [money]",
)

_BASE_PAIRS = re.compile(r"(?<![A-Za-z_\d])([kMG]?)bp(?![A-Za-z_\d])")
_BASES = {"": "base_pair", "k": "kilobase_pair", "M": "megabase_pair", "G": "gigabase_pair"}

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$", re.DOTALL)

#: A power a unit may have: a small number or fraction, and not itself raised to a power.
_POWER = re.compile(
    r"(?:\^|\*\*)\s*(?:[+-]?\d{1,2}(?:\.\d+)?|\(\s*[+-]?\d{1,2}(?:\.\d+)?(?:\s*/\s*\d{1,2})?\s*\))"
    r"(?![\d.])(?!\s*(?:\^|\*\*))"
)

#: Common units proposed when a text is not understood.
_COMMON = (
    "mg", "g", "kg", "ug", "ng", "mL", "L", "uL", "mg/L", "ug/mL", "ng/mL", "umol/L", "nmol/L",
    "mmol/L", "mol/L", "mol", "umol", "h", "min", "s", "day", "year", "1/h", "1/min", "1/day",
    "L/h", "mL/min", "mg/kg", "mg/h", "cm", "m", "um", "nm", "m^2", "degC", "K", "Pa", "bar",
    "J", "kJ/mol", "kcal/mol", "g/mol", "kDa", "cells/mL", "IU", "CFU", "OD", "percent", "%",
    "mg*h/L", "pmol/mg", "mg/g", "cm/s", "mV", "rpm", "g/L",
)  # fmt: skip


class Conversion(NamedTuple):
    """An affine map between two units: ``target = source * scale + offset``."""

    scale: float
    offset: float

    def apply(self, values: Any) -> Any:
        """Convert a number or array; the identity returns its argument untouched."""
        if self.scale == 1.0 and self.offset == 0.0:
            return values
        if self.offset == 0.0:
            return values * self.scale
        return values * self.scale + self.offset


@cache
def _registry() -> pint.UnitRegistry[Any]:
    """Build the pint registry once; its on-disk cache cuts the build from 0.5 s to 0.1 s."""
    import pint

    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(
        autoconvert_offset_to_baseunit=True, cache_folder=":auto:"
    )
    for line in _DEFINITIONS:
        registry.define(line)
    return registry


def _spell(text: str) -> str:
    """Rewrite what people type ("%", "µ", "mg L-1" stays an error) into what pint reads."""
    spelled = text.strip().replace("µ", "u").replace("μ", "u").replace("·", "*")
    spelled = spelled.replace("²", "^2").replace("³", "^3").replace("%", "percent")
    # "bp" is pint's big point, a length; in biology it counts bases.
    spelled = _BASE_PAIRS.sub(lambda match: _BASES[match.group(1)], spelled)
    # pint reads 1e6 cells as an expression; "mL/min/1e6 cells" must divide by the product.
    return re.sub(r"/\s*(\d[\d.eE+]*)\s*([A-Za-z]+)", r"/(\1*\2)", spelled)


@lru_cache(maxsize=4096)
def _parse(text: str) -> tuple[float, Any]:
    """Return (magnitude, pint unit) of a unit text; "" and "1" are dimensionless."""
    spelled = _spell(text)
    registry = _registry()
    if spelled in ("", "1"):
        return 1.0, registry.dimensionless
    if len(spelled) > 200 or re.search(r"\^|\*\*", _POWER.sub(" ", spelled)):
        raise _unknown(text, "the text is too long or its exponent too large for a unit")
    if re.search(r"[^\w\s.*/^()+-]", spelled):
        raise _unknown(text, "a unit holds names, numbers and the signs * / ^ ( )")
    try:
        if re.fullmatch(r"(delta_)?deg[CF]", spelled):
            return 1.0, registry.Unit(spelled)
        quantity: Any = registry.Quantity(spelled)
        magnitude = float(quantity.magnitude)
    except Exception as error:  # pint leaks tokenizer, attribute and type errors of many kinds
        raise _unknown(text, _reason(error)) from None
    if not math.isfinite(magnitude) or magnitude <= 0.0:
        raise _unknown(text, "a unit's factor must be a positive finite number")
    return magnitude, quantity.units


def _reason(error: Exception) -> str:
    message = str(error).strip() or "it is not a complete unit expression"
    return message if len(message) < 160 else message[:157] + "..."


def _unknown(text: str, why: str) -> UnitError:
    near = closest(text, _COMMON)
    fix = f"nearest units: {', '.join(near)}" if near else "use a unit such as mg, mg/L, h or L/h"
    return UnitError(f"Unknown unit {text[:80]!r}", where="unit text", why=why, fix=fix)


def check_unit(text: str) -> str:
    """Return ``text`` stripped if it is a unit, else raise.

    Raises:
        UnitError: the text is not a unit; the fix names the nearest ones.
    """
    if not isinstance(text, str):
        raise _unknown(repr(text), "a unit is given as text")
    _parse(text)
    return text.strip()


@lru_cache(maxsize=4096)
def dimension(text: str) -> str:
    """Return the dimension of a unit as text, e.g. ``[mass] / [length] ** 3``."""
    return str(_parse(text)[1].dimensionality)


@lru_cache(maxsize=4096)
def compatible(a: str, b: str) -> bool:
    """Tell whether two units measure the same dimension."""
    return bool(_parse(a)[1].dimensionality == _parse(b)[1].dimensionality)


@lru_cache(maxsize=4096)
def conversion(source: str, target: str) -> Conversion:
    """Return the map from ``source`` to ``target`` units.

    Raises:
        UnitError: a unit is unknown, or the two differ in dimension.
    """
    if source == target:
        check_unit(source)
        return Conversion(1.0, 0.0)
    scale_in, unit_in = _parse(source)
    scale_out, unit_out = _parse(target)
    if unit_in.dimensionality != unit_out.dimensionality:
        raise UnitError(
            f"Cannot convert {source or 'dimensionless'} to {target or 'dimensionless'}",
            where="unit conversion",
            why=f"{dimension(source)} is not {dimension(target)}",
            fix="give the value in a unit of the same dimension, or couple through a bridge",
        )
    quantity = _registry().Quantity
    zero = float(quantity(0.0, unit_in).to(unit_out).magnitude)
    one = float(quantity(1.0, unit_in).to(unit_out).magnitude)
    # Offsets exist for temperatures only; elsewhere rounding noise must not become an offset.
    offset = zero if abs(zero) > 1e-9 * max(abs(one), 1e-300) and zero != 0.0 else 0.0
    scale = (one - offset) * scale_in / scale_out
    return Conversion(_tidy(scale), _tidy(offset / scale_out))


def _tidy(number: float) -> float:
    """Take off pint's rounding (it multiplies prefixes one by one: 999.9999999999999)."""
    short = float(f"{number:.12g}")
    return short if abs(short - number) <= 8e-16 * abs(number) else number


def factor(source: str, target: str) -> float:
    """Return the multiplicative factor from ``source`` to ``target``.

    Raises:
        UnitError: the conversion needs an offset (degC to K) or the dimensions differ.
    """
    scale, offset = conversion(source, target)
    if offset != 0.0:
        raise UnitError(
            f"{source} to {target} is not a pure factor",
            where="unit conversion",
            why="temperature scales differ by an offset",
            fix="convert at the border with conversion(), or use delta_degC for differences",
        )
    return scale


def parse_quantity(text: str, default_unit: str = "") -> tuple[float, str]:
    """Split "100 mg" into (100.0, "mg"); a bare number takes ``default_unit``.

    Raises:
        UnitError: there is no number, or the rest is not a unit.
    """
    match = _NUMBER.match(text)
    if match is not None and re.match(r",\d", match.group(2)):
        raise UnitError(
            f"A comma in the number {text[:80]!r}",
            where="quantity text",
            why="it may separate decimals, thousands or values; none is guessed",
            fix='write decimals with a point and no thousands mark, as in "1.5"',
        )
    if match is None:
        raise UnitError(
            f"No number in {text[:80]!r}",
            where="quantity text",
            why="a quantity is a number followed by a unit",
            fix=f'write for example "10 {default_unit or "mg"}"',
        )
    number, unit = float(match.group(1)), match.group(2)
    if not unit:
        return number, default_unit
    try:
        return number, check_unit(unit)
    except UnitError as error:
        error.fix = _proposed(unit, default_unit) or error.fix
        raise


def _proposed(unit: str, wanted: str) -> str:
    """Name the common units nearest to a text, those of the wanted dimension first."""
    try:
        fitting = [known for known in _COMMON if wanted and compatible(known, wanted)]
    except UnitError:
        fitting = []
    near = closest(unit, fitting) or closest(unit, _COMMON) or [wanted, *fitting][:4]
    return f"nearest units: {', '.join(dict.fromkeys(n for n in near if n))}" if any(near) else ""
