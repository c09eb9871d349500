"""The claims of body.exposure can be read, run and hold."""

from __future__ import annotations

from pathlib import Path

import pytest

import catena.science.body.exposure.validation as runs
from catena.core.claims import Claim, read_claims

CLAIMS = read_claims(Path(runs.__file__).with_name("validation.yaml")).claims


@pytest.mark.parametrize("claim", [c for c in CLAIMS if not c.on_data], ids=lambda c: c.id)
@pytest.mark.parametrize("seed", [0, 7])
def test_analytic_claim_holds_and_beats_its_baseline(claim: Claim, seed: int) -> None:
    found = claim.function()(seed=seed)
    assert found.value is not None
    assert found.baseline is not None
    assert claim.target.met_by(found.value)
    assert found.value < found.baseline


@pytest.mark.data
@pytest.mark.usefixtures("data_dir")
@pytest.mark.parametrize("claim", [c for c in CLAIMS if c.on_data], ids=lambda c: c.id)
def test_claim_on_data_holds(claim: Claim) -> None:
    found = claim.function()(seed=0)
    assert found.value is not None
    assert found.n == 12
    assert claim.target.met_by(found.value)
