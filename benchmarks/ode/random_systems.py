"""A million parameter sets over twelve random structures: how often is the tolerance kept?

Every structure is a network of 2 to 30 pools: first-order transfers, and in two thirds of them
also saturable transfers (Michaelis-Menten) or mass action (A + B <-> C). Each pool is degraded at
0.1 to 1 per unit of time, and nothing makes more than it takes, so all solutions stay positive and
decay: stable. Together with degradation, rate constants of a structure span up to eight decades.

Error of one parameter set: the largest ``|y - reference|`` over states and times, over ``max_t
|reference|`` of the state plus ``atol / rtol``. The reference is the same engine at rtol / 1000,
itself compared with SciPy's Radau on a sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

import numpy as np

from benchmarks.ode.flat_model import flat_slopes
from benchmarks.ode.records import Table
from catena.core.errors import CatenaError
from catena.core.model import ModelInfo
from catena.core.spec import Field, Schema
from catena.numerics.ode import OdeSystem

Kind = Literal["first order", "saturable", "mass action"]
#: States, kind and decades of stiffness of the twelve structures.
STRUCTURES: tuple[tuple[int, Kind, int], ...] = (
    (2, "first order", 0), (3, "mass action", 2), (4, "saturable", 4), (5, "first order", 6),
    (6, "mass action", 8), (8, "saturable", 1), (10, "first order", 8), (12, "mass action", 4),
    (15, "saturable", 6), (20, "first order", 3), (25, "mass action", 6), (30, "saturable", 8),
)  # fmt: skip
TIMES = np.array([0.0, 1e-3, 1e-2, 0.1, 0.3, 1.0, 3.0, 10.0])
RTOL, ATOL = 1e-6, 1e-9
TIGHTER = 1e-3
LIMIT = 1_000_000
BATCH = 10_000


@final
@dataclass(frozen=True)
class Structure:
    """A random network.

    Args:
        number: Its place in ``STRUCTURES``, also its seed.
        states: Number of pools.
        kind: What the reactions beside first-order transfers are.
        decades: Rates span this many powers of ten.
        reactions: Reactants (one or two pools) and products of every reaction.
        saturable: Whether a reaction's rate is ``k a / (1 + a / s)`` with its own ``s``.
    """

    number: int
    states: int
    kind: Kind
    decades: int
    reactions: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    saturable: tuple[bool, ...]

    @classmethod
    def draw(cls, number: int) -> Structure:
        """Draw the structure with this number."""
        states, kind, decades = STRUCTURES[number]
        random = np.random.default_rng(1000 + number)
        # A ring keeps the network in one piece; chords and special reactions are drawn on top.
        ends = [(i, (i + 1) % states) for i in range(states)]
        ends += [tuple(random.choice(states, 2, replace=False)) for _ in range(states // 2)]
        reactions: list[Any] = [((int(a),), (int(b),)) for a, b in ends]
        saturable = [kind == "saturable" and bool(random.random() < 0.7) for _ in reactions]
        if kind == "mass action":
            for _ in range(states // 2):
                a, b, c = (int(i) for i in random.choice(states, 3, replace=False))
                reactions += [((a, b), (c,)), ((c,), (a, b))]
                saturable += [False, False]
        return cls(number, states, kind, decades, tuple(reactions), tuple(saturable))

    def parameters(self, count: int, seed: int) -> dict[str, np.ndarray]:
        """Draw rates, half-saturations, degradation and initial amounts for many sets."""
        random = np.random.default_rng([seed, self.number])
        many = (count, len(self.reactions))
        return {
            # Degradation adds one decade at the slow end.
            "rate": 10.0 ** random.uniform(0.0, max(self.decades - 1, 0), many),
            "half": 10.0 ** random.uniform(-2.0, 1.0, many),
            "decay": 10.0 ** random.uniform(-1.0, 0.0, (count, self.states)),
            "first": 10.0 ** random.uniform(-2.0, 0.0, (count, self.states)),
        }

    def rhs(self, t: Any, y: Mapping[str, Any], p: Mapping[str, Any], u: Any) -> dict[str, Any]:
        """Return slopes; the loop over reactions is unrolled when JAX traces it."""
        import jax.numpy as jnp

        x = [y["x"][i] for i in range(self.states)]
        out = [-p["decay"][i] * x[i] for i in range(self.states)]
        for k, (reactants, products) in enumerate(self.reactions):
            speed = p["rate"][k] * x[reactants[0]]
            if len(reactants) == 2:
                speed = speed * x[reactants[1]]
            if self.saturable[k]:
                speed = speed / (1.0 + x[reactants[0]] / p["half"][k])
            for i in reactants:
                out[i] = out[i] - speed
            # A pair that splits again is two pools from one; halves keep the total from growing.
            share = 0.5 if len(products) > len(reactants) else 1.0
            for i in products:
                out[i] = out[i] + share * speed
        return {"x": jnp.stack(out)}

    def system(self) -> OdeSystem:
        """Return the structure as a model."""
        count = len(self.reactions)
        return OdeSystem(
            ModelInfo(id=f"bench.random{self.number}", backend="jax"),
            Schema([Field("x", shape=("pool",), default=np.ones(self.states))]),
            Schema(
                [
                    Field("rate", shape=("reaction",), default=np.ones(count)),
                    Field("half", shape=("reaction",), default=np.ones(count)),
                    Field("decay", shape=("pool",), default=np.ones(self.states)),
                    Field("first", shape=("pool",), default=np.ones(self.states)),
                ]
            ),
            self.rhs,
            "x (time, pool)",
            lambda t, y, p, u: {"x": y["x"]},
            initial=lambda p: {"x": p["first"]},
            time_unit="",
        )


def error_of(found: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the error of every parameter set in units of rtol; failed sets are infinite."""
    size = np.abs(reference).max(axis=1, keepdims=True) + ATOL / RTOL
    error = (np.abs(found - reference) / size).max(axis=(1, 2)) / RTOL
    return np.where(np.isfinite(error), error, np.inf)


def stiffness_of(structure: Structure, parameters: Mapping[str, np.ndarray]) -> float:
    """Return the largest ratio of fastest to slowest rate over sets, at their initial states."""
    import jax

    slopes = flat_slopes(structure.system())
    jacobian = jax.jit(jax.vmap(jax.jacfwd(slopes, argnums=1), in_axes=(None, 0, 0)))
    rows = {name: value[:200] for name, value in parameters.items()}
    rates = np.abs(np.linalg.eigvals(np.asarray(jacobian(0.0, rows["first"], rows))).real)
    return float((rates.max(axis=1) / np.maximum(rates.min(axis=1), 1e-12)).max())


def radau(structure: Structure, parameters: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the states by SciPy's Radau at rtol 1e-10, set by set."""
    import jax
    from scipy.integrate import solve_ivp

    slopes = flat_slopes(structure.system())
    rhs, jacobian = jax.jit(slopes), jax.jit(jax.jacfwd(slopes, argnums=1))
    out = []
    for row in range(len(parameters["rate"])):
        p = {name: value[row] for name, value in parameters.items()}
        solution = solve_ivp(
            lambda t, y, p=p: np.asarray(rhs(t, y, p)), (0.0, TIMES[-1]), p["first"], "Radau",
            TIMES, jac=lambda t, y, p=p: np.asarray(jacobian(t, y, p)), rtol=1e-10, atol=1e-14,
        )  # fmt: skip
        out.append(solution.y.T)
    return np.array(out)


def _solve(model: OdeSystem, parameters: Mapping[str, np.ndarray], sharp: float) -> Any:
    """Return states with failed sets as NaN; ``sharp`` scales both tolerances."""
    run = model.solved_with(rtol=RTOL * sharp, atol=ATOL * sharp, max_steps=LIMIT)
    return run.predict({**parameters, "time": TIMES}, on_error="skip")


def _full(result: Any, count: int, shape: tuple[int, ...]) -> np.ndarray:
    good = np.array([status == "ok" for status in result.status])
    out = np.full((count, *shape), np.nan)
    out[good] = np.asarray(result["x"])
    return out


def judge(number: int, sets: int, method: str, sample: int, batch: int = BATCH) -> dict[str, Any]:
    """Solve one structure for many parameter sets and return one row of the table."""
    structure = Structure.draw(number)
    model = structure.system().solved_with(method=method)
    shape = (len(TIMES), structure.states)
    errors, failed, check = [], [], 0.0
    stiff = 0.0
    ran: Any = None
    for first in range(0, sets, batch):
        count = min(batch, sets - first)
        parameters = structure.parameters(count, seed=first)
        try:
            result = _solve(model, parameters, 1.0)
            reference = _full(_solve(model, parameters, TIGHTER), count, shape)
        except CatenaError as error:
            return {"structure": number, "states": structure.states, "kind": structure.kind,
                    "why": error.why[:110]}  # fmt: skip
        found = error_of(_full(result, count, shape), reference)
        ran = result.diagnostics.get("backend") or result.diagnostics["solver"]
        errors.append(found)
        failed += [first + int(row) for row in np.flatnonzero(found > 100.0)]
        if first == 0:
            stiff = stiffness_of(structure, parameters)
            few = {name: value[:sample] for name, value in parameters.items()}
            check = float(error_of(reference[:sample], radau(structure, few)).max())
    every = np.concatenate(errors)
    return {
        "structure": number, "states": structure.states, "kind": structure.kind,
        "stiffness": stiff, "sets": sets, "within 10 rtol": float((every <= 10.0).mean()),
        "sets beyond": int((every > 10.0).sum()), "median/rtol": float(np.median(every)),
        "max/rtol": float(every.max()), "beyond 100 rtol": failed[:10] or "none",
        "reference vs Radau/rtol": check, "ran on": ran,
    }  # fmt: skip


def report(size: str = "full", method: str = "auto", sets: int | None = None) -> list[Table]:
    """Return one row per structure, with the share of parameter sets that keep the tolerance.

    Args:
        size: ``full`` takes 83,334 sets per structure (a million in all), ``small`` 24.
        method: Our solver method.
        sets: Parameter sets per structure instead.
    """
    full = size == "full"
    count = sets or (83_334 if full else 24)
    records = [judge(i, count, method, 5 if full else 2) for i in range(len(STRUCTURES))]
    judged = [record for record in records if "max/rtol" in record]
    total = sum(record["sets"] for record in judged)
    beyond = sum(record["sets beyond"] for record in judged)
    share = 1 - beyond / total if total else 0.0
    worst = max((record["max/rtol"] for record in judged), default=np.inf)
    note = (f"{total:,} parameter sets: {share:.5%} within 10 rtol (target 99.9 %), "
            f"worst {worst:.3g} rtol (target 100)")  # fmt: skip
    return [Table(f"Random structures at rtol {RTOL:g}, atol {ATOL:g}", records, [note])]
