"""Units of SBML quantities as the unit texts Catena uses."""

from __future__ import annotations

from typing import Any, final

from catena.core.errors import UnitError
from catena.core.units import check_unit

_SYMBOLS = {
    "mole": "mol", "litre": "L", "liter": "L", "second": "s", "metre": "m", "meter": "m",
    "gram": "g", "kilogram": "kg", "kelvin": "K", "joule": "J", "volt": "V", "ampere": "A",
    "coulomb": "C", "farad": "F", "siemens": "S", "watt": "W", "newton": "N", "pascal": "Pa",
    "hertz": "Hz", "ohm": "ohm", "candela": "cd", "katal": "kat", "becquerel": "Bq",
}  # fmt: skip
_PREFIXES = {
    -15: "f", -12: "p", -9: "n", -6: "u", -3: "m", -2: "c", -1: "d", 0: "", 3: "k", 6: "M", 9: "G",
}  # fmt: skip
_TIMES = {60.0: "min", 3600.0: "h", 86400.0: "day", 604800.0: "week", 31557600.0: "year"}
#: Kinds that count something and carry no dimension here.
_COUNTS = frozenset({"dimensionless", "item", "radian", "steradian", "avogadro"})


@final
class Units:
    """Unit texts of one model; what cannot be written becomes dimensionless with a note."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self.notes: list[str] = []

    def of(self, element: Any) -> str:
        """Return the unit of a compartment, species or parameter."""
        unit = element.getDerivedUnitDefinition()
        if unit is None or (not unit.getNumUnits() and element.isSetUnits()):
            self._note(element.getId(), "its unit is not defined")
            return ""
        return self._checked(unit, element.getId())

    def substance(self, species: Any) -> str:
        """Return the unit of a species' amount."""
        name = species.getSubstanceUnits() or self.model.getSubstanceUnits() or "substance"
        return self._named(name, species.getId())

    def time(self) -> str:
        """Return the unit of time: as declared, or the second that is meant in level 2."""
        name = self.model.getTimeUnits() if self.model.getLevel() > 2 else "time"
        return self._named(name, "time") if name else ""

    def _named(self, name: str, what: str) -> str:
        import libsbml

        defined = self.model.getUnitDefinition(name)
        if defined is not None:
            return self._checked(defined, what)
        built_in = {"substance": "mole", "time": "second", "volume": "litre"}
        kind = built_in.get(name, name) if self.model.getLevel() < 3 else name
        if libsbml.UnitKind_forName(kind) == libsbml.UNIT_KIND_INVALID:
            return ""
        return _SYMBOLS.get(kind, "")

    def _checked(self, unit: Any, what: str) -> str:
        try:
            return check_unit(_text(unit))
        except UnitError as error:
            self._note(what, error.why)
            return ""

    def _note(self, what: str, why: str) -> None:
        self.notes.append(f"{what}: taken as dimensionless, {why}")


def _text(definition: Any) -> str:
    above: list[str] = []
    below: list[str] = []
    factor = 1.0
    for index in range(definition.getNumUnits()):
        unit = definition.getUnit(index)
        exponent = unit.getExponentAsDouble()
        name, scale = _one(unit)
        factor *= scale**exponent
        if name and exponent:
            power = abs(exponent)
            shown = name if power == 1 else f"{name}^{power:g}"
            (above if exponent > 0 else below).append(shown)
    if abs(factor - 1.0) > 1e-12:
        above.insert(0, f"{factor:.15g}")
    if not above and not below:
        return ""
    # A sign right after an exponent would count as a part of it.
    spaced = any("^" in name for name in above + below)
    times, over = (" * ", " / ") if spaced else ("*", "/")
    head = times.join(above) or "1"
    if not below:
        return head
    return f"{head}{over}{below[0]}" if len(below) == 1 else f"{head}{over}({times.join(below)})"


def _one(unit: Any) -> tuple[str, float]:
    """Return a unit's symbol and the factor that the symbol does not cover."""
    import libsbml

    kind = libsbml.UnitKind_toString(unit.getKind())
    multiplier, scale = unit.getMultiplier(), unit.getScale()
    if kind in _COUNTS:
        return "", 1.0 if kind == "item" else multiplier * 10.0**scale
    if kind == "second" and scale == 0 and multiplier in _TIMES:
        return _TIMES[multiplier], 1.0
    symbol = _SYMBOLS.get(kind, kind)
    if scale in _PREFIXES and kind != "kilogram":
        return _PREFIXES[scale] + symbol, multiplier
    return symbol, multiplier * 10.0**scale
