from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from toys_surrogate import smooth

from catena.core.result import Result
from catena.ops.surrogate import surrogate


@pytest.fixture(scope="session")
def replaced() -> Result:
    """A surrogate of two outputs over two inputs, with the third held fixed."""
    return surrogate(smooth, ["a", "b"], of=["y", "z"], budget=90, target_error=0.03, key=1)
