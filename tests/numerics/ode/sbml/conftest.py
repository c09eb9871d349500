"""Makes the document builder importable, and keeps libroadrunner quiet."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def roadrunner():  # type: ignore[no-untyped-def]
    """Libroadrunner, or a skip where it is not installed."""
    module = pytest.importorskip("roadrunner")
    module.Logger.setLevel(module.Logger.LOG_FATAL)
    return module
