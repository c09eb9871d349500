from __future__ import annotations

import pytest
from cellml_texts import DECAY, Writer

from catena.core.errors import DataError, UnitError
from catena.numerics.ode.cellml.expression import Name
from catena.numerics.ode.cellml.mathml import Rate
from catena.numerics.ode.cellml.reader import read_cellml
from catena.numerics.ode.cellml.resolve import resolve


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_file_becomes_variables_links_and_equations(write: Writer, version: str) -> None:
    model = read_cellml(write(DECAY, version))
    assert (model.name, model.version) == ("small", version)
    assert list(model.variables) == [
        "environment.time", "cell.t", "cell.x", "cell.x0", "cell.k", "cell.twice",
        "probe.x", "probe.shown",
    ]  # fmt: skip
    assert model.variables["cell.x"].initial == "x0"
    assert model.variables["cell.k"].initial == 0.001
    assert model.variables["probe.x"].given
    assert [link[:2] for link in model.links] == [
        ("environment.time", "cell.t"), ("cell.x", "probe.x"),
    ]  # fmt: skip
    first = model.equations[0]
    assert (first.component, first.target) == ("cell", Rate("x", "t"))
    assert model.equations[2].value.args[0] == Name("x")  # type: ignore[union-attr]
    assert model.unit_of("cell.k").text == "1/ms"


def test_cellml_2_writes_connections_and_base_units_its_own_way(write: Writer) -> None:
    model = read_cellml(
        write(
            """
<units name="cells"/>
<component name="a"><variable name="n" units="cells" initial_value="1" interface="public"/>
</component>
<component name="b"><variable name="m" units="cells" interface="public"/></component>
<connection component_1="a" component_2="b">
  <map_variables variable_1="n" variable_2="m"/></connection>""",
            "2.0",
        )
    )
    assert model.links[0][:2] == ("a.n", "b.m")
    assert model.unit_of("a.n").dimensions == (("cells", 1.0),)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('name="k" units', 'name="x0" units', "declared twice"),
        ('component name="probe"', 'component name="cell"', "declared twice"),
        ('<map_variables variable_1="x"', '<map_variables variable_1="q"', "declares 8 variables"),
        ('<map_components component_1="cell" component_2="probe"/>', "", "map_components"),
        ('exponent="-1"', 'exponent="minus"', "bad number"),
        ('units="ms" public_interface="in"', 'public_interface="in"', "has no units"),
        ('<component name="probe">', '<component name="probe"><reaction/>', "<reaction>"),
    ],
)
def test_a_file_that_breaks_the_rules_is_refused(
    write: Writer, old: str, new: str, why: str
) -> None:
    with pytest.raises(DataError) as error:
        read_cellml(write(DECAY.replace(old, new, 1)))
    assert why in error.value.why
    assert "model.cellml, line" in error.value.where


def test_units_of_variables_and_numbers_must_exist(write: Writer) -> None:
    for old in ('name="k" units="per_ms"', '<cn cellml:units="uM"'):
        with pytest.raises(UnitError, match="Unknown unit 'flops'") as error:
            read_cellml(write(DECAY.replace(old, old.rsplit('"', 2)[0] + '"flops"', 1)))
        assert "line" in error.value.where


def test_other_xml_is_refused(write: Writer) -> None:
    path = write(DECAY)
    path.write_text("<sbml/>")
    with pytest.raises(DataError, match="Not a CellML file"):
        read_cellml(path)


RATES = """
<units name="per_s"><unit units="second" exponent="-1"/></units>
<units name="fast" base_units="yes"/>
<group><relationship_ref relationship="encapsulation"/>
  <component_ref component="outer"><component_ref component="inner"/></component_ref></group>
<component name="outer"><variable name="k" units="per_s" private_interface="in"
  public_interface="out"/></component>
<component name="inner"><variable name="k" units="per_s" initial_value="3"
  public_interface="out"/></component>
<component name="other"><variable name="q" units="per_s" initial_value="9"/></component>
<connection><map_components component_1="outer" component_2="inner"/>
  <map_variables variable_1="k" variable_2="k"/></connection>
"""
IMPORTING = """
<import xmlns:xlink="http://www.w3.org/1999/xlink" xlink:href="HERE">
  <component name="rates" component_ref="outer"/><units name="rate" units_ref="per_s"/></import>
<component name="cell">
  <variable name="t" units="second"/><variable name="x" units="metre" initial_value="1"/>
  <variable name="k" units="rate" public_interface="in"/>
  <math xmlns="http://www.w3.org/1998/Math/MathML">
    <apply><eq/><apply><diff/><bvar><ci>t</ci></bvar><ci>x</ci></apply>
      <apply><times/><ci>k</ci><ci>x</ci></apply></apply></math>
</component>
<connection><map_components component_1="rates" component_2="cell"/>
  <map_variables variable_1="k" variable_2="k"/></connection>
"""


def test_components_and_units_are_imported_with_what_they_encapsulate(write: Writer) -> None:
    write(RATES, "1.1").rename(write(RATES, "1.1").with_name("rates.cellml"))
    path = write(IMPORTING.replace("HERE", "rates.cellml"), "1.1")
    model = read_cellml(path)
    assert set(model.units) == {"rates", "rates_inner", "cell"}
    assert set(model.variables) == {"rates.k", "rates_inner.k", "cell.t", "cell.x", "cell.k"}
    assert model.unit_of("cell.k").text == "1/s"
    equations = resolve(model)
    assert equations.reads["cell.k"].owner == "rates_inner.k"
    assert equations.constants == {"rates_inner.k": 3.0}


@pytest.mark.parametrize(
    ("href", "change", "why"),
    [
        ("model.cellml", ("", ""), "leads back here"),
        ("http://example.org/a.cellml", ("", ""), "not a path beside"),
        ("rates.cellml", ('_ref="outer"', '_ref="router"'), "has no component 'router'"),
        ("rates.cellml", ('name="rates" c', 'name="cell" c'), "declared twice"),
        ("none.cellml", ("", ""), "No such file"),
    ],
)
def test_imports_that_lead_nowhere_are_refused(
    write: Writer, href: str, change: tuple[str, str], why: str
) -> None:
    write(RATES, "1.1").rename(write(RATES, "1.1").with_name("rates.cellml"))
    with pytest.raises(DataError) as error:
        read_cellml(write(IMPORTING.replace("HERE", href).replace(*change), "1.1"))
    assert why in error.value.why
