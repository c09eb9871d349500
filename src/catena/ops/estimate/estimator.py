"""State estimation as samples come in: irregular, at several rates, late, missing or wrong.

Beliefs are kept at the moments of the recent past. A sample taken earlier than the present (a
laboratory result, say) is put at its own moment, and everything after it is filtered again: the
estimate is then the same as if it had come in time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, final

import numpy as np
from numpy import ndarray

from catena.core.errors import InputError, did_you_mean
from catena.core.identity import split_key
from catena.ops.estimate.augmented import Augmented
from catena.ops.estimate.bounds import interval, projected
from catena.ops.estimate.filters import (
    Belief,
    Ensemble,
    Extended,
    Filter,
    Particle,
    Seen,
    Unscented,
    Verdict,
)
from catena.ops.estimate.moving import Moving

Method = Literal["ekf", "ukf", "enkf", "particle", "mhe"]
#: Probability that a good sample passes the gate.
GATE = 0.999
#: Moments closer than this (relative) are one moment.
SAME = 1e-9


@final
@dataclass(frozen=True)
class Estimate:
    """What is known at one moment.

    Args:
        time: The moment.
        mean: Means by name, in natural units.
        lower: Lower ends of 90 % intervals.
        upper: Upper ends.
        flags: What happened: ``late sample``, ``outlier``, ``on a bound``, ``too late``, ...
    """

    time: float
    mean: dict[str, float]
    lower: dict[str, float]
    upper: dict[str, float]
    flags: tuple[str, ...] = ()


@final
@dataclass
class Node:
    """A moment of the recent past.

    Args:
        time: The moment.
        inputs: Inputs in force from here on.
        samples: (place of the output, value, deviation, time it became known).
        prior: Belief before the samples.
        belief: Belief after them.
        verdict: What the filter found in the samples.
        bound: Which entries were projected onto a bound.
    """

    time: float
    inputs: ndarray
    samples: list[tuple[int, float, float, float]] = field(default_factory=list)
    prior: Belief = field(default_factory=dict)
    belief: Belief = field(default_factory=dict)
    verdict: Verdict | None = None
    bound: ndarray | None = None


@final
class Estimator:
    """Follows the state of a plant sample by sample.

    Args:
        model: The model with its unknowns and noise.
        method: Filter; ``mhe`` refines the extended Kalman filter over a window.
        lag: How far back a sample may lie; older ones are refused and flagged.
        outlier_gate: Whether samples that no good sensor would give are left out.
        members: Members of an ensemble or number of particles.
        window: Length of the window of ``mhe``.
        key: 64-bit seed.
        time: Time of the first belief.
        inputs: Inputs in force at the start.
        keep: Keep all nodes, for smoothing and records.
    """

    def __init__(
        self,
        model: Augmented,
        method: Method = "ekf",
        *,
        lag: float = np.inf,
        outlier_gate: bool = True,
        members: int | None = None,
        window: float | None = None,
        key: int = 0,
        time: float = 0.0,
        inputs: ndarray | None = None,
        keep: bool = False,
    ) -> None:
        from scipy.special import chdtri

        self.model, self.method, self.lag, self.key, self.keep = model, method, lag, key, keep
        self.gate = float(chdtri(1, 1 - GATE)) if outlier_gate else np.inf
        self.filter = _filter(method, Moving(model), members)
        self.moving = self.filter.moving  # type: ignore[attr-defined]
        self.window = window
        u = np.zeros(len(model.dynamics.inputs)) if inputs is None else np.asarray(inputs, float)
        start = Node(time, u)
        start.prior = self.filter.first(self._seed(time, "first"))
        start.belief = start.prior
        self.nodes = [start]

    # What a person calls --------------------------------------------------------------------

    def step(
        self,
        now: float,
        samples: Sequence[Mapping[str, Any]] = (),
        inputs: Mapping[str, float] | None = None,
    ) -> Estimate:
        """Take in samples and return the estimate for ``now``.

        Args:
            now: The present; it never goes back.
            samples: Records with ``output``, ``value``, ``sd`` and ``time`` (when it was taken;
                the present by default). Values that are not numbers count as missing.
            inputs: Inputs that were in force since the last step, by name.

        Raises:
            InputError: time goes back, or a sample names no output or comes from the future.
        """
        last = self.nodes[-1].time
        if now < last - _slack(last):
            raise InputError("Time goes back", where="estimator",
                             why=f"{now:g} after {last:g}", fix="give samples in order of arrival")  # fmt: skip
        if inputs is not None:
            self.nodes[-1].inputs = self._inputs(inputs)
        flags: list[str] = []
        first = len(self.nodes)
        place = self._node(now)
        first = min(first, place)
        for sample in samples:
            touched = self._placed(sample, now, flags)
            if touched is not None:
                first = min(first, touched)
        self._refilter(max(first, 0))
        self._forget(now)
        return self._estimate(self.nodes[-1], flags)

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on, as plain data."""
        return {"method": self.method, "model": self.model.dynamics.system.key, "key": self.key,
                "names": list(self.model.names), "nodes": [_plain(node) for node in self.nodes]}  # fmt: skip

    def resume(self, state: Mapping[str, Any]) -> None:
        """Go on from what ``state`` returned.

        Raises:
            InputError: it belongs to another model, method or set of unknowns.
        """
        own = (self.method, self.model.dynamics.system.key, list(self.model.names))
        theirs = (state.get("method"), state.get("model"), state.get("names"))
        if own != theirs:
            raise InputError("The state belongs to another estimator", where="estimator",
                             why=f"it was made by {theirs[0]} over {theirs[2]}",
                             fix="resume with the model, method and unknowns it was made with")  # fmt: skip
        self.key = int(state["key"])
        self.nodes = [_node_from(item) for item in state["nodes"]]

    # Inside ---------------------------------------------------------------------------------

    def _seed(self, time: float, what: str) -> int:
        return split_key(self.key, f"{what} {time:.12g}") % 2**31

    def _inputs(self, given: Mapping[str, float]) -> ndarray:
        names = self.model.dynamics.inputs
        for name in given:
            if name not in names:
                raise InputError(f"No input {name!r}", where="estimator",
                                 why=f"inputs are {', '.join(names) or 'none'}",
                                 fix=did_you_mean(name, names, "leave it out"))  # fmt: skip
        old = self.nodes[-1].inputs
        return np.array([float(given.get(name, old[k])) for k, name in enumerate(names)])

    def _node(self, time: float) -> int:
        """Return the place of the node at a time, making one if there is none."""
        times = [node.time for node in self.nodes]
        place = bisect_right(times, time + _slack(time)) - 1
        if place >= 0 and abs(times[place] - time) <= _slack(time):
            return place
        self.nodes.insert(place + 1, Node(time, self.nodes[max(place, 0)].inputs))
        return place + 1

    def _placed(self, sample: Mapping[str, Any], now: float, flags: list[str]) -> int | None:
        """Put one sample at its moment; return where, or None if it is of no use."""
        output, value = str(sample["output"]), float(sample["value"])
        if output not in self.model.outputs:
            raise InputError(f"No measured output {output!r}", where="estimator",
                             why=f"measured are {', '.join(self.model.outputs)}",
                             fix=did_you_mean(output, self.model.outputs, "declare it"))  # fmt: skip
        taken, deviation = float(sample.get("time", now)), float(sample["sd"])
        if taken > now + _slack(now) or not deviation > 0:
            raise InputError(f"A bad sample of {output!r}", where="estimator",
                             why=f"taken at {taken:g} when it is {now:g}, deviation {deviation:g}",
                             fix="give samples once they are known, with a positive deviation")  # fmt: skip
        if not np.isfinite(value):
            flags.append(f"{output} missing")
            return None
        if taken < self.nodes[0].time - _slack(taken) or taken < now - self.lag - _slack(now):
            flags.append(f"{output} of {taken:g} came too late to be used")
            return None
        if taken < now - _slack(now):
            flags.append(f"late {output} of {taken:g}")
        place = self._node(taken)
        self.nodes[place].samples.append((self.model.outputs.index(output), value, deviation, now))
        return place

    def _refilter(self, first: int) -> None:
        for place in range(first, len(self.nodes)):
            node = self.nodes[place]
            if place:
                before = self.nodes[place - 1]
                node.prior = self.filter.advance(
                    before.belief, before.time, node.time - before.time, before.inputs,
                    self._seed(node.time, "advance"))  # fmt: skip
            self._update(node, self.nodes[max(place - 1, 0)].inputs)

    def _update(self, node: Node, inputs: ndarray) -> None:
        node.belief, node.verdict, node.bound = node.prior, None, None
        if node.samples:
            places, values, deviations = (
                np.array(part) for part in list(zip(*node.samples, strict=True))[:3]
            )
            seen = Seen(places.astype(int), values, deviations)
            node.belief, node.verdict = self.filter.update(
                node.prior, node.time, inputs, seen, self.gate, self._seed(node.time, "update"))  # fmt: skip
        mean = node.belief["mean"]
        if (mean < self.model.low).any() or (mean > self.model.high).any():
            moved, node.bound = projected(mean, node.belief["cov"], self.model.low, self.model.high)
            shifted = (
                {"points": node.belief["points"] + (moved - mean)}
                if "points" in node.belief
                else {}
            )
            node.belief = {**node.belief, "mean": moved, **shifted}

    def _forget(self, now: float) -> None:
        if self.keep or not np.isfinite(self.lag):
            return
        horizon = now - max(self.lag, self.window or 0.0)
        while len(self.nodes) > 1 and self.nodes[1].time <= horizon:
            del self.nodes[0]

    def _estimate(self, node: Node, flags: Sequence[str]) -> Estimate:
        mean, cov = node.belief["mean"], node.belief["cov"]
        found = list(flags)
        if self.method == "mhe":
            from catena.ops.estimate.window import refined

            mean, cov, note = refined(self)
            found += note
        if node.verdict is not None and not node.verdict.used.all():
            out = [self.model.outputs[s[0]] for s, used in
                   zip(node.samples, node.verdict.used, strict=True) if not used]  # fmt: skip
            found.append(f"outlier in {', '.join(out)}")
        if node.bound is not None:
            names = [name for name, on in zip(self.model.names, node.bound, strict=True) if on]
            found.append(f"{', '.join(names)} on a bound")
        lower, upper = self.ends(mean, cov)
        return Estimate(node.time, self.by_name(mean), _named(self, lower), _named(self, upper),
                        tuple(found))  # fmt: skip

    def ends(self, mean: ndarray, cov: ndarray) -> tuple[ndarray, ndarray]:
        """Return the ends of 90 % intervals in natural units."""
        spread = np.sqrt(np.maximum(np.diag(cov), 0.0))
        lower, upper = interval(mean, spread, self.model.low, self.model.high)
        return self.model.natural(lower), self.model.natural(upper)

    def by_name(self, mean: ndarray) -> dict[str, float]:
        """Return values by name in natural units."""
        return _named(self, self.model.natural(mean))


def _named(estimator: Estimator, values: ndarray) -> dict[str, float]:
    return {name: float(v) for name, v in zip(estimator.model.names, values, strict=True)}


def _slack(time: float) -> float:
    return SAME * max(1.0, abs(time))


def _filter(method: Method, moving: Moving, members: int | None) -> Filter:
    if members is not None and members < 2:
        raise InputError("Too few members", where="estimator", why=f"{members} asked for",
                         fix="take 50 or more")  # fmt: skip
    if method == "ukf":
        return Unscented(moving)
    if method == "enkf":
        return Ensemble(moving, members or 200)
    if method == "particle":
        return Particle(moving, members or 2000)
    if method in ("ekf", "mhe"):
        return Extended(moving)
    raise InputError(f"No method {method!r}", where="estimator",
                     why="methods are ekf, ukf, enkf, particle and mhe", fix="choose one")  # fmt: skip


def _plain(node: Node) -> dict[str, Any]:
    def parts(belief: Belief) -> dict[str, Any]:
        return {name: value.tolist() for name, value in belief.items()}

    return {"time": node.time, "inputs": node.inputs.tolist(),
            "samples": [list(sample) for sample in node.samples],
            "prior": parts(node.prior), "belief": parts(node.belief)}  # fmt: skip


def _node_from(item: Mapping[str, Any]) -> Node:
    prior, belief = (
        {str(name): np.array(value, dtype=float) for name, value in item[part].items()}
        for part in ("prior", "belief")
    )
    samples = [(int(s[0]), float(s[1]), float(s[2]), float(s[3])) for s in item["samples"]]
    return Node(float(item["time"]), np.array(item["inputs"], dtype=float), samples, prior, belief)
