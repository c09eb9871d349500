"""Scaling of in-vitro rates: worked examples by hand and units."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.units import conversion
from catena.science.body.clearance import scaling
from catena.science.body.clearance.enzymes import CYP3A4, ENZYMES, gut_content, liver_abundance


def test_the_factor_is_the_unit_conversion() -> None:
    assert conversion("uL/min", "L/h").scale == pytest.approx(scaling.PER_HOUR)
    assert conversion("pmol/min", "umol/h").scale == pytest.approx(scaling.PER_HOUR)


def test_hepatocytes_worked_example() -> None:
    # 10 uL/min/1e6 * 117e6/g * 1800 g = 2.106e6 uL/min = 2.106 L/min = 126.36 L/h; halved binding doubles
    assert float(scaling.clint_from_hepatocytes(10.0, 1.0, 117.0, 1800.0)) == pytest.approx(126.36)
    assert float(scaling.clint_from_hepatocytes(10.0, 0.5, 117.0, 1800.0)) == pytest.approx(252.72)


def test_microsomes_worked_example() -> None:
    # 50 uL/min/mg * 32 mg/g * 1800 g = 2.88e6 uL/min = 172.8 L/h
    assert float(scaling.clint_from_microsomes(50.0, 1.0, 32.0, 1800.0)) == pytest.approx(172.8)
    # 850 pmol/min/mg * 57600 mg = 48.96 umol/min = 2937.6 umol/h
    assert float(scaling.vmax_from_microsomes(850.0, 32.0, 1800.0)) == pytest.approx(2937.6)


def test_recombinant_sums_enzymes_with_their_abundance() -> None:
    rates = np.array([1.0, 0.5])
    per_mg = scaling.microsomal_from_recombinant(rates, np.array([137.0, 73.0]), isef=0.5)
    np.testing.assert_allclose(per_mg, [68.5, 18.25])


def test_saturable_and_linear_agree_at_low_concentration() -> None:
    clint = scaling.intrinsic_clearance(5.0, np.array([10.0, 4.0]), np.array([2.0, 8.0]), 0.0)
    assert float(clint) == pytest.approx(5.0 + 5.0 + 0.5)
    half = scaling.intrinsic_clearance(0.0, np.array([10.0]), np.array([2.0]), 2.0)
    assert float(half) == pytest.approx(2.5)


def test_gut_has_the_liver_activity_per_pmol() -> None:
    # 137 uL/min/mg all CYP3A4 at 137 pmol/mg is 1 uL/min/pmol; 66.2 nmol: 66200 uL/min = 3.972 L/h
    assert float(scaling.gut_activity(137.0, 1.0, 137.0, 66.2)) == pytest.approx(3.972)
    assert float(scaling.gut_activity(137.0, 0.0, 137.0, 66.2)) == 0.0


def test_abundance_acts_on_the_share_only() -> None:
    assert float(scaling.abundance_factor(0.0, 274.0, 137.0)) == 1.0
    assert float(scaling.abundance_factor(1.0, 274.0, 137.0)) == 2.0
    assert float(scaling.abundance_factor(0.5, 274.0, 137.0)) == 1.5


def test_enzyme_table() -> None:
    assert ENZYMES[CYP3A4] == "CYP3A4"
    assert liver_abundance()[CYP3A4] == 137.0
    assert gut_content()[CYP3A4] == 66.2
    assert liver_abundance()[ENZYMES.index("CYP3A5")] == 0.0
