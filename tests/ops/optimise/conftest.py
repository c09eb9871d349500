"""Models of the optimisation tests, as one fixture."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def models() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "optimise_models", Path(__file__).with_name("models.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
