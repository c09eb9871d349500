"""Every registered model passes the contract suite, and loads and computes in a fresh process."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from catena.core import registry
from catena.core.contract import check_model

IDS = sorted(registry.own_targets())
#: A variant shares the code of its topic; what it adds is a declaration and another right-hand side.
VARIANT_CHECKS = (
    "C01",
    "C02",
    "C03",
    "C04",
    "C05",
    "C08",
    "C09",
    "C10",
    "C11",
    "C13",
    "C15",
    "C29",
)

WORKER = """
import json, sys
from catena.core.registry import load
print(json.dumps({name: load(name).key for name in sys.argv[1:]}))
"""


@pytest.mark.parametrize("model_id", IDS)
def test_contract(model_id: str) -> None:
    topic = ".".join(model_id.split(".")[:2])
    variant = model_id != topic and topic in IDS and registry.load(model_id).capabilities.dynamic
    check_model(model_id, quick=True, only=VARIANT_CHECKS if variant else None).require()


def test_keys_are_the_same_in_another_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, *IDS], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout.splitlines()[-1]) == {
        name: registry.load(name).key for name in IDS
    }
