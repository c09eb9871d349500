"""The code in docs/ runs as written, and the files it names exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted((ROOT / "docs").glob("*.md"))


def test_the_two_state_model_runs_as_written(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "ode_engine.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code.group(1)],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.rstrip().endswith("kernel")


def test_the_page_on_operations_runs_as_written(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert code is not None
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code.group(1)],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "explains" in done.stdout


def test_the_page_on_operations_lists_them_all() -> None:
    from catena import ops

    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [name for name in ops.names() if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_named_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    names = set(re.findall(r"`(\w+\.py)`", text))
    known = {path.name for path in (ROOT / "src").rglob("*.py")}
    assert names <= known, names - known
