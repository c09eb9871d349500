"""The claims of molecule.descriptors run and stay far above their baselines."""

from __future__ import annotations

from pathlib import Path

import pytest

from catena.core.errors import DataError
from catena.formats import datasets
from catena.science.molecule.descriptors import validation


@pytest.mark.data
def test_ionisation_beats_the_majority(data_dir: Path) -> None:
    finding = validation.ionisation()
    assert finding.value is not None
    assert finding.low is not None
    assert finding.baseline is not None
    assert finding.value >= 0.85
    assert finding.low > finding.baseline + 0.2


def test_missing_data_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(datasets, "_checkout", lambda: None)
    monkeypatch.setenv("CATENA_DATA", str(tmp_path))
    monkeypatch.setenv("CATENA_CACHE", str(tmp_path))
    monkeypatch.setenv("CATENA_OFFLINE", "1")
    with pytest.raises(DataError):
        validation.molar_mass()
