"""Calibrate a PEtab problem: many searches from random starts, and what their ends tell.

Searches run on the scales of the parameter table with the Fisher information as curvature: the
Gauss-Newton method with logarithmic parameters and random starts that Hass et al. 2019
(doi:10.1093/bioinformatics/btz020) found to converge best. They run at a relative tolerance of 1e-6;
the best ends are searched on at 1e-8, so that the noise of the solver decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field as Setting

from catena.core.errors import InputError
from catena.core.identity import content_key
from catena.core.settings import Settings
from catena.core.work import Work
from catena.formats.petab import PetabProblem
from catena.ops.operation import Operation
from catena.ops.petab.target import Array, PetabCalibration, petab_calibration

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result
    from catena.ops.calibrate.multistart import Searches

#: Searches advanced together, and kept together when a run is stopped.
_TOGETHER = 20
#: Of the ends this share, and at least so many, is searched on at tight tolerances for longer.
_SHARE, _LEAST, _LONGER = 0.1, 3, 2


def calibrate_petab(
    source: str | Path | PetabProblem,
    *,
    starts: int = 20,
    candidates: int = 1,
    iterations: int = 300,
    priors: bool = True,
    profiles: Sequence[str] = (),
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Estimate the parameters of a PEtab problem (version 1).

    Args:
        source: Path of the problem's YAML file, or the problem.
        starts: Searches, from random starts between the bounds of the parameter table on their
            scales; nominal values are never a start.
        candidates: Random points drawn per start; searches begin at the most likely of all of them.
        iterations: Most iterations of one search.
        priors: Whether the priors of the parameter table count.
        profiles: Parameters whose intervals come from profile likelihoods instead.
        key: 64-bit seed of the starts.
        work: Cache and progress; finished groups of searches are kept.

    Returns:
        One row per estimated parameter: ``estimate`` on the linear scale with a 90 % interval
        (``lower``, ``upper``) from the Fisher information, cut off at the bounds; whether it is
        ``at_bound`` and whether data determine it. Parts: ``starts`` (waterfall), ``fit``
        (every measurement), ``correlations``, ``profiles``. ``model`` is the SBML model at the estimates.

    Raises:
        DataError: the files do not hold a problem that is supported (what is named).
        InputError: a number is nonsense, or bounds are missing or contradict each other.
        SolverError: no start can be simulated.
    """
    if min(starts, candidates, iterations) < 1:
        raise InputError("Nothing to search", where="calibrate_petab",
                         why=f"starts {starts}, candidates {candidates}, iterations {iterations}",
                         fix="give numbers of 1 and more")  # fmt: skip
    from catena.ops.petab.findings import findings
    from catena.ops.petab.profiles import places_of

    target, work = petab_calibration(source, priors=priors), work or Work()
    places = places_of(target, profiles)
    ends = searched(target, starts, candidates, iterations, key, work)
    return findings(target, ends, candidates, key, places, work)


def searched(
    target: PetabCalibration,
    count: int,
    candidates: int,
    iterations: int,
    key: int,
    work: Work,
) -> Searches:
    """Search from random starts; the best ends are searched on at tight tolerances.

    Args:
        target: The problem.
        count: Number of starts.
        candidates: Random points drawn per start.
        iterations: Most iterations of one search.
        key: Seed.
        work: Cache and progress.

    Raises:
        SolverError: no start can be simulated.
    """
    from catena.numerics.ode import SolverSettings
    from catena.ops.calibrate.multistart import Stops, multistart

    coarse = target.solved_with(SolverSettings(rtol=1e-6, atol=1e-11, max_steps=5_000))
    same = content_key("calibrate_petab", _told(target), count, candidates, iterations, key)
    drawn = work.kept((same, "starts"), lambda: coarse.starts(count, key, candidates))
    stops = Stops(iterations=iterations)
    groups = [
        multistart(coarse, target.bounds, drawn[first : first + _TOGETHER], stops=stops, work=work,
                   key=(same, first), label=f"searches from start {first + 1}")
        for first in range(0, count, _TOGETHER)
    ]  # fmt: skip
    ends = _joined(groups)
    _require_one(target, drawn, ends)
    chosen = ends.order[: max(_LEAST, int(_SHARE * count))]
    best = [row for row in chosen if np.isfinite(ends.value[row])]
    more = multistart(target, target.bounds, ends.theta[best], work=work, label="best ends",
                      stops=Stops(iterations=_LONGER * iterations), key=(same, "on"))  # fmt: skip
    ends = _with(ends, np.array(best), more)
    # Values of all ends at the tight tolerances, so that none leads by the noise of the solver.
    exact = work.kept((same, "values"), lambda: target.value(ends.theta))
    return replace(ends, value=np.where(np.isfinite(ends.value), exact, np.inf))


def _told(target: PetabCalibration) -> str:
    """Return a text that changes with the problem, wherever its files lie."""
    problem = target.problem
    parts: list[Any] = [problem.parameters, problem.conditions, problem.observables]
    text = problem.model.read_text(encoding="utf-8")
    return content_key(repr(parts), repr(problem.measurements), text, target.priors)


def _joined(groups: list[Searches]) -> Searches:
    from catena.ops.calibrate.multistart import Searches

    columns: dict[str, Any] = {}
    for name in groups[0].plain():
        parts = [getattr(group, name) for group in groups]
        lists = isinstance(parts[0], list)
        columns[name] = [x for part in parts for x in part] if lists else np.concatenate(parts)
    return Searches(**columns)


def _with(ends: Searches, rows: Array, more: Searches) -> Searches:
    """Return the ends with some of them replaced by what searching on from them found."""
    columns: dict[str, Any] = {}
    for name in ("theta", "value", "gradient", "converged", "iterations", "evaluations"):
        columns[name] = np.array(getattr(ends, name))
        new = getattr(more, name)
        counted = name in ("iterations", "evaluations")
        columns[name][rows] = columns[name][rows] + new if counted else new
    texts = dict(zip(rows.tolist(), more.status, strict=True))
    status = [texts.get(row, text) for row, text in enumerate(ends.status)]
    return replace(ends, **columns, status=status)


def _require_one(target: PetabCalibration, drawn: Array, ends: Searches) -> None:
    from catena.core.errors import SolverError

    if not np.isfinite(ends.value).any():
        why = next(iter(target.objective.faults(drawn[:1]).values()), "its likelihood is zero")
        raise SolverError("No start can be simulated", where=f"PEtab problem {target.problem.name}",
                          why=f"the first: {why}",
                          fix="ask for more starts, or narrow the bounds")  # fmt: skip


class CalibratePetabSettings(Settings):
    """How a PEtab problem is calibrated.

    Args:
        problem: Path of the problem's YAML file.
        starts: Searches from random starts.
        candidates: Random points drawn per start; the most likely ones become starts.
        iterations: Most iterations of one search.
        priors: Whether the priors of the parameter table count.
        profiles: Parameters whose intervals come from profile likelihoods.
    """

    problem: str
    starts: Annotated[int, Setting(ge=1)] = 20
    candidates: Annotated[int, Setting(ge=1)] = 1
    iterations: Annotated[int, Setting(ge=1)] = 300
    priors: bool = True
    profiles: list[str] = []


def run(
    model: Model | None,
    settings: CalibratePetabSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Calibrate the problem that the settings name; it brings its own model and data.

    Raises:
        InputError: a model, data or fixed inputs are given as well.
    """
    if model is not None or data is not None or given:
        raise InputError("A PEtab problem brings its own model and data", where="calibrate_petab",
                         why="another model, data file or fixed input is given",
                         fix="give the problem alone")  # fmt: skip
    return calibrate_petab(settings.problem, starts=settings.starts, candidates=settings.candidates,
                           iterations=settings.iterations, priors=settings.priors,
                           profiles=settings.profiles, key=key, work=work)  # fmt: skip


OPERATION = Operation(
    name="calibrate_petab",
    title="Calibrate a PEtab problem: model, experiments, data and bounds from its files.",
    settings=CalibratePetabSettings,
    run=run,
    needs_model=False,
)
