"""Solvers of the 30-state ensemble: ours and the peers, all with the same call.

Constructing an engine imports its library, so that an engine that is not installed is found out
by its ``ImportError``. Every engine returns all 30 amounts at all 49 times.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from functools import partial
from tempfile import TemporaryDirectory
from typing import Any, Protocol, final

import numpy as np

from benchmarks.ode import pbpk30
from benchmarks.ode.pbpk30 import NAMES, STATES, TIMES, start

LIMIT = 1_000_000
"""Most steps a peer may take for one patient."""


class Engine(Protocol):
    """A solver of the ensemble; ``native`` says that it has threads of its own."""

    native: bool

    def solve(self, values: np.ndarray, rtol: float, atol: float, threads: int = 1) -> np.ndarray:
        """Return amounts (patients, 49, 30) for parameters (patients, 10)."""
        ...


@final
class Catena:
    """Ours, through the public call with all its checks."""

    native = True

    def __init__(self, method: str = "auto") -> None:
        self.model = pbpk30.system(method=method, max_steps=LIMIT)
        self.diagnostics: dict[str, Any] = {}

    def solve(self, values: np.ndarray, rtol: float, atol: float, threads: int = 1) -> np.ndarray:
        """See ``Engine``."""
        model = self.model.solved_with(rtol=rtol, atol=atol, threads=threads)
        result = model.predict(pbpk30.inputs(values))
        self.diagnostics = result.diagnostics
        return np.asarray(result["amounts"])


@final
class RoadRunner:
    """libroadrunner: SBML compiled by LLVM, CVODE with a dense difference Jacobian."""

    native = False

    def __init__(self) -> None:
        import roadrunner

        from benchmarks.ode.transcribed import sbml

        self.model = roadrunner.RoadRunner(sbml())
        names = list(self.model.model.getGlobalParameterIds())
        self.places = [names.index(f"p_{name}") for name in NAMES]
        self.model.timeCourseSelections = list(STATES)

    def solve(self, values: np.ndarray, rtol: float, atol: float, threads: int = 1) -> np.ndarray:
        """See ``Engine``."""
        chosen = self.model.getIntegrator()
        chosen.relative_tolerance, chosen.absolute_tolerance = rtol, atol
        chosen.maximum_num_steps = LIMIT
        out = np.empty((len(values), len(TIMES), len(STATES)))
        for row, parameters in enumerate(values):
            self.model.reset()
            self.model.model.setGlobalParameterValues(self.places, parameters)
            out[row] = self.model.simulate(TIMES[0], TIMES[-1], len(TIMES))
        return out


@final
class Casadi:
    """CasADi's CVODES on an SX graph: exact sparse Jacobian, sparse direct solver."""

    native = True

    def __init__(self, jit: bool = False) -> None:
        import casadi

        from benchmarks.ode.transcribed import casadi_slopes

        self.casadi = casadi
        y, p, slopes = casadi_slopes()
        self.system = {"x": y, "p": p, "ode": slopes}
        compiler = {"flags": ["-O3", "-march=native"], "cleanup": False}
        self.jit = {"jit": True, "compiler": "shell", "jit_cleanup": False,
                    "jit_options": compiler} if jit else {}  # fmt: skip
        self.built: dict[tuple[float, float], Any] = {}
        self.maps: dict[tuple[float, float, int, int], Any] = {}
        if jit:
            self.integrator(pbpk30.RTOL, pbpk30.ATOL)

    def integrator(self, rtol: float, atol: float) -> Any:
        """Return the integrator of one patient, made once per tolerance."""
        if (rtol, atol) not in self.built:
            options = {"reltol": rtol, "abstol": atol, "max_num_steps": LIMIT, **self.jit}
            with TemporaryDirectory() as folder, chdir(folder):
                self.built[rtol, atol] = self.casadi.integrator(
                    "patients", "cvodes", self.system, 0.0, TIMES[1:], options
                )
        return self.built[rtol, atol]

    def solve(self, values: np.ndarray, rtol: float, atol: float, threads: int = 1) -> np.ndarray:
        """See ``Engine``."""
        count = len(values)
        wanted = (rtol, atol, count, threads)
        if wanted not in self.maps:
            one = self.integrator(rtol, atol)
            self.maps[wanted] = one.map(count, *(("thread", threads) if threads > 1 else ()))
        first = self.casadi.repmat(self.casadi.DM(start()), 1, count)
        end = self.maps[wanted](x0=first, p=values.T)["xf"]
        end = np.asarray(end).T.reshape(count, -1, len(STATES))
        return np.concatenate([np.broadcast_to(start(), (count, 1, len(STATES))), end], axis=1)


@final
class Odeint:
    """SciPy's odeint (LSODA) with a numba right-hand side.

    Args:
        compiled: False leaves the right-hand side to the Python interpreter.
    """

    native = False

    def __init__(self, compiled: bool = True) -> None:
        from benchmarks.ode.transcribed import numba_slopes, python_slopes

        fill = numba_slopes() if compiled else python_slopes()
        self.rhs = partial(_returning, fill)

    def solve(self, values: np.ndarray, rtol: float, atol: float, threads: int = 1) -> np.ndarray:
        """See ``Engine``."""
        from scipy.integrate import odeint

        one = partial(odeint, self.rhs, start(), TIMES, tfirst=True, mxstep=LIMIT)
        return np.array([one(args=(row,), rtol=rtol, atol=atol) for row in values])


def _returning(fill: Callable[[Any, Any, Any], None], t: float, y: Any, p: Any) -> np.ndarray:
    slopes = np.empty(len(STATES))
    fill(y, p, slopes)
    return slopes


@final
class Sundae:
    """CVODE through scikit-sundae with a numba right-hand side and a dense Jacobian."""

    native = False

    def __init__(self) -> None:
        from sksundae.cvode import CVODE

        from benchmarks.ode.transcribed import numba_slopes

        self.cvode, fill = CVODE, numba_slopes()
        self.rhs = lambda t, y, slopes, given: fill(y, given["p"], slopes)

    def solve(self, values: np.ndarray, rtol: float, atol: float, threads: int = 1) -> np.ndarray:
        """See ``Engine``."""
        given: dict[str, np.ndarray] = {"p": values[0]}
        solver = self.cvode(self.rhs, userdata=given, rtol=rtol, atol=atol, max_num_steps=LIMIT)
        out = np.empty((len(values), len(TIMES), len(STATES)))
        for row, given["p"] in enumerate(values):
            out[row] = solver.solve(TIMES, start()).y
        return out


@final
class Diffrax:
    """diffrax's Kvaerno5, one patient after the other in one compiled loop."""

    native = False

    def __init__(self) -> None:
        import diffrax

        from benchmarks.ode.flat_model import flat_slopes

        self.diffrax, self.slopes = diffrax, flat_slopes(pbpk30.system())
        self.built: dict[tuple[float, float], Any] = {}

    def one(self, rtol: float, atol: float, adjoint: Any = None) -> Callable[[Any], Any]:
        """Return the function from parameters (10,) to amounts (49, 30) of one patient."""
        d = self.diffrax
        term = d.ODETerm(lambda t, y, p: self.slopes(t, y, p))
        options = {"adjoint": adjoint} if adjoint is not None else {}

        def amounts(parameters: Any) -> Any:
            return d.diffeqsolve(
                term, d.Kvaerno5(), 0.0, TIMES[-1], None, start(), parameters,
                saveat=d.SaveAt(ts=TIMES), max_steps=100_000,
                stepsize_controller=d.PIDController(rtol=rtol, atol=atol), **options,
            ).ys  # fmt: skip

        return amounts

    def solve(self, values: np.ndarray, rtol: float, atol: float, threads: int = 1) -> np.ndarray:
        """See ``Engine``."""
        import jax

        if (rtol, atol) not in self.built:
            one = self.one(rtol, atol)
            self.built[rtol, atol] = jax.jit(lambda rows: jax.lax.map(one, rows))
        return np.asarray(self.built[rtol, atol](values))


OURS = "Catena"
#: How to build every engine, ours first.
ENGINES: dict[str, Callable[[], Engine]] = {
    OURS: Catena,
    "libroadrunner": RoadRunner,
    "CasADi CVODES": Casadi,
    "CasADi CVODES, gcc": partial(Casadi, jit=True),
    "scipy odeint, numba": Odeint,
    "scikit-sundae CVODE, numba": Sundae,
    "diffrax Kvaerno5": Diffrax,
}


def build(name: str) -> Engine | str:
    """Return the engine, or why it cannot be had."""
    try:
        return ENGINES[name]()
    except ImportError as error:
        return f"not installed ({error.name or error})"
    except RuntimeError as error:
        # CasADi finds out at run time that there is no C compiler.
        return f"not usable ({str(error).splitlines()[-1][:60]})"


@contextmanager
def spread(
    name: str, engine: Engine, workers: int
) -> Iterator[Callable[[np.ndarray, float, float], np.ndarray]]:
    """Yield a solve call on several cores: threads where there are any, else processes.

    Processes are started and hold their compiled model before the first call.
    """
    if engine.native:
        yield partial(engine.solve, threads=workers)
        return
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _prepare, (name,)) as pool:

        def solve(values: np.ndarray, rtol: float, atol: float) -> np.ndarray:
            parts = np.array_split(values, workers)
            return np.concatenate(pool.starmap(_part, [(part, rtol, atol) for part in parts], 1))

        yield solve


_worker: dict[str, Engine] = {}


def _prepare(name: str) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _worker["engine"] = ENGINES[name]()


def _part(values: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    return _worker["engine"].solve(values, rtol, atol)
