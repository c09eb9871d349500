"""Keeps LAPACK to one thread while many small systems are solved side by side.

JAX hands its LAPACK calls to the OpenBLAS that SciPy ships. That library spreads even a 54 by 54
inverse over its own threads, which spin while they wait; beside the threads that already share
the rows this costs far more than it gives. Measured on two busy cores, 54 states, 192 steps: 570 ms
of processor time per row with OpenBLAS's threads, 33 ms without.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Lock

_lock = Lock()
_users = 0
_before = 1


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit SciPy's OpenBLAS to one thread inside the block, where it can be reached."""
    global _before, _users
    calls = _calls()
    if calls is None:
        yield
        return
    get, put = calls
    with _lock:
        if _users == 0:
            _before = get()
            put(1)
        _users += 1
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                put(_before)


@cache
def _calls() -> tuple[Callable[[], int], Callable[[int], None]] | None:
    """Return OpenBLAS's getter and setter of its number of threads; None for another library."""
    import scipy
    import scipy.linalg  # loads the library

    for path in sorted((Path(scipy.__file__).parents[1] / "scipy.libs").glob("*openblas*")):
        try:
            library = ctypes.CDLL(str(path))
            return (
                library.scipy_openblas_get_num_threads,
                library.scipy_openblas_set_num_threads,
            )
        except (OSError, AttributeError):
            continue
    return None
