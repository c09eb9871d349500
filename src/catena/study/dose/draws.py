"""Joint draws of the uncertain drug inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from catena.core.distribution import Distribution
from catena.core.errors import StudyError, did_you_mean
from catena.core.identity import split_key
from catena.study.schema import Study
from catena.study.subject import Subject

if TYPE_CHECKING:
    from catena.core.model import Model


def uncertain(study: Study, ready: Subject) -> dict[str, Distribution]:
    """Return the laws of the inputs to draw: the card's, without what the study fixes.

    Raises:
        StudyError: ``uncertainty.over`` names an input that has no uncertainty.
    """
    if study.uncertainty is None or study.uncertainty.draws == 0:
        return {}
    laws = dict(ready.card.uncertain()) if ready.card is not None else {}
    laws = {
        name: law
        for name, law in laws.items()
        if name in ready.model.inputs and name not in study.inputs
    }
    for name in study.uncertainty.over:
        if name not in laws:
            raise StudyError(
                f"{name[:60]!r} carries no uncertainty",
                where=f"study {study.name!r}, uncertainty.over",
                why=f"uncertain inputs are {', '.join(laws) or 'none'}",
                fix=did_you_mean(name[:60], laws, "give its uncertainty in the compound card"),
            )
    chosen = study.uncertainty.over or tuple(laws)
    return {name: laws[name] for name in chosen}


def joint_draws(
    laws: Mapping[str, Distribution], draws: int, seed: int, model: Model
) -> dict[str, np.ndarray]:
    """Return a Latin hypercube sample: every input's range is covered evenly by the draws.

    Args:
        laws: Distribution by input, in the input's unit.
        draws: Number of joint draws.
        seed: Seed of the study.
        model: Its bounds clip the draws.

    Source: McKay, Beckman and Conover (1979), doi:10.2307/1268522.
    """
    found = {}
    for name, law in laws.items():
        stream = np.random.Generator(np.random.Philox(split_key(seed, f"draws/{draws}/{name}")))
        cells = (stream.permutation(draws) + stream.random(draws)) / draws
        field = model.inputs[name]
        low, high = (
            None if bound is None else bound * (1 + 1e-9) if opened else bound
            for bound, opened in zip(field.bounds, (field.low_open, field.high_open), strict=True)
        )
        values = law.ppf(np.clip(cells, 1e-12, 1 - 1e-12))
        found[name] = np.clip(
            values, -np.inf if low is None else low, np.inf if high is None else high
        )
    return found
