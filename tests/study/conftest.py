"""Small models to run studies on, so that these tests need no shelf."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # so that worker processes can import the toys too
from study_toys import TOYS


@pytest.fixture(autouse=True)
def toys(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Any]:
    """Let studies load the toy models by id."""
    from catena.core import registry
    from catena.study import subject

    def load(name: Any) -> Any:
        return TOYS[name] if name in TOYS else registry.load(name)

    monkeypatch.setattr(subject, "load", load)
    return TOYS


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder for runs."""
    return tmp_path / "runs"
