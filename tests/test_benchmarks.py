"""The benchmarks run; what they measure is printed by ``make bench`` and asserted nowhere."""

from __future__ import annotations

import importlib

import pytest

from benchmarks.__main__ import NAMES
from benchmarks.chain import three_noops
from benchmarks.main_job import STUDY
from benchmarks.timing import COMMAND, process_times, row


@pytest.mark.parametrize("name", NAMES)
def test_every_named_benchmark_exists(name: str) -> None:
    assert callable(importlib.import_module(f"benchmarks.{name}").run)


def test_whole_commands_are_timed() -> None:
    assert STUDY.is_file()
    figure = row("catena --help", process_times([str(COMMAND), "--help"], repeats=1), "<= 0.5 s")
    assert figure.cells()[-1] == "<= 0.5 s"


def test_the_chain_is_timed_beside_a_peer() -> None:
    assert three_noops(2).value > 0
    assert row("x", [2.0], peer="y", peer_seconds=[1.0]).cells()[4] == "2"
