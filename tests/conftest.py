"""Fixtures every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the public data sets; tests that ask for it skip where it is absent."""
    root = os.environ.get("CATENA_DATA")
    folder = Path(root) if root else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no data sets here: set CATENA_DATA to their folder")
    return folder
