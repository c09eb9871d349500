"""Fixtures every test may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The tests compile hundreds of small programs and run each a few times, so quick code generation
# counts here and fast code does not: this halves the time of the suite. Numbers stay in double
# precision and within every tolerance. JAX reads the variable at its first computation;
# `XLA_FLAGS= make test` (set, but empty) tests with the code generation people get.
os.environ.setdefault(
    "XLA_FLAGS", "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false"
)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the public data sets; tests that ask for it skip where it is absent."""
    root = os.environ.get("CATENA_DATA")
    folder = Path(root) if root else Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("no data sets here: set CATENA_DATA to their folder")
    return folder


@pytest.fixture
def install_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, dict[str, str], dict[str, str]], Path]]:
    """Install a distribution for one test: its name, entry points and files (path -> text)."""
    from catena.core import registry

    modules = set(sys.modules)

    def install(name: str, points: dict[str, str], files: dict[str, str]) -> Path:
        root = tmp_path / f"site-{name}"
        facts = root / f"{name}-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{model_id} = {target}" for model_id, target in points.items()]
        (facts / "entry_points.txt").write_text("\n".join(["[catena.models]", *lines]) + "\n")
        for path, text in files.items():
            target = root / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(str(root))
        registry.refresh()
        return root

    yield install
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]
    registry.refresh()
