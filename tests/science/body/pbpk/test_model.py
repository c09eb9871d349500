"""The Models: exposure, routes, conservation, gradients and bad input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.numerics.ode import OdeSystem
from catena.science.body.organs import INDEX, ORGANS
from catena.science.body.pbpk.equations import ROUTES
from catena.science.body.pbpk.model import linear, pbpk
from catena.science.body.pbpk.tissues import reference_man

TIME = np.linspace(0.0, 24.0, 49)
URINE = ROUTES.index("urine")


def _inputs(**changes: Any) -> dict[str, Any]:
    ports = reference_man(np.ones(len(ORGANS)), 1.0)
    drug = {"fu_plasma": 0.2, "molar_mass": 400.0, "vmax_liver": 500.0, "km": 5.0,
            "clint_liver": 20.0, "vmax_gut": 10.0, "peff": 2e-4}  # fmt: skip
    return {**ports, **drug, "time": TIME, **changes}


def _dose(amount: Any = 1.0, into: str = "iv", **more: Any) -> list[dict[str, Any]]:
    return [{"time": 0.0, "amt": amount, "cmt": into, **more}]


@pytest.fixture(scope="module")
def routes() -> Any:
    """One call for all: bolus, infusion, solution, tablet, tenfold bolus, a second person."""
    events = [
        _dose(), _dose(rate=0.5), _dose(into="oral"), _dose(into="tablet"), _dose(1000.0), _dose(0.001),
    ]  # fmt: skip
    return pbpk.predict(**_inputs(), events=events)


def test_all_drug_is_accounted_for_on_every_route(routes: Any) -> None:
    given = np.array([1.0, 1.0, 1.0, 1.0, 1000.0, 0.001])
    np.testing.assert_allclose(routes["recovered"][:, 8:], given[:, None] * np.ones(41), rtol=1e-9)
    assert (routes["eliminated"] >= 0.0).all()


def test_infusion_arrives_at_its_rate(routes: Any) -> None:
    np.testing.assert_allclose(routes["recovered"][1, :5], 0.5 * TIME[:5], rtol=1e-7, atol=1e-12)


def test_oral_drug_passes_gut_wall_and_liver(routes: Any) -> None:
    # filtration is proportional to plasma, so urine measures the area under the curve
    bolus, oral, tablet = (routes["eliminated"][row, URINE, -1] for row in (0, 2, 3))
    assert tablet == pytest.approx(oral, rel=0.02)
    assert 0.5 < routes["fraction_absorbed"][2, -1] <= 1.0
    assert 0.2 < routes["fg"][2, -1] < 1.0
    available = routes["fraction_absorbed"][2, -1] * routes["fg"][2, -1] * routes["fh"][2, -1]
    assert oral / bolus == pytest.approx(available, rel=0.05)
    assert routes["fg"][0, -1] == 0.0


def test_saturation_raises_exposure_more_than_the_dose(routes: Any) -> None:
    small, large = routes["eliminated"][5, URINE, -1], routes["eliminated"][4, URINE, -1]
    assert large / small > 1.2e6


def test_low_doses_meet_the_linear_variant(routes: Any) -> None:
    exact = linear.predict(**_inputs(), events=_dose(0.001))
    peak = exact["plasma"].max()
    np.testing.assert_allclose(routes["plasma"][5] / peak, exact["plasma"][0] / peak, atol=1e-4)


def test_tissue_follows_its_partition_coefficient() -> None:
    kp = np.ones(len(ORGANS))
    kp[INDEX["muscle"]] = 4.0
    ports = {**_inputs(), "kp": kp, "clint_liver": 0.1, "vmax_liver": 0.0, "gfr": 0.0}
    result = linear.predict(**ports, events=_dose())
    ratio = result["tissue"][0, INDEX["muscle"], -1] / result["plasma"][0, -1]
    assert ratio == pytest.approx(4.0, rel=0.02)


def test_exposure_gradient_agrees_with_finite_differences() -> None:
    inputs = _inputs(time=np.array([0.0, 4.0]))
    jacobian = linear.jacobian({**inputs, "events": _dose()}, of="plasma", wrt="clint_liver")[
        ("plasma", "clint_liver")
    ]
    step = 1e-3
    up, down = (
        linear.predict(**{**inputs, "clint_liver": 20.0 + sign * step}, events=_dose())["plasma"]
        for sign in (1, -1)
    )
    expected = (up - down) / (2 * step)
    np.testing.assert_allclose(jacobian[0, 1], expected[0, 1], rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"fu_plasma": 0.0}, "fu_plasma"),
        ({"fu_plasma": 1.2}, "fu_plasma"),
        ({"clint_liver": -1.0}, "clint_liver"),
        ({"km": 0.0}, "km"),
        ({"kp": np.zeros(len(ORGANS))}, "kp"),
        ({"kp": np.ones(5)}, "kp"),
        ({"time": np.array([0.0, 2.0, 1.0])}, "time"),
        ({"molar_mass": np.nan}, "molar_mass"),
    ],
)
def test_bad_values_name_their_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InputError) as caught:
        pbpk.predict(**_inputs(**changes), events=_dose())
    assert field in str(caught.value) or any(field == row.field for row in caught.value.rows)


@pytest.mark.parametrize(
    "event",
    [{"amt": -1.0}, {"cmt": "intravenous"}, {"evid": 7}, {"addl": 3}],
)
def test_bad_events_are_refused(event: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        pbpk.predict(**_inputs(), events=[{"time": 0.0, "amt": 1.0, "cmt": "iv", **event}])


def test_a_dose_in_the_wrong_unit_is_refused() -> None:
    with pytest.raises(InputError, match="Cannot convert mL to mg"):
        pbpk.predict(**_inputs(), events=_dose("5 mL"))


def test_an_unknown_organ_is_named_with_the_nearest() -> None:
    from catena.science.body.organs import organ_index

    with pytest.raises(InputError, match="livr"):
        organ_index("livr")


def test_variants_declare_what_they_need() -> None:
    from catena.science.body.pbpk import model

    assert isinstance(model.pbpk, OdeSystem)
    assert "permeability" in model.permeability.inputs
    assert "permeability" not in model.pbpk.inputs
    assert model.linear.linear
    assert model.segments.inputs["gut_area"].labels[0] == "duodenum"
    identities = {m.key for m in (model.pbpk, model.linear, model.permeability, model.segments)}
    assert len(identities) == 4
