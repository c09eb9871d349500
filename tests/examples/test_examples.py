"""Every example runs as written, in a process of its own, and says what it promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
SAYS = {
    "01_find.py": ["body.pbpk", "body.exposure"],
    "02_own_ode.py": ["10,000 people", "on the kernel", "rescue doses"],
    "03_load_and_look.py": ["fu_plasma", "plasma [mg/L]", "sources:"],
    "04_units_as_text.py": ["Cmax", "ng/mL", "kgg", "fix"],
    "05_what_if.py": ["120 kg", "GFR"],
    "14_contributors_model.py": ["g/L", "d x / d mu", "is not above"],
}


@pytest.mark.parametrize("name", [path.name for path in sorted(EXAMPLES.glob("*.py"))])
def test_an_example_runs(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(EXAMPLES / name)],
        capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    for part in SAYS.get(name, []):
        assert part in done.stdout


def test_every_promise_has_its_example() -> None:
    assert set(SAYS) <= {path.name for path in EXAMPLES.glob("*.py")}
