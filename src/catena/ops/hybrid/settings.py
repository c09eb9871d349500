"""Settings of a hybrid model, as plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from catena.core.settings import Settings

Method = Literal["terms", "residual", "physics"]


class HybridSettings(Settings):
    """What to learn inside or around a model, and how.

    Args:
        method: ``terms`` makes parameters of differential equations networks of their states;
            ``residual`` adds a learned correction to the outputs of any model; ``physics`` finds
            parameters with networks that are held to the equations (physics-informed).
        terms: Parameters that become networks (terms), or are to be found (physics).
        of: States, controls and parameters the network sees; all states and controls by default
            (terms), all real inputs in the data (residual).
        outputs: Outputs to correct (residual); all that are in the data by default.
        run: Column that names the runs; without it all rows are one run.
        validation: Runs kept out of training, on which the best weights are chosen.
        hidden: Widths of the hidden layers.
        rank: Latent rates that the terms share; None takes what carries 99.9 %.
        memory: Memory units, for rates that depend on the past.
        positive: Terms that are never negative.
        limited_by: State that a term empties when negative: it fades as the state runs out.
        members: Networks in the ensemble.
        regression: Training steps on the terms estimated from the data.
        stages: Pairs of sampling intervals per window (0: whole runs) and training steps.
        rate: First step size of training.
        penalty: Weight of the squared network weights.
        steps: Integration steps per sampling interval during training.
        collocation: Points per run at which the equations are enforced (physics).
        trust: Weight of the equations against the data (physics).
    """

    method: Method = "terms"
    terms: list[str] = []
    of: list[str] = []
    outputs: list[str] = []
    run: str = "run"
    validation: list[str] = []
    hidden: list[int] = [16, 16]
    rank: int | None = Field(default=None, ge=1)
    memory: int = Field(default=0, ge=0)
    positive: list[str] = []
    limited_by: dict[str, str] = {}
    members: int = Field(default=5, ge=1)
    regression: int = Field(default=800, ge=0)
    stages: list[tuple[int, int]] = [(1, 250), (4, 250), (0, 250)]
    rate: float = Field(default=0.01, gt=0)
    penalty: float = Field(default=1e-6, ge=0)
    steps: int = Field(default=3, ge=1)
    collocation: int = Field(default=50, ge=3)
    trust: float = Field(default=1.0, gt=0)
