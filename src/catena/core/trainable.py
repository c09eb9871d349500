"""What learns: something to fit, and what a fitted model knows about its training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from pydantic import BaseModel, ConfigDict

from catena.core.model import Model
from catena.core.spec import Schema


class Trainable(ABC):
    """Something that learns: ``fit`` returns a new, immutable Model."""

    inputs: Schema
    outputs: Schema

    @abstractmethod
    def fit(self, data: Any, key: int = 0) -> Model:
        """Learn from a table holding the inputs and outputs.

        Returns:
            A Model that carries a ``TrainingRecord`` (data hash, scaling, conformal quantiles,
            applicability domain) as ``training``.
        """


class TrainingRecord(BaseModel):
    """What a fitted model knows about its training.

    Args:
        data_key: Content key of the training table.
        rows: Number of training rows.
        scaling: Means and scales by field.
        conformal: Half-widths of 90 % conformal intervals by output.
        domain: Parameters of the applicability domain.
        seed: Random key of the fit.
    """

    model_config = ConfigDict(frozen=True)

    data_key: str
    rows: int
    scaling: dict[str, tuple[float, float]] = {}
    conformal: dict[str, float] = {}
    domain: dict[str, Any] = {}
    seed: int = 0
