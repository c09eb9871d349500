"""Running: atomic tasks, resume after any end, determinism, budgets, failures."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from catena.core.errors import InternalError, StudyError
from catena.core.runtime import SerialExecutor
from catena.study import load_study, plan, run
from catena.study.folder import Folder

SLOW = {
    "study": "predict",
    "name": "slow",
    "model": "toy.slow",
    "inputs": {"x": list(range(30))},
    "settings": {"chunk": 1},
}

WORKER = """
import sys
sys.path.insert(0, {here!r})
from study_toys import TOYS
from catena.study import subject, run
subject.load = lambda name: TOYS[name]
run({study!r}, out={out!r})
"""


class Log:
    """A progress sink that remembers."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Any]] = []

    def start(self, total: int, label: str) -> None:
        """Note a stage."""
        self.seen.append(("start", (total, label)))

    def advance(self, units: int = 1) -> None:
        """Note progress."""
        self.seen.append(("advance", units))

    def finish(self) -> None:
        """Note the end."""
        self.seen.append(("finish", None))


class Backwards:
    """Runs tasks in reverse order, as parallel workers might finish them."""

    def submit(self, function: Any, /, *args: Any) -> Future[Any]:
        """Run now."""
        return SerialExecutor().submit(function, *args)

    def map(self, function: Any, items: Any) -> Any:
        """Yield results last first."""
        return iter([function(item) for item in reversed(list(items))])

    def cancel(self) -> None:
        """Nothing waits."""


def marks(out: Path) -> list[Path]:
    return sorted(out.glob("*/tasks/*.json"))


def test_a_killed_run_resumes_with_nothing_lost_or_computed_twice(runs: Path) -> None:
    text = WORKER.format(here=str(Path(__file__).parent), study=SLOW, out=str(runs))
    worker = subprocess.Popen([sys.executable, "-c", text])
    deadline = time.monotonic() + 60
    while len(marks(runs)) < 6 and time.monotonic() < deadline and worker.poll() is None:
        time.sleep(0.01)
    os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    kept = {path: path.stat().st_mtime_ns for path in marks(runs)}
    assert 6 <= len(kept) < 30
    (next(runs.glob("*")) / "tasks" / "half.parquet.part").write_bytes(b"half")
    outcome = run(load_study(SLOW), out=runs)
    assert outcome.status == "done"
    assert outcome.computed == 30 - len(kept)
    assert outcome.answer.rows["y"].tolist() == [float(x * x) for x in range(30)]
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert not list(runs.glob("*/tasks/*.part"))
    fresh = run(load_study(SLOW), out=runs / "other")
    assert fresh.summary["rows_key"] == outcome.summary["rows_key"]


def test_running_again_computes_nothing_and_gives_the_same(runs: Path) -> None:
    study = load_study({**SLOW, "inputs": {"x": [1, 2, 3]}})
    first, again = run(study, out=runs), run(study, out=runs)
    assert (first.computed, again.computed) == (3, 0)
    assert first.folder == again.folder
    assert first.summary == again.summary
    assert run(study, out=runs, fresh=True).computed == 3


def test_the_order_of_tasks_does_not_matter(runs: Path) -> None:
    study = load_study(
        {
            "study": "predict",
            "name": "n",
            "model": "toy.noise",
            "inputs": {"x": [0.0] * 9},
            "settings": {"chunk": 2},
        }
    )
    forward = run(study, out=runs)
    backward = run(study, out=runs / "b", executor=Backwards())
    assert forward.summary["rows_key"] == backward.summary["rows_key"]


def test_a_damaged_result_is_computed_again(runs: Path) -> None:
    study = load_study({**SLOW, "inputs": {"x": [1, 2, 3]}})
    first = run(study, out=runs)
    victims = sorted((first.folder / "tasks").glob("*.parquet"))
    victims[0].write_bytes(b"damaged")
    victims[1].unlink()
    again = run(study, out=runs)
    assert again.computed == 2
    assert again.summary["rows_key"] == first.summary["rows_key"]


def test_the_plan_knows_what_is_done(runs: Path) -> None:
    study = load_study({**SLOW, "inputs": {"x": [1, 2, 3]}})
    before = plan(study, out=runs)
    assert (len(before.open), len(before.done)) == (3, 0)
    assert not runs.exists()
    run(study, out=runs)
    after = plan(study, out=runs)
    assert after.key == before.key
    assert not after.open
    assert after.table()["done"].all()
    data = after.to_dict()
    assert data["rows"] == 3
    assert [task["done"] for task in data["tasks"]] == [True] * 3
    json.dumps(data)


def test_other_seed_model_value_or_row_is_another_run(runs: Path) -> None:
    base = plan(load_study(SLOW), out=runs)
    assert plan(load_study({**SLOW, "seed": 1}), out=runs).key != base.key
    assert plan(load_study({**SLOW, "model": "toy.line"}), out=runs).key != base.key
    assert plan(load_study({**SLOW, "inputs": {"x": [*range(29), 30]}}), out=runs).key != base.key
    assert plan(load_study({**SLOW, "budget": {"minutes": 3.0}}), out=runs).key == base.key


def test_one_broken_task_does_not_take_the_others_down(runs: Path) -> None:
    given = {**SLOW, "model": "toy.breaking", "inputs": {"x": [1, 13, 2]}}
    outcome = run(load_study(given), out=runs)
    assert outcome.status == "partial"
    (error,) = outcome.failures.values()
    assert isinstance(error, InternalError)
    assert "thirteen" in error.why
    assert outcome.answer.rows["y"].tolist() == [1.0, 2.0]
    assert outcome.summary["failures"]
    assert "What could not be computed" in outcome.report.read_text(encoding="utf-8")


def test_when_nothing_works_the_reason_is_raised(runs: Path) -> None:
    with pytest.raises(InternalError, match="broke"):
        run(load_study({**SLOW, "model": "toy.breaking", "inputs": {"x": [13]}}), out=runs)
    with pytest.raises(StudyError, match="None of the 2 tasks"):
        run(load_study({**SLOW, "model": "toy.breaking", "inputs": {"x": [13, 13]}}), out=runs)
    (record,) = [
        json.loads(p.read_text(encoding="utf-8"))
        for p in runs.glob("*/run.json")
        if "13" not in p.name
    ][:1]
    assert record["status"] == "failed"


def test_the_time_budget_stops_and_the_next_run_goes_on(runs: Path) -> None:
    given = {**SLOW, "budget": {"minutes": 0.2 / 60}}
    first = run(load_study(given), out=runs)
    assert first.status == "partial"
    assert 0 < first.computed < 30
    second = run(load_study(SLOW), out=runs)
    assert second.status == "done"
    assert second.computed == 30 - first.computed


def test_progress_says_stage_and_amount(runs: Path) -> None:
    log = Log()
    run(load_study({**SLOW, "inputs": {"x": [1, 2, 3]}}), out=runs, progress=log)
    assert log.seen == [("start", (3, "rows"))] + [("advance", 1)] * 3 + [("finish", None)]


def test_two_runs_never_share_a_folder(runs: Path) -> None:
    ready = plan(load_study(SLOW), out=runs)
    with Folder(ready.folder), pytest.raises(StudyError, match="already running"):
        run(load_study(SLOW), out=runs)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder", encoding="utf-8")
    with pytest.raises(StudyError, match="Cannot write"):
        run(load_study({**SLOW, "inputs": {"x": [1]}}), out=blocked)


def test_what_a_run_leaves_behind(runs: Path) -> None:
    outcome = run(load_study({**SLOW, "inputs": {"x": [1, 2]}}), out=runs)
    names = {path.name for path in outcome.folder.iterdir()}
    assert {
        "study.yaml",
        "run.json",
        "summary.json",
        "rows.parquet",
        "report.html",
        "tasks",
    } <= names
    record = json.loads((outcome.folder / "run.json").read_text(encoding="utf-8"))
    assert record["status"] == "done"
    assert record["versions"]["catena"]
    assert set(record["inputs"]) == {"model", "rows"}
    assert record["rows_key"] == outcome.summary["rows_key"]
    assert (
        load_study(outcome.folder / "study.yaml").to_dict()
        == load_study({**SLOW, "inputs": {"x": [1, 2]}}).to_dict()
    )
    assert list(outcome.table().columns) == ["quantity", "5 %", "50 %", "95 %", "mean"]
