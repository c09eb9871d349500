from __future__ import annotations

import threading

import numpy as np
import pytest
from systems import bolus, one_compartment

T = np.linspace(0, 10, 6)
DOSE = [{"time": 0, "amt": 100, "cmt": "central"}]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 65])
@pytest.mark.parametrize("threads", [1, 2])
def test_any_size_and_number_of_threads(size: int, threads: int) -> None:
    system = SYSTEM.solved_with(threads=threads, chunk=8)
    cl = np.linspace(1, 3, size)
    got = system.predict(cl=cl, time=T, events=DOSE)["conc"]
    want = np.stack([bolus(T, 100, cl=c) for c in cl])
    np.testing.assert_allclose(got, want, rtol=1e-6)


SYSTEM = one_compartment(linear=True)


def test_calls_from_several_threads_agree() -> None:
    results: list[np.ndarray] = []

    def call() -> None:
        results.append(SYSTEM.predict(cl=[1.0, 2.0], time=T, events=DOSE)["conc"])

    workers = [threading.Thread(target=call) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 4
    for result in results[1:]:
        np.testing.assert_array_equal(result, results[0])
