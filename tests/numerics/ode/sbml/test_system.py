from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from sbml_builder import document

from catena.core.errors import DataError, InputError
from catena.numerics.ode import SolverSettings
from catena.numerics.ode.sbml import load_sbml, read_sbml

TIGHT = SolverSettings(rtol=1e-9, atol=1e-12)
TIMES = np.linspace(0.0, 5.0, 6)
AB = {"A": {"conc": 10.0}, "B": {"conc": 0.0}}
DECAY = document(species=AB, parameters={"k": 0.3}, reactions={"r": ("A -> B", "k * A")})
SIMPLE = load_sbml(DECAY, settings=TIGHT)


def test_constants_and_start_values_are_inputs() -> None:
    assert SIMPLE.parameters.names == ("c", "k", "A_initial", "B_initial")
    got = SIMPLE.predict(time=TIMES, k=[0.3, 0.6], A_initial=[10.0, 5.0])
    for row, (k, start) in enumerate(((0.3, 10.0), (0.6, 5.0))):
        np.testing.assert_allclose(got["A"][row], start * np.exp(-k * TIMES), rtol=1e-8)


def test_derivatives_are_exact() -> None:
    found = SIMPLE.jacobian(time=TIMES, of="A", wrt=("k", "A_initial"))
    decay = np.exp(-0.3 * TIMES)
    np.testing.assert_allclose(found["A", "k"][0], -10 * TIMES * decay, atol=1e-6)
    np.testing.assert_allclose(found["A", "A_initial"][0], decay, rtol=1e-7)


def test_the_document_is_part_of_the_identity() -> None:
    other = load_sbml(DECAY.replace("A -&gt;", "A").replace("<ci> k </ci>", "<cn> 2 </cn>"))
    assert other.key != load_sbml(DECAY).key
    assert load_sbml(DECAY).key == load_sbml(read_sbml(DECAY)).key


def test_a_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "decay.xml"
    path.write_text(DECAY)
    assert load_sbml(path, id="my.decay").info.id == "my.decay"
    with pytest.raises(DataError, match="No such file"):
        load_sbml(tmp_path / "absent.xml")


def test_a_system_travels_between_processes() -> None:
    twin = pickle.loads(pickle.dumps(load_sbml(DECAY, settings=TIGHT)))
    np.testing.assert_array_equal(twin.predict(time=TIMES)["A"], SIMPLE.predict(time=TIMES)["A"])


def test_chosen_outputs_may_be_constants_and_rates() -> None:
    got = load_sbml(DECAY, outputs=["r", "k", "B", "c"], settings=TIGHT).predict(time=TIMES)
    np.testing.assert_allclose(got["r"][0], 3.0 * np.exp(-0.3 * TIMES), rtol=1e-8)
    np.testing.assert_array_equal(got["k"][0], 0.3)
    with pytest.raises(InputError, match="No quantity 'Z'"):
        load_sbml(DECAY, outputs=["Z"])


def test_names_the_engine_keeps_get_an_underscore() -> None:
    text = document(
        species={"A": {"conc": 1.0}},
        parameters={"events": 0.5, "A_initial": 2.0},
        reactions={"r": ("A ->", "events * A * A_initial")},
    )
    system = load_sbml(text, settings=TIGHT)
    assert system.parameters.names == ("c", "events_", "A_initial", "A_initial_")
    got = system.predict(time=TIMES, events_=0.25)
    np.testing.assert_allclose(got["A"][0], np.exp(-0.5 * TIMES), rtol=1e-8)


class TestInitialAssignments:
    text = document(
        species={"A": {"amount": 3.0}, "B": {"conc": 0.0}},
        compartments={"c": {"size": 2.0}},
        parameters={"k": {}, "m": 4.0},
        reactions={"r": ("A -> B", "c * k * A")},
        initial={"A": "2 * m", "k": "m / 10"},
    )

    def test_they_follow_their_inputs(self) -> None:
        system = load_sbml(self.text, settings=TIGHT)
        assert system.parameters.names == ("c", "m", "B_initial")
        got = system.predict(time=TIMES, m=2.0)
        np.testing.assert_allclose(got["A"][0], 4.0 * np.exp(-0.2 * TIMES), rtol=1e-8)

    def test_an_input_can_replace_them(self) -> None:
        system = load_sbml(self.text, free=["A", "k"], settings=TIGHT)
        assert system.parameters.names == ("c", "k", "m", "A_initial", "B_initial")
        got = system.predict(time=TIMES, A_initial=5.0, k=0.1)
        np.testing.assert_allclose(got["A"][0], 5.0 * np.exp(-0.1 * TIMES), rtol=1e-8)

    def test_what_a_rule_sets_cannot_be_free(self) -> None:
        text = document(
            parameters={"x": {"value": 1.0, "constant": False}, "z": {"constant": False}},
            rate={"x": "-x"},
            assignment={"z": "x"},
        )
        with pytest.raises(InputError, match="a rule sets it"):
            load_sbml(text, free=["z"])
        with pytest.raises(InputError, match="there is no such"):
            load_sbml(text, free=["y"])


def test_amounts_given_for_concentrations_stay_amounts() -> None:
    text = document(
        compartments={"c": {"size": 2.0}},
        species={"A": {"amount": 6.0}},
        parameters={"k": 0.3},
        reactions={"r": ("A ->", "c * k * A")},
    )
    got = load_sbml(text, settings=TIGHT).predict(time=[0.0], c=[1.0, 2.0, 3.0])
    np.testing.assert_allclose(got["A"][:, 0], [6.0, 3.0, 2.0])


def test_a_missing_value_is_asked_for() -> None:
    text = document(species=AB, parameters={"k": {}}, reactions={"r": ("A -> B", "k * A")})
    with pytest.raises(InputError, match="k: a value is required"):
        load_sbml(text).predict(time=TIMES)


def test_algebraic_rules_determine_what_nothing_else_does() -> None:
    text = document(
        species={"A": {"conc": 10.0}, "B": {"conc": 1.0, "boundary": True}},
        parameters={"k": 0.3, "q": 4.0},
        reactions={"r": ("A ->", "k * A * B / (1 + B)")},
        algebraic=["B * q - A"],
    )
    system = load_sbml(text, settings=TIGHT)
    assert dict(system.mass or {}) == {"B": 0.0}
    got = system.predict(time=TIMES)
    np.testing.assert_allclose(got["B"], got["A"] / 4.0, rtol=1e-7)
    # A' = -k A^2 / (4 + A) integrates to ln A - 4 / A = const - k t.
    a = got["A"][0]
    np.testing.assert_allclose(np.log(a) - 4 / a, np.log(10) - 0.4 - 0.3 * TIMES, atol=1e-6)


def test_a_brief_condition_is_not_missed() -> None:
    text = document(
        species=AB,
        parameters={"k": 0.01},
        reactions={"r": ("A -> B", "k * A")},
        events=[{"trigger": "time > 3.1 && time < 3.100001", "set": {"A": "3"}}],
    )
    got = load_sbml(text, settings=TIGHT).predict(time=[3.0, 4.0])
    np.testing.assert_allclose(got["A"][0], [10 * np.exp(-0.03), 3 * np.exp(-0.009)], rtol=1e-7)


def test_an_event_that_lost_its_reason_does_not_happen() -> None:
    # Both conditions turn at once; the first event makes the second's false again.
    def model(persistent: bool) -> np.ndarray:
        text = document(
            species=AB,
            parameters={"k": 0.3},
            reactions={"r": ("A -> B", "k * A")},
            events=[
                {"trigger": "A < 5", "priority": "2", "set": {"A": "8"}},
                {"trigger": "A < 5", "priority": "1", "set": {"B": "0"}, "persistent": persistent},
            ],
        )
        got = load_sbml(text, settings=TIGHT).predict(time=[np.log(2) / 0.3 + 1e-6])
        return np.array([got["A"][0, 0], got["B"][0, 0]])

    np.testing.assert_allclose(model(persistent=True), [8.0, 0.0], atol=1e-4)
    np.testing.assert_allclose(model(persistent=False), [8.0, 5.0], atol=1e-4)


def test_switches_are_no_outputs_and_no_inputs() -> None:
    text = document(
        species=AB,
        parameters={"k": 0.3, "on": 2.0},
        reactions={"r": ("A -> B", "piecewise(k, time < on, 0)")},
    )
    system = load_sbml(text, settings=TIGHT)
    assert system.outputs.names == ("A", "B")
    assert system.parameters.names == ("c", "k", "on", "A_initial", "B_initial")
    got = system.predict(time=TIMES, on=[2.0, 3.0])
    np.testing.assert_allclose(got["A"][0], 10 - 0.3 * np.minimum(TIMES, 2.0), rtol=1e-8)
    np.testing.assert_allclose(got["A"][1], 10 - 0.3 * np.minimum(TIMES, 3.0), rtol=1e-8)


def test_derivatives_to_the_moments_of_switches_and_events() -> None:
    switched = document(
        species=AB,
        parameters={"k": 0.3, "on": 2.0},
        reactions={"r": ("A -> B", "piecewise(k, time < on, 0)")},
    )
    times = np.array([1.0, 2.5, 4.0])
    found = load_sbml(switched, settings=TIGHT).jacobian(time=times, of="A", wrt=("on", "k"))
    np.testing.assert_allclose(found["A", "on"][0], [0.0, -0.3, -0.3], atol=1e-7)
    np.testing.assert_allclose(found["A", "k"][0], [-1.0, -2.0, -2.0], atol=1e-7)
    spiked = document(
        species=AB,
        parameters={"k": 0.3, "when": 2.0},
        reactions={"r": ("A -> B", "k * A")},
        events=[{"trigger": "time >= when", "set": {"A": "A + 5"}}],
    )
    found = load_sbml(spiked, settings=TIGHT).jacobian(time=times, of="A", wrt="when")
    after = 1.5 * np.exp(-0.3 * (times[1:] - 2.0))
    np.testing.assert_allclose(found["A", "when"][0], [0.0, *after], atol=1e-6)


def test_derivatives_at_an_event_that_ends_the_run() -> None:
    spiked = document(
        species=AB, parameters={"k": 0.3, "when": 2.0}, reactions={"r": ("A -> B", "k * A")},
        events=[{"trigger": "time >= when", "set": {"A": "A + 5"}}],
    )  # fmt: skip
    system = load_sbml(spiked, settings=TIGHT)
    found = system.jacobian(time=[1.0, 2.0], of="A", wrt="k")["A", "k"][0]
    np.testing.assert_allclose(system.predict(time=[1.0, 2.0])["A"][0, 1], 10 * np.exp(-0.6) + 5)
    np.testing.assert_allclose(found, [-10 * np.exp(-0.3), -20 * np.exp(-0.6)], rtol=1e-7)


def test_a_model_in_which_nothing_moves_is_refused() -> None:
    with pytest.raises(DataError, match="Nothing changes"):
        load_sbml(document(parameters={"k": 1.0}))
