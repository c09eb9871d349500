"""Reaction rates and derivatives of published models, beside libroadrunner, at random states."""

from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import libsbml
import numpy as np
import pytest
from sbml_builder import document

from catena.core.errors import DataError
from catena.core.jaxconfig import enable_x64
from catena.numerics.ode.sbml.equations import Moment
from catena.numerics.ode.sbml.reader import read_sbml
from catena.numerics.ode.sbml.structure import sort_out

enable_x64()

MODELS = (
    "Alkan_SciSignal2018", "Bachmann_MSB2011", "Boehm_JProteomeRes2014",
    "Borghans_BiophysChem1997", "Brannmark_JBC2010", "Bruno_JExpBot2016",
    "Crauste_CellSystems2017", "Elowitz_Nature2000", "Fiedler_BMCSystBiol2016",
    "Fujita_SciSignal2010", "Isensee_JCB2018", "Lucarelli_CellSystems2018", "Rahman_MBS2016",
    "Raia_CancerResearch2011", "Raimundez_PCB2020", "Schwen_PONE2014", "Smith_BMCSystBiol2013",
    "Sneyd_PNAS2002", "Weber_BMC2015", "Zhao_QuantBiol2020", "Zheng_PNAS2012",
)  # fmt: skip


def with_values(text: str, rng: np.random.Generator) -> str:
    """Give every constant parameter a value, since some documents leave that to their tables."""
    read = libsbml.readSBMLFromString(text)
    for parameter in read.getModel().getListOfParameters():
        if parameter.getConstant():
            parameter.setValue(float(rng.uniform(0.5, 2.0)))
    changed: str = libsbml.writeSBMLToString(read)
    return changed


@pytest.mark.data
@pytest.mark.parametrize("name", MODELS)
def test_rates_agree_with_libroadrunner(name: str, data_dir: Path, roadrunner: Any) -> None:
    rng = np.random.default_rng(7)
    with tarfile.open(data_dir / "cell" / "petab" / f"{name}.tar.xz") as tar:
        file = tar.extractfile(f"{name}/model_{name}.xml")
        assert file is not None
        text = with_values(file.read().decode(), rng)
    structure = sort_out(read_sbml(text))
    symbols = structure.model.symbols
    inputs = {structure.input_name(n): symbols[n].value for n in symbols if n in structure.inputs}
    inputs |= {
        structure.input_name(n): symbols[n].value
        for n in structure.states
        if structure.initial_formula(n) is None
    }
    start = Moment(structure, 0.0, None, inputs)
    p = {**inputs, **{n: start(n) for n in structure.derived}}
    runner = roadrunner.RoadRunner(text)
    names = [n for n in structure.states if structure.model.symbols[n].kind == "species"]
    for n in names:
        shown = f"[{n}]" if symbols[n].concentration else n
        assert float(start(n)) == pytest.approx(runner.getValue(shown), rel=1e-14), n
    y = {n: float(start(n)) * rng.uniform(0.5, 1.5) + rng.uniform() for n in structure.states}
    for n in names:
        runner.setValue(f"[{n}]" if symbols[n].concentration else n, y[n])
    for n in set(structure.states) - set(names):
        runner.setValue(n, y[n])
    runner.model.setTime(3.7)
    now = Moment(structure, 3.7, y, p)
    ids = list(runner.model.getReactionIds())
    np.testing.assert_allclose(
        [float(now(reaction)) for reaction in ids], runner.model.getReactionRates(), rtol=1e-12
    )
    volumes = {n: float(now(symbols[n].compartment)) for n in names if symbols[n].concentration}
    ours = np.array([float(now.rate(n)) * volumes.get(n, 1.0) for n in names])
    theirs = np.array([runner.getValue(f"{n}'") for n in names])
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12 * np.abs(theirs).max())


def test_rates_of_change_can_be_asked_for() -> None:
    text = document(
        level=3,
        version=2,
        compartments={"c": {"size": 2.0, "constant": False}},
        species={"A": {"conc": 10.0}},
        parameters={"k": 0.3, "x": {"value": 0.0, "constant": False}},
        reactions={"r": ("A ->", "c * k * A")},
        rate={"x": "rateOf(A) + rateOf(c) + rateOf(k)", "c": "0.1 * c"},
    )
    structure = sort_out(read_sbml(text))
    assert structure.amounts == {"A"}
    now = Moment(structure, 0.0, {"c": 2.0, "A": 20.0, "x": 0.0}, {"k": 0.3})
    # Both the reaction and the growing volume dilute A.
    assert now.state_rate("x") == pytest.approx(-0.3 * 10 - 0.1 * 10 + 0.1 * 2)


def test_the_rate_of_what_a_rule_sets_is_refused() -> None:
    text = document(
        level=3,
        version=2,
        parameters={"x": {"value": 0.0, "constant": False}, "z": {"constant": False}},
        rate={"x": "rateOf(z)"},
        assignment={"z": "time"},
    )
    with pytest.raises(DataError, match="rate of 'z'"):
        sort_out(read_sbml(text))
