"""The ODE engine against its peers: speed at equal error, accuracy, real models.

``python -m benchmarks.ode [names]`` prints the tables; every name is a module with
``report(size) -> list[Table]``. Peers that are not installed get a row that says so.
"""

from __future__ import annotations

from benchmarks.timing import Row


def run() -> list[Row]:
    """Return the headline figures for ``python -m benchmarks ode``: the ensemble at rtol 1e-6."""
    from benchmarks.ode.ensemble import headline

    return headline()
