"""The operation: a campaign whose lab is a Model, or the next batch from a lab's results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field as Setting
from pydantic import JsonValue

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.settings import Settings
from catena.ops.campaign.campaign import Campaign, campaign
from catena.ops.evaluator import Evaluator
from catena.ops.operation import Operation

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result
    from catena.core.work import Work


class CampaignSettings(Settings):
    """Settings of ``campaign``.

    Args:
        over: Factors with ranges or choices.
        objectives: Outcomes and what is wished of them.
        subject_to: Linear constraints between factors.
        first: Design of the first batch; a Bayesian batch that covers the space by default.
        runs: Runs of that design, where it leaves them open.
        batch: Experiments per batch.
        budget: Experiments after which to stop.
        patience: Batches without improvement after which to stop.
        tolerance: What counts as improvement, in standard deviations of the noise.
        noise: Relative noise added to a model's answers, standing for a lab's.
        replicates: Repeats of every experiment in a model's lab.
        ask: Experiments to ask next when the data file holds results of a lab.
    """

    over: dict[str, JsonValue]
    objectives: dict[str, JsonValue]
    subject_to: list[str] = []
    first: str | None = None
    runs: Annotated[int, Setting(ge=1)] | None = None
    batch: Annotated[int, Setting(ge=1, le=10_000)] = 4
    budget: Annotated[int, Setting(ge=1, le=100_000)] = 40
    patience: Annotated[int, Setting(ge=1)] | None = None
    tolerance: Annotated[float, Setting(ge=0)] = 0.5
    noise: Annotated[float, Setting(ge=0, le=10)] = 0.0
    replicates: Annotated[int, Setting(ge=1, le=100)] = 1
    ask: Annotated[int, Setting(ge=0, le=10_000)] = 0


def run(
    model: Model | None,
    settings: CampaignSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Run a campaign in a model, or record a lab's results and ask the next batch."""
    begun = campaign(
        settings.over, settings.objectives, model=model, subject_to=settings.subject_to,
        budget=settings.budget, patience=settings.patience, tolerance=settings.tolerance, key=key,
    )  # fmt: skip
    if data is not None:
        begun.record(data)
        if settings.ask:
            asked = begun.suggest(settings.ask)
            result = begun.report()
            result.parts = {"next": asked, **result.parts}
            return result
        return begun.report()
    if model is None:
        raise InputError("No lab", where="campaign", why="neither a model nor results are given",
                         fix="name a model, or give the results as data")  # fmt: skip
    lab = Lab(model, begun, settings.noise, settings.replicates, given)
    return closed_loop(begun, lab, settings.batch, settings.first, settings.runs, work)


class Lab:
    """A model that answers experiments, with noise.

    Args:
        model: The model.
        campaign: Whose factors and outcomes they are.
        noise: Relative standard deviation of the answers.
        replicates: Repeats.
        given: Inputs that stay fixed.
    """

    def __init__(
        self,
        model: Model,
        campaign: Campaign,
        noise: float = 0.0,
        replicates: int = 1,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        names = [objective.name for objective in campaign.state.objectives]
        self.names, self.noise, self.replicates = names, noise, replicates
        self.evaluate = Evaluator(
            model, campaign.space, names, given=given, key=campaign.state.seed
        )

    def __call__(self, ids: list[str], x: np.ndarray, key: int) -> dict[str, Any]:
        """Return results of experiments, one row per replicate."""
        y = np.repeat(self.evaluate(x), self.replicates, axis=0)
        rng = np.random.Generator(np.random.Philox(key=split_key(key, "lab")))
        noisy = y * (1 + self.noise * rng.standard_normal(y.shape))
        lost = np.asarray(~np.isfinite(noisy).all(axis=1)).tolist()
        return {
            "experiment": [name for name in ids for _ in range(self.replicates)],
            "replicate": np.tile(np.arange(1, self.replicates + 1), len(ids)),
            "status": ["failed" if bad else "" for bad in lost],
            **{name: noisy[:, k] for k, name in enumerate(self.names)},
        }


def closed_loop(
    begun: Campaign,
    lab: Lab,
    batch: int,
    first: str | None = None,
    runs: int | None = None,
    work: Work | None = None,
) -> Result:
    """Suggest, measure, record until the stopping rule says so; finished batches resume.

    Raises:
        InputError: the campaign has no stopping rule.
    """
    from catena.core.work import Work
    from catena.ops.campaign.state import State

    budget = begun.state.stopping.budget
    if budget is None:
        raise InputError("The campaign would never end", where="campaign", why="it has no budget",
                         fix="say budget=40")  # fmt: skip
    work = work or Work()
    steps = int(np.ceil(budget / batch)) + 1
    with work.bar(steps, "batches") as advance:
        while not begun.stop:
            left = budget - sum(e.batch > 0 for e in begun.state.experiments)
            before = begun.state.text()

            def step(left: int = left) -> str:
                asked = (
                    begun.plan(first, **({"runs": runs} if runs else {}))
                    if first and begun.state.batches == 0
                    else begun.suggest(min(batch, left))
                )
                ids = list(asked["experiment"])
                points = {e.id: e.point for e in begun.state.experiments}
                x = np.array([points[name] for name in ids])
                begun.record(
                    lab(ids, x, split_key(begun.state.seed, f"batch {begun.state.batches}"))
                )
                return begun.state.text()

            key = [
                "campaign",
                lab.evaluate.source.key,
                lab.noise,
                lab.replicates,
                batch,
                first or "",
                runs,
                before,
            ]
            text = work.kept(key, step)
            begun.state = State.model_validate_json(text)
            advance(1)
    return begun.report()


OPERATION = Operation(
    "campaign", "Closed-loop experiments", CampaignSettings, run, needs_model=False
)
