"""From the name of a design to runs in the factors' own units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal, final

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.ops.campaign.designs import factorial, response
from catena.ops.campaign.designs.optimal import Order, Terms, d_efficiency, d_optimal
from catena.ops.space import Space

Name = Literal[
    "full_factorial", "fractional_factorial", "plackett_burman", "central_composite",
    "box_behnken", "definitive_screening", "latin_hypercube", "sobol", "d_optimal",
]  # fmt: skip
DESIGNS: tuple[str, ...] = Name.__args__  # type: ignore[attr-defined]
#: Designs made for numbers on a free range: no categories, no constraints.
_NUMBERS = frozenset(
    (
        "plackett_burman",
        "central_composite",
        "box_behnken",
        "definitive_screening",
        "fractional_factorial",
    )
)


@final
@dataclass(frozen=True)
class Design:
    """Runs, and what they can tell apart.

    Args:
        name: Kind of design.
        x: Runs (n, d) in the factors' units.
        coded: The same in coded units: -1 to 1, categories as their index.
        aliases: Effects that cannot be told apart, by effect.
        resolution: Of a fraction: III, IV, V as a number; 0 otherwise.
        efficiency: D-efficiency for ``order`` (0 when the model cannot be estimated).
        order: Regression the efficiency is for.
        notes: What the reader must know.
    """

    name: str
    x: np.ndarray
    coded: np.ndarray
    aliases: dict[str, list[str]] = field(default_factory=dict)
    resolution: int = 0
    efficiency: float = 0.0
    order: str = "linear"
    notes: tuple[str, ...] = ()


def design(
    space: Space,
    name: str,
    *,
    runs: int | None = None,
    order: Order = "linear",
    levels: int = 2,
    centres: int | None = None,
    kind: Literal["inscribed", "faced"] = "inscribed",
    need: Sequence[str] = (),
    key: int = 0,
) -> Design:
    """Lay out a classical design.

    Args:
        space: The factors.
        name: One of ``DESIGNS``.
        runs: Number of runs, where the design leaves it open.
        order: Regression the design is for (D-optimal) and its efficiency is given for.
        levels: Levels per number (full factorial).
        centres: Centre runs (central composite, Box-Behnken, definitive screening).
        kind: Star of a central composite: on the ranges with the cube shrunk, or on the cube.
        need: Effects that must be told apart, ``"a"`` or ``"a:b"``; aliased ones are refused.
        key: 64-bit seed of designs that draw.

    Raises:
        InputError: the design does not exist for these factors, or confounds a needed effect.
    """
    if name not in DESIGNS:
        raise InputError(f"No design {name!r}", where="design", why=f"known are {', '.join(DESIGNS)}",
                         fix=did_you_mean(name, DESIGNS, "use one of these"))  # fmt: skip
    _check_factors(space, name)
    makers: dict[str, Callable[[], tuple[np.ndarray, dict[str, Any]]]] = {
        "full_factorial": lambda: (_full(space, levels), {}),
        "fractional_factorial": lambda: _fraction(space, runs),
        "plackett_burman": lambda: (factorial.plackett_burman(space.dim), {"resolution": 3}),
        "central_composite": lambda: (
            response.central_composite(space.dim, 4 if centres is None else centres, kind), {}
        ),
        "box_behnken": lambda: (response.box_behnken(space.dim, centres), {}),
        "definitive_screening": lambda: (
            response.definitive_screening(space.dim, 1 if centres is None else centres), {}
        ),
        "latin_hypercube": lambda: (coded(space, _maximin(space, _runs(runs, name), key)), {}),
        "sobol": lambda: (coded(space, space.sample(_runs(runs, name), key)), {}),
        "d_optimal": lambda: (_d_optimal(space, _runs(runs, name), order, key), {}),
    }  # fmt: skip
    points, facts = makers[name]()
    x = uncoded(space, points)
    # Whole numbers and logarithms move points; say what will really be run.
    points = coded(space, x)
    found = facts.pop("aliases", {}) or _aliased(space, points)
    _refuse_aliased(need, found, space)
    efficiency = d_efficiency(points, terms(space, order))
    return Design(name, x, points, found, facts.get("resolution", 0), efficiency, order)


def terms(space: Space, order: Order) -> Terms:
    """Return the regression of an order on a space's factors."""
    return Terms(order, tuple(len(v.choices) if v.choices else 0 for v in space.variables))


def coded(space: Space, x: np.ndarray) -> np.ndarray:
    """Return points (n, d) in coded units: -1 to 1 (in the logarithm where so scaled)."""
    out = np.array(x, dtype=float)
    for k, v in enumerate(space.variables):
        if v.choices:
            continue
        column = out[:, k]
        if v.scale == "log" and v.kind == "real":
            out[:, k] = 2 * np.log(column / v.low) / np.log(v.high / v.low) - 1
        else:
            out[:, k] = 2 * (column - v.low) / (v.high - v.low) - 1
    return out


def uncoded(space: Space, points: np.ndarray) -> np.ndarray:
    """Return coded points (n, d) in the factors' units, whole steps rounded."""
    out = np.array(points, dtype=float)
    for k, v in enumerate(space.variables):
        if v.choices:
            continue
        u = (out[:, k] + 1) / 2
        if v.scale == "log" and v.kind == "real":
            out[:, k] = v.low * (v.high / v.low) ** u
        else:
            out[:, k] = v.low + u * (v.high - v.low)
    return space.round(out)


def _check_factors(space: Space, name: str) -> None:
    if name in _NUMBERS:
        several = [v.name for v in space.variables if len(v.choices) > 2]
        two_level = name in ("plackett_burman", "fractional_factorial")
        choices = several if two_level else [v.name for v in space.variables if v.choices]
        if choices or space.constraints:
            why = (
                f"{', '.join(choices)} are categories" if choices else "the factors are constrained"
            )
            raise InputError(f"{name} does not fit these factors", where="design", why=why,
                             fix="use d_optimal, sobol or latin_hypercube")  # fmt: skip


def _runs(runs: int | None, name: str) -> int:
    if runs is None or runs < 1:
        raise InputError("How many runs?", where=name, why="the design leaves it open",
                         fix="say runs=20")  # fmt: skip
    return runs


def _full(space: Space, levels: int) -> np.ndarray:
    counts = [len(v.choices) or int(min(levels, v.levels)) for v in space.variables]
    points = factorial.full_factorial(counts)
    for k, v in enumerate(space.variables):
        if v.choices:
            points[:, k] = np.round((points[:, k] + 1) / 2 * (len(v.choices) - 1))
    keep = space.inside(uncoded(space, points))
    if not keep.any():
        raise InputError("No run is left", where="full factorial", why="the constraints exclude all corners",
                         fix="use d_optimal")  # fmt: skip
    return np.asarray(points[keep])


def _fraction(space: Space, runs: int | None) -> tuple[np.ndarray, dict[str, Any]]:
    wanted = runs or 2 ** int(np.ceil(np.log2(space.dim + 1)))
    points, words = factorial.fractional_factorial(space.dim, wanted)
    table = factorial.aliases(words, list(space.names))
    return _categories(space, points), {"aliases": table, "resolution": factorial.resolution(words)}


def _categories(space: Space, points: np.ndarray) -> np.ndarray:
    """Map the coded levels of two-level categories to their index."""
    out = points.copy()
    for k, v in enumerate(space.variables):
        if v.choices:
            out[:, k] = (out[:, k] + 1) / 2
    return out


def _maximin(space: Space, runs: int, key: int) -> np.ndarray:
    """Return the Latin hypercube, out of 50, whose nearest points are farthest apart."""
    best, best_gap = space.sample(runs, key, "latin"), -1.0
    for attempt in range(50):
        x = space.sample(runs, key + attempt, "latin")
        u = space.to_unit(x)
        gaps = np.linalg.norm(u[:, None] - u[None], axis=-1) + 9.0 * np.eye(runs)
        if gaps.min() > best_gap:
            best, best_gap = x, float(gaps.min())
    return best


def _d_optimal(space: Space, runs: int, order: Order, key: int) -> np.ndarray:
    allowed = draw = None
    if space.constraints:

        def allowed(points: np.ndarray) -> np.ndarray:
            return np.asarray(space.inside(uncoded(space, points)))

        def draw(n: int, seed: int) -> np.ndarray:
            return coded(space, space.sample(n, seed, "random"))

    grid = (
        2 if order != "quadratic" and not space.constraints else 3 if not space.constraints else 9
    )
    return d_optimal(terms(space, order), runs, key=key, grid=grid, allowed=allowed, draw=draw)


def _aliased(space: Space, points: np.ndarray) -> dict[str, list[str]]:
    """Return pairs of main effects and two-factor interactions that move together."""
    numbers = [k for k, v in enumerate(space.variables) if len(v.choices) <= 2]
    columns: dict[str, np.ndarray] = {}
    z = points.copy()
    for k in numbers:
        z[:, k] = z[:, k] * 2 - 1 if space.variables[k].choices else z[:, k]
        columns[space.names[k]] = z[:, k]
    for a, b in combinations(numbers, 2):
        columns[f"{space.names[a]}:{space.names[b]}"] = z[:, a] * z[:, b]
    names = [name for name, column in columns.items() if np.ptp(column) > 0]
    if len(points) < 3 or len(names) < 2 or len(names) > 400:
        return {}
    table = np.corrcoef(np.stack([columns[name] for name in names]))
    found: dict[str, list[str]] = {}
    for i, name in enumerate(names):
        same = [names[j] for j in np.flatnonzero(np.abs(table[i]) > 1 - 1e-9) if j != i]
        if same:
            found[name] = same
    return found


def _refuse_aliased(need: Sequence[str], aliases: dict[str, list[str]], space: Space) -> None:
    for effect in need:
        parts = effect.split(":")
        unknown = [part for part in parts if part not in space.names]
        if unknown:
            raise InputError(f"No factor {unknown[0]!r}", where=f"need {effect!r}",
                             why=f"the factors are {', '.join(space.names)}",
                             fix=did_you_mean(unknown[0], space.names, "use one of these"))  # fmt: skip
    wanted = {":".join(sorted(effect.split(":"), key=space.names.index)) for effect in need}
    clashes = {effect: aliases[effect] for effect in wanted if effect in aliases}
    if clashes:
        text = "; ".join(
            f"{effect} = {' = '.join(same)}" for effect, same in sorted(clashes.items())
        )
        raise InputError("The design confounds effects you need", where="design",
                         why=text, fix="use more runs, or a D-optimal design with these terms",
                         details={"aliases": aliases})  # fmt: skip
