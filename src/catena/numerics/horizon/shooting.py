"""Nonlinear optimal control over a horizon by sequential quadratic programming.

Direct multiple shooting (Bock and Plitt 1984, doi:10.1016/S1474-6670(17)61205-9): every node has a
state of its own, intervals are integrated side by side, gaps between them close while the
objective is minimised. One iteration linearises all intervals, eliminates the states, solves the
quadratic programme and searches along its step with an exact penalty function (L1). With one
iteration per sampling time this is the real-time iteration of M. Diehl et al., J. Process Control
12 (2002) 577, doi:10.1016/S0959-1524(01)00023-3. Single shooting integrates every trial instead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, final

import numpy as np

from catena.numerics.horizon.condensing import adjoints, condense, convex
from catena.numerics.horizon.qp import solve
from catena.numerics.horizon.records import Guess, Judged, Setting
from catena.numerics.horizon.stepping import compiled

#: Fractions of a step that are tried, side by side.
TRIALS = (1.0, 0.5, 0.25, 0.1, 0.03, 0.01)
#: Share of the predicted decrease of the penalty function that a step must bring.
DECREASE = 1e-4


@final
@dataclass(frozen=True, eq=False)
class Horizon:
    """An optimal control problem on a horizon of N intervals of equal width.

    Args:
        flow: ``(t, x, u, q) -> x`` over one interval, impulses included.
        stage: ``(t, x, u, q, r) -> ()``: cost of an interval, from its first node.
        end: ``(t, x, q, r) -> ()``: cost of the last node.
        rows: ``(t, x, u, q, r) -> (nc,)``, to be kept at or below zero at the end of every interval,
            scaled to about one.
        width: Width of an interval.
        maps: Inputs of scenario and interval as functions of the decisions (S, N, nu, nz).
        low: Lower bounds of the inputs (nu,).
        high: Upper bounds (nu,); both finite.
        moves: Largest change of an input from interval to interval (nu,), may be infinite.
        move_weights: Weight of squared changes relative to the range of the input (nu,).
        scale: Size of the states (n,).
        hessian: ``exact`` takes the curvature of dynamics and rows into account.
        shooting: ``multiple`` or ``single``.
    """

    flow: Callable[..., Any]
    stage: Callable[..., Any]
    end: Callable[..., Any]
    rows: Callable[..., Any]
    width: float
    maps: np.ndarray
    low: np.ndarray
    high: np.ndarray
    moves: np.ndarray
    move_weights: np.ndarray
    scale: np.ndarray
    hessian: Literal["exact", "gauss-newton"] = "exact"
    shooting: Literal["multiple", "single"] = "multiple"

    @property
    def count(self) -> int:
        """Number of intervals."""
        return int(self.maps.shape[1])

    @cached_property
    def changes(self) -> tuple[np.ndarray, np.ndarray]:
        """Scaled changes of the inputs as ``c @ z - d @ before``: (S N nu, nz), (S N nu, nu)."""
        scenarios, count, nu, nz = self.maps.shape
        c = self.maps.copy()
        c[:, 1:] -= self.maps[:, :-1]
        d = np.zeros((scenarios, count, nu, nu))
        d[:, 0] = np.eye(nu)
        return c.reshape(-1, nz), d.reshape(-1, nu)

    @property
    def span(self) -> np.ndarray:
        """Ranges of the inputs."""
        return np.asarray(self.high - self.low)

    def inputs(self, z: Any) -> Any:
        """Return the inputs (S, N, nu) of scaled decisions."""
        return self.low + self.span * (self.maps @ z)

    @cached_property
    def iterate(self) -> Callable[[Setting, Guess], tuple[Guess, Judged]]:
        """One compiled iteration."""
        return compiled(self._iterate)

    @cached_property
    def assess(self) -> Callable[[Setting, Any], tuple[Any, Any, Any]]:
        """Compiled: objective, violation of every kind of row and states of given decisions."""

        def assess(setting: Setting, z: Any) -> tuple[Any, Any, Any]:
            x = self._rollout(setting, z)
            cost, excess, _ = self._measured(setting, z, x)
            return cost, excess.max(axis=(0, 1)), x

        return compiled(assess)

    # Inside the trace -----------------------------------------------------------------------

    def _times(self, setting: Setting) -> Any:
        return setting.t + self.width * np.arange(self.count + 1)

    def _rollout(self, setting: Setting, z: Any) -> Any:
        import jax
        import jax.numpy as jnp

        def path(q: Any, inputs: Any) -> Any:
            def one(x: Any, stage: tuple[Any, Any]) -> tuple[Any, Any]:
                t, u = stage
                new = self.flow(t, x, u, q)
                return new, new

            _, later = jax.lax.scan(one, setting.x, (self._times(setting)[:-1], inputs))
            return jnp.concatenate([setting.x[None], later])

        return jax.vmap(path)(setting.q, self.inputs(z))

    def _measured(self, setting: Setting, z: Any, x: Any) -> tuple[Any, Any, Any]:
        """Return the objective, the violations (S, N, nc) and the gaps (S, N, n)."""
        import jax
        import jax.numpy as jnp

        times, inputs = self._times(setting), self.inputs(z)

        def interval(t: Any, x: Any, u: Any, q: Any, r: Any, after: Any) -> tuple[Any, Any, Any]:
            later, r_later = after
            ends = self.flow(t, x, u, q)
            rows = self.rows(t + self.width, later, u, q, r_later)
            return self.stage(t, x, u, q, r), rows, ends - later

        r = jnp.asarray(setting.reference)
        inner = jax.vmap(interval, in_axes=(0, 0, 0, None, 0, (0, 0)))
        outer = jax.vmap(inner, in_axes=(None, 0, 0, 0, None, (0, None)))
        costs, rows, gaps = outer(
            times[:-1], x[:, :-1], inputs, setting.q, r[:-1], (x[:, 1:], r[1:])
        )
        last = jax.vmap(lambda x, q: self.end(times[-1], x, q, r[-1]))(x[:, -1], setting.q)
        moved = self._moved(setting, z)
        cost = setting.weights @ (costs.sum(axis=1) + last) + moved @ (
            self._weights(setting) * moved
        )
        return cost, jnp.maximum(rows, 0.0), gaps

    def _moved(self, setting: Setting, z: Any) -> Any:
        """Return all changes of inputs, relative to their range."""
        c, d = self.changes
        return c @ z - d @ ((setting.before - self.low) / self.span)

    def _weights(self, setting: Setting) -> Any:
        import jax.numpy as jnp

        return jnp.kron(setting.weights, np.tile(self.move_weights, self.count))

    def _iterate(self, setting: Setting, guess: Guess) -> tuple[Guess, Judged]:
        import jax.numpy as jnp

        # The first state is what was measured, from the start (initial value embedding).
        guess = guess._replace(x=jnp.asarray(guess.x).at[:, 0].set(setting.x))
        line = self._linearised(setting, guess)
        h, g, a, b, rho, bounds = self._programme(setting, guess, line)
        found = solve(convex(h), g, a, b, rho)
        dz, dx = found.x, line["g"] @ found.x + line["r"]
        node_mults = found.multipliers[bounds:].reshape(guess.multipliers.shape)
        adjoint = self._adjoint(guess, line, dz, dx, node_mults)
        new, fraction, descent = self._searched(setting, guess, line, dz, dx, adjoint)
        cost, excess, gaps = self._measured(setting, new[0], new[1])
        result = Guess(new[0], new[1], adjoint, node_mults)
        finite = jnp.isfinite(cost) & jnp.isfinite(new[0]).all() & jnp.isfinite(adjoint).all()
        soft_mult, soft_rho = found.multipliers[bounds:], rho[bounds:]
        pressed = jnp.any((soft_mult > 0.99 * soft_rho) & (found.excess[bounds:] > 1e-6))
        judged = Judged(cost, jnp.max(jnp.abs(dz)), -descent, fraction,
                        jnp.max(jnp.abs(gaps) / self.scale),
                        excess.max(axis=(0, 1)), pressed, found.iterations, finite)  # fmt: skip
        return result, judged

    def _linearised(self, setting: Setting, guess: Guess) -> dict[str, Any]:
        """Return derivatives of all intervals and the states as functions of the decisions."""
        import jax
        import jax.numpy as jnp

        n, times = self.scale.size, self._times(setting)
        inputs, r = self.inputs(guess.z), jnp.asarray(setting.reference)
        v = jnp.concatenate([guess.x[:, :-1], inputs], axis=-1)
        after = jnp.concatenate([guess.x[:, 1:], inputs], axis=-1)

        def flow(v: Any, t: Any, q: Any) -> tuple[Any, Any]:
            ends = self.flow(t, v[:n], v[n:], q)
            return ends, ends

        def stage(v: Any, t: Any, q: Any, r: Any, adjoint: Any) -> Any:
            cost = self.stage(t, v[:n], v[n:], q, r)
            return cost + adjoint @ self.flow(t, v[:n], v[n:], q) if self._exact else cost

        def rows(v: Any, t: Any, q: Any, r: Any) -> tuple[Any, Any]:
            value = self.rows(t, v[:n], v[n:], q, r)
            return value, value

        def pressure(v: Any, t: Any, q: Any, r: Any, mults: Any) -> Any:
            return mults @ self.rows(t, v[:n], v[n:], q, r)

        def mapped(function: Callable[..., Any], axes: tuple[Any, ...]) -> Callable[..., Any]:
            inner = jax.vmap(function, in_axes=axes)
            return jax.vmap(inner, in_axes=tuple(0 if k in (0, 2, 4) else None
                                                 for k in range(len(axes))))  # fmt: skip

        ab, ends = mapped(jax.jacfwd(flow, has_aux=True), (0, 0, None))(v, times[:-1], setting.q)
        weights = setting.weights[:, None, None]
        scaled = guess.adjoint / weights
        hessian = mapped(jax.hessian(stage), (0, 0, None, 0, 0))(
            v, times[:-1], setting.q, r[:-1], scaled
        )
        gradient = mapped(jax.grad(lambda v, t, q, r: self.stage(t, v[:n], v[n:], q, r)),
                          (0, 0, None, 0))(v, times[:-1], setting.q, r[:-1])  # fmt: skip
        slopes, values = mapped(jax.jacfwd(rows, has_aux=True), (0, 0, None, 0))(
            after, times[1:], setting.q, r[1:])  # fmt: skip
        curved = None
        if self._exact and setting.rho.size:
            curved = mapped(jax.hessian(pressure), (0, 0, None, 0, 0))(
                after, times[1:], setting.q, r[1:], guess.multipliers)  # fmt: skip

        def end(x: Any, q: Any) -> Any:
            return self.end(times[-1], x, q, r[-1])

        last = jax.vmap(jax.grad(end))(guess.x[:, -1], setting.q) * setting.weights[:, None]
        last_h = jax.vmap(jax.hessian(end))(guess.x[:, -1], setting.q) * weights
        nz = guess.z.size
        maps = jnp.asarray(self.maps * self.span[:, None])
        start = jnp.zeros((n, nz))
        g, res = jax.vmap(condense, in_axes=(0, 0, 0, 0, None, 0))(
            ab[..., :n], ab[..., n:], ends - guess.x[:, 1:], maps, start,
            setting.x - guess.x[:, 0])  # fmt: skip
        return {"ab": ab, "w": hessian * weights[..., None], "q": gradient * weights, "c": values,
                "cj": slopes, "cw": curved, "q_end": last, "w_end": last_h, "g": g, "r": res,
                "maps": maps, "gaps": ends - guess.x[:, 1:]}  # fmt: skip

    @property
    def _exact(self) -> bool:
        return self.hessian == "exact"

    def _programme(self, setting: Setting, guess: Guess, line: dict[str, Any]) -> tuple[Any, ...]:
        """Return Hessian, gradient, rows, right-hand sides, penalties; rows before those at nodes."""
        import jax.numpy as jnp

        nz = guess.z.size
        g, r, maps = line["g"], line["r"], line["maps"]
        now = jnp.concatenate([g[:, :-1], maps], axis=2)
        now_r = jnp.concatenate([r[:, :-1], jnp.zeros(maps.shape[:3])], axis=2)
        h, grad = _folded(now, now_r, line["w"], line["q"])
        more_h, more_g = _folded(
            g[:, -1:], r[:, -1:], line["w_end"][:, None], line["q_end"][:, None]
        )
        h, grad = h + more_h, grad + more_g
        then = jnp.concatenate([g[:, 1:], maps], axis=2)
        then_r = jnp.concatenate([r[:, 1:], jnp.zeros(maps.shape[:3])], axis=2)
        if line["cw"] is not None:
            # Curvature of the rows only; their slopes enter as rows.
            more_h, more_g = _folded(then, then_r, line["cw"], jnp.zeros_like(then_r))
            h, grad = h + more_h, grad + more_g
        c, _ = self.changes
        weights, moved = self._weights(setting), self._moved(setting, guess.z)
        h = h + 2 * (c.T * weights) @ c
        grad = grad + 2 * c.T @ (weights * moved)
        limits = np.tile(self.moves / self.span, self.maps.shape[0] * self.count)
        bounded = np.isfinite(limits)
        eye = np.eye(nz)
        slopes = line["cj"] @ then
        values = line["c"] + (line["cj"] @ then_r[..., None])[..., 0]
        a = jnp.concatenate([eye, -eye, c[bounded], -c[bounded], slopes.reshape(-1, nz)])
        b = jnp.concatenate([1.0 - guess.z, guess.z, limits[bounded] - moved[bounded],
                             limits[bounded] + moved[bounded], -values.reshape(-1)])  # fmt: skip
        hard = 2 * nz + 2 * int(bounded.sum())
        each = setting.weights[:, None, None] * jnp.broadcast_to(setting.rho, line["c"].shape)
        rho = jnp.concatenate([jnp.full(hard, jnp.inf), each.reshape(-1)])
        return h, grad, a, b, rho, hard

    def _adjoint(self, guess: Guess, line: dict[str, Any], dz: Any, dx: Any, mults: Any) -> Any:
        """Return multipliers of the interval maps at the solution of the quadratic programme."""
        import jax
        import jax.numpy as jnp

        n = self.scale.size
        du = line["maps"] @ dz
        dv = jnp.concatenate([dx[:, :-1], du], axis=-1)
        now = line["q"][..., :n] + jnp.einsum("skij,skj->ski", line["w"][..., :n, :], dv)
        pressed = jnp.einsum("skci,skc->ski", line["cj"][..., :n], mults)
        last = line["q_end"] + jnp.einsum("sij,sj->si", line["w_end"], dx[:, -1])
        gradients = jnp.concatenate([now, last[:, None]], axis=1)
        gradients = gradients.at[:, 1:].add(pressed)
        return jax.vmap(adjoints)(line["ab"][..., :n], gradients)

    def _searched(
        self, setting: Setting, guess: Guess, line: dict[str, Any], dz: Any, dx: Any, adjoint: Any
    ) -> tuple[tuple[Any, Any], Any, Any]:
        """Return new decisions and states, the fraction of the step taken, and its slope."""
        import jax
        import jax.numpy as jnp

        along = self._slope(setting, guess, line, dz, dx)
        closing = 1.5 * jnp.max(jnp.abs(adjoint), axis=(0, 1)) + 1e-6
        # Curvature across the gaps may be negative: the price of gaps is raised until the step
        # leads down (Nocedal and Wright, Numerical Optimization, 2006, equation 18.36).
        pull = jnp.sum(jnp.abs(line["gaps"]) * closing)
        closing = closing * jnp.maximum(1.0, 2.0 * along / jnp.where(pull > 0, pull, jnp.inf))
        single = self.shooting == "single"

        def merit(z: Any, x: Any) -> Any:
            cost, excess, gaps = self._measured(setting, z, x)
            broken = jnp.einsum("skc,c,s->", excess, setting.rho, setting.weights)
            return cost + broken + jnp.sum(jnp.abs(gaps) * closing)

        def stepped(fraction: Any) -> tuple[Any, Any]:
            z = jnp.clip(guess.z + fraction * dz, 0.0, 1.0)
            return z, self._rollout(setting, z) if single else guess.x + fraction * dx

        trials = jnp.array(TRIALS)
        zs, xs = jax.vmap(stepped)(trials)
        merits = jax.vmap(merit)(zs, xs)
        start = merit(guess.z, guess.x)
        descent = jnp.minimum(along - jnp.sum(jnp.abs(line["gaps"]) * closing), 0.0)
        good = merits <= start + DECREASE * trials * descent + 1e-10 * (1 + jnp.abs(start))
        merits = jnp.where(jnp.isfinite(merits), merits, jnp.inf)
        pick = jnp.where(good.any(), jnp.argmax(good), jnp.argmin(merits))
        return (zs[pick], xs[pick]), trials[pick], descent

    def _slope(self, setting: Setting, guess: Guess, line: dict[str, Any], dz: Any, dx: Any) -> Any:
        """Return the slope of objective and penalties along the step, gaps left out."""
        import jax.numpy as jnp

        dv = jnp.concatenate([dx[:, :-1], line["maps"] @ dz], axis=-1)
        c, _ = self.changes
        moved = self._moved(setting, guess.z)
        along = jnp.sum(line["q"] * dv) + jnp.sum(line["q_end"] * dx[:, -1])
        along = along + 2 * (self._weights(setting) * moved) @ (c @ dz)
        after = jnp.concatenate([dx[:, 1:], line["maps"] @ dz], axis=-1)
        rows = line["c"] + jnp.einsum("skci,ski->skc", line["cj"], after)
        relief = jnp.maximum(rows, 0.0) - jnp.maximum(line["c"], 0.0)
        return along + jnp.einsum("skc,c,s->", relief, setting.rho, setting.weights)


def _folded(maps: Any, base: Any, hessian: Any, gradient: Any) -> tuple[Any, Any]:
    """Return T'WT and T'(q + W r) summed over scenarios and nodes: (nz, nz), (nz,)."""
    import jax.numpy as jnp

    nz = maps.shape[-1]
    wide = (hessian @ maps).reshape(-1, nz)
    flat = maps.reshape(-1, nz)
    pull = gradient + (hessian @ base[..., None])[..., 0]
    return flat.T @ wide, jnp.asarray(flat.T @ pull.reshape(-1))
