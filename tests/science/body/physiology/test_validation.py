"""The claims of body.physiology can be read, run and hold."""

from __future__ import annotations

from pathlib import Path

import pytest

import catena.science.body.physiology.validation as runs
from catena.core.claims import Claim, read_claims

CLAIMS = read_claims(Path(runs.__file__).with_name("validation.yaml")).claims


@pytest.fixture(scope="module", autouse=True)
def _fewer_people() -> object:
    patch = pytest.MonkeyPatch()
    patch.setattr(runs, "PEOPLE", 6000)
    yield
    patch.undo()


@pytest.mark.parametrize("claim", [c for c in CLAIMS if not c.on_data], ids=lambda c: c.id)
def test_claim_without_data_holds(claim: Claim) -> None:
    found = claim.function()(seed=2)
    assert found.value is not None
    assert claim.target.met_by(found.value)


@pytest.mark.data
@pytest.mark.usefixtures("data_dir")
@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.on_data], ids=lambda c: c.id)
def test_claim_on_data_holds(claim: Claim) -> None:
    found = claim.function()(seed=2)
    assert found.value is not None
    assert found.baseline is not None
    assert claim.target.met_by(found.value)
    assert found.value < found.baseline
