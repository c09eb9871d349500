"""Systems of 1e3 to 6e4 states: work and precision of the large back end and of its rivals.

Error: largest ``|y - reference| / (|reference| + 0.01)`` over the states at the end. All engines
call the same compiled right-hand side; Catena and CVODE's sparse solver the same Jacobian.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any, final

import numpy as np

from benchmarks.ode.large_problems import Problem, brusselator, column, crystalliser, network
from benchmarks.ode.records import Table
from catena.numerics.ode.flat import Flat
from catena.numerics.ode.kernel.calls import Call, Seeds
from catena.numerics.ode.kernel.tableau import RODAS4, RODAS5P
from catena.numerics.ode.large import LargeKernel

TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
#: Systems beyond this many states do without the tightest two.
QUICK_STATES = 20_000
#: Errors at which engines are compared, by interpolation between their runs.
MATCHED = (1e-4, 1e-5)
#: SciPy's solvers refactorise with a general sparse solver; larger systems take minutes.
SCIPY_STATES = 5000
NOTHING = np.zeros(0)
#: Solves a problem at (rtol, atol); returns the last state and a count of its work.
Engine = Callable[[float, float], tuple[np.ndarray, str]]


@final
@dataclass(frozen=True)
class Point:
    """One engine at one tolerance: seconds (wall and processor, best run), error, work."""

    rtol: float
    wall: float
    cpu: float
    error: float
    work: str


def report(size: str = "full") -> list[Table]:
    """Measure every engine on every problem.

    Args:
        size: "small" takes one small problem of each kind at two tolerances.
    """
    small = size == "small"
    problems = (
        [column(100), crystalliser(100), brusselator(100), network(100, 150)]
        if small
        else [column(1000), column(10_000, 3, end=0.5), crystalliser(1000), crystalliser(10_000),
              brusselator(5000), network(2000, 3000)]
    )  # fmt: skip
    structure, matched, tables = [], [], []
    for problem in problems:
        start = time.perf_counter()
        kernel = LargeKernel.build(flat_of(problem))
        structure.append(
            {"problem": problem.name, **kernel.facts(), "build s": time.perf_counter() - start}
        )
        tolerances: tuple[float, ...] = TOLERANCES[1:3] if small else TOLERANCES
        if problem.start.size > QUICK_STATES:
            tolerances = tolerances[:3]
        reference, doubt = reference_of(problem, kernel, tolerances[-1] * 1e-2)
        points = {
            name: [measure(engine, rtol, reference) for rtol in tolerances]
            for name, engine in engines(problem, kernel).items()
        }
        records = [
            {"engine": name, "rtol": p.rtol, "error": p.error, "wall s": p.wall, "cpu s": p.cpu,
             "work": p.work}
            for name, line in points.items() for p in line
        ]  # fmt: skip
        note = f"two references (Catena, CVODE) differ by {doubt:.1e}"
        tables.append(Table(f"{problem.name}, {problem.start.size} states", records, [note]))
        matched += [at_error(problem.name, error, points) for error in MATCHED]
    return [
        Table("structure found", structure),
        Table("processor seconds at equal error", matched),
        *tables,
        directions_table(problems[0]),
    ]


def flat_of(problem: Problem) -> Flat:
    """Return a problem as the large back end takes it; p multiplies the right-hand side."""

    def rhs(t: Any, y: Any, p: Any, s: Any) -> Any:
        return p[0] * problem.rhs(t, y, p, s)

    return Flat(n=problem.start.size, np=1, ns=0, no=1, rhs=rhs,
                outputs=lambda t, y, p, s: y.sum()[None], initial=lambda p: problem.start)  # fmt: skip


def call_of(problem: Problem) -> Call:
    """Return the call of one row to the end of the problem."""
    return Call(rows=1, p=np.ones((1, 1)), times=np.array([[problem.end]]), start=np.zeros(1),
                slot_time=np.zeros((1, 0)), slot_action=np.zeros((1, 1), np.int64),
                slot_amount=np.zeros((1, 1)), segment=np.zeros((1, 1, 0)))  # fmt: skip


# Engines ---------------------------------------------------------------------------------------


def engines(problem: Problem, kernel: LargeKernel) -> dict[str, Engine]:
    """Return the engines that can solve a problem here."""
    rodas4 = LargeKernel.__new__(LargeKernel)
    rodas4.functions, rodas4.method = kernel.functions, RODAS4
    found: dict[str, Engine] = {
        "catena rodas5p": partial(solve_catena, problem, kernel),
        "catena rodas4": partial(solve_catena, problem, rodas4),
    }
    if find_spec("sksundae") is not None:
        kind = cvode_matrix(kernel)
        found[f"CVODE {kind}"] = partial(solve_cvode, problem, kernel, kind)
    if problem.start.size <= SCIPY_STATES and kernel.functions.jacobian.solver == "band":
        for method in ("BDF", "Radau"):
            found[f"scipy {method}"] = partial(solve_scipy, problem, kernel, method)
    return found


def cvode_matrix(kernel: LargeKernel) -> str:
    """Return CVODE's faster linear solver: band, except where a border or wide band forbids it."""
    jacobian = kernel.functions.jacobian
    return "band" if jacobian.solver == "band" and not jacobian.border.size else "sparse"


def solve_catena(
    problem: Problem, kernel: LargeKernel, rtol: float, atol: float
) -> tuple[np.ndarray, str]:
    """Solve with the large back end."""
    found = kernel.run(call_of(problem), rtol, np.asarray(atol), 200_000, threads=1)
    if found.code[0]:
        return np.full(problem.start.size, np.nan), f"code {found.code[0]}"
    return found.state[0], f"{found.steps[0]:.0f} steps, {found.refused[0]:.0f} refused"


def solve_cvode(
    problem: Problem, kernel: LargeKernel, kind: str, rtol: float, atol: float
) -> tuple[np.ndarray, str]:
    """Solve with CVODE through scikit-sundae, band (differences) or sparse (our Jacobian)."""
    import sksundae
    from scipy import sparse

    functions, one = kernel.functions, np.ones(1)
    jacobian = functions.jacobian
    options: dict[str, Any] = {}
    if kind == "band":
        row, column_ = jacobian.pattern.nonzero()
        options = {"lband": int((row - column_).max()), "uband": int((column_ - row).max())}
    else:
        pattern = sparse.csr_array(jacobian.pattern, dtype=np.int64, copy=True)
        pattern.data = np.arange(pattern.nnz)
        by_column = sparse.csc_matrix(pattern)
        # scikit-sundae wants 32-bit indices, and no explicit zero.
        place, ones = by_column.data, np.ones(pattern.nnz)
        options["sparsity"] = sparse.csc_matrix(
            (ones, by_column.indices.astype(np.int32), by_column.indptr.astype(np.int32)),
            shape=pattern.shape,
        )

        def fill(t: float, y: np.ndarray, _: np.ndarray, values: np.ndarray) -> None:
            found = jacobian.evaluate(t, np.array(y), one, NOTHING)
            values[:] = jacobian.entries(found)[place]

        options["jacfn"] = fill

    def rhs(t: float, y: np.ndarray, slope: np.ndarray) -> None:
        slope[:] = functions.rhs(t, y, one, NOTHING)

    with warnings.catch_warnings():
        # It says that our Jacobian replaces its own differences, which is the point.
        warnings.simplefilter("ignore", UserWarning)
        solver = sksundae.cvode.CVODE(
            rhs, rtol=rtol, atol=atol, linsolver=kind, max_num_steps=10**6, **options
        )
    found = solver.solve([0.0, problem.end], problem.start)
    return found.y[-1], f"{found.nfev} rhs, {found.njev} Jacobians"


def solve_scipy(
    problem: Problem, kernel: LargeKernel, method: str, rtol: float, atol: float
) -> tuple[np.ndarray, str]:
    """Solve with SciPy, which takes differences by the sparsity we found."""
    from scipy.integrate import solve_ivp

    functions, one = kernel.functions, np.ones(1)
    found = solve_ivp(
        lambda t, y: functions.rhs(t, y, one, NOTHING), (0.0, problem.end), problem.start,
        method=method, rtol=rtol, atol=atol, jac_sparsity=functions.jacobian.pattern,
        t_eval=[problem.end],
    )  # fmt: skip
    return found.y[:, -1], f"{found.nfev} rhs, {found.nlu} factorisations"


# Measurement -----------------------------------------------------------------------------------


def reference_of(problem: Problem, kernel: LargeKernel, rtol: float) -> tuple[np.ndarray, float]:
    """Return the reference, and how far CVODE's is from it (NaN without CVODE)."""
    reference, _ = solve_catena(problem, kernel, rtol, rtol * 1e-2)
    if find_spec("sksundae") is None:
        return reference, np.nan
    other, _ = solve_cvode(problem, kernel, cvode_matrix(kernel), rtol, rtol * 1e-2)
    return reference, error_of(other, reference)


def error_of(state: np.ndarray, reference: np.ndarray) -> float:
    """Return the error defined above."""
    return float((np.abs(state - reference) / (np.abs(reference) + 0.01)).max())


def measure(engine: Engine, rtol: float, reference: np.ndarray) -> Point:
    """Run an engine, again where that is quick, and keep the least disturbed run."""
    wall, cpu = [], []
    for _ in range(3):
        start, used = time.perf_counter(), time.process_time()
        state, work = engine(rtol, rtol * 1e-2)
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
        if sum(wall) > 3.0:
            break
    return Point(rtol, min(wall), min(cpu), error_of(state, reference), work)


def at_error(problem: str, error: float, points: dict[str, list[Point]]) -> dict[str, Any]:
    """Return each engine's processor seconds at one error, interpolated on double logarithms."""
    record: dict[str, Any] = {"problem": problem, "error": error}
    for name, line in points.items():
        errors, seconds = _frontier(line)
        inside = errors.size > 1 and errors[0] <= error <= errors[-1]
        record[name] = (
            float(np.exp(np.interp(np.log(error), np.log(errors), np.log(seconds))))
            if inside
            else "-"
        )
    return record


def _frontier(line: list[Point]) -> tuple[np.ndarray, np.ndarray]:
    """Return errors, rising, and seconds of the runs that no other run beats in both."""
    good = [p for p in line if np.isfinite(p.error)]
    best = [p for p in good if not any(q.error < p.error and q.cpu < p.cpu for q in good)]
    best.sort(key=lambda p: p.error)
    return np.array([p.error for p in best]), np.array([p.cpu for p in best])


def directions_table(problem: Problem) -> Table:
    """Measure what derivatives cost beside the solution alone."""
    kernel, call = LargeKernel.build(flat_of(problem), RODAS5P), call_of(problem)
    atol = np.asarray(1e-8)

    def seconds(run: Callable[[], Any]) -> float:
        run()
        start = time.process_time()
        run()
        return time.process_time() - start

    plain = seconds(lambda: kernel.run(call, 1e-6, atol, 10_000, threads=1))
    records = []
    for count in (1, 8, 64):
        seeds = Seeds(count, p=np.ones((1, count, 1)))
        cost = seconds(partial(kernel.run_tangents, call, seeds, 1e-6, atol, 10_000, threads=1))
        records.append(
            {"directions": count, "cpu s": cost, "without": plain,
             "per direction / solution": (cost - plain) / count / plain}
        )  # fmt: skip
    return Table(f"exact derivatives, {problem.name}, rtol 1e-6", records)
