"""The claims of body.partition can be recomputed and their declarations hold together."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from catena.core.claims import CLAIMS, read_claims
from catena.science.body.partition import validation

FOLDER = Path(validation.__file__).parent


def test_reference_drugs_within_two_fold() -> None:
    finding = validation.reference_drugs()
    assert finding.n == 11
    assert 2.0 < finding.value <= 2.1
    assert finding.low <= finding.value <= finding.high
    assert finding.baseline > 3 * finding.value
    assert finding.extra["worst_against_lombardo_2018"] == "phenytoin"


def test_declared_runs_exist_and_the_table_is_the_one_claimed() -> None:
    claims = read_claims(FOLDER / CLAIMS).claims
    assert all(callable(claim.function()) for claim in claims)
    table = hashlib.sha256((FOLDER / "reference_drugs.csv").read_bytes()).hexdigest()
    assert claims[0].sha256 == table


@pytest.mark.data
def test_volume_from_measured_inputs_beats_no_model(data_dir: Path) -> None:
    finding = validation.human_vss_measured()
    assert finding.n > 100
    assert finding.high < finding.baseline


@pytest.mark.data
def test_bottom_up_human_volume(data_dir: Path) -> None:
    finding = validation.human_vss()
    assert finding.n > 700
    assert finding.low < finding.value < finding.high
    assert finding.value < 4.0
