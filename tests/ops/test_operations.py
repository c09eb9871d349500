"""Every operation is found by its name, says what it takes, and costs nothing to list."""

from __future__ import annotations

import inspect
import subprocess
import sys

import pytest

from catena import ops
from catena.app.cli.operating import _argument_docs
from catena.core.errors import InputError

HEAVY = ("jax", "torch", "botorch", "gpytorch", "numpyro", "blackjax", "sklearn", "pymoo", "casadi", "sbi", "optax",
         "plotly")  # fmt: skip


@pytest.mark.parametrize("name", ops.names())
def test_an_operation_is_what_its_name_says(name: str) -> None:
    found = ops.find(name)
    assert found.name == name
    assert found.title
    assert ops.summary(name).endswith(".")
    docs = _argument_docs(inspect.getdoc(found.settings) or "")
    assert set(docs) == set(found.settings.model_fields)
    assert found.settings.model_json_schema()["additionalProperties"] is False


def test_an_unknown_operation_is_an_error_with_a_remedy() -> None:
    with pytest.raises(InputError) as caught:
        ops.find("sensitivty")
    assert "sensitivity" in caught.value.fix


def test_finding_operations_imports_nothing_heavy() -> None:
    code = (
        "import sys; from catena import ops\n"
        "for name in ops.names(): ops.find(name)\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"
