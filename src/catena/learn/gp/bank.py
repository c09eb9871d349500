"""Several Gaussian processes over the same points: one per coefficient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from catena.learn.gp.correlation import Kernel
from catena.learn.gp.fit import fit_process, logarithms
from catena.learn.gp.process import GaussianProcess, Trend
from catena.learn.regressor import prefixed, under


@dataclass(frozen=True)
class ProcessBank:
    """Gaussian processes that each predict one coefficient.

    Args:
        processes: One per coefficient.
    """

    processes: tuple[GaussianProcess, ...]

    @classmethod
    def fit(
        cls,
        z: np.ndarray,
        y: np.ndarray,
        *,
        kernel: Kernel = "gauss",
        trend: Trend = "linear",
        start: ProcessBank | None = None,
        key: int = 0,
        restarts: int = 2,
    ) -> ProcessBank:
        """Fit one process per column.

        Args:
            z: Features (n, p).
            y: Coefficients (n, k), each of about unit spread.
            kernel: Correlation function.
            trend: Kind of trend.
            start: An earlier bank whose length scales to start from.
            key: Seed of the starts.
            restarts: Random starts; with none, an earlier bank's is the only one.
        """
        earlier: Sequence[GaussianProcess | None] = start.processes if start else ()
        processes = []
        for k in range(y.shape[1]):
            old = earlier[k] if k < len(earlier) else None
            usable = old is not None and len(old.lengths) == z.shape[1]
            first = logarithms(old) if old is not None and usable else None
            processes.append(
                fit_process(
                    z,
                    y[:, k],
                    kernel=kernel,
                    trend=trend,
                    start=first,
                    key=key + k,
                    restarts=restarts,
                )
            )
        return cls(tuple(processes))

    @property
    def residuals(self) -> np.ndarray:
        """Leave-one-out residuals (n, k)."""
        return np.stack([process.residuals for process in self.processes], axis=1)

    @property
    def spreads(self) -> np.ndarray:
        """Leave-one-out standard deviations (n, k)."""
        return np.stack([process.spreads for process in self.processes], axis=1)

    def mean(self, z: Any, xp: ModuleType = np) -> Any:
        """Return coefficients (n, k)."""
        return xp.stack([process.mean(z, xp) for process in self.processes], axis=1)

    def mean_and_spread(self, z: Any, xp: ModuleType = np) -> tuple[Any, Any]:
        """Return coefficients and their standard deviations, (n, k) each."""
        pairs = [process.mean_and_spread(z, xp) for process in self.processes]
        return xp.stack([m for m, _ in pairs], axis=1), xp.stack([s for _, s in pairs], axis=1)

    def weights(self) -> np.ndarray:
        """Return the largest inverse length scale per feature (p,)."""
        return np.asarray(np.max([1.0 / process.lengths for process in self.processes], axis=0))

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a file must keep."""
        out: dict[str, np.ndarray] = {}
        for k, process in enumerate(self.processes):
            out |= prefixed(process.arrays(), str(k))
        return out

    def facts(self) -> dict[str, Any]:
        """Return the settings of every process."""
        return {"kind": "gp", "processes": [process.facts() for process in self.processes]}

    @classmethod
    def restored(cls, facts: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> ProcessBank:
        """Rebuild from ``facts`` and ``arrays``."""
        return cls(
            tuple(
                GaussianProcess.restored(item, under(arrays, str(k)))
                for k, item in enumerate(facts["processes"])
            )
        )
