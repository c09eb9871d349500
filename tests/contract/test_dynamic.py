"""Every registered dynamic model runs on the kernel, and both engines agree."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from catena.core import registry
from catena.numerics.ode import OdeSystem

DYNAMIC = [
    name
    for name in sorted(registry.own_targets())
    if isinstance(registry.load(name), OdeSystem)  # chains are dynamic through these
]
#: Models the kernel cannot run, with the primitive that prevents it.
PREVENTED: dict[str, str] = {}


def solve(system: OdeSystem, method: str) -> Any:
    inputs = system.example_inputs()  # type: ignore[attr-defined]
    return system.solved_with(method=method).predict({**inputs, "time": inputs["time"][:4]})


@pytest.mark.parametrize("name", DYNAMIC)
def test_runs_on_the_kernel(name: str) -> None:
    system = registry.load(name)
    assert isinstance(system, OdeSystem)
    if name in PREVENTED:
        result = solve(system, "auto")
        assert PREVENTED[name] in result.diagnostics["fallback"]
    else:
        assert solve(system, "kernel").diagnostics["backend"] == "kernel"


@pytest.mark.parametrize("name", [n for n in DYNAMIC if n not in PREVENTED])
def test_kernel_and_diffrax_agree(name: str) -> None:
    system = registry.load(name)
    assert isinstance(system, OdeSystem)
    kernel, other = (solve(system, method) for method in ("kernel", "rodas4"))
    rtol = system.settings.rtol
    for output in system.outputs.names:
        scale = np.abs(other[output]).max()
        assert np.abs(kernel[output] - other[output]).max() <= 10 * rtol * scale, output
