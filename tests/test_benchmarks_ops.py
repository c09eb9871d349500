"""The benchmarks of operations: all there, cells resume, rows say whether a target holds."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.ops.__main__ import NAMES, main
from benchmarks.ops.rows import Row, Store


@pytest.mark.parametrize("name", NAMES)
def test_every_benchmark_is_there(name: str) -> None:
    pytest.importorskip("openpyxl" if name == "hybrid" else "numpy")
    module = importlib.import_module(f"benchmarks.ops.{name}")
    assert list(inspect.signature(module.run).parameters) == ["size", "store"]
    assert module.__doc__


def test_a_stopped_benchmark_goes_on(tmp_path: Path) -> None:
    seen: list[int] = []

    def compute(key: dict[str, int]) -> float:
        if key["seed"] == 2 and len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(key["seed"])
        return key["seed"] / 3

    keys = [{"seed": seed, "version": 1} for seed in range(3)]
    with pytest.raises(KeyboardInterrupt):
        Store("b", tmp_path).cells(keys, compute, "b")
    seen.append(-1)
    assert Store("b", tmp_path).cells(keys, compute, "b") == [0.0, 1 / 3, 2 / 3]
    assert seen == [0, 1, -1, 2]
    Store("b", tmp_path, fresh=True)
    assert list((tmp_path / "b").glob("*.json")) == []


def test_processes_share_cells(tmp_path: Path) -> None:
    command = [sys.executable, "-c", """
import sys, time
from pathlib import Path
from benchmarks.ops.rows import Store
def compute(key):
    time.sleep(0.1)
    with open(Path(sys.argv[1]) / "log", "a") as log:
        log.write(f"{key['seed']}\\n")
    return key["seed"]
keys = [{"seed": seed} for seed in range(8)]
assert Store("b", Path(sys.argv[1])).cells(keys, compute, "b") == list(range(8))
""", str(tmp_path)]  # fmt: skip
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [one.wait() for one in both] == [0, 0]
    assert sorted((tmp_path / "log").read_text().split()) == [str(k) for k in range(8)]
    assert not list((tmp_path / "b").glob("*.lock"))


def test_a_lock_of_an_ended_process_does_not_hold(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    store = Store("b", tmp_path)
    store.cell({"seed": 0}, lambda: 1)
    file = next((tmp_path / "b").glob("*.json"))
    file.unlink()
    file.with_suffix(".lock").write_text(str(ended.pid))
    assert store.cell({"seed": 0}, lambda: 2) == 2


def test_an_unknown_benchmark_is_refused() -> None:
    with pytest.raises(SystemExit):
        main(["sensitivty"])


def test_a_row_is_plain_data() -> None:
    assert Row("a", "1", 1.0, ">= 0", True).to_dict()["holds"] is True
