"""A control policy learned on the Model: the baseline predictive control has to beat.

Proximal policy optimisation (J. Schulman et al. 2017, arXiv:1707.06347) with generalised advantage
estimation (J. Schulman et al. 2016, arXiv:1506.02438); the plants run side by side, compiled by
JAX, with their own parameters drawn around the nominal ones; the network is PyTorch's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.core.errors import BackendError, InputError
from catena.core.identity import split_key
from catena.ops.control.controller import Move
from catena.ops.control.stating import Problem

#: Discount per interval, and share of the advantage carried on.
DISCOUNT, TRACE = 0.97, 0.95
#: A new policy may be at most this much more or less likely to act as the old one.
CLIP = 0.2
#: Cost of a broken limit of its own size, relative to the typical cost of an interval.
BROKEN = 10.0


@final
@dataclass
class Policy:
    """A trained policy as a controller.

    Args:
        problem: The problem it was trained on.
        actor: Network from observations to scaled inputs.
    """

    problem: Problem
    actor: Any

    def step(self, t: float, x: np.ndarray, q: np.ndarray | None = None) -> Move:
        """Return the inputs of the coming interval."""
        import torch

        seen = observed(self.problem, t, np.asarray(x)[None])
        with torch.no_grad():
            share = np.clip(self.actor(torch.as_tensor(seen, dtype=torch.float32)).numpy()[0], 0, 1)
        shape = self.problem.horizon
        action = shape.low + shape.span * share
        names = self.problem.dynamics.inputs
        return Move(t, dict(zip(names, map(float, action), strict=True)), "solved", "", action[None],
                    np.asarray(x)[None], np.nan, 0.0, 0, 0.0)  # fmt: skip


def observed(problem: Problem, t: float | np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return what the policy sees (m, n + nr): scaled states and set points."""
    scale = problem.horizon.scale
    wanted = problem.wanted(np.broadcast_to(np.asarray(t, dtype=float), (len(x),)))
    sizes = np.array([max(abs(v) for _, v in steps) or 1.0 for steps in problem.targets])
    return np.concatenate([(x - problem.start) / scale, wanted / sizes], axis=1)


def train(
    problem: Problem,
    *,
    rounds: int = 60,
    plants: int = 64,
    length: int = 32,
    spread: float = 0.05,
    key: int = 0,
) -> tuple[Policy, np.ndarray]:
    """Train a policy on many simulated plants.

    Args:
        problem: What is controlled and what it costs.
        rounds: Improvements of the policy.
        plants: Plants side by side.
        length: Intervals per round.
        spread: Deviation of every plant's loose values and first state, relative.
        key: 64-bit seed.

    Returns:
        The policy, and the mean cost of an interval in every round (rounds,).

    Raises:
        BackendError: PyTorch is not installed.
        InputError: a number is not positive.
    """
    if min(rounds, plants, length) < 1:
        raise InputError("Nothing to train", where="policy", why="a number is below one",
                         fix="give positive rounds, plants and length")  # fmt: skip
    try:
        import torch
    except ImportError:
        raise BackendError("PyTorch is not installed", where="policy", why="the network is PyTorch's",
                           fix='pip install "catena[torch]"') from None  # fmt: skip
    seed = split_key(key, "policy") % 2**31
    generator = torch.Generator().manual_seed(seed)
    draws = np.random.default_rng(seed)
    actor, critic, noise = _networks(torch, problem, seed)
    optimiser = torch.optim.Adam([*actor.parameters(), *critic.parameters(), noise], lr=3e-3)
    world = _World(problem, plants, spread, draws)
    costs = []
    for _ in range(rounds):
        batch = _played(torch, world, actor, critic, noise, length, generator)
        _improved(torch, batch, actor, critic, noise, optimiser, generator)
        costs.append(batch["cost"])
    return Policy(problem, actor), np.array(costs)


def _networks(torch: Any, problem: Problem, seed: int) -> tuple[Any, Any, Any]:
    torch.manual_seed(seed)
    seen = problem.horizon.scale.size + len(problem.tracked)
    count = len(problem.dynamics.inputs)

    def network(out: int) -> Any:
        layers = [torch.nn.Linear(seen, 64), torch.nn.Tanh(), torch.nn.Linear(64, 64),
                  torch.nn.Tanh(), torch.nn.Linear(64, out)]  # fmt: skip
        return torch.nn.Sequential(*layers)

    actor, critic = network(count), network(1)
    share = (problem.before - problem.horizon.low) / problem.horizon.span
    with torch.no_grad():  # the first policy holds the inputs in force
        actor[-1].weight.mul_(0.01)
        actor[-1].bias.copy_(torch.as_tensor(share, dtype=torch.float32))
    return actor, critic, torch.nn.Parameter(torch.full((count,), -1.6))


@final
class _World:
    """Plants side by side, each with its own parameters; restarted at random moments."""

    def __init__(self, problem: Problem, count: int, spread: float, draws: Any) -> None:
        import jax
        import jax.numpy as jnp

        from catena.numerics.horizon.stepping import compiled

        self.problem, self.count, self.spread, self.draws = problem, count, spread, draws
        shape = problem.horizon

        def one(t: Any, x: Any, u: Any, q: Any, r: Any, after: Any) -> tuple[Any, Any]:
            new = shape.flow(t, x, u, q)
            broken = jnp.maximum(shape.rows(t + shape.width, new, u, q, after), 0.0)
            gain = shape.end(t + shape.width, new, q, after) - shape.end(t, x, q, r)
            return new, jnp.stack([shape.stage(t, x, u, q, r) + gain, broken.sum()])

        self.advance = compiled(jax.vmap(one))
        self.unit = 0.0
        self.restart(np.ones(count, dtype=bool))

    def restart(self, which: np.ndarray) -> None:
        """Give some plants a new start, new parameters and a new place on the set point course."""
        problem, count = self.problem, self.count
        n, nq = problem.start.size, problem.dynamics.nominal.size
        last = max([steps[-1][0] for steps in problem.targets], default=0.0)
        x = problem.start * (1 + self.spread * self.draws.normal(size=(count, n)))
        q = problem.dynamics.nominal * (1 + self.spread * self.draws.normal(size=(count, nq)))
        t = problem.width * np.round(self.draws.random(count) * 1.2 * last / problem.width)
        if not hasattr(self, "x"):
            self.x, self.q, self.t = x, q, t
        self.x = np.where(which[:, None], x, self.x)
        self.q = np.where(which[:, None], q, self.q)
        self.t = np.where(which, t, self.t)

    def step(self, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Move all plants; return rewards and which of them ended."""
        problem, shape = self.problem, self.problem.horizon
        now, later = problem.wanted(self.t), problem.wanted(self.t + problem.width)
        inputs = shape.low + shape.span * np.clip(share, 0.0, 1.0)
        x, costs = self.advance(self.t, self.x, inputs, self.q, now, later)
        x, costs = np.asarray(x), np.asarray(costs)
        lost = ~(np.isfinite(x).all(axis=1) & np.isfinite(costs).all(axis=1))
        costs = np.where(lost[:, None], 0.0, costs)
        self.unit = self.unit or float(np.abs(costs[:, 0]).mean()) or 1.0
        reward = -costs[:, 0] / self.unit - BROKEN * np.minimum(costs[:, 1], 1.0) - 10.0 * lost
        self.x, self.t = np.where(lost[:, None], problem.start, x), self.t + problem.width
        ended = lost | (self.draws.random(self.count) < 0.02)
        self.restart(ended)
        return reward, ended


def _played(
    torch: Any, world: _World, actor: Any, critic: Any, noise: Any, length: int, generator: Any
) -> dict[str, Any]:
    """Let the policy act and return what happened, with advantages."""
    seen, done, rewards, ended = [], [], [], []
    for _ in range(length):
        view = torch.as_tensor(observed(world.problem, world.t, world.x), dtype=torch.float32)
        with torch.no_grad():
            mean = actor(view)
            act = mean + noise.exp() * torch.randn(mean.shape, generator=generator)
        reward, stop = world.step(act.numpy().astype(float))
        seen.append(view)
        done.append(act)
        rewards.append(torch.as_tensor(reward, dtype=torch.float32))
        ended.append(torch.as_tensor(stop))
    final_ = torch.as_tensor(observed(world.problem, world.t, world.x), dtype=torch.float32)
    with torch.no_grad():
        values = [critic(view)[:, 0] for view in (*seen, final_)]
        likely = [_likelihood(torch, actor, noise, v, a) for v, a in zip(seen, done, strict=True)]
    carried = torch.zeros(world.count)
    advantages: list[Any] = []
    for k in reversed(range(length)):
        going = (~ended[k]).float()
        error = rewards[k] + DISCOUNT * going * values[k + 1] - values[k]
        carried = error + DISCOUNT * TRACE * going * carried
        advantages.insert(0, carried)
    flat = [torch.cat(part) for part in (seen, done, likely, advantages, values[:-1])]
    return {"seen": flat[0], "done": flat[1], "likely": flat[2], "advantage": flat[3],
            "target": flat[3] + flat[4], "cost": -float(torch.stack(rewards).mean())}  # fmt: skip


def _likelihood(torch: Any, actor: Any, noise: Any, seen: Any, done: Any) -> Any:
    return torch.distributions.Normal(actor(seen), noise.exp()).log_prob(done).sum(dim=1)


def _improved(
    torch: Any, batch: dict[str, Any], actor: Any, critic: Any, noise: Any, optimiser: Any,
    generator: Any,
) -> None:  # fmt: skip
    """Take gradient steps on the clipped objective."""
    gain = batch["advantage"]
    gain = (gain - gain.mean()) / (gain.std() + 1e-8)
    for _ in range(6):
        order = torch.randperm(len(gain), generator=generator)
        for part in order.chunk(4):
            ratio = (_likelihood(torch, actor, noise, batch["seen"][part], batch["done"][part])
                     - batch["likely"][part]).exp()  # fmt: skip
            surrogate = torch.minimum(
                ratio * gain[part], ratio.clamp(1 - CLIP, 1 + CLIP) * gain[part]
            )
            miss = critic(batch["seen"][part])[:, 0] - batch["target"][part]
            loss = -surrogate.mean() + 0.5 * (miss**2).mean() * 0.1 - 1e-3 * noise.sum()
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*actor.parameters(), *critic.parameters()], 0.5)
            optimiser.step()
