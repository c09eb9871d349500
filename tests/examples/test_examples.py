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
    "06_population.py": ["10,000 people", "median"],
    "07_calibrate.py": ["all determined", "identifiable: False", "what would tell"],
    "08_optimise.py": ["Pareto front", "robust:", "Infeasible"],
    "09_sensitivity.py": ["interactions included", "pk.auc -> pd.exposure"],
    "10_surrogate.py": ["within 2.00%", "in its domain: True and far away: False"],
    "13_campaign.py": ["'late': 1", "24 experiments in 4 batches", "Stop: the budget"],
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


def test_the_study_of_example_15_gives_a_posterior(tmp_path: Path) -> None:
    from catena.study import run

    outcome = run(EXAMPLES / "posterior.yaml", out=tmp_path)
    row = list(outcome.answer.rows["parameter"]).index("exponent")
    low, high = (outcome.answer.rows[f"estimate_{end}"][row] for end in ("lower", "upper"))
    assert low < 0.68 < high  # the exponent the virtual data were made with
    assert outcome.summary["converged"]
    assert (outcome.folder / "figures" / "predictive.json").exists()
