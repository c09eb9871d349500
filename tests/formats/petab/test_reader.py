from __future__ import annotations

from pathlib import Path

import pytest

from catena.core.errors import DataError
from catena.formats.petab import Prior, read_measurements, read_petab

FILES = {
    "p.yaml": """format_version: 1
parameter_file: parameters.tsv
problems:
- condition_files: [conditions.tsv]
  measurement_files: [measurements.tsv]
  observable_files: [observables.tsv]
  sbml_files: [model.xml]
""",
    "parameters.tsv": "parameterId\tparameterScale\tlowerBound\tupperBound\tnominalValue\testimate\n"
    "k\tlog10\t1e-5\t1e3\t0.3\t1\nscale\tlin\t\t\t2\t0\nsd\tlog\t\t\t\t1\n",
    "conditions.tsv": "conditionId\tconditionName\tdose\tA\nlow\tLow dose\t1\t\nhigh\t\tk\t3.5\n",
    "observables.tsv": "observableId\tobservableFormula\tnoiseFormula\tobservableTransformation"
    "\tnoiseDistribution\n"
    "o\tobservableParameter1_o * A\tnoiseParameter1_o\tlog10\tlaplace\nq\tA\t\t\t\n",
    "measurements.tsv": "observableId\tpreequilibrationConditionId\tsimulationConditionId"
    "\tmeasurement\ttime\tobservableParameters\tnoiseParameters\n"
    "o\tlow\thigh\t1.5\t10\tscale;1.0\tsd\nq\t\tlow\t\tinf\t\t0.1\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def refusal(folder: Path, name: str, old: str, new: str) -> str:
    text = FILES[name]
    assert old in text
    (folder / name).write_text(text.replace(old, new))
    with pytest.raises(DataError) as caught:
        read_petab(folder / "p.yaml")
    return str(caught.value)


def test_tables_become_plain_data(folder: Path) -> None:
    problem = read_petab(folder / "p.yaml")
    assert problem.name == "p"
    assert problem.model == folder / "model.xml"
    assert problem.nominal() == {"k": 0.3, "scale": 2.0}
    k, scale, sd = problem.parameters.values()
    assert (k.scale, k.lower, k.upper, k.estimated) == ("log10", 1e-5, 1e3, True)
    assert (scale.scale, scale.lower, scale.estimated) == ("lin", None, False)
    assert (sd.scale, sd.nominal) == ("log", None)
    assert problem.conditions["low"].values == {"dose": 1.0}
    assert problem.conditions["high"].values == {"dose": "k", "A": 3.5}
    o, q = problem.observables.values()
    assert (o.formula, o.noise, o.transformation, o.distribution) == (
        "observableParameter1_o * A", "noiseParameter1_o", "log10", "laplace",
    )  # fmt: skip
    assert (q.noise, q.transformation, q.distribution) == ("1", "lin", "normal")
    first, second = problem.measurements
    assert (first.observable, first.before, first.condition) == ("o", "low", "high")
    assert (first.time, first.value) == (10.0, 1.5)
    assert first.observable_parameters == ("scale", 1.0)
    assert first.noise_parameters == ("sd",)
    assert (second.before, second.time, second.noise_parameters) == ("", float("inf"), (0.1,))
    assert second.value != second.value


def test_tables_of_simulations_have_their_own_column(folder: Path) -> None:
    path = folder / "simulated.tsv"
    path.write_text(FILES["measurements.tsv"].replace("measurement", "simulation"))
    assert read_measurements(path, "simulation")[0].value == 1.5


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("p.yaml", "format_version: 1", "format_version: 2.0.0", "version of PEtab"),
        ("p.yaml", "problems:", "other:", "no list of problems"),
        ("p.yaml", "problems:", "problems: [", "Cannot read the PEtab problem"),
        ("p.yaml", "[model.xml]", "[a.xml, b.xml]", "one model"),
        ("p.yaml", "conditions.tsv", "absent.tsv", "No such file"),
        ("parameters.tsv", "parameterScale", "scale", "no column parameterScale"),
        ("parameters.tsv", "log10\t1e-5", "log2\t1e-5", "line 2, parameterScale"),
        ("parameters.tsv", "0.3", "0,3", "line 2, nominalValue"),
        ("observables.tsv", "laplace", "cauchy", "line 2, noiseDistribution"),
        ("measurements.tsv", "\t10\t", "\t\t", "line 2, time"),
        ("measurements.tsv", "o\tlow", "p\tlow", "unknown observable"),
        ("measurements.tsv", "low\thigh", "lo\thigh", "there is no condition 'lo'"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, name: str, old: str, new: str, told: str) -> None:
    assert told in refusal(folder, name, old, new)


def test_a_missing_problem_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_petab(tmp_path / "none.yaml")


def with_prior(
    folder: Path, cells: str, heads: str = "objectivePriorType\tobjectivePriorParameters"
) -> Path:
    lines = FILES["parameters.tsv"].splitlines()
    lines[0] += f"\t{heads}"
    lines[1] += f"\t{cells}"
    (folder / "parameters.tsv").write_text("\n".join(lines) + "\n")
    return folder / "p.yaml"


def test_priors_of_the_objective_and_of_starts(folder: Path) -> None:
    k, scale, _ = read_petab(with_prior(folder, "parameterScaleNormal\t-1.5;3")).parameters.values()
    assert (k.prior, k.start, scale.prior) == (Prior("parameterScaleNormal", -1.5, 3.0), None, None)
    heads = "initializationPriorType\tinitializationPriorParameters"
    k = read_petab(with_prior(folder, "uniform\t1;2", heads)).parameters["k"]
    assert (k.prior, k.start) == (None, Prior("uniform", 1.0, 2.0))


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("cauchy\t0;1", "'cauchy' is not a prior that is supported"),
        ("normal\t0", "'0' is not two numbers"),
        ("normal\t0;wide", "'0;wide' is not two numbers"),
        ("laplace\t0;-1", "not a laplace distribution"),
        ("uniform\t2;1", "not a uniform distribution"),
        ("\t0;1", "'' is not a prior that is supported"),
    ],
)
def test_priors_that_are_none_are_refused_by_name(folder: Path, cells: str, told: str) -> None:
    with pytest.raises(DataError, match=told) as caught:
        read_petab(with_prior(folder, cells))
    assert "parameters.tsv, line 2, objectivePrior" in str(caught.value)


def test_columns_of_drafts_are_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="call it objectivePriorType"):
        read_petab(with_prior(folder, "normal\t0;1", "priorType\tpriorParameters"))
