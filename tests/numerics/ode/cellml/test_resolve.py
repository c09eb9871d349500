from __future__ import annotations

import pytest
from cellml_texts import DECAY, Writer

from catena.core.errors import DataError, UnitError
from catena.numerics.ode.cellml.expression import Name, Number, evaluate
from catena.numerics.ode.cellml.reader import read_cellml
from catena.numerics.ode.cellml.resolve import Equations, ordered, resolve


def model(write: Writer, text: str = DECAY) -> Equations:
    return resolve(read_cellml(write(text)))


def test_connected_variables_become_one_with_their_units(write: Writer) -> None:
    found = model(write)
    assert found.time == "environment.time"
    assert found.reads["probe.x"].owner == "cell.x"
    assert found.reads["probe.x"].factor == pytest.approx(1e3)
    assert found.reads["cell.t"].factor == pytest.approx(1e3)
    assert found.initial == {"cell.x": Name("cell.x0")}
    assert found.constants == {"cell.x0": 2.0, "cell.k": 0.001}
    # Per millisecond in the equation, per second in the clock of the model.
    values = {"cell.twice": 0.002, "cell.x": 2.0}
    assert float(evaluate(found.values["cell.x'"], values.__getitem__)) == pytest.approx(-4.0)


def test_an_initial_value_may_sit_on_any_connected_variable(write: Writer) -> None:
    moved = DECAY.replace(' initial_value="x0" public', " public").replace(
        'name="x" units="uM"', 'name="x" units="uM" initial_value="3000"'
    )
    (value,) = model(write, moved).initial.values()
    assert value == Number(pytest.approx(3.0))


def test_a_rate_may_be_read(write: Writer) -> None:
    text = DECAY.replace(
        "<apply><eq/><ci>twice</ci>",
        """<apply><eq/><ci>speed</ci>
        <apply><diff/><bvar><ci>t</ci></bvar><ci>x</ci></apply></apply>
        <apply><eq/><ci>twice</ci>""",
    ).replace('<variable name="twice"', '<variable name="speed" units="mM"/><variable name="twice"')
    found = model(write, text)
    assert evaluate(found.values["cell.speed"], {"cell.x'": -4.0}.__getitem__) == -0.004


def test_equations_are_put_in_order(write: Writer) -> None:
    found = model(write)
    order = ordered(found, ["probe.shown", "cell.x'"], found.values, {"cell.x", "cell.k"})
    assert order == ["probe.shown", "cell.twice", "cell.x'"]


CIRCLE = """
<apply><eq/><ci>k</ci><apply><plus/><ci>twice</ci><cn>1</cn></apply></apply>
<apply><eq/><ci>twice</ci>"""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (' initial_value="x0" public', " public", "no initial value"),
        ("<ci>shown</ci><apply>", "<ci>x</ci><apply>", "both a derivative and an algebraic"),
        ("<apply><eq/><ci>twice</ci>", "<apply><eq/><ci>k</ci>", "initial value and an equation"),
        ("</component>\n<component name=\"probe\">", '<math xmlns="http://www.w3.org/1998/Math/'
         'MathML"><apply><eq/><ci>twice</ci><ci>k</ci></apply></math></component>\n'
         '<component name="probe">', "defined twice"),
        ('name="x" units="uM"', 'name="x" units="uM" initial_value="1"', "more than one initial"),
        ('initial_value="x0"', 'initial_value="y0"', "declares 8 variables"),
        ("<ci>twice</ci><ci>x</ci>", "<ci>thrice</ci><ci>x</ci>", "declares 8 variables"),
    ],
)  # fmt: skip
def test_contradictions_are_refused(write: Writer, old: str, new: str, why: str) -> None:
    assert old in DECAY
    with pytest.raises(DataError) as error:
        model(write, DECAY.replace(old, new, 1))
    assert why in error.value.why
    assert "line" in error.value.where


def test_circles_and_missing_values_are_named(write: Writer) -> None:
    text = DECAY.replace(' initial_value="0.001"', "")
    found = model(write, text)
    with pytest.raises(DataError) as error:
        ordered(found, ["cell.x'"], found.values, {"cell.x"})
    assert "'cell.k'" in error.value.where
    assert "no equation" in error.value.why
    found = model(write, text.replace("<apply><eq/><ci>twice</ci>", CIRCLE))
    with pytest.raises(DataError) as circle:
        ordered(found, ["cell.x'"], found.values, {"cell.x"})
    assert "cell.k reads cell.twice reads cell.k" in circle.value.why.replace(
        "cell.twice reads cell.k reads cell.twice", "cell.k reads cell.twice reads cell.k"
    )


def test_connections_between_dimensions_are_refused(write: Writer) -> None:
    with pytest.raises(UnitError, match="differ in dimension") as error:
        model(write, DECAY.replace('name="x" units="uM"', 'name="x" units="ms"'))
    assert "cell.x is in mM, probe.x in ms" in error.value.why
