from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
from cellml_texts import DECAY, Writer

from catena.core.errors import SchemaError
from catena.numerics.ode import SolverSettings
from catena.numerics.ode.cellml import load_cellml

TIGHT = SolverSettings(rtol=1e-9, atol=1e-12)
TIMES = np.linspace(0.0, 1.0, 6)

PACED = DECAY.replace(
    '<variable name="twice"',
    """<variable name="rate" units="mM"/>
  <variable name="on" units="ms" initial_value="100"/>
  <variable name="high" units="mM" initial_value="0.01"/>
  <variable name="twice\"""",
).replace(
    "<apply><minus/><apply><times/><ci>twice</ci><ci>x</ci></apply></apply>",
    "<apply><minus/><ci>rate</ci><apply><times/><ci>twice</ci><ci>x</ci></apply></apply>",
).replace(
    "<apply><eq/><ci>twice</ci>",
    """<apply><eq/><ci>rate</ci><piecewise>
    <piece><ci>high</ci><apply><lt/><ci>t</ci><ci>on</ci></apply></piece>
    <otherwise><cn>0</cn></otherwise></piecewise></apply>
    <apply><eq/><ci>twice</ci>""",
)  # fmt: skip


def test_units_names_and_defaults_come_from_the_file(write: Writer) -> None:
    system = load_cellml(write(DECAY), outputs=["cell.x", "probe.shown"])
    assert system.info.id == "cellml.small"
    assert system.time_unit == "s"
    assert {f.name: (f.unit, f.default) for f in system.parameters} == {
        "k": ("1/ms", 0.001), "x0": ("mmol/L", 2.0),
    }  # fmt: skip
    (state,) = system.states
    assert (state.name, state.unit, state.default) == ("x", "mmol/L", 2.0)
    assert system.outputs.names == ("x", "shown")
    assert system.outputs["shown"].unit == "umol/L"
    assert system.parameters["k"].doc == "cell.k [per_ms]"


def test_the_solution_is_the_analytic_one_in_mixed_units(write: Writer) -> None:
    system = load_cellml(write(DECAY), outputs=["cell.x", "probe.shown"], settings=TIGHT)
    result = system.predict({"time": TIMES, "x0": [2.0, 3.0], "k": [0.001, 0.002]})
    exact = np.array([[2.0], [3.0]]) * np.exp(-2.0 * np.array([[1.0], [2.0]]) * TIMES)
    np.testing.assert_allclose(result["x"], exact, rtol=1e-7)
    np.testing.assert_allclose(result["shown"], 1000.0 * exact + 100.0, rtol=1e-7)


def test_any_fixed_variable_or_state_can_be_an_input(write: Writer) -> None:
    system = load_cellml(write(DECAY), parameters=["cell.twice", "cell.x"], settings=TIGHT)
    assert {f.name: f.default for f in system.parameters} == {"twice": 0.002, "initial_x": 2.0}
    result = system.predict({"time": TIMES, "twice": 0.003, "initial_x": 5.0})
    np.testing.assert_allclose(result["x"][0], 5.0 * np.exp(-3.0 * TIMES), rtol=1e-7)


def test_initial_values_can_be_replaced(write: Writer) -> None:
    system = load_cellml(write(DECAY), initial={"cell.x": 4.0}, doses=["cell.x"])
    assert system.parameters.names == ("k",)
    assert system.states["x"].default == 4.0
    assert system.doses == ("x",)


def test_constants_shown_or_read_twice_are_computed_once(write: Writer) -> None:
    system = load_cellml(write(DECAY), parameters=[], outputs=["cell.twice", "cell.k", "cell.x"])
    assert system.parameters.names == ()
    result = system.predict({"time": TIMES})
    assert result["k"][0] == pytest.approx(0.001)
    assert result["twice"][0] == pytest.approx(0.002)
    assert system.derive is not None
    jaxpr = jax.make_jaxpr(lambda x, p: system.rhs(0.0, {"x": x}, p, {}))(1.0, system.derive({}))
    assert len(jaxpr.eqns) <= 4


def test_names_that_repeat_carry_their_component(write: Writer) -> None:
    text = DECAY.replace('name="shown"', 'name="k"').replace("<ci>shown</ci>", "<ci>k</ci>")
    system = load_cellml(write(text), outputs=["probe.k", "cell.x"])
    assert system.parameters.names == ("x0", "cell__k")
    assert system.outputs.names == ("probe__k", "x")
    taken = DECAY.replace('name="x0"', 'name="events"').replace('"x0"', '"events"')
    assert "cell__events" in load_cellml(write(taken)).parameters
    digit = DECAY.replace('name="x0"', 'name="0x"').replace('"x0"', '"0x"')
    assert "cell__0x" in load_cellml(write(digit)).parameters


def test_files_with_other_equations_are_other_models(write: Writer) -> None:
    first = load_cellml(write(DECAY)).key
    assert load_cellml(write(DECAY)).key == first
    assert load_cellml(write(DECAY.replace(">2</cn>", ">3</cn>"))).key != first


def test_a_stimulus_is_declared_and_leaves_the_equations(write: Writer) -> None:
    system = load_cellml(
        write(PACED),
        outputs=["cell.x", "cell.rate"],
        stimulus={
            "cell.rate": {
                "start": 0.0, "period": 0.5, "duration": 0.1, "amplitude": "cell.high", "count": 1,
            }
        },
    )  # fmt: skip
    (stimulus,) = system.stimuli
    assert (stimulus.name, stimulus.unit, stimulus.amplitude) == ("rate", "mmol/L", "high")
    # The switch is gone from the equations, and with it the time at which it switched.
    assert set(system.parameters.names) == {"high", "k", "x0"}
    p = {"k": 0.001, "high": 0.01, "x0": 2.0}
    p |= system.derive(p) if system.derive else {}
    at = [system.rhs(t, {"x": 2.0}, p, {"rate": 0.01})["x"] for t in (0.0, 0.3)]
    assert float(at[0]) == float(at[1]) == pytest.approx(6.0)
    assert float(system.output(0.3, {"x": 2.0}, p, {"rate": 0.01})["rate"]) == 0.01
    plain = load_cellml(write(PACED), parameters=[])
    p = plain.derive({}) if plain.derive else {}
    values = [float(plain.rhs(t, {"x": 2.0}, p, {})["x"]) for t in (0.05, 0.3)]
    assert values == pytest.approx([6.0, -4.0])


PULSE = {"start": 0.0, "period": 0.5, "duration": 0.1, "amplitude": 1.0}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"parameters": ["cell.kk"]}, "no such variable"),
        ({"parameters": ["probe.shown"]}, "changes during a run"),
        ({"parameters": ["environment.time"]}, "changes during a run"),
        ({"outputs": ["x"]}, "no such variable"),
        ({"doses": ["cell.k"]}, "no state"),
        ({"initial": {"cell.k": 1.0}}, "no state"),
        ({"stimulus": {"cell.k": PULSE}}, "not computed"),
        ({"stimulus": {"cell.x": PULSE}}, "not computed"),
        ({"stimulus": {"cell.rate": {**PULSE, "height": 1.0}}}, "unknown ['height']"),
        ({"stimulus": {"cell.rate": {"start": 0.0}}}, "missing ['period'"),
        ({"stimulus": {"cell.rate": {**PULSE, "amplitude": "cell.low"}}}, "no such variable"),
    ],
)
def test_arguments_that_name_the_wrong_thing_are_refused(
    write: Writer, arguments: dict[str, object], why: str
) -> None:
    with pytest.raises(SchemaError) as error:
        load_cellml(write(PACED), **arguments)  # type: ignore[arg-type]
    assert why in error.value.why


def test_a_model_without_differential_equations_is_refused(
    equation: Callable[[str], Path],
) -> None:
    path = equation("<cn>1</cn>")
    text = path.read_text().replace("<apply><diff/><bvar><ci>time</ci></bvar><ci>y</ci></apply>",
                                    "<ci>time</ci>")  # fmt: skip
    path.write_text(text)
    with pytest.raises(SchemaError, match="Not a dynamic model"):
        load_cellml(path)


def test_a_power_of_nothing_keeps_gradients_finite(equation: Callable[[str], Path]) -> None:
    path = equation("<apply><times/><ci>y</ci><apply><power/><ci>z</ci><ci>a</ci></apply></apply>")
    system = load_cellml(path)

    def rate(p: dict[str, float]) -> jax.Array:
        derived = {} if system.derive is None else system.derive(p)
        return system.rhs(0.0, {"y": 0.5}, {**p, **derived}, {})["y"]

    for a in (0.5, 1.0, 1.5):
        slopes = jax.grad(rate)({"a": a, "z": 0.0})
        assert all(np.isfinite(float(s)) for s in slopes.values())
