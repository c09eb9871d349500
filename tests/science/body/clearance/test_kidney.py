"""Renal clearance: filtration, secretion limited by flow, reabsorption."""

from __future__ import annotations

import pytest

from catena.science.body.clearance.kidney import renal_clearance


def test_filtration_of_free_drug() -> None:
    assert float(renal_clearance(7.2, 0.25)) == pytest.approx(1.8)


def test_secretion_is_limited_by_renal_plasma_flow() -> None:
    # all blood reaching the kidney is cleared: CLsec = B:P * Q
    assert float(renal_clearance(0.0, 0.5, 1e9, 70.0, 0.6)) == pytest.approx(42.0, rel=1e-6)
    # slow secretion: fu * CLint whatever the blood ratio
    assert float(renal_clearance(0.0, 0.5, 1e-3, 70.0, 0.6)) == pytest.approx(5e-4, rel=1e-4)


def test_reabsorption_takes_its_share() -> None:
    assert float(renal_clearance(7.2, 1.0, reabsorbed=0.75)) == pytest.approx(1.8)
    assert float(renal_clearance(7.2, 1.0, reabsorbed=1.0)) == 0.0
