"""Physics-informed networks: courses as networks of time that are held to the equations.

Each run is a small network from time to states. Data pull it to the measurements, and at
collocation points the residual of the differential equation is charged; unknown parameters of the
equation are found on the way. Needs no integration, so it starts from poor guesses.

Source: Raissi, Perdikaris and Karniadakis 2019, doi:10.1016/j.jcp.2018.10.045.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from scipy.optimize import minimize

from catena.core.errors import SolverError
from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.runs import Run
from catena.learn.networks.perceptron import start_layers


@final
@dataclass(frozen=True)
class Informed:
    """What a physics-informed fit found.

    Args:
        values: Parameters (terms,).
        misfit: Root mean square of the scaled errors at the data.
        residual: Root mean square of the scaled residuals of the equations.
    """

    values: np.ndarray
    misfit: float
    residual: float


@final
class Problem:
    """The courses of several runs and the parameters they share.

    Args:
        slots: The system; its terms are the parameters to find.
        runs: Measured runs.
        start: Parameters to start from (terms,); those above zero stay above zero.
        scale: Sizes of the states (n,).
        hidden: Widths of the hidden layers of each course.
        points: Collocation points per run.
        trust: Weight of the equations.
    """

    def __init__(
        self,
        slots: Slots,
        runs: Sequence[Run],
        start: np.ndarray,
        scale: np.ndarray,
        hidden: Sequence[int],
        points: int,
        trust: float,
    ) -> None:
        self.slots, self.start, self.scale, self.trust = slots, start, scale, trust
        self.widths = (1, *hidden, len(scale))
        self.begin = np.array([run.times[0] for run in runs])
        self.length = np.array([run.times[-1] - run.times[0] for run in runs])
        self.parameters = np.array(
            [[run.parameters[n] for n in slots.parameters.names] for run in runs], float
        ).reshape(len(runs), -1)
        most = max(len(run.times) for run in runs)
        self.times = np.zeros((len(runs), most))
        self.wanted = np.zeros((len(runs), most, len(scale)))
        self.known = np.zeros(self.wanted.shape, bool)
        for k, run in enumerate(runs):
            count = len(run.times)
            self.times[k, :count] = run.times
            self.known[k, :count] = np.isfinite(run.states)
            self.wanted[k, :count] = np.nan_to_num(run.states)
        inner = (1.0 - np.cos(np.pi * np.arange(points) / (points - 1))) / 2.0
        self.moments = self.begin[:, None] + self.length[:, None] * inner
        self.controls = np.stack(
            [run.control(slots, moments) for run, moments in zip(runs, self.moments, strict=True)]
        )

    def solve(self, key: int, steps: int = 4500) -> Informed:
        """Fit courses to the data, then courses and parameters to data and equations together."""
        import jax
        from jax.flatten_util import ravel_pytree

        from catena.core.jaxconfig import enable_x64

        enable_x64()
        rng = np.random.default_rng(key)
        layers = [start_layers(self.widths, rng) for _ in range(len(self.begin))]
        tree = {"courses": jax.tree.map(lambda *p: np.stack(p), *layers),
                "free": 0.1 * rng.standard_normal(len(self.start))}  # fmt: skip
        flat, rebuild = ravel_pytree(tree)

        free = np.arange(len(flat)) >= len(flat) - len(self.start)  # the tree is in order of names

        @jax.jit
        def objective(vector: Any, trust: Any) -> Any:
            def total(v: Any) -> Any:
                misfit, residual = self._parts(rebuild(v))
                return misfit + trust * residual

            return jax.value_and_grad(total)(vector)

        def descend(vector: np.ndarray, trust: float, moving: np.ndarray, limit: int) -> np.ndarray:
            def ready(part: np.ndarray) -> tuple[float, np.ndarray]:
                full = vector.copy()
                full[moving] = part
                value, slope = objective(full, trust)
                return float(value), np.nan_to_num(np.asarray(slope, float))[moving]

            found = minimize(
                ready, vector[moving], method="L-BFGS-B", jac=True,
                options={"maxiter": limit, "maxfun": 2 * limit, "maxcor": 30, "ftol": 1e-13,
                         "gtol": 1e-10},
            )  # fmt: skip
            out = vector.copy()
            out[moving] = found.x
            return out

        # Courses first, then parameters to their slopes, then both: from parameters far off the
        # equations would otherwise pull the courses away from the data.
        vector = descend(np.asarray(flat, float), 1e-8, ~free, steps // 3)
        vector = descend(vector, 1.0, free, steps // 10)
        for trust in (1e-3, 1e-2, 1e-1, 1.0):
            limit = steps if trust == 1.0 else steps // 3
            vector = descend(vector, trust * self.trust, np.ones(len(flat), bool), limit)
        found: Any = rebuild(jax.numpy.asarray(vector))
        misfit, residual = self._parts(found)
        _, slope = objective(vector, self.trust)
        if not np.isfinite(float(misfit) + float(residual)) or not np.isfinite(slope).all():
            raise SolverError("The search left the region where the equations can be computed",
                              where="physics-informed fit", why="the misfit, the residual or a slope is not finite",
                              fix="narrow the ranges, or start nearer to the data")  # fmt: skip
        return Informed(np.asarray(self._values(found["free"])), float(np.sqrt(misfit)),
                        float(np.sqrt(residual)))  # fmt: skip

    def _values(self, free: Any) -> Any:
        """Return the parameters; those that start above zero move along their logarithm."""
        import jax.numpy as jnp

        base = np.where(self.start > 0, self.start, 1.0)
        return jnp.where(self.start > 0, base * jnp.exp(free), self.start + free)

    def _parts(self, tree: Any) -> tuple[Any, Any]:
        """Return mean squared scaled error at the data and residual of the equations."""
        import jax
        import jax.numpy as jnp

        values = self._values(tree["free"])

        def course(layers: Any, begin: Any, length: Any, t: Any) -> Any:
            value = jnp.reshape(2.0 * (t - begin) / length - 1.0, (1,))
            for weights, offsets in layers[:-1]:
                value = jnp.tanh(3.0 * value @ weights + offsets)
            weights, offsets = layers[-1]
            return (value @ weights + offsets) * self.scale

        def one(
            layers: Any, begin: Any, length: Any, p: Any, times: Any, moments: Any, u: Any
        ) -> Any:
            at_data = jax.vmap(lambda t: course(layers, begin, length, t))(times)

            def residual(t: Any, controls: Any) -> Any:
                y, drift = jax.jvp(
                    lambda s: course(layers, begin, length, s), (t,), (jnp.ones(()),)
                )
                return (drift - self.slots.slope(t, y, p, controls, values)) * length / self.scale

            return at_data, jax.vmap(residual)(moments, u)

        at_data, residuals = jax.vmap(one)(
            tree["courses"], self.begin, self.length, self.parameters, self.times, self.moments,
            self.controls,
        )  # fmt: skip
        errors = jnp.where(self.known, (at_data - self.wanted) / self.scale, 0.0)
        return (errors**2).sum() / self.known.sum(), jnp.mean(residuals**2)
