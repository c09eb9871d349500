"""A separate distribution appears everywhere without a change to Catena."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parents[2] / "plugin"

STUDY = """
study: predict
name: logistic growth
model: growth.logistic
inputs: {rate: [0.2, 0.3], start: "100 mg/L", time: "20 h"}
seed: 1
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder holding the installed plug-in."""
    folder = tmp_path_factory.mktemp("plugin")
    copy = shutil.copytree(SOURCE, folder / "source", ignore=shutil.ignore_patterns("__pycache__"))
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps",
               "--no-build-isolation", "--disable-pip-version-check",
               "--target", str(folder / "site"), str(copy)]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return folder / "site"


def _catena(site: Path, *words: str, cwd: Path | None = None) -> Any:
    code = "import sys; from catena.app.cli import main; sys.exit(main())"
    environment = {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run([sys.executable, "-c", code, *words, "--json"], env=environment, cwd=cwd,
                          capture_output=True, text=True, timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_authors_code_is_short() -> None:
    lines = (SOURCE / "catena_growth" / "__init__.py").read_text().splitlines()
    assert len([line for line in lines if line.strip()]) <= 15


def test_it_is_listed(site: Path) -> None:
    (entry,) = _catena(site, "models", "logistic")["models"]
    assert entry["id"] == "growth.logistic"
    assert entry["distribution"] == "catena-growth"


def test_it_predicts_with_units(site: Path) -> None:
    data = _catena(site, "predict", "growth.logistic", "--start", "100 mg/L", "--time", "1200 min")
    assert data["units"] == {"biomass": "g/L"}
    assert data["values"]["biomass"][0] == pytest.approx(20 / (1 + 199 * 2.718281828**-6), rel=1e-6)


def test_it_passes_the_contract(site: Path) -> None:
    report = _catena(site, "check-model", "growth.logistic", "--quick")
    assert report["passed"]


def test_its_claims_are_recomputed(site: Path) -> None:
    (outcome,) = _catena(site, "validate", "growth.logistic")
    assert outcome["holds"] is True


def test_it_runs_in_a_study(site: Path, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(STUDY, encoding="utf-8")
    outcome = _catena(site, "run", "study.yaml", cwd=tmp_path)
    assert Path(tmp_path, outcome["folder"]).is_dir()
