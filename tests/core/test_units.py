"""Units: conversions against physics, errors with proposals, no foreign exception on any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import UnitError
from catena.core.units import (
    check_unit,
    compatible,
    conversion,
    dimension,
    factor,
    parse_quantity,
)


@pytest.mark.parametrize(
    ("source", "target", "scale"),
    [
        ("mg/L", "ug/mL", 1.0),
        ("L/h", "mL/min", 1000 / 60),
        ("umol/L", "nmol/L", 1e3),
        ("day", "h", 24.0),
        ("uL/min/1e6 cells", "L/h/cell", 6e-11),
        ("mg*h/L", "ng*h/mL", 1e3),
        ("%", "", 0.01),
        ("1e6 cells/mL", "cells/L", 1e9),
        ("µmol/L", "umol/L", 1.0),
    ],
)
def test_known_factors(source: str, target: str, scale: float) -> None:
    assert factor(source, target) == pytest.approx(scale, rel=1e-12)
    assert factor(target, source) == pytest.approx(1 / scale, rel=1e-12)


def test_temperature_is_affine_and_not_a_factor() -> None:
    to_kelvin = conversion("degC", "K")
    assert to_kelvin.apply(37.0) == pytest.approx(310.15)
    assert conversion("K", "degC").apply(310.15) == pytest.approx(37.0)
    assert conversion("degF", "degC").apply(98.6) == pytest.approx(37.0)
    with pytest.raises(UnitError, match="not a pure factor"):
        factor("degC", "K")


def test_identity_returns_the_same_object() -> None:
    values = object()
    assert conversion("mg", "mg").apply(values) is values


def test_dimensions_are_told_apart() -> None:
    assert compatible("mg/L", "ng/mL")
    assert not compatible("mg/L", "umol/L")
    assert not compatible("CFU/mL", "cells/mL")
    assert dimension("mg/L") == "[mass] / [length] ** 3"
    with pytest.raises(UnitError) as caught:
        conversion("mg/L", "umol/L")
    assert caught.value.what == "Cannot convert mg/L to umol/L"
    assert "[mass]" in caught.value.why
    assert "[substance]" in caught.value.why


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100 mg", (100.0, "mg")),
        ("1e-3 L/h", (1e-3, "L/h")),
        (" -.5 degC ", (-0.5, "degC")),
        ("7", (7.0, "kg")),
        ("30 %", (30.0, "%")),
    ],
)
def test_quantities_split_into_number_and_unit(text: str, expected: tuple[float, str]) -> None:
    assert parse_quantity(text, "kg") == expected


@pytest.mark.parametrize("text", ["100 kg*", "100 foo", "100 mg per", "5 mg/L/", "1 [mg]"])
def test_unknown_units_are_refused_with_proposals(text: str) -> None:
    with pytest.raises(UnitError) as caught:
        parse_quantity(text)
    assert caught.value.what.startswith("Unknown unit")
    assert caught.value.fix


def test_the_nearest_units_are_named() -> None:
    with pytest.raises(UnitError, match="nearest units: mg/L"):
        check_unit("mgg/L")


def test_the_wanted_dimension_leads_the_proposals() -> None:
    with pytest.raises(UnitError, match="nearest units: L/h"):
        parse_quantity("5 foo", "L/h")


@pytest.mark.parametrize("text", ["1,5", "1,5 mg", "1.000,5", "-2,25 mg/L"])
def test_a_comma_in_a_number_is_not_guessed(text: str) -> None:
    with pytest.raises(UnitError, match="decimals with a point"):
        parse_quantity(text, "mg")


def test_base_pairs_are_counts_and_pint_stays_silent(caplog: pytest.LogCaptureFixture) -> None:
    from catena.core.units import _registry

    _registry.cache_clear()
    assert factor("kbp", "bp") == 1000.0
    assert factor("Mbp/s", "base_pair/s") == 1e6
    assert not compatible("bp", "m")
    assert caplog.text == ""


def test_hostile_exponents_end_quickly() -> None:
    with pytest.raises(UnitError):
        check_unit("10**10**10**10")
    with pytest.raises(UnitError):
        check_unit("m" * 100_000)
    with pytest.raises(UnitError):
        check_unit("0*mg")
    with pytest.raises(UnitError):
        check_unit(5)  # type: ignore[arg-type]


_PIECES = st.sampled_from(
    ["mg", "L", "h", "mol", "u", "/", "*", "**", "^", " ", "-1", "2", "1e6", "cells", "deg", "C",
     "(", ")", "[", "]", "%", "µ", "²", ".", "foo", "\n", "\x00", "é", "=", "@", ",", "nan"]
)  # fmt: skip


@settings(max_examples=1000, deadline=None)
@given(st.one_of(st.text(max_size=30), st.lists(_PIECES, max_size=8).map("".join)))
def test_no_text_lets_a_foreign_exception_escape(text: str) -> None:
    for function in (check_unit, dimension, parse_quantity):
        try:
            function(text)
        except UnitError as error:
            assert error.what
            assert error.fix


@settings(max_examples=100, deadline=None)
@given(
    st.floats(-1e9, 1e9),
    st.sampled_from([("mg/L", "ng/mL"), ("degC", "degF"), ("L/h", "mL/min"), ("year", "h")]),
)
def test_there_and_back_again(value: float, pair: tuple[str, str]) -> None:
    there, back = conversion(*pair), conversion(*pair[::-1])
    assert back.apply(there.apply(value)) == pytest.approx(value, rel=1e-10, abs=1e-9)


@pytest.mark.parametrize("text", ["umol^2/min", "kg*m^2/s^2", "1/h^2/mol", "m^(1/2)", "m^-1*s"])
def test_powers_inside_a_product(text: str) -> None:
    assert check_unit(text) == text


@pytest.mark.parametrize("text", ["9^9^9", "9**9**9", "m^999", "m^(9^9)", "(9^9^9)*m"])
def test_towers_of_powers_are_refused_without_being_computed(text: str) -> None:
    with pytest.raises(UnitError, match="too large"):
        check_unit(text)
