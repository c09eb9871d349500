"""Searches that run in step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize

from catena.ops.optimise.together import Together


def _search(start: float) -> Any:
    def run(ask: Any) -> float:
        def value(z: np.ndarray) -> tuple[float, np.ndarray]:
            f, df = ask(z)
            return float(f), df

        return float(minimize(value, [start], jac=True, method="L-BFGS-B").x[0])

    return run


def test_searches_share_batches_and_keep_their_results() -> None:
    sizes: list[int] = []

    def evaluate(points: np.ndarray) -> list[Any]:
        sizes.append(len(points))
        return [((z - 2.0) @ (z - 2.0), 2.0 * (z - 2.0)) for z in points]

    ends = Together(evaluate).run([_search(start) for start in (-5.0, 0.0, 9.0)])
    np.testing.assert_allclose(ends, 2.0, atol=1e-5)
    assert sizes[0] == 3


def test_a_failing_evaluation_ends_all_searches() -> None:
    calls = []

    def evaluate(points: np.ndarray) -> list[Any]:
        calls.append(len(points))
        if len(calls) == 2:
            raise RuntimeError("broken")
        return [(float(z @ z), 2.0 * z) for z in points]

    with pytest.raises(RuntimeError, match="broken"):
        Together(evaluate).run([_search(3.0), _search(-4.0)])
    assert len(calls) == 2


def test_a_failing_search_is_reported() -> None:
    def wrong(ask: Any) -> None:
        ask(np.zeros(1))
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        Together(lambda points: [(0.0, np.zeros(1))] * len(points)).run([wrong, _search(1.0)])
