"""Claims and findings: what a validation file may say, and what counts as a result."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from catena.core.claims import (
    Finding,
    Recorded,
    Target,
    read_claims,
    read_results,
    summary,
    write_results,
)
from catena.core.errors import SchemaError

CLAIM = """
claims:
  - id: a.b.c
    model: a.b
    dataset: folder/file.csv
    sha256: "00"
    protocol: all rows
    metric: error
    peer: 1.5
    peer_source: Author 2020
    baseline: mean of the others
    target: {op: "<=", value: 2}
    run: math:fsum
"""


def _file(folder: Path, text: str = CLAIM) -> Path:
    path = folder / "validation.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_reads_a_claim(tmp_path: Path) -> None:
    file = read_claims(_file(tmp_path))
    (claim,) = file.claims
    assert (claim.id, claim.peer, str(claim.target), claim.on_data) == ("a.b.c", 1.5, "<= 2", True)
    assert claim.function() is math.fsum
    assert file.recorded(claim) is None


@pytest.mark.parametrize("dataset", ["analytic solution", "none", "synthetic two-compartment"])
def test_exact_solutions_are_no_data(tmp_path: Path, dataset: str) -> None:
    (claim,) = read_claims(_file(tmp_path, CLAIM.replace("folder/file.csv", dataset))).claims
    assert not claim.on_data
    assert summary(claim, None)["dataset"] is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("metric: error", "metrics: error", "did you mean metric"),
        ("run: math:fsum", "run: math.fsum", "run"),
        ('op: "<="', 'op: "=="', "target.op"),
        ("value: 2}", "value: [1, 2]}", "takes"),
        ("    metric: error\n", "", "metric"),
        ("claims:", "claim:", 'no list "claims"'),
        ("  - id: a.b.c", "  - just text\n  - id: a.b.c", "Not a claim"),
        ("claims:", "claims: [", "Cannot read"),
    ],
)
def test_wrong_claims_say_what_to_change(tmp_path: Path, old: str, new: str, said: str) -> None:
    with pytest.raises(SchemaError) as caught:
        read_claims(_file(tmp_path, CLAIM.replace(old, new)))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("peer", "named"), [("1.5", True), ("PK-Sim", True), ("none; a check", False)]
)
def test_a_peer_is_a_figure_or_a_name(tmp_path: Path, peer: str, named: bool) -> None:
    (claim,) = read_claims(_file(tmp_path, CLAIM.replace("peer: 1.5", f"peer: {peer}"))).claims
    assert claim.has_peer is named
    assert (summary(claim, None)["peer"] is not None) is named


def test_ids_are_unique(tmp_path: Path) -> None:
    with pytest.raises(SchemaError, match="twice"):
        read_claims(_file(tmp_path, CLAIM + CLAIM.split("claims:")[1]))


@pytest.mark.parametrize("run", ["no_such_module_here:f", "math:no_such_function"])
def test_missing_run_is_named(tmp_path: Path, run: str) -> None:
    (claim,) = read_claims(_file(tmp_path, CLAIM.replace("math:fsum", run))).claims
    with pytest.raises(SchemaError, match="Cannot find the run"):
        claim.function()


@pytest.mark.parametrize(
    ("op", "value", "inside", "outside"),
    [
        ("<=", 2.0, 2.0, 2.1),
        ("<", 2.0, 1.9, 2.0),
        (">=", 2.0, 2.0, 1.9),
        (">", 2.0, 2.1, 2.0),
        ("in", (0.8, 0.9), 0.85, 0.95),
    ],
)
def test_targets(op: str, value: object, inside: float, outside: float) -> None:
    target = Target.model_validate({"op": op, "value": value})
    assert target.met_by(inside)
    assert not target.met_by(outside)
    assert op in str(target)


def test_finding_keeps_plain_finite_numbers() -> None:
    found = Finding(np.float64(1.5), low=np.nan, high=np.inf, n=np.int64(3))
    assert (found.value, found.low, found.high, found.n) == (1.5, None, None, 3)
    assert type(found.value) is float


def test_results_round_trip_and_belong_to_one_claim_text(tmp_path: Path) -> None:
    path = _file(tmp_path)
    (claim,) = read_claims(path).claims
    record = Recorded(value=1.0, holds=True, claim_key=claim.key, extra={"by route": [1, 2]})
    results = tmp_path / "validation.results.json"
    write_results(results, {"a.b.c": record})
    assert read_results(results) == {"a.b.c": record}
    assert read_claims(path).recorded(claim) == record
    _file(tmp_path, CLAIM.replace("value: 2}", "value: 3}"))
    changed = read_claims(path)
    assert changed.recorded(changed.claims[0]) is None


def test_damaged_results_are_named(tmp_path: Path) -> None:
    path = tmp_path / "validation.results.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(SchemaError, match="Cannot read the results"):
        read_results(path)
