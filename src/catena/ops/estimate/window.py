"""Moving horizon estimation: the most probable path through the recent samples.

Minimises the distance to the belief at the start of the window (arrival cost from the extended
Kalman filter), the process noise of every interval and the misfit of every sample, within bounds:
multiple shooting with Gauss-Newton steps, one quadratic programme each (C. V. Rao, J. B. Rawlings,
D. Q. Mayne, IEEE Trans. Autom. Control 48 (2003) 246, doi:10.1109/TAC.2002.808470).
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple, final

import numpy as np

from catena.numerics.horizon.condensing import condense
from catena.numerics.horizon.qp import solve
from catena.numerics.horizon.stepping import Stepping, compiled

if TYPE_CHECKING:
    from catena.ops.estimate.estimator import Estimator, Node

#: Gauss-Newton steps per estimate at most.
STEPS = 8
#: Relative change of the path at which to stop.
SMALL = 1e-6
#: Windows are padded to a multiple of so many intervals, so that few programs are compiled.
PAD = 8


@final
class Window(NamedTuple):
    """Samples and inputs of a window of K intervals.

    Args:
        times: Times of the nodes (K + 1,); padding repeats the last one.
        inputs: Inputs of the intervals (K, nu).
        values: Measured values (K + 1, ny).
        weights: 1 / deviation of each, zero where nothing was measured (K + 1, ny).
        noise: Root of the noise of every interval (K, nz, nz).
        mean: Belief at the first node (nz,).
        root: Root of its covariance (nz, nz).
    """

    times: Any
    inputs: Any
    values: Any
    weights: Any
    noise: Any
    mean: Any
    root: Any


def refined(estimator: Estimator) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return mean and covariance at the last node, and what the reader must know."""
    nodes = _inside(estimator)
    if len(nodes) < 2:
        belief = nodes[-1].belief
        return belief["mean"], belief["cov"], []
    window, count = _gathered(estimator, nodes)
    step = _program(estimator)
    path = np.stack([node.belief["mean"] for node in nodes])
    path = np.concatenate([path, np.repeat(path[-1:], len(window.times) - len(path), axis=0)])
    cov, change = nodes[-1].belief["cov"], np.inf
    for _ in range(STEPS):
        new, cov = (np.asarray(part) for part in step(window, path))
        if not np.isfinite(new).all():
            return nodes[-1].belief["mean"], nodes[-1].belief["cov"], ["window failed, filter used"]
        change = float(np.max(np.abs(new - path) / (1e-3 + np.abs(path))))
        path = new
        if change < SMALL:
            break
    note = [] if change < 1e-3 else ["window not converged"]
    return path[count], cov, note


def _inside(estimator: Estimator) -> list[Node]:
    nodes = estimator.nodes
    since = nodes[-1].time - (estimator.window if estimator.window is not None else np.inf)
    kept = [node for node in nodes if node.time >= since - 1e-12]
    return kept if len(kept) > 1 else nodes[-2:]


def _gathered(estimator: Estimator, nodes: list[Node]) -> tuple[Window, int]:
    model = estimator.model
    count = len(nodes) - 1
    size = PAD * -(-count // PAD)
    ny = len(model.outputs)
    times = np.full(size + 1, nodes[-1].time)
    inputs = np.tile(nodes[-1].inputs, (size, 1))
    values, precision = np.zeros((size + 1, ny)), np.zeros((size + 1, ny))
    for k, node in enumerate(nodes):
        times[k] = node.time
        if k < count:
            inputs[k] = node.inputs
        used = node.verdict.used if node.verdict is not None else np.zeros(0, dtype=bool)
        for (place, value, deviation, _), good in zip(node.samples, used, strict=True):
            if good:  # several samples of one output at one moment count as their weighted mean
                total = precision[k, place] + deviation**-2
                values[k, place] += (value - values[k, place]) * deviation**-2 / total
                precision[k, place] = total
    nz = len(model.mean)
    noise, still = np.zeros((size, nz, nz)), np.zeros((nz, nz))
    for k, (node, later) in enumerate(pairwise(nodes)):
        width = later.time - node.time
        steps = estimator.moving.steps(width)
        spread = estimator.moving.spread(
            node.time, node.belief["mean"], still, node.inputs, width, steps
        )
        noise[k] = _root(np.asarray(spread[1]))
    root = _root(nodes[0].prior["cov"])
    return Window(
        times, inputs, values, np.sqrt(precision), noise, nodes[0].prior["mean"], root
    ), count


def _root(cov: np.ndarray) -> np.ndarray:
    spread, vectors = np.linalg.eigh(cov)
    return np.asarray(vectors * np.sqrt(np.maximum(spread, 0.0)))


def _program(estimator: Estimator) -> Any:
    """Return one compiled Gauss-Newton step ``(window, path) -> (path, covariance at the end)``."""
    known = getattr(estimator, "_window_step", None)
    if known is None:
        known = compiled(_stepper(estimator))
        estimator._window_step = known  # type: ignore[attr-defined]
    return known


def _stepper(estimator: Estimator) -> Any:
    import jax
    import jax.numpy as jnp

    model = estimator.model
    nz = len(model.mean)
    longest = estimator.window or 1.0
    steps = int(np.clip(np.ceil(longest / PAD / model.step), 2, 64))
    advance = model.advance(Stepping("rk4" if model.method == "rk4" else "rodas4", steps))
    bounded = np.flatnonzero(np.isfinite(model.low) | np.isfinite(model.high))
    scale = np.maximum(np.abs(model.mean), 1e-3) + model.deviation

    def step(window: Window, path: Any) -> tuple[Any, Any]:
        count = window.inputs.shape[0]
        widths = jnp.diff(window.times)

        def flow(z: Any, t: Any, u: Any, width: Any) -> tuple[Any, Any]:
            new = advance(t, z, u, width)
            return new, new

        a, ends = jax.vmap(jax.jacfwd(flow, has_aux=True))(
            path[:-1], window.times[:-1], window.inputs, widths)  # fmt: skip
        after = jnp.concatenate([window.inputs, window.inputs[-1:]])

        def look(z: Any, t: Any, u: Any) -> tuple[Any, Any]:
            y = model.look(t, z, u)
            return y, y

        h, seen = jax.vmap(jax.jacfwd(look, has_aux=True))(path, window.times, after)
        total = nz * (count + 1)
        maps = jnp.eye(total).reshape(count + 1, nz, total)
        g, r = condense(a, window.noise, ends - path[1:], maps[1:], window.root @ maps[0],
                        window.mean - path[0])  # fmt: skip
        rows = (window.weights[..., None] * (h @ g)).reshape(-1, total)
        left = (window.weights * (window.values - seen - (h @ r[..., None])[..., 0])).reshape(-1)
        hessian = rows.T @ rows + jnp.eye(total)
        low, high = model.low[bounded], model.high[bounded]
        reach = g[:, bounded] / scale[bounded][:, None]
        base = path[:, bounded] + r[:, bounded]
        top = jnp.where(jnp.isfinite(high), high - base, 1e6 * scale[bounded]) / scale[bounded]
        bottom = jnp.where(jnp.isfinite(low), base - low, 1e6 * scale[bounded]) / scale[bounded]
        limits = jnp.concatenate([reach.reshape(-1, total), -reach.reshape(-1, total)])
        room = jnp.concatenate([top.reshape(-1), bottom.reshape(-1)])
        # Penalised exactly rather than hard: a window that cannot keep a bound still has a path.
        found = solve(hessian, -rows.T @ left, limits, room, jnp.full(room.shape, 1e4))
        last = g[-1]
        cov = last @ jnp.linalg.solve(hessian, last.T)
        return path + r + g @ found.x, (cov + cov.T) / 2

    return step
