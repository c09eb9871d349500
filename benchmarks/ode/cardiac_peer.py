"""The heart cells in Myokit, which compiles C code around CVODES (Clerx et al. 2016)."""

from __future__ import annotations

import logging
import lzma
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import myokit
import myokit.formats
import numpy as np


def imported(path: Path) -> Any:
    """Return Myokit's reading of a compressed CellML file."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "model.cellml"
        plain.write_bytes(lzma.decompress(path.read_bytes()))
        return myokit.formats.importer("cellml").model(str(plain))


def derivatives(path: Path) -> dict[str, float]:
    """Return the derivatives at the file's initial values by full name of the state."""
    model = imported(path)
    values = model.evaluate_derivatives(ignore_errors=True)
    return dict(zip((state.qname() for state in model.states()), values, strict=True))


class MyokitCell:
    """A cell paced by Myokit.

    Args:
        path: The CellML file.
        stimulus: Variable of the stimulus current.
        pulse: Its start, period, duration and amplitude.
        start: Initial value by full name of the state.
        outputs: Variables recorded.

    Attributes:
        built: Seconds to write, compile and load the C code.
    """

    def __init__(
        self,
        path: Path,
        stimulus: str,
        pulse: Mapping[str, float],
        start: Mapping[str, float],
        outputs: tuple[str, ...],
    ) -> None:
        model = imported(path)
        pace = model.get(stimulus).parent().add_variable("pace_by_protocol")
        pace.set_rhs(0)
        pace.set_binding("pace")
        model.get(stimulus).set_rhs(f"{pace.qname()} * ({pulse['amplitude']!r})")
        protocol = myokit.pacing.blocktrain(pulse["period"], pulse["duration"], pulse["start"])
        states = [state.qname() for state in model.states()]
        self._simulation, self.built = _compiled(model, protocol)
        self._start = [start[name] for name in states]
        self._outputs = outputs

    def run(
        self,
        constants: Mapping[str, float],
        beats: int,
        times: np.ndarray,
        rtol: float,
        atol: float,
    ) -> np.ndarray:
        """Return outputs (times, outputs) on the last of ``beats`` beats.

        Args:
            constants: Values by full name.
            beats: Beats in all.
            times: Times within the last beat, evenly spaced from zero.
            rtol: Relative tolerance.
            atol: Absolute tolerance.
        """
        simulation = self._simulation
        simulation.set_tolerance(abs_tol=atol, rel_tol=rtol)
        simulation.reset()
        simulation.set_state(self._start)
        for name, value in constants.items():
            simulation.set_constant(name, value)
        step = times[1] - times[0]
        period = float(len(times) * step)
        log = simulation.run(
            beats * period, log=list(self._outputs),
            log_times=(beats - 1) * period + times,
        )  # fmt: skip
        return np.array([log[name] for name in self._outputs]).T


def _compiled(model: Any, protocol: Any) -> tuple[Any, float]:
    """Return a simulation and the seconds it took to compile."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    begun = time.perf_counter()
    simulation = myokit.Simulation(model, protocol)
    seconds = time.perf_counter() - begun
    # The compiler's set-up leaves a logger behind that writes to a closed stream.
    root.handlers[:] = handlers
    root.setLevel(level)
    return simulation, seconds
