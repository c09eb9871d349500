"""The operation: measurements in, states and unknowns with intervals out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import InputError
from catena.core.registry import load
from catena.ops.estimate.settings import EstimateSettings
from catena.ops.operation import Operation

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result
    from catena.core.work import Work
    from catena.ops.estimate.estimator import Estimator, Method
    from catena.ops.estimate.samples import Samples


def estimate(
    model: Model | str,
    measurements: pd.DataFrame | Sequence[Mapping[str, Any]],
    *,
    method: Method = "ekf",
    noise: Mapping[str, Any] | None = None,
    delays: Mapping[str, Any] | None = None,
    unknown: Mapping[str, Any] | None = None,
    disturbed: Mapping[str, Any] | None = None,
    process: Mapping[str, Any] | None = None,
    start: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
    window: Any = None,
    lag: Any = None,
    members: int | None = None,
    outlier_gate: bool = True,
    smooth: bool = False,
    accuracy: float = 1e-6,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Estimate the states of a dynamic model from measurements, in the order they became known.

    Args:
        model: An OdeSystem or the id of one.
        measurements: Long (``time, output, value`` and optionally ``sd, known``) or wide table;
            ``known`` is when a value became known, empty cells are missing values.
        method: ``ekf``, ``ukf``, ``enkf``, ``particle`` or ``mhe``.
        noise: Standard deviations by output: ``"0.2 g/L"`` or ``"5 %"``.
        delays: Time from sample to result by output.
        unknown: Parameters to estimate along, with the deviation of their prior.
        disturbed: States with an unknown constant rate, with its deviation.
        process: Noise of states per square root of time; 1 % of their size by default.
        start: First states: a value, or (value, deviation); 10 % by default.
        inputs: Inputs over time: a value, or pairs (time, value) from which each holds.
        given: Values of other parameters and inputs.
        window: Length of the window of ``mhe``; twenty typical sampling times by default.
        lag: How far back a late sample may lie; no limit by default.
        members: Members of an ensemble or number of particles.
        outlier_gate: Whether samples outside 99.9 % of what is expected are left out.
        smooth: Compute the path given all samples too (``ekf``).
        accuracy: Accuracy of the integration, relative to the size of every state.
        key: 64-bit seed.
        work: Shows progress.

    Returns:
        One row per moment: time and every state and unknown as known then, with 90 % intervals.
        Parts: ``innovations``, ``revised`` (after late samples), ``smoothed``.

    Raises:
        InputError: a name, a deviation or the data are wrong.
    """
    from catena.core.work import Work as Worker
    from catena.ops.estimate.report import Followed, reported
    from catena.ops.estimate.samples import samples

    subject = load(model)
    if smooth and method != "ekf":
        raise InputError("Nothing to smooth with", where=f"estimate of {subject.info.id}",
                         why=f"smoothing is for ekf, not {method}", fix='use method="ekf"')  # fmt: skip
    where = f"estimate of {subject.info.id}"
    from catena.numerics.horizon.dynamics import dynamics, system_of

    system = system_of(subject)
    plain = dynamics(subject, held=tuple(inputs or {}), given=given)
    read = samples(measurements, plain.outputs, noise=noise or {}, delays=delays or {},
                   units=plain.units, clock=system.time_unit, where=where)  # fmt: skip
    courses = {name: _course(course, plain.units[name], system.time_unit, where)
               for name, course in (inputs or {}).items()}  # fmt: skip
    follower = estimator(
        subject, read.outputs, width=_typical(read), method=method, unknown=unknown,
        disturbed=disturbed, process=process, start=start, held=courses, given=given, window=window,
        lag=lag, members=members, outlier_gate=outlier_gate, accuracy=accuracy, key=key,
        time=min(0.0, float(read.moments[0])), keep=True,
    )  # fmt: skip
    followed = Followed(follower, read, _follow(follower, read, courses, work or Worker()))
    return reported(subject, followed, smooth=smooth, key=key)


def estimator(
    model: Model | str,
    outputs: Sequence[str],
    *,
    width: float,
    method: Method = "ekf",
    unknown: Mapping[str, Any] | None = None,
    disturbed: Mapping[str, Any] | None = None,
    process: Mapping[str, Any] | None = None,
    start: Mapping[str, Any] | None = None,
    held: Mapping[str, Sequence[tuple[float, float]]] | Sequence[str] = (),
    given: Mapping[str, Any] | None = None,
    window: Any = None,
    lag: Any = None,
    members: int | None = None,
    outlier_gate: bool = True,
    accuracy: float = 1e-6,
    key: int = 0,
    time: float = 0.0,
    keep: bool = False,
) -> Estimator:
    """Return an estimator that takes samples one step at a time (see ``Estimator.step``).

    Args:
        model: An OdeSystem or the id of one.
        outputs: Outputs that are measured.
        width: Typical time between samples.
        method: Filter.
        unknown: Parameters to estimate along.
        disturbed: States with an unknown rate.
        process: Noise of states per square root of time.
        start: First states.
        held: Inputs whose values come with every step, or their courses.
        given: Values of other parameters and inputs.
        window: Length of the window of ``mhe``.
        lag: How far back a late sample may lie.
        members: Members of an ensemble or number of particles.
        outlier_gate: Whether impossible samples are left out.
        accuracy: Accuracy of the integration.
        key: 64-bit seed.
        time: Time of the first belief.
        keep: Keep all moments.

    Raises:
        InputError: a name or value is wrong.
    """
    from catena.ops.estimate.augmented import augmented
    from catena.ops.estimate.estimator import Estimator
    from catena.ops.estimate.samples import plain_time

    subject = load(model)
    courses = held if isinstance(held, Mapping) else {}
    first = np.array([courses[name][0][1] if name in courses else 0.0 for name in held])
    view = augmented(subject, outputs, width=width, held=tuple(held), unknown=unknown,
                     disturbed=disturbed, process=process, start=start, given=given, inputs=first,
                     accuracy=accuracy)  # fmt: skip
    clock = view.dynamics.system.time_unit
    span = plain_time(window, clock) if window is not None else 20 * width
    return Estimator(view, method, lag=np.inf if lag is None else plain_time(lag, clock),
                     outlier_gate=outlier_gate, members=members, window=span, key=key, time=time,
                     inputs=first, keep=keep)  # fmt: skip


def _follow(
    follower: Estimator,
    read: Samples,
    courses: Mapping[str, Sequence[tuple[float, float]]],
    work: Work,
) -> list[Any]:
    """Step through all moments at which something became known or an input changed."""
    changes = [at for course in courses.values() for at, _ in course if at > follower.nodes[0].time]
    moments = np.unique(np.concatenate([read.moments, changes]))
    arrived: dict[float, list[dict[str, Any]]] = {}
    for record in read.records:
        arrived.setdefault(record["known"], []).append(record)
    found = []
    with work.bar(len(moments), "samples") as advance:
        previous = follower.nodes[0].time
        for moment in moments:
            in_force = {name: _at(course, previous) for name, course in courses.items()}
            found.append(
                follower.step(float(moment), arrived.get(float(moment), []), inputs=in_force)
            )
            previous = moment
            advance(1)
    return found


def _at(course: Sequence[tuple[float, float]], time: float) -> float:
    values = [value for at, value in course if at <= time + 1e-12]
    return values[-1] if values else course[0][1]


def _course(wish: Any, unit: str, clock: str, where: str) -> list[tuple[float, float]]:
    from catena.ops.estimate.augmented import parse
    from catena.ops.estimate.samples import converted, plain_time

    pairs = [(0.0, wish)] if isinstance(wish, (int, float, str)) else list(wish)
    course = [(plain_time(at, clock), converted(*parse(value, unit), unit)) for at, value in pairs]
    if not course or any(a[0] >= b[0] for a, b in pairwise(course)):
        raise InputError("Times of an input do not increase", where=where, why=str(pairs)[:80],
                         fix="give pairs (time, value) in order")  # fmt: skip
    return course


def _typical(read: Samples) -> float:
    gaps = np.diff(np.unique([r["time"] for r in read.records]))
    return float(np.median(gaps)) if len(gaps) else 1.0


def run(
    model: Model | None,
    settings: EstimateSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Estimate as a study says."""
    if model is None or data is None:
        raise InputError("Nothing to estimate", where="estimate",
                         why="a model and a data file are needed", fix="name both")  # fmt: skip
    chosen = settings.arguments()
    return estimate(model, data, given=given, key=key, work=work, **chosen)


OPERATION = Operation(
    name="estimate", title="Follow the states of a plant from its measurements",
    settings=EstimateSettings, run=run, needs_data=True,
)  # fmt: skip
