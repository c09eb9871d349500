"""Published parameters, observed arms and bottom-up inputs are put together as stated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from catena.science.body.organs import ORGANS
from catena.science.body.pbpk.bottom_up import LARGE, bottom_up, membrane_permeability
from catena.science.body.pbpk.observed import arms
from catena.science.body.pbpk.published import midazolam, red_cell_blood_plasma_ratio
from catena.science.body.pbpk.tissues import reference_man, reference_tissues

pytestmark = pytest.mark.data


def test_reference_man_weighs_what_pk_sim_says() -> None:
    man = reference_man(np.ones(len(ORGANS)), 1.0)
    total = man["organ_volume"].sum() + man["arterial_volume"] + man["venous_volume"]
    assert total == pytest.approx(73.0, abs=0.05)
    assert reference_tissues().flow[1:].sum() == pytest.approx(
        reference_tissues().flow[0], rel=1e-4
    )
    np.testing.assert_allclose(man["kp"], 1.0)


def test_red_cell_ratio_of_midazolam_lies_among_reported_values() -> None:
    assert 0.5 < red_cell_blood_plasma_ratio(2.897, 6.2, 0.031) < 0.66


def test_midazolam_rates_follow_from_kcat_and_expression(data_dir: Path) -> None:
    ports = midazolam()
    assert ports["vmax_liver"] == pytest.approx(8.7607941 * 60 * 4.32 * 2.37707, rel=1e-6)
    assert ports["vmax_gut"] / ports["vmax_liver"] == pytest.approx(
        0.07276977 * 0.14317 / 2.37707, rel=1e-6
    )
    assert ports["basolateral_ratio"] == pytest.approx(1.924e-3 / 1.555e-4, rel=1e-3)
    korean = midazolam("Korean (Yu 2004 study)")
    assert korean["vmax_liver"] / ports["vmax_liver"] == pytest.approx(3.62713 / 4.32, rel=1e-4)


def test_observed_arms_leave_out_perpetrators_and_urine(data_dir: Path) -> None:
    kept, left_out = arms("midazolam")
    assert len(kept) + len(left_out) == 115
    names = [arm.observed.name for arm in kept]
    assert not any("with Perpetrator" in name or "Urine" in name for name in names)
    assert any("Control (Perpetrator Placebo)" in name for name in names)
    assert all(len(arm.time) >= 4 and (arm.value > 0).all() for arm in kept)
    assert all(arm.time[0] > arm.doses[0].time for arm in kept)
    fed = next(arm for arm in kept if "1 h after a meal" in arm.observed.name)
    assert fed.doses[0].time == 1.0
    assert any(arm.in_blood for arm in kept)


def test_infusion_times_are_read_from_name_or_study(data_dir: Path) -> None:
    kept, _ = arms("rifampicin")
    times = {arm.observed.name: arm.doses[0].duration for arm in kept}
    two_hours = next(name for name in times if "2 h infusion" in name)
    assert times[two_hours] == 2.0
    assert times[next(name for name in times if "Acocella 1977 - Subject 1 " in name)] == 3.0


def test_bottom_up_takes_nothing_fitted_by_pk_sim() -> None:
    from catena.formats.compound import load_card

    for compound in ("midazolam", "digoxin"):
        card, ports = load_card(compound), bottom_up(compound)
        assert ports["fu_plasma"] == card.ports()["fu_plasma"]
        assert ("permeability" in ports) == (ports["molar_mass"] > LARGE)
        assert (np.asarray(ports["kp"]) > 0).all()


def test_membrane_permeability_falls_steeply_with_size() -> None:
    assert membrane_permeability(672.0, 2.0) == pytest.approx(
        membrane_permeability(336.0, 2.0) / 64.0
    )
    assert membrane_permeability(336.0, 2.0) == pytest.approx(2e-3 / 60.0)
