"""Campaign: design, build, test, learn; for a real lab or with a Model in its place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.spec import Field, Schema
from catena.ops.campaign.designs import design
from catena.ops.campaign.progress import Findings, findings, verdict
from catena.ops.campaign.records import take_in
from catena.ops.campaign.state import (
    Experiment,
    Objective,
    State,
    Stopping,
    factors_of,
    read_state,
    write_state,
)
from catena.ops.result import answer
from catena.ops.space import Space

if TYPE_CHECKING:
    from catena.core.result import Result

#: Expected outcomes (n, m) at points (n, d).
Prior = Callable[[np.ndarray], np.ndarray]
#: Points among which a prior picks the most promising ones before there are data.
_CANDIDATES = 4096


@final
class Campaign:
    """A running series of experiments; everything it knows is one JSON document.

    Args:
        state: What is known.
        path: File that follows every change; None keeps it in memory.
        prior: Expected outcomes at points, from a model or experience; how far it is trusted is
            learned from the data. It is a function and not part of the document: give it again
            when a campaign is taken up.
    """

    def __init__(self, state: State, path: Path | None = None, prior: Prior | None = None) -> None:
        self.state, self.path, self.prior = state, path, prior
        self.space = state.space()
        self._save()

    @classmethod
    def load(cls, path: str | Path, prior: Prior | None = None) -> Campaign:
        """Take up a campaign from its file.

        Raises:
            DataError: the file is missing or not a campaign.
        """
        return cls(read_state(Path(path)), Path(path), prior)

    @property
    def findings(self) -> Findings:
        """Results so far as arrays."""
        return findings(self.state)

    @property
    def stop(self) -> str:
        """Why the campaign should stop, or an empty text."""
        return verdict(self.state, self.findings)

    def plan(self, name: str, **more: Any) -> Result:
        """Ask a classical design as the next batch.

        Args:
            name: One of ``catena.ops.campaign.designs.DESIGNS``.
            **more: Arguments of ``design``: runs, order, centres, need, ...

        Raises:
            InputError: the design does not exist for these factors.
        """
        made = design(self.space, name, key=self._key("design"), **more)
        result = self._ask(made.x, [name] * len(made.x), [{}] * len(made.x))
        result.summary |= {
            "design": name, "resolution": made.resolution, "aliases": made.aliases,
            "d_efficiency": made.efficiency, "order": made.order,
        }  # fmt: skip
        return result

    def suggest(self, n: int = 1) -> Result:
        """Ask the next experiments; those under way are taken into account.

        Args:
            n: Number of experiments.

        Returns:
            One row per experiment: identifier, factors, why it is asked, what is expected.

        Raises:
            InputError: fewer than one is asked for.
        """
        if n < 1:
            raise InputError("Nothing to suggest", where="campaign", why=f"{n} experiments are asked for",
                             fix="ask for at least one")  # fmt: skip
        found, goals = self.findings, [o.goal for o in self.state.objectives]
        if self._blind(found):
            x, why = self._first(n, found)
            return self._ask(x, why, self._expected(x, found))
        from catena.ops.optimise.suggest import suggest

        limits = {
            k: (o.low, o.high)
            for k, o in enumerate(self.state.objectives)
            if (o.low, o.high) != (None, None)
        }
        single = sum(goal != "bounded" for goal in goals) == 1
        exploit = (
            min(n, max(1, round(self.state.exploit * n))) if single and self.state.exploit else 0
        )
        x = suggest(
            self.space, found.x, found.y, goals=goals, outcome_bounds=limits, q=n,
            pending=found.pending if len(found.pending) else None, exploit=exploit,
            prior=self.prior, key=self._key("suggest"),
        )  # fmt: skip
        return self._ask(x, ["expected best" if k < exploit else "learn and improve" for k in range(n)],
                         self._expected(x, found))  # fmt: skip

    def record(self, results: Any, *, correct: bool = False) -> dict[str, Any]:
        """Record results: a file or table with ``experiment`` and the outcomes.

        Missing outcomes stay pending, repeated rows change nothing, late ones count when they
        come; rows without a known name need all factors. ``status`` may say ``failed``.

        Args:
            results: A file, DataFrame, mapping of columns or list of records.
            correct: Replace readings that differ, instead of refusing them.

        Returns:
            Counts of what was new, repeated, late, external, failed or corrected.

        Raises:
            DataError: rows that cannot be recorded; nothing is recorded then.
        """
        self.state, report = take_in(self.state, self.space, results, correct)
        self._save()
        return report

    def give_up(self, *ids: str) -> None:
        """Note that experiments under way will give no result.

        Raises:
            InputError: an identifier is not under way.
        """
        waiting = {e.id for e in self.state.experiments if e.status == "pending"}
        if unknown := [name for name in ids if name not in waiting]:
            raise InputError(f"{unknown[0]!r} is not under way", where="campaign",
                             why=f"under way are {', '.join(sorted(waiting)) or 'none'}", fix="name one of these")  # fmt: skip
        self._replace(
            e.model_copy(update={"status": "failed", "why": "given up"}) if e.id in ids else e
            for e in self.state.experiments
        )

    def report(self) -> Result:
        """Return all experiments with their means, the best ones, and whether to stop."""
        from catena.ops.campaign.report import report

        return report(self)

    # How ------------------------------------------------------------------------------------

    def _key(self, what: str) -> int:
        return split_key(self.state.seed, f"{what} {self.state.batches}")

    def _blind(self, found: Findings) -> bool:
        """Tell whether there are too few results to learn from."""
        wished = [k for k, o in enumerate(self.state.objectives) if o.goal != "bounded"]
        known = np.isfinite(found.y[:, wished]).all(axis=1)
        return bool(
            known.sum() < max(3, min(self.space.dim + 1, 8)) and self.prior is None
        ) or bool(known.sum() < 3)

    def _first(self, n: int, found: Findings) -> tuple[np.ndarray, list[str]]:
        """Return points before there are data: the prior's favourites, then all over the space."""
        from catena.ops.optimise.suggest import fill

        taken = np.concatenate([found.x, found.pending])
        if self.prior is None:
            return fill(self.space, n, taken, self._key("fill")), ["cover the space"] * n
        pool = self.space.sample(_CANDIDATES, self._key("prior"))
        expected = np.asarray(self.prior(pool), dtype=float)
        merit = np.zeros(len(pool))
        for k, objective in enumerate(self.state.objectives):
            if objective.goal != "bounded":
                ranks = np.argsort(np.argsort(expected[:, k]))
                merit += ranks if objective.goal == "maximise" else -ranks
        trusted = max(1, n // 2)
        order, u = np.argsort(-merit, kind="stable"), self.space.to_unit(pool)
        chosen: list[int] = []
        for row in order:  # the favourites, not crowded on one spot
            if all(
                np.linalg.norm(u[row] - u[other]) > 0.1 * np.sqrt(self.space.dim)
                for other in chosen
            ):
                chosen.append(int(row))
            if len(chosen) == trusted:
                break
        favourites = pool[chosen]
        rest = fill(
            self.space, n - len(chosen), np.concatenate([taken, favourites]), self._key("fill")
        )
        return np.concatenate([favourites, rest]), ["expected best"] * len(chosen) + [
            "cover the space"
        ] * len(rest)

    def _expected(self, x: np.ndarray, found: Findings) -> list[dict[str, float]]:
        """Return what is expected at points, by objective."""
        if self.prior is not None and self._blind(found):
            values = np.asarray(self.prior(x), dtype=float)
        elif self._blind(found):
            return [{} for _ in x]
        else:
            from catena.ops.campaign.expectation import expectation

            values = expectation(self.space, found, x)
        return [
            {
                o.name: float(v)
                for o, v in zip(self.state.objectives, row, strict=True)
                if np.isfinite(v)
            }
            for row in values
        ]

    def _ask(
        self, x: np.ndarray, why: Sequence[str], expected: Sequence[Mapping[str, float]]
    ) -> Result:
        """Note new experiments as under way and return them as a table."""
        batch = self.state.batches + 1
        made = [
            Experiment(id=f"{batch}-{k + 1:02d}", batch=batch, point=tuple(map(float, row)),
                       why=reason, expected=dict(hope))
            for k, (row, reason, hope) in enumerate(zip(x, why, expected, strict=True))
        ]  # fmt: skip
        self.state = self.state.model_copy(
            update={"batches": batch, "experiments": (*self.state.experiments, *made)}
        )
        self._save()
        fields = [Field("experiment", kind="text"), *self.space.schema(), Field("why", kind="text")]
        columns: dict[str, Any] = {
            "experiment": [e.id for e in made],
            **self.space.table(x),
            "why": list(why),
        }
        for objective in self.state.objectives:
            if all(objective.name in e.expected for e in made) and made:
                fields.append(Field(f"expected_{objective.name}", unit=objective.unit))
                columns[f"expected_{objective.name}"] = [e.expected[objective.name] for e in made]
        return answer(
            None, Schema(fields), columns, operation="campaign", key=self.state.seed,
            summary={"headline": f"Batch {batch}: {len(made)} experiments.", "batch": batch,
                     "stop": self.stop},
        )  # fmt: skip

    def _replace(self, experiments: Any) -> None:
        self.state = self.state.model_copy(update={"experiments": tuple(experiments)})
        self._save()

    def _save(self) -> None:
        if self.path is not None:
            write_state(self.path, self.state)


def campaign(
    over: Space | Mapping[str, Any],
    objectives: Mapping[str, Any] | str,
    *,
    model: Any = None,
    subject_to: Sequence[str] = (),
    path: str | Path | None = None,
    prior: Prior | None = None,
    budget: int | None = None,
    patience: int | None = None,
    tolerance: float = 0.5,
    exploit: float = 0.25,
    name: str = "campaign",
    key: int = 0,
) -> Campaign:
    """Begin a campaign, or go on with the one in ``path``.

    Args:
        over: Factors: a Space, or ranges by name ``{"temperature": "28..37 degC", "medium":
            ["A", "B"], "n": "integer 1..4"}``; with ``model``, ranges of its inputs.
        objectives: ``"titre"``, ``{"titre": "maximise g/L", "cost": "minimise"}`` or
            ``{"purity": {"goal": "bounded", "low": 0.95}}``.
        model: Model whose inputs the factors are (their units and bounds are taken from it).
        subject_to: Linear constraints between factors.
        path: JSON file of the campaign; taken up when it exists.
        prior: Expected outcomes (n, m) at points (n, d).
        budget: Experiments after which to stop.
        patience: Batches without improvement after which to stop.
        tolerance: What counts as improvement, in standard deviations of the noise.
        exploit: Share of a batch that goes where the best is expected.
        name: Name of the campaign.
        key: 64-bit seed.

    Raises:
        InputError: factors or objectives make no sense.
        DataError: the file in ``path`` is not a campaign.
    """
    if path is not None and Path(path).exists():
        return Campaign.load(path, prior)
    space = over if isinstance(over, Space) else _space(over, model, subject_to)
    state = State(
        name=name, factors=factors_of(space), constraints=tuple(subject_to) or tuple(c.text for c in space.constraints),
        objectives=_objectives(objectives), seed=key, exploit=exploit,
        stopping=Stopping(budget=budget, patience=patience, tolerance=tolerance),
    )  # fmt: skip
    return Campaign(state, None if path is None else Path(path), prior)


def _space(over: Mapping[str, Any], model: Any, subject_to: Sequence[str]) -> Space:
    if model is not None:
        from catena.core.registry import load

        return Space.of(load(model), over, list(subject_to))
    from catena.ops.campaign.factors import parse_factors

    return parse_factors(over, subject_to)


def _objectives(given: Mapping[str, Any] | str) -> tuple[Objective, ...]:
    table = {given: "maximise"} if isinstance(given, str) else dict(given)
    found = []
    for name, wish in table.items():
        if isinstance(wish, Objective):
            found.append(wish)
        elif isinstance(wish, Mapping):
            found.append(_objective({"name": name, **wish}))
        else:
            goal, _, unit = str(wish).partition(" ")
            found.append(_objective({"name": name, "goal": goal, "unit": unit.strip()}))
    if not any(objective.goal != "bounded" for objective in found):
        raise InputError("Nothing to look for", where="objectives", why="no outcome is maximised or minimised",
                         fix='say {"titre": "maximise"}')  # fmt: skip
    for objective in found:
        if (
            objective.low is not None
            and objective.high is not None
            and objective.low > objective.high
        ):
            raise InputError(f"The limits of {objective.name!r} contradict each other", where="objectives",
                             why=f"{objective.low:g} is above {objective.high:g}", fix="exchange them")  # fmt: skip
    return tuple(found)


def _objective(parts: Mapping[str, Any]) -> Objective:
    from pydantic import ValidationError

    try:
        return Objective.model_validate(dict(parts))
    except ValidationError as error:
        first = error.errors()[0]
        raise InputError(f"Cannot read objective {parts['name']!r}", where="objectives",
                         why=f"{'.'.join(map(str, first['loc']))}: {first['msg']}",
                         fix='write "maximise g/L" or {"goal": "bounded", "low": 0.95}') from None  # fmt: skip
