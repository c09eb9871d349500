"""body.exposure against one-compartment closed forms, and what it does without an answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import InputError, SolverError
from catena.science.body.exposure.model import exposure

DOSE, VOLUME, RATE, ABSORPTION = 100.0, 20.0, 0.1, 1.0
TIME = 80.0 * np.linspace(0.0, 1.0, 161) ** 2
BOLUS = DOSE / VOLUME * np.exp(-RATE * TIME)
ORAL = (
    DOSE * ABSORPTION / VOLUME / (ABSORPTION - RATE)
    * (np.exp(-RATE * TIME) - np.exp(-ABSORPTION * TIME))
)  # fmt: skip


def one(result: Any, name: str) -> float:
    return float(result[name][0])


@settings(max_examples=15, deadline=None)
@given(volume=st.floats(1.0, 1e4), rate=st.floats(0.01, 2.0), dose=st.floats(0.1, 1e4))
def test_bolus_is_exact(volume: float, rate: float, dose: float) -> None:
    time = TIME * RATE / rate
    found = exposure.predict(
        time=time, concentration=dose / volume * np.exp(-rate * time), dose=dose
    )
    assert one(found, "clearance") == pytest.approx(rate * volume, rel=1e-9)
    assert one(found, "vss") == pytest.approx(volume, rel=1e-9)
    assert one(found, "vz") == pytest.approx(volume, rel=1e-9)
    assert one(found, "mrt") == pytest.approx(1.0 / rate, rel=1e-9)
    assert one(found, "half_life") == pytest.approx(np.log(2.0) / rate, rel=1e-9)
    assert one(found, "auc_inf") == pytest.approx(dose / (rate * volume), rel=1e-9)


def test_a_bolus_first_sampled_later_is_extrapolated_back() -> None:
    late = exposure.predict(time=TIME[20:], concentration=BOLUS[20:], dose=DOSE)
    assert one(late, "c0") == pytest.approx(DOSE / VOLUME)
    assert one(late, "auc_inf") == pytest.approx(DOSE / VOLUME / RATE)
    before = np.where(TIME == 0.0, 0.0, BOLUS)  # sampled just before the dose
    assert one(exposure.predict(time=TIME, concentration=before, dose=DOSE), "c0") == pytest.approx(
        DOSE / VOLUME, rel=1e-9
    )


def test_oral_dose_against_bateman() -> None:
    found = exposure.predict(time=TIME, concentration=ORAL, dose=DOSE, route="oral")
    assert one(found, "auc_inf") == pytest.approx(DOSE / VOLUME / RATE, rel=1e-3)
    assert one(found, "half_life") == pytest.approx(np.log(2.0) / RATE, rel=1e-4)
    assert one(found, "tmax") == pytest.approx(np.log(ABSORPTION / RATE) / 0.9, abs=0.1)
    assert one(found, "mrt") == pytest.approx(1.0 / RATE + 1.0 / ABSORPTION, rel=1e-3)
    assert one(found, "cmax") == ORAL.max()
    assert one(found, "c0") == 0.0


def test_infusion_corrects_mean_residence_time() -> None:
    duration = 4.0
    during = np.minimum(TIME, duration)
    level = DOSE / duration / (VOLUME * RATE) * -np.expm1(-RATE * during)
    found = exposure.predict(
        time=TIME,
        concentration=level * np.exp(-RATE * (TIME - during)),
        dose=DOSE,
        route="infusion",
        infusion_duration=duration,
    )
    assert one(found, "clearance") == pytest.approx(VOLUME * RATE, rel=1e-3)
    assert one(found, "mrt") == pytest.approx(1.0 / RATE, rel=1e-3)
    assert one(found, "vss") == pytest.approx(VOLUME, rel=1e-3)


def test_two_compartments_give_vss_and_not_vz() -> None:
    time = 200.0 * np.linspace(0.0, 1.0, 801) ** 2
    conc = 4.0 * np.exp(-1.5 * time) + 1.0 * np.exp(-0.08 * time)
    found = exposure.predict(time=time, concentration=conc, dose=DOSE)
    area, moment = 4.0 / 1.5 + 1.0 / 0.08, 4.0 / 1.5**2 + 1.0 / 0.08**2
    assert one(found, "auc_inf") == pytest.approx(area, rel=1e-4)
    assert one(found, "vss") == pytest.approx(DOSE * moment / area**2, rel=1e-3)
    assert one(found, "vz") == pytest.approx(DOSE / area / 0.08, rel=1e-3)
    assert one(found, "vz") > one(found, "vss")


def test_rows_are_independent_and_units_convert() -> None:
    both = exposure.predict(
        time=TIME, concentration=np.array([BOLUS, ORAL]), dose=DOSE, route=["iv", "oral"]
    )
    alone = exposure.predict(time=TIME, concentration=ORAL, dose="0.1 g", route="oral")
    in_minutes = exposure.predict(
        time=(TIME * 60.0, "min"), concentration=(ORAL * 1e3, "ng/mL"), dose=DOSE, route="oral"
    )
    for name in ("auc_inf", "half_life", "clearance", "mrt"):
        assert both[name][1] == pytest.approx(one(alone, name))
        assert one(in_minutes, name) == pytest.approx(one(alone, name))


def test_dose_and_time_scale_as_they_must() -> None:
    base = exposure.predict(time=TIME, concentration=ORAL, dose=DOSE, route="oral")
    twice = exposure.predict(time=TIME, concentration=2 * ORAL, dose=2 * DOSE, route="oral")
    slow = exposure.predict(time=3 * TIME, concentration=ORAL, dose=DOSE, route="oral")
    assert one(twice, "auc_inf") == pytest.approx(2 * one(base, "auc_inf"))
    assert one(twice, "clearance") == pytest.approx(one(base, "clearance"))
    assert one(slow, "half_life") == pytest.approx(3 * one(base, "half_life"))
    assert one(slow, "vss") == pytest.approx(one(base, "vss"))


def test_values_below_the_limit_of_quantification_end_the_profile() -> None:
    cut = exposure.at(quantification_limit="0.5 mg/L").predict(
        time=TIME, concentration=BOLUS, dose=DOSE
    )
    assert one(cut, "c_last") >= 0.5
    assert one(cut, "t_last") == TIME[BOLUS >= 0.5][-1]
    assert one(cut, "auc_inf") == pytest.approx(DOSE / VOLUME / RATE, rel=1e-9)
    assert one(cut, "auc_extrapolated") == pytest.approx(one(cut, "c_last") * VOLUME / DOSE)


UNSURE = np.array([BOLUS, np.zeros_like(TIME), np.ones_like(TIME), 1.0 + TIME])


def test_without_a_terminal_slope_the_row_is_a_fault_with_its_reason() -> None:
    with pytest.raises(SolverError) as caught:
        exposure.predict(time=TIME, concentration=UNSURE, dose=DOSE)
    assert [fault["row"] for fault in caught.value.details["rows"]] == [1, 2, 3]
    kept = exposure.predict(time=TIME, concentration=UNSURE, dose=DOSE, on_error="skip")
    assert kept.size == 1
    assert "no concentration is positive" in kept.status[1]
    assert "no terminal slope" in kept.status[2]
    assert "no terminal slope" in kept.status[3]


def test_flagged_rows_keep_what_was_observed_and_extrapolate_nothing() -> None:
    flagged = exposure.at(terminal="flagged")
    found = flagged.predict(time=TIME, concentration=UNSURE[[0, 2, 3]], dose=DOSE)
    assert list(found["lambda_z_ok"]) == [True, False, False]
    assert found.diagnostics["not_estimable"] == 2
    np.testing.assert_array_equal(found["auc_inf"][1:], found["auc_last"][1:])
    np.testing.assert_array_equal(found["half_life"][1:], 0.0)
    assert found["auc_last"][1] == pytest.approx(80.0)
    with pytest.raises(SolverError, match="1 of 4"):
        flagged.predict(time=TIME, concentration=UNSURE, dose=DOSE)


def test_a_poor_fit_does_not_count() -> None:
    rng = np.random.default_rng(0)
    noisy = np.exp(-0.01 * TIME + rng.normal(0.0, 0.5, len(TIME)))
    with pytest.raises(SolverError, match="adjusted R2"):
        exposure.at(r2_minimum=0.999).predict(time=TIME, concentration=noisy, dose=DOSE)


def test_gradients_agree_with_differences() -> None:
    exact = exposure.jacobian(
        time=TIME, concentration=ORAL, dose=DOSE, route="oral",
        of=("auc_inf", "half_life", "mrt"), wrt=("concentration", "dose"),
    )  # fmt: skip
    assert all(np.all(np.isfinite(value)) for value in exact.values())
    step = np.zeros_like(ORAL)
    step[100] = 1e-6
    up = exposure.predict(time=TIME, concentration=ORAL + step, dose=DOSE, route="oral")
    down = exposure.predict(time=TIME, concentration=ORAL - step, dose=DOSE, route="oral")
    for name in ("auc_inf", "mrt"):
        slope = (one(up, name) - one(down, name)) / 2e-6
        assert exact[name, "concentration"][0, 100] == pytest.approx(slope, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"time": TIME[::-1]}, "time"),
        ({"time": np.append(TIME[:-1], TIME[-2])}, "time"),
        ({"time": TIME[:-1]}, "time"),
        ({"time": TIME - 1.0}, "time"),
        ({"concentration": -ORAL}, "concentration"),
        ({"concentration": np.full_like(ORAL, np.nan)}, "concentration"),
        ({"dose": 0.0}, "dose"),
        ({"dose": "100 L"}, "dose"),
        ({"route": "nasal"}, "route"),
        ({"route": "infusion"}, "infusion_duration"),
        ({"infusion_duration": 2.0}, "infusion_duration"),
    ],
)
def test_bad_input_names_its_field(changes: dict[str, Any], field: str) -> None:
    good = {"time": TIME, "concentration": ORAL, "dose": DOSE, "route": "oral"}
    with pytest.raises(InputError) as caught:
        exposure.predict({**good, **changes})
    assert field in str(caught.value)


def test_a_single_time_is_no_profile() -> None:
    with pytest.raises(InputError, match="two times"):
        exposure.predict(time=[0.0], concentration=[1.0], dose=1.0)
