"""What every learned map from features to coefficients offers, and how it comes back from a file."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, Protocol, runtime_checkable

import numpy as np

from catena.core.errors import DataError


@runtime_checkable
class Regressor(Protocol):
    """A fitted map from features (n, p) to coefficients (n, k), with stated spreads.

    Attributes:
        residuals: What training rows differ from predictions made without them (n, k).
        spreads: Spreads stated for those predictions (n, k).
    """

    @property
    def residuals(self) -> np.ndarray:
        """Leave-out residuals of the training rows (n, k)."""
        ...

    @property
    def spreads(self) -> np.ndarray:
        """Leave-out spreads of the training rows (n, k)."""
        ...

    def mean(self, z: Any, xp: ModuleType = np) -> Any:
        """Return coefficients (n, k)."""
        ...

    def mean_and_spread(self, z: Any, xp: ModuleType = np) -> tuple[Any, Any]:
        """Return coefficients and their standard deviations, (n, k) each."""
        ...

    def weights(self) -> np.ndarray:
        """Return how much a difference in each feature counts (p,)."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file must keep, by name."""
        ...

    def facts(self) -> dict[str, Any]:
        """Return the plain data a file must keep, ``kind`` among it."""
        ...


def restored(facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Regressor:
    """Rebuild a regressor from its ``facts`` and ``arrays``.

    Raises:
        DataError: the kind is unknown.
    """
    from catena.learn.gp.bank import ProcessBank
    from catena.learn.networks.ensemble import NetworkEnsemble
    from catena.learn.networks.operator import OperatorEnsemble

    kinds: dict[str, Any] = {
        "gp": ProcessBank,
        "ensemble": NetworkEnsemble,
        "operator": OperatorEnsemble,
    }
    if facts.get("kind") not in kinds:
        raise DataError("A fitted model cannot be read", where="learn.regressor",
                        why=f"its kind is {facts.get('kind')!r}; known are {', '.join(kinds)}",
                        fix="fit it again with this version")  # fmt: skip
    made: Regressor = kinds[facts["kind"]].restored(facts, arrays)
    return made


def under(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names start with ``prefix/``, without it."""
    return {
        name[len(prefix) + 1 :]: value
        for name, value in arrays.items()
        if name.startswith(prefix + "/")
    }


def prefixed(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays with ``prefix/`` before their names."""
    return {f"{prefix}/{name}": value for name, value in arrays.items()}
