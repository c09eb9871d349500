"""Settings of a transfer, as plain data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from catena.core.settings import Settings
from catena.ops.hybrid.settings import HybridSettings

Method = Literal["fine_tune", "multi_task"]
Free = Literal["embedding", "last", "all"]


class TransferSettings(Settings):
    """What to carry over, and how.

    Args:
        method: ``fine_tune`` adapts a hybrid model; ``multi_task`` learns inputs and outputs of a
            table for all groups at once.
        group: Column that tells source and target apart (studies and the command line).
        target: The group that is the target.
        learning: How the source is learned where the model is not yet trained (fine_tune).
        free: What moves: ``embedding`` (an offset at the first layer and a gain per term), ``last`` (that and
            the last layer), ``all``.
        stages: Pairs of sampling intervals per window (0: whole runs) and training steps.
        rate: First step size.
        penalty: How strongly weights are held to those of the source.
        holdout: Target runs kept apart to compare with training from scratch; without any, the
            later part of each target run serves.
        permutations: Relabellings of the shift tests.
        inputs: Input columns (multi_task).
        outputs: Output columns (multi_task).
    """

    method: Method = "fine_tune"
    group: str = "group"
    target: str = "target"
    learning: HybridSettings = HybridSettings()
    free: Free = "last"
    stages: list[tuple[int, int]] = [(4, 150), (0, 150)]
    rate: float = Field(default=0.01, gt=0)
    penalty: float = Field(default=1e-6, ge=0)
    holdout: list[str] = []
    permutations: int = Field(default=200, ge=19)
    inputs: list[str] = []
    outputs: list[str] = []
