from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import UnitError
from catena.core.units import conversion as in_catena
from catena.numerics.ode.cellml.units import Part, UnitTable, conversion

TABLE = UnitTable(
    {
        "ms": (Part("second", "milli"),),
        "mM": (Part("mole", "milli"), Part("litre", exponent=-1.0)),
        "mM_per_ms": (Part("mM"), Part("ms", exponent=-1.0)),
        "um3": (Part("metre", "micro", 3.0),),
        "per_um3_ms": (Part("um3", exponent=-1.0), Part("ms", exponent=-1.0)),
        "uA_per_uF": (Part("ampere", "micro"), Part("farad", "micro", -1.0)),
        "inch": (Part("metre", "centi", multiplier=2.54),),
        "acre": (Part("inch", exponent=2.0, multiplier=6272640.0),),
        "cells": None,
        "cells_per_mL": (Part("cells"), Part("litre", "milli", -1.0)),
        "percent": (Part("dimensionless", multiplier=0.01),),
        "scaled": (Part("mM", "3"),),
        "warm": (Part("kelvin", offset=-273.15),),
        "bad_prefix": (Part("second", "mili"),),
        "loop": (Part("pool"),),
        "pool": (Part("loop"),),
        "mixed": (Part("celsius", offset=32.0, multiplier=1.8),),
    },
    file="m.cellml",
)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ms", "ms"), ("mM", "mmol/L"), ("mM_per_ms", "mmol/L/ms"), ("um3", "um^3"),
        ("per_um3_ms", "1 / (um^3) / ms"), ("uA_per_uF", "uA/uF"), ("inch", "2.54*cm"),
        ("dimensionless", ""), ("celsius", "degC"), ("liter", "L"), ("percent", "0.01"),
        ("scaled", "1e3*mmol/L"), ("cells", ""), ("cells_per_mL", ""),
    ],
)  # fmt: skip
def test_units_are_spelled_for_catena(name: str, text: str) -> None:
    assert TABLE[name].text == text


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("mM_per_ms", "mol/m^3/s"), ("per_um3_ms", "1 / (m^3) / s"), ("uA_per_uF", "A/F"),
        ("inch", "m"), ("acre", "m^2"), ("scaled", "mol/m^3"), ("siemens", "A/V"),
        ("pascal", "N / (m^2)"), ("katal", "mol/s"), ("gray", "J/kg"), ("tesla", "Wb / (m^2)"),
    ],
)  # fmt: skip
def test_spelling_and_factor_agree(name: str, base: str) -> None:
    unit = TABLE[name]
    scale = in_catena(unit.text, base).scale
    reference = in_catena(base, base).scale
    size = unit.factor if base not in ("A/F",) else 1.0
    assert scale == pytest.approx(size * reference, rel=1e-12)


@settings(deadline=None)
@given(st.floats(-1e3, 1e3))
def test_conversion_there_and_back_is_the_identity(x: float) -> None:
    there, back = (
        conversion(TABLE[a], TABLE[b]) for a, b in (("celsius", "kelvin"), ("kelvin", "warm"))
    )
    assert there is not None
    assert back is not None
    kelvin = x * there[0] + there[1]
    assert kelvin == pytest.approx(x + 273.15)
    assert kelvin * back[0] + back[1] == pytest.approx(x, abs=1e-9)


def test_dimensions_decide_what_converts() -> None:
    assert conversion(TABLE["mM"], TABLE["ms"]) is None
    assert conversion(TABLE["cells"], TABLE["dimensionless"]) is None
    assert conversion(TABLE["radian"], TABLE["dimensionless"]) == (1.0, 0.0)
    assert conversion(TABLE["scaled"], TABLE["mM"]) == pytest.approx((1e3, 0.0))


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("furlong", "Unknown unit"), ("bad_prefix", "Unknown prefix"),
        ("loop", "defined by itself"), ("mixed", "offset"),
    ],
)  # fmt: skip
def test_units_that_mean_nothing_are_refused(name: str, what: str) -> None:
    with pytest.raises(UnitError, match=what) as error:
        TABLE.find(name, "m.cellml, line 12")
    assert error.value.where == "m.cellml, line 12"


def test_a_component_sees_its_own_units_first() -> None:
    inner = UnitTable({"ms": (Part("second"),)}, TABLE)
    assert inner["ms"].factor == 1.0
    assert inner["mM"] == TABLE["mM"]
