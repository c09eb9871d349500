"""What a predictive controller is asked to do, made ready for the solver."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.ops.control.expression import Formula, formula
from catena.ops.control.limits import Limit, interval, limits, quantity

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.numerics.horizon.dynamics import Dynamics
    from catena.numerics.horizon.shooting import Horizon
    from catena.numerics.horizon.stepping import Stepping

#: Accuracy of a prediction over the horizon, relative to the size of every state.
PREDICTION = 1e-3


@final
@dataclass(frozen=True, eq=False)
class Problem:
    """A control problem: see ``problem`` for how it is stated.

    Args:
        dynamics: The plant as a function of decided inputs and loose values.
        horizon: The optimal control problem.
        stepping: How an interval is integrated.
        tracked: Names that follow a set point, in the order of the reference.
        targets: Set points: one number, or pairs (time, number) from which each holds.
        limits: What is kept over the horizon.
        scenarios: Loose values of every scenario (S, nq).
        weights: Weights of the scenarios.
        start: State at time zero.
        before: Inputs in force at time zero.
        hessian: Curvature used.
    """

    dynamics: Dynamics
    horizon: Horizon
    stepping: Stepping
    tracked: tuple[str, ...]
    targets: tuple[tuple[tuple[float, float], ...], ...]
    limits: tuple[Limit, ...]
    scenarios: np.ndarray
    weights: np.ndarray
    start: np.ndarray
    before: np.ndarray

    @property
    def width(self) -> float:
        """Sampling interval in the time unit of the model."""
        return self.horizon.width

    def reference(self, t: float) -> np.ndarray:
        """Return the set points (N + 1, nr) at the nodes of a horizon that starts at ``t``."""
        return self.wanted(t + self.width * np.arange(self.horizon.count + 1))

    def wanted(self, times: np.ndarray) -> np.ndarray:
        """Return the set points (m, nr) at times (m,)."""
        columns = []
        for steps in self.targets:
            since = np.array([at for at, _ in steps])
            # A set point holds from its own moment on, whatever rounding did to the clock.
            place = np.searchsorted(since, times + 1e-9 * (1 + np.abs(times)), side="right") - 1
            columns.append(np.array([value for _, value in steps])[np.maximum(place, 0)])
        return np.stack(columns, axis=1) if columns else np.zeros((len(times), 0))

    def values(self, t: Any, x: Any, u: Any, q: Any) -> dict[str, Any]:
        """Return everything formulas may name, at one moment."""
        return named(self.dynamics, t, x, u, q)


def named(dynamics: Dynamics, t: Any, x: Any, u: Any, q: Any) -> dict[str, Any]:
    """Return states, inputs, loose values and outputs by name; outputs win over states."""
    looked = dynamics.look(t, x, u, q)
    out = {name: q[k] for k, name in enumerate(dynamics.loose)}
    out |= {name: x[k] for k, name in enumerate(dynamics.states)}
    out |= {name: u[k] for k, name in enumerate(dynamics.inputs)}
    return out | {name: looked[k] for k, name in enumerate(dynamics.outputs)}


def problem(
    model: Model,
    inputs: Mapping[str, Any],
    *,
    interval_: Any,
    horizon: int = 20,
    track: Mapping[str, Any] | None = None,
    weights: Mapping[str, float] | None = None,
    minimise: str | None = None,
    minimise_end: str | None = None,
    limited: Sequence[str] = (),
    margins: Mapping[str, Any] | None = None,
    soft: Sequence[str] = (),
    impulses: Mapping[str, Any] | None = None,
    moves: Mapping[str, float] | None = None,
    rates: Mapping[str, Any] | None = None,
    blocks: Sequence[int] | None = None,
    scenarios: Mapping[str, Sequence[float]] | None = None,
    branching: int = 1,
    disturbed: Sequence[str] = (),
    loose: Sequence[str] = (),
    before: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
    start: Mapping[str, Any] | None = None,
    shooting: Literal["multiple", "single"] = "multiple",
    hessian: Literal["auto", "exact", "gauss-newton"] = "auto",
    stepping: Stepping | None = None,
) -> Problem:
    """State a control problem over a dynamic model.

    Args:
        model: An OdeSystem.
        inputs: Decided inputs (forcing or parameters) with their ranges, ``{"feed": "0..1 L/h"}``.
        interval_: Sampling interval, e.g. ``"5 min"``.
        horizon: Number of intervals looked ahead.
        track: Set points by output or state: a quantity, or pairs (time, quantity).
        weights: Weights of the squared relative deviations from the set points.
        minimise: Economic cost per time, a formula over states, outputs, inputs; integrated.
        minimise_end: Economic cost of the state at the end of the horizon.
        limited: Limits such as ``"t_r <= 140 degC"``, kept at the end of every interval.
        margins: How far inside a limit the plan stays, by what is limited.
        soft: Limits that may be broken at a cost; the others may not.
        impulses: Doses or actions given at once at the start of intervals, with ranges.
        moves: Weights of squared changes of inputs, relative to their range.
        rates: Largest change of an input from one interval to the next.
        blocks: Lengths of the blocks in which inputs are held; they add up to the horizon.
        scenarios: Values of uncertain parameters as factors of the nominal one; all combinations
            are planned for at once, sharing the inputs of the first ``branching`` intervals
            (S. Lucia, T. Finkler, S. Engell, J. Process Control 23 (2013) 1306,
            doi:10.1016/j.jprocont.2013.08.008).
        branching: Intervals the scenarios share.
        disturbed: States with an unknown constant rate, for offset-free control.
        loose: Further parameters that an estimator may update.
        before: Inputs in force at the start; the middle of the range by default.
        given: Values of other parameters and inputs.
        start: Initial values of states, where they are not the declared ones.
        shooting: ``multiple`` or ``single``.
        hessian: ``auto`` takes the exact one for economic costs, Gauss-Newton for set points.
        stepping: Integration of an interval; found by trial when left out.

    Raises:
        InputError: a name, range or formula is wrong.
        Infeasible: limits contradict each other.
    """
    from catena.numerics.horizon.dynamics import dynamics, system_of
    from catena.numerics.horizon.shooting import Horizon
    from catena.numerics.horizon.stepping import chosen

    where = f"control of {model.info.id}"
    system = system_of(model)
    if not inputs and not impulses:
        raise InputError("Nothing to decide", where=where, why="no input is named",
                         fix='say inputs={"feed": "0..1 L/h"}')  # fmt: skip
    if not track and minimise is None and minimise_end is None:
        raise InputError("No aim", where=where, why="there is neither a set point nor a cost",
                         fix='say track={"c": "0.6 mol/L"} or minimise="..."')  # fmt: skip
    width = quantity(interval_, system.time_unit, where)
    if width <= 0 or horizon < 1:
        raise InputError("No horizon", where=where, why=f"{horizon} intervals of {width:g}",
                         fix="give a positive interval and at least one of them")  # fmt: skip
    uncertain = tuple(scenarios or {})
    system_q = dynamics(model, held=tuple(inputs), impulses=tuple(impulses or {}),
                        loose=(*uncertain, *(n for n in loose if n not in uncertain)),
                        disturbed=disturbed, given=given)  # fmt: skip
    ends = [interval(text, system_q.units[name], f"{where}, {name}")
            for name, text in {**inputs, **(impulses or {})}.items()]  # fmt: skip
    low, high = (np.array(side) for side in zip(*ends, strict=True))
    x0 = started(system_q, start, where)
    u0 = _before(system_q, before or {}, low, high, where)
    trials = np.stack([u0, low, high])
    walk = stepping or chosen(system_q, x0, trials, system_q.nominal, width,
                              accuracy=PREDICTION, intervals=min(horizon, 20))  # fmt: skip
    names = tuple(named(system_q, 0.0, x0, u0, system_q.nominal))
    sizes = {
        name: abs(float(value))
        for name, value in named(system_q, 0.0, x0, u0, system_q.nominal).items()
    }
    tracked, targets = _targets(system_q, track or {}, where)
    rows = limits(
        limited, names, system_q.units, sizes, margins=margins or {}, soft=soft, where=where
    )
    stage, end = _costs(system_q, tracked, _scales(tracked, targets, sizes), weights or {}, width,
                        minimise and formula(minimise, names, where),
                        minimise_end and formula(minimise_end, names, where), where)  # fmt: skip
    branches = _branches(system_q, scenarios or {}, where)
    maps = _maps(len(branches), horizon, len(low), blocks, branching, where)
    economic = minimise is not None or minimise_end is not None
    shape = Horizon(
        flow=_flow(system_q, walk, width), stage=stage, end=end, rows=_rows(system_q, rows),
        width=width, maps=maps, low=low, high=high,
        moves=_by_input(system_q, rates or {}, np.inf, where),
        move_weights=_by_input(system_q, moves or {}, 0.0, where, plain=True),
        scale=np.maximum(np.abs(x0), 1e-3 * max(1.0, float(np.abs(x0).max()))),
        hessian=hessian if hessian != "auto" else "exact" if economic else "gauss-newton",
        shooting=shooting,
    )  # fmt: skip
    return Problem(system_q, shape, walk, tracked, targets, rows, branches,
                   np.full(len(branches), 1 / len(branches)), x0, u0)  # fmt: skip


def started(dynamics: Dynamics, start: Mapping[str, Any] | None, where: str) -> np.ndarray:
    """Return the initial state with given values put in.

    Raises:
        InputError: a name is no state.
    """
    x = dynamics.started()
    for name, value in (start or {}).items():
        if name not in dynamics.states:
            raise InputError(f"No state {name!r}", where=where,
                             why=f"the states are {', '.join(dynamics.states[:12])}",
                             fix=did_you_mean(name, dynamics.states, "name a state"))  # fmt: skip
        x[dynamics.states.index(name)] = quantity(value, dynamics.units[name], where)
    return x


def _before(
    dynamics: Dynamics, given: Mapping[str, Any], low: np.ndarray, high: np.ndarray, where: str
) -> np.ndarray:
    u = np.where(np.arange(len(low)) < len(dynamics.held), (low + high) / 2, low)
    for name, value in given.items():
        place = _place(dynamics, name, where)
        u[place] = quantity(value, dynamics.units[name], where)
        if not low[place] <= u[place] <= high[place]:
            raise InputError(f"{name!r} starts outside its range", where=where,
                             why=f"{u[place]:g} is not in {low[place]:g}..{high[place]:g}",
                             fix="change the range or the start")  # fmt: skip
    return u


def _place(dynamics: Dynamics, name: str, where: str) -> int:
    if name not in dynamics.inputs:
        raise InputError(f"{name!r} is not decided on", where=where,
                         why=f"decided are {', '.join(dynamics.inputs)}",
                         fix=did_you_mean(name, dynamics.inputs, "use one of these"))  # fmt: skip
    return dynamics.inputs.index(name)


def _by_input(
    dynamics: Dynamics, given: Mapping[str, Any], default: float, where: str, plain: bool = False
) -> np.ndarray:
    out = np.full(len(dynamics.inputs), default)
    for name, value in given.items():
        unit = "" if plain else dynamics.units[dynamics.inputs[_place(dynamics, name, where)]]
        out[_place(dynamics, name, where)] = quantity(value, unit, f"{where}, {name}")
        if out[_place(dynamics, name, where)] < 0:
            raise InputError(f"A negative number for {name!r}", where=where,
                             why=f"got {value}", fix="give zero or more")  # fmt: skip
    return out


def _targets(
    dynamics: Dynamics, track: Mapping[str, Any], where: str
) -> tuple[tuple[str, ...], tuple[tuple[tuple[float, float], ...], ...]]:
    known = (*dynamics.outputs, *dynamics.states)
    found = []
    for name, wish in track.items():
        if name not in known:
            raise InputError(f"{name!r} cannot follow a set point", where=where,
                             why=f"states and outputs are {', '.join(known[:12])}",
                             fix=did_you_mean(name, known, "use one of these"))  # fmt: skip
        unit, clock = dynamics.units[name], dynamics.system.time_unit
        single = isinstance(wish, (int, float, str))
        steps = [(0.0, wish)] if single else list(wish)
        pairs = tuple((quantity(t, clock, where), quantity(v, unit, where)) for t, v in steps)
        if not pairs or any(a[0] >= b[0] for a, b in pairwise(pairs)):
            raise InputError(f"Bad set points of {name!r}", where=where,
                             why="times must increase", fix="give pairs (time, value)")  # fmt: skip
        found.append(pairs)
    return tuple(track), tuple(found)


def _scales(
    tracked: Sequence[str],
    targets: Sequence[Sequence[tuple[float, float]]],
    sizes: Mapping[str, float],
) -> np.ndarray:
    return np.array([max([abs(v) for _, v in steps] + [sizes[name], 1e-9])
                     for name, steps in zip(tracked, targets, strict=True)])  # fmt: skip


def _costs(
    dynamics: Dynamics, tracked: Sequence[str], scales: np.ndarray, weights: Mapping[str, float],
    width: float, running: Formula | str | None, final_: Formula | str | None, where: str,
) -> tuple[Any, Any]:  # fmt: skip
    """Return the cost of an interval and that of the end of the horizon."""
    for name in weights:
        if name not in tracked:
            raise InputError(f"A weight for {name!r}, which follows no set point", where=where,
                             why=f"set points are for {', '.join(tracked) or 'none'}",
                             fix="track it or leave the weight out")  # fmt: skip
    w = (
        np.array([float(weights.get(name, 1.0)) for name in tracked])
        / np.maximum(scales, 1e-9) ** 2
    )
    idle = np.zeros(len(dynamics.inputs))

    def deviation(values: Mapping[str, Any], r: Any) -> Any:
        return sum((w[k] * (values[name] - r[k]) ** 2 for k, name in enumerate(tracked)), 0.0)

    def stage(t: Any, x: Any, u: Any, q: Any, r: Any) -> Any:
        values = named(dynamics, t, x, u, q)
        cost = deviation(values, r)
        return cost + width * running(values) if callable(running) else cost

    def end(t: Any, x: Any, q: Any, r: Any) -> Any:
        values = named(dynamics, t, x, idle, q)
        cost = deviation(values, r)
        return cost + final_(values) if callable(final_) else cost + 0.0 * x[0]

    return stage, end


def _rows(dynamics: Dynamics, rows: Sequence[Limit]) -> Any:
    def kept(t: Any, x: Any, u: Any, q: Any, r: Any) -> Any:
        import jax.numpy as jnp

        if not rows:
            return jnp.zeros(0)
        values = named(dynamics, t, x, u, q)
        return jnp.stack([limit.excess(values) for limit in rows])

    return kept


def _flow(dynamics: Dynamics, stepping: Stepping, width: float) -> Any:
    across = stepping.across(dynamics.rhs)
    return lambda t, x, u, q: across(t, dynamics.jump(t, x, u, q), u, q, width)


def _branches(
    dynamics: Dynamics, scenarios: Mapping[str, Sequence[float]], where: str
) -> np.ndarray:
    if any(not len(factors) for factors in scenarios.values()):
        raise InputError("A scenario without values", where=where, why="a list is empty",
                         fix="give factors such as [0.95, 1, 1.05]")  # fmt: skip
    rows = []
    for factors in product(*scenarios.values()):
        q = dynamics.nominal.copy()
        q[: len(factors)] *= factors
        rows.append(q)
    return np.array(rows)


def _maps(
    scenarios: int, count: int, nu: int, blocks: Sequence[int] | None, branching: int, where: str
) -> np.ndarray:
    """Return inputs (S, N, nu) as a linear function of the decisions: blocks and shared branches."""
    lengths = list(blocks) if blocks is not None else [1] * count
    if sum(lengths) != count or any(length < 1 for length in lengths):
        raise InputError("Blocks do not fill the horizon", where=where,
                         why=f"{lengths} add up to {sum(lengths)}, not {count}",
                         fix="give positive lengths that add up to the horizon")  # fmt: skip
    if not 1 <= branching <= count:
        raise InputError("Bad branching", where=where, why=f"{branching} of {count} intervals",
                         fix="let scenarios share at least the first interval")  # fmt: skip
    starts = np.repeat(np.cumsum([0, *lengths[:-1]]), lengths)
    places: dict[tuple[int, int], int] = {}
    for s in range(scenarios):
        for k in range(count):
            # A block that begins before the branching point belongs to all scenarios.
            owner = 0 if starts[k] < branching else s
            places.setdefault((owner, int(starts[k])), len(places))
    maps = np.zeros((scenarios, count, nu, len(places) * nu))
    for s in range(scenarios):
        for k in range(count):
            owner = 0 if starts[k] < branching else s
            at = places[owner, int(starts[k])] * nu
            maps[s, k, :, at : at + nu] = np.eye(nu)
    return maps
