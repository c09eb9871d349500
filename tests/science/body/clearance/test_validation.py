"""The claims of body.clearance can be recomputed."""

from __future__ import annotations

from pathlib import Path

import pytest

from catena.core.claims import CLAIMS, read_claims
from catena.science.body.clearance import validation


def test_declared_runs_exist() -> None:
    claims = read_claims(Path(validation.__file__).with_name(CLAIMS)).claims
    assert all(callable(claim.function()) for claim in claims)


def test_dispersion_closed_form() -> None:
    assert validation.dispersion_closed_form().value <= 1e-8


@pytest.mark.data
def test_human_clearance_beats_no_model(data_dir: Path) -> None:
    finding = validation.human_clearance()
    assert finding.n == 102
    assert finding.value < finding.baseline
    assert finding.low < finding.value < finding.high
