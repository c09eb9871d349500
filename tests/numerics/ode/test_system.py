from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from systems import bolus, infusion, one_compartment, oral

from catena.core.errors import ContractError, InputError, SchemaError
from catena.core.model import ModelInfo
from catena.core.spec import Field, Schema
from catena.numerics.ode import OdeSystem, SolverSettings

T = np.linspace(0.0, 24.0, 49)
PK = one_compartment()
EXACT = one_compartment(linear=True)


@pytest.mark.parametrize("system", [PK, EXACT], ids=["stepper", "expm"])
class TestClosedForms:
    def conc(self, system: OdeSystem, *events: dict[str, Any]) -> np.ndarray:
        result = system.predict(time=T, events=list(events))
        return np.asarray(result["conc"][0])

    def test_bolus(self, system: OdeSystem) -> None:
        got = self.conc(system, {"time": 0, "amt": 100, "cmt": "central"})
        np.testing.assert_allclose(got, bolus(T, 100), rtol=1e-7)

    def test_oral(self, system: OdeSystem) -> None:
        got = self.conc(system, {"time": 0, "amt": 100, "cmt": "depot"})
        np.testing.assert_allclose(got, oral(T, 100), atol=1e-7)

    def test_infusion_starts_and_stops_exactly(self, system: OdeSystem) -> None:
        got = self.conc(system, {"time": 1.3, "amt": 100, "rate": 40, "cmt": "central"})
        np.testing.assert_allclose(got, infusion(T - 1.3, 40, 2.5), atol=1e-7)

    def test_repeated_doses_superpose(self, system: OdeSystem) -> None:
        got = self.conc(system, {"time": 1, "amt": 50, "cmt": "depot", "ii": 6, "addl": 2},
                        {"time": 3, "amt": 20, "cmt": "central"})  # fmt: skip
        want = sum(oral(T - s, 50) for s in (1, 7, 13)) + bolus(T - 3, 20)
        np.testing.assert_allclose(got, want, atol=1e-7)

    def test_addl_equals_the_explicit_list(self, system: OdeSystem) -> None:
        dose = {"amt": 50, "cmt": "depot", "rate": 20}
        short = self.conc(system, {"time": 0, **dose, "ii": 8, "addl": 2})
        long = self.conc(system, *({"time": t, **dose} for t in (0, 8, 16)))
        np.testing.assert_allclose(short, long, rtol=1e-12)

    def test_steady_state_bolus(self, system: OdeSystem) -> None:
        got = self.conc(
            system, {"time": 0, "amt": 60, "cmt": "central", "ii": 12, "ss": 1, "addl": 1}
        )
        k = 0.2
        peak = 60 / 10 / (1 - np.exp(-k * 12))
        np.testing.assert_allclose(got[:24], peak * np.exp(-k * T[:24]), rtol=1e-7)
        np.testing.assert_allclose(got[24:48], got[:24], rtol=1e-7)

    def test_steady_state_infusion(self, system: OdeSystem) -> None:
        got = self.conc(
            system, {"time": 0, "amt": 60, "rate": 30, "cmt": "central", "ii": 12, "ss": 1}
        )
        past = sum(infusion(T + 12 * n, 30, 2) for n in range(200))
        np.testing.assert_allclose(got, past, rtol=1e-7)

    def test_reset_empties_the_system_and_cancels_pending_doses(self, system: OdeSystem) -> None:
        got = self.conc(system, {"time": 0, "amt": 50, "cmt": "central", "ii": 6, "addl": 3},
                        {"time": 8, "evid": 3})  # fmt: skip
        want = np.where(T < 8, bolus(T, 50) + bolus(T - 6, 50), 0.0)
        np.testing.assert_allclose(got, want, atol=1e-7)

    def test_reset_and_dose_stops_a_running_infusion(self, system: OdeSystem) -> None:
        got = self.conc(system, {"time": 0, "amt": 100, "rate": 5, "cmt": "central"},
                        {"time": 4, "evid": 4, "amt": 30, "cmt": "central"})  # fmt: skip
        want = np.where(T < 4, infusion(T, 5, 20), bolus(T - 4, 30))
        np.testing.assert_allclose(got, want, atol=1e-7)

    def test_mass_is_conserved(self, system: OdeSystem) -> None:
        result = system.predict(time=T, events=[{"time": 0, "amt": 80, "cmt": "depot"},
                                                {"time": 5, "amt": 40, "rate": 10, "cmt": "central"}])  # fmt: skip
        given = 80 + np.clip(T - 5, 0, 4) * 10
        np.testing.assert_allclose(result["total"][0], given, rtol=1e-9)

    def test_output_at_a_dose_time_is_after_the_dose(self, system: OdeSystem) -> None:
        result = system.predict(time=[0, 6], events=[{"time": 6, "amt": 100, "cmt": "central"}])
        np.testing.assert_allclose(result["conc"][0], [0, 10])


def test_steady_state_by_diffrax_with_its_derivative() -> None:
    system = PK.solved_with(method="rodas4")
    events = [{"time": 0, "amt": 60, "rate": 30, "cmt": "central", "ii": 12, "ss": 1}]
    past = sum(infusion(T + 12 * n, 30, 2) for n in range(200))
    np.testing.assert_allclose(system.predict(time=T, events=events)["conc"][0], past, rtol=1e-6)
    got, want = (
        s.jacobian(time=[0.0, 6.0], events=events, of="conc", wrt="cl")["conc", "cl"]
        for s in (system, PK)
    )
    np.testing.assert_allclose(got, want, rtol=1e-6)


def test_both_solvers_agree_on_a_full_regimen() -> None:
    events = [{"time": 0, "amt": 50, "cmt": "depot", "ii": 5, "addl": 3},
              {"time": 2, "amt": 30, "rate": 9, "cmt": "central", "ii": 7, "addl": 1}]  # fmt: skip
    time = np.sort(np.random.default_rng(1).uniform(0, 24, 130))
    a = PK.predict(time=time, events=events)["conc"]
    b = EXACT.predict(time=time, events=events)["conc"]
    np.testing.assert_allclose(a, b, atol=1e-7)


def test_a_batch_equals_a_loop_over_rows() -> None:
    rng = np.random.default_rng(0)
    cl, dose = rng.uniform(1, 4, 70), rng.uniform(10, 100, 70)
    tables = [[{"time": t0, "amt": d, "cmt": "depot"}] * (1 + row % 2)
              for row, (d, t0) in enumerate(zip(dose, rng.uniform(0, 3, 70), strict=True))]  # fmt: skip
    together = PK.predict(cl=cl, time=T, events=tables)
    for row in (0, 1, 33, 69):
        alone = PK.predict(cl=cl[row], time=T, events=tables[row])
        np.testing.assert_allclose(together["conc"][row], alone["conc"][0], rtol=1e-12)
    assert together.diagnostics["success"].all()
    assert together.diagnostics["steps"].shape == (70,)


def test_without_doses_nothing_happens() -> None:
    assert (PK.predict(time=T)["conc"] == 0).all()


def test_time_may_start_before_zero_and_after_it() -> None:
    dose = [{"time": -2, "amt": 100, "cmt": "central"}]
    np.testing.assert_allclose(PK.predict(time=[-2, 0, 1], events=dose)["conc"][0],
                               bolus(np.array([0.0, 2.0, 3.0]), 100), rtol=1e-7)  # fmt: skip
    np.testing.assert_allclose(
        PK.predict(time=[5.0], events=[{"time": 0, "amt": 100, "cmt": "central"}])["conc"][0],
        bolus(np.array([5.0]), 100), rtol=1e-7)  # fmt: skip


def test_units_are_converted_at_the_border() -> None:
    a = PK.predict(
        time="0:24:0.5 h", cl="2 L/h", events=[{"time": 0, "amt": "0.1 g", "cmt": "depot"}]
    )
    np.testing.assert_allclose(a["conc"][0], oral(T, 100), atol=1e-7)


def shaped(**options: Any) -> OdeSystem:
    """Three tissues in exchange with blood; initial values and derived constants from p."""
    tissues = Field("tissue", unit="mg", shape=("organ",), labels=("a", "b", "c"), default=0.0)

    def rhs(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        flow = p["k"] * (y["blood"] - y["tissue"])
        return {"blood": -flow.sum() - p["loss"] * y["blood"], "tissue": flow}

    return OdeSystem(
        ModelInfo(id="test.shaped", backend="jax"),
        Schema([Field("blood", unit="mg", default=0.0), tissues]),
        Schema(
            [
                Field(
                    "k",
                    unit="1/h",
                    shape=("organ",),
                    labels=("a", "b", "c"),
                    default=[1.0, 2.0, 3.0],
                ),
                Field("start", unit="mg", default=5.0),
            ]
        ),
        rhs,
        Schema.parse("tissue [mg] (organ, time), last [mg] (organ)"),
        lambda t, y, p, u: {"tissue": y["tissue"], "last": y["tissue"]},
        initial=lambda p: {"blood": p["start"]},
        derive=lambda p: {"loss": p["start"] * 0},
        doses=("blood", "tissue[b]"),
        **options,
    )


@pytest.mark.parametrize("linear", [False, True])
def test_states_with_dimensions(linear: bool) -> None:
    result = shaped(linear=linear).predict(time=[0, 1e3], start=[5, 9],
                                           events=[{"time": 0, "amt": 3, "cmt": "tissue[b]"}])  # fmt: skip
    assert result["tissue"].shape == (2, 3, 2)
    np.testing.assert_allclose(result["tissue"][:, :, 0], [[0, 3, 0]] * 2)
    np.testing.assert_allclose(result["last"], [[2] * 3, [3] * 3], rtol=1e-5)


def test_the_empty_batch_gives_empty_outputs() -> None:
    assert PK.predict(cl=np.zeros(0), time=T)["conc"].shape == (0, 49)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"doses": ("nowhere",)}, SchemaError),
        ({"info": ModelInfo(id="a.b")}, SchemaError),
        ({"states": ""}, SchemaError),
        ({"states": "x [g]"}, SchemaError),
        ({"states": "x [g] = 1, z [mg] = 0", "doses": ("x", "z")}, SchemaError),
        ({"forcing": "q [g]", "linear": True}, SchemaError),
    ],
)
def test_bad_declarations_are_refused(change: dict[str, Any], error: type[Exception]) -> None:
    parts: dict[str, Any] = {
        "info": ModelInfo(id="a.b", backend="jax"), "states": "x [g] = 1", "parameters": "k = 1",
        "rhs": lambda t, y, p, u: {"x": -y["x"]}, "outputs": "x [g] (time)",
        "output": lambda t, y, p, u: {"x": y["x"]},
    }  # fmt: skip
    with pytest.raises(error):
        OdeSystem(**{**parts, **change})


@pytest.mark.parametrize(
    ("rhs", "output", "error"),
    [
        (lambda t, y, p, u: {"y": y["x"]}, lambda t, y, p, u: {"x": y["x"]}, SchemaError),
        (lambda t, y, p, u: {"x": np.ones(3)}, lambda t, y, p, u: {"x": y["x"]}, SchemaError),
        (lambda t, y, p, u: {"x": y["x"]}, lambda t, y, p, u: {"z": y["x"]}, ContractError),
    ],
)
def test_functions_that_break_the_declaration(
    rhs: Any, output: Any, error: type[Exception]
) -> None:
    system = OdeSystem(ModelInfo(id="a.b", backend="jax"), "x [g] = 1", "k = 1", rhs,
                       "x [g] (time)", output)  # fmt: skip
    with pytest.raises(error):
        system.predict(time=[0, 1])


@pytest.mark.parametrize("time", [[3, 2, 1], []])
def test_bad_output_times(time: list[float]) -> None:
    with pytest.raises(InputError):
        PK.predict(time=np.asarray(time, dtype=float))


def test_settings_change_the_key_and_not_the_original() -> None:
    loose = PK.solved_with(rtol=1e-3)
    assert loose.key != PK.key
    assert PK.settings.rtol == 1e-9
    assert PK.solved_with(threads=1).key == PK.key
    with pytest.raises(ValueError):
        SolverSettings(rtol=-1)
