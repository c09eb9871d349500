"""The README's code runs as a newcomer pastes it, in both languages."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READMES = ("README.md", "README.zh-CN.md")


def eight_lines(name: str) -> str:
    """Return the first Python block of a README."""
    found = re.search(r"```python\n(.*?)```", (ROOT / name).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found.group(1)


def test_the_eight_lines_run_as_written(tmp_path: Path) -> None:
    code = eight_lines("README.md")
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("[36.59")  # exp(0.6 / h * 6 h)


def test_both_languages_show_the_same_code() -> None:
    first, second = (re.sub(r"\s*#.*", "", eight_lines(name)) for name in READMES)
    assert first == second


@pytest.mark.parametrize("name", READMES)
def test_every_local_link_and_file_named_exists(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", text)
    named = re.findall(r"`((?:examples|src|benchmarks|tests)/[\w./*-]*)`", text)
    assert links
    assert [path for path in (*links, *named) if not (ROOT / path).exists()] == []
