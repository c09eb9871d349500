"""Set inversion with probability: the backward half of a chain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.result import Result
from catena.ops.invert.boxes import IN, OUT, Boxes, Frame, subdivide
from catena.ops.invert.design import Design, largest
from catena.ops.invert.margin import Margin
from catena.ops.invert.region import Region
from catena.ops.invert.settings import InvertSettings
from catena.ops.invert.wanted import Requirement, read_wanted
from catena.ops.operation import Operation, called
from catena.ops.space import Over

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.work import Work

Floats = NDArray[np.float64]
#: Real inputs, and combinations of discrete ones, that can be subdivided.
_MOST, _COMBOS = 6, 64
#: Fresh points that check what was decided, per status; fewer where each needs many draws.
_CHECKS, _NOISY_CHECKS = 1000, 300


@final
@dataclass(frozen=True)
class Check:
    """How often fresh points contradict a decided box.

    Args:
        points: Points tried.
        wrong: Points that contradict it for sure.
        limit: Upper confidence limit of the share of its volume that is wrong.
    """

    points: int
    wrong: int
    limit: float


@final
@dataclass(frozen=True)
class Found:
    """What an inversion found; volumes are fractions of the searched space."""

    frame: Frame
    boxes: Boxes
    design: Design | None
    inside: Check
    outside: Check
    requirements: tuple[Requirement, ...]
    confidence: float

    def fraction(self, status: int) -> float:
        """Return the fraction of the searched space with one status."""
        return float(self.boxes.of(status).volume.sum()) / len(self.frame.combos)


def invert(
    model: Model | str,
    wanted: Any,
    over: Over,
    *,
    probability: float = 0.9,
    uncertain: Over | None = None,
    correlation: Any = None,
    given: Mapping[str, Any] | None = None,
    n: int = 1_000_000,
    draws: int = 512,
    resolution: float = 0.01,
    confidence: float = 0.95,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Find the inputs that give a wanted outcome, with at least the wanted probability.

    Args:
        model: Model, chain or model id.
        wanted: ``{"cmax": "0.5..1.5 mg/L"}``, ``{"cmax": "lognormal(1 mg/L, 20 %)"}`` (the
            outcome must lie in the central part of this distribution), or statements such as
            ``"cmax <= 5 mg/L"`` and ``"P(cmin < 0.1 mg/L) <= 0.05"``.
        over: Inputs to choose, with their ranges (six real ones at most).
        probability: How likely all plain statements together must hold.
        uncertain: What cannot be chosen, with its distributions; None: statements hold or not.
        correlation: Correlation of normal scores of what is uncertain.
        given: Values of other inputs.
        n: Evaluations at most of the search; what they do not suffice to decide stays ``maybe``.
            The checks add 2,000 (with chance, 600 times ``draws``).
        draws: Draws of what is uncertain, per point.
        resolution: Smallest edge of a box, as a fraction of the range.
        confidence: Of the limits on probabilities and of the checks.
        key: 64-bit seed.
        work: Executor, cache and progress.

    Returns:
        One row per input: the ranges of the largest box found inside. Parts: ``boxes`` (inside
        and maybe), ``volume`` (fractions of the searched space), ``checks`` (fresh points tried
        against what was decided). ``model`` is the region itself: a ``Region`` that tells of any
        point whether it is inside, with ``contains``.

    Raises:
        InputError: a statement, range or number cannot be used.
        Infeasible: statements contradict each other.

    Sources: L. Jaulin, E. Walter, Automatica 29 (1993) 1053, doi:10.1016/0005-1098(93)90106-4;
    see ``boxes`` and ``margin``.
    """
    from catena.core.registry import load
    from catena.ops.invert.tables import report

    model = load(model) if isinstance(model, str) else model
    requirements = read_wanted(model, wanted, probability)
    if uncertain:
        _check_draws(model, requirements, draws, confidence)
    margin = Margin(
        model, requirements, over, uncertain, correlation=correlation, draws=draws,
        confidence=confidence, given=given, key=key, work=work,
    )  # fmt: skip
    frame = Frame(margin, _combinations(model, margin))
    boxes = subdivide(frame, n, resolution)
    design = largest(boxes, split_key(key, "design"))
    margin.fresh()
    found = Found(
        frame, boxes, design,
        _check(frame, boxes, IN, confidence, split_key(key, "inside")),
        _check(frame, boxes, OUT, confidence, split_key(key, "outside")),
        tuple(requirements), confidence,
    )  # fmt: skip
    region = Region(model, margin.space, frame.combos, boxes)
    return report(model, found, region, key)


def _check_draws(
    model: Model, requirements: list[Requirement], draws: int, confidence: float
) -> None:
    """Refuse so few draws that a probability can never be confirmed."""
    for item in requirements:
        needed = int(np.ceil(np.log((1.0 - confidence) / 2.0) / np.log(item.probability)))
        if draws < needed:
            raise InputError(f"{draws} draws cannot confirm {item.text!r}",
                             where=f"model {model.info.id}",
                             why=f"a probability of {item.probability:g} needs {needed} draws that all hold",
                             fix=f"use draws={2 ** int(np.ceil(np.log2(2 * needed)))}")  # fmt: skip


def _combinations(model: Model, margin: Margin) -> Floats:
    """Return unit coordinates of every combination of discrete inputs (c, d)."""
    space = margin.space
    where = f"model {model.info.id}"
    real = int((~space.discrete).sum())
    if real > _MOST:
        raise InputError(f"{real} real inputs are too many to subdivide", where=where,
                         why=f"boxes can cover {_MOST} at most",
                         fix="find the ones that matter with sensitivity, and fix the others")  # fmt: skip
    levels = [int(v.levels) if v.discrete else 1 for v in space.variables]
    if np.prod(levels) > _COMBOS:
        raise InputError(f"{np.prod(levels):g} combinations of whole steps are too many",
                         where=where, why=f"each is searched by itself, {_COMBOS} at most",
                         fix="leave out choices, or treat whole numbers as real ones")  # fmt: skip
    middles = [(np.arange(count) + 0.5) / count for count in levels]
    return np.stack([grid.ravel() for grid in np.meshgrid(*middles, indexing="ij")], axis=-1)


def _check(frame: Frame, boxes: Boxes, status: int, confidence: float, key: int) -> Check:
    """Try fresh points, with fresh draws, against the boxes of one status."""
    from scipy.stats import beta

    chosen = boxes.of(status)
    if not len(chosen.low):
        return Check(0, 0, 1.0)
    count = _CHECKS if frame.margin.chance is None else _NOISY_CHECKS
    random = np.random.Generator(np.random.Philox(key=key))
    which = random.choice(len(chosen.low), count, p=chosen.volume / chosen.volume.sum())
    low, high = chosen.low[which], chosen.high[which]
    u = low + (high - low) * random.random(low.shape)
    _, sure, possible = frame.margin(frame.full(chosen.combo[which], u))
    wrong = int((possible < 0.0).sum() if status == IN else (sure >= 0.0).sum())
    limit = float(beta.ppf(confidence, wrong + 1, count - wrong)) if wrong < count else 1.0
    return Check(count, wrong, limit)


OPERATION = Operation(
    name="invert",
    title="Which inputs give a wanted outcome, and how surely",
    settings=InvertSettings,
    run=called(invert),
)
