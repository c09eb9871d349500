"""The space an operation searches: named variables, mapped to and from the unit cube."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.core.spec import Schema
from catena.ops.variable import Variable, variables_of

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.ops.constraint import LinearConstraint

Over = str | Sequence[str] | Mapping[str, Any]
#: Draws tried per wanted point before a constrained region counts as too small to hit by chance.
_PATIENCE = 2000


@final
class Space:
    """Named variables with ranges and linear constraints between them.

    Points are rows of arrays (n, d) in the variables' own units; whole numbers, categories and
    booleans are held as floats (a category as its position in ``choices``).

    Args:
        variables: The variables; names differ.
        constraints: Linear constraints every point satisfies.

    Raises:
        InputError: no variable is given, or a name repeats.
        Infeasible: the constraints contradict each other or the ranges.
    """

    def __init__(
        self, variables: Iterable[Variable], constraints: Sequence[LinearConstraint] = ()
    ) -> None:
        self.variables = tuple(variables)
        self.constraints = tuple(constraints)
        names = [variable.name for variable in self.variables]
        if not names:
            raise InputError("Nothing to vary", where="space", why="no variable is given",
                             fix='say over={"dose": "10..400 mg"}')  # fmt: skip
        if len(set(names)) < len(names):
            twice = sorted({name for name in names if names.count(name) > 1})
            raise InputError(f"{', '.join(twice)} is given twice", where="space",
                             why="names identify variables", fix="name each once")  # fmt: skip
        self.names = tuple(names)
        if self.constraints:
            from catena.ops.polytope import check_feasible

            check_feasible(self)

    @classmethod
    def of(cls, model: Model, over: Over, subject_to: Sequence[str] = ()) -> Space:
        """Read what to vary of a model.

        Args:
            model: The model or chain.
            over: Names (their declared ranges or distributions are taken), or a mapping of
                names to ranges, distributions or choices; see ``variables_of``.
            subject_to: Linear constraints as text, ``"dose + 2 * interval <= 100"``.

        Raises:
            InputError: a name is unknown or has no range.
            Infeasible: the constraints contradict each other.
        """
        if isinstance(over, str):
            wishes: Mapping[str, Any] = {over: None}
        elif isinstance(over, Mapping):
            wishes = over
        else:
            wishes = dict.fromkeys(over)
        space = cls([v for name, wish in wishes.items() for v in variables_of(model, name, wish)])
        if not subject_to:
            return space
        from catena.ops.constraint import parse_linear

        return cls(space.variables, [parse_linear(text, space) for text in subject_to])

    def __len__(self) -> int:
        return len(self.variables)

    def __getitem__(self, name: str) -> Variable:
        return self.variables[self.names.index(name)]

    @property
    def dim(self) -> int:
        """Number of variables d."""
        return len(self.variables)

    @property
    def bounds(self) -> np.ndarray:
        """Lower and upper ends (2, d), in the variables' units."""
        return np.array([[v.low for v in self.variables], [v.high for v in self.variables]])

    @property
    def size(self) -> float:
        """Number of points: infinite with a real variable; never enumerated."""
        return float(np.prod([variable.levels for variable in self.variables]))

    @property
    def discrete(self) -> np.ndarray:
        """Which variables only have whole steps (d,)."""
        return np.array([variable.discrete for variable in self.variables])

    @property
    def key(self) -> str:
        """Content key of the space."""
        from catena.core.identity import content_key

        parts = [
            [v.name, v.kind, v.low, v.high, v.unit, v.scale, list(v.choices), v.place,
             v.distribution.model_dump() if v.distribution else None]
            for v in self.variables
        ]  # fmt: skip
        return content_key(parts, [c.text for c in self.constraints])

    def schema(self) -> Schema:
        """Return declarations of table columns, one per variable."""
        return Schema([variable.field() for variable in self.variables])

    # Maps -------------------------------------------------------------------------------

    def to_unit(self, x: np.ndarray) -> np.ndarray:
        """Map points (n, d) to the unit cube."""
        x = np.asarray(x, dtype=float)
        return np.stack([v.to_unit(x[..., k]) for k, v in enumerate(self.variables)], axis=-1)

    def from_unit(self, u: np.ndarray) -> np.ndarray:
        """Map the unit cube (n, d) to points."""
        u = np.asarray(u, dtype=float)
        return np.stack([v.from_unit(u[..., k]) for k, v in enumerate(self.variables)], axis=-1)

    def round(self, x: np.ndarray) -> np.ndarray:
        """Round whole numbers and categories of points (n, d) to steps that exist."""
        x = np.asarray(x, dtype=float)
        return np.stack([v.snap(x[..., k]) for k, v in enumerate(self.variables)], axis=-1)

    def inside(self, x: np.ndarray, tolerance: float = 1e-9) -> np.ndarray:
        """Return per point (n,) whether it keeps to ranges and constraints."""
        x = np.asarray(x, dtype=float)
        low, high = self.bounds
        slack = tolerance * (high - low)
        good: np.ndarray = np.all((x >= low - slack) & (x <= high + slack), axis=-1)
        for constraint in self.constraints:
            good &= constraint.holds(x, tolerance)
        return good

    def columns(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Return arrays (n,) by variable name; categories as positions in the variable's choices."""
        return {
            v.name: np.asarray(x[:, k]) if not v.discrete else np.round(x[:, k]).astype(np.int64)
            for k, v in enumerate(self.variables)
        }

    def table(self, x: np.ndarray) -> dict[str, Any]:
        """Return columns for ``schema()``: categories as texts."""
        return {
            field.name: [v.text(value) for value in x[:, k]]
            if v.kind in ("category", "boolean")
            else np.asarray(x[:, k], dtype=float)
            for k, (v, field) in enumerate(zip(self.variables, self.schema(), strict=True))
        }

    def matrix(self, columns: Mapping[str, Any]) -> np.ndarray:
        """Return points (n, d) from columns by name (numbers in the units, categories as text).

        Raises:
            InputError: a column is missing, or a text is no choice of its variable.
        """
        out = []
        for variable in self.variables:
            name = variable.name if variable.name in columns else variable.field().name
            if name not in columns:
                raise InputError(f"Column {variable.name!r} is missing", where="points",
                                 why=f"the columns are {', '.join(map(str, columns))}",
                                 fix="add it")  # fmt: skip
            out.append(_numbers(variable, columns[name]))
        return np.stack(np.broadcast_arrays(*out), axis=-1)

    # Points -----------------------------------------------------------------------------

    def sample(
        self,
        n: int,
        key: int = 0,
        method: Literal["sobol", "latin", "random"] = "sobol",
    ) -> np.ndarray:
        """Return points (n, d) that fill the space (by rank where distributions are known).

        Args:
            n: Number of points; with constraints, all of them satisfy these.
            key: 64-bit seed.
            method: Scrambled Sobol sequence, Latin hypercube or independent draws.

        Raises:
            InputError: the feasible region is too small to be hit by chance.
        """
        if not self.constraints:
            return self.from_unit(_unit_points(n, self.dim, key, method))
        found: list[np.ndarray] = []
        count = tried = 0
        while count < n:
            points = self.from_unit(
                _unit_points(max(4 * n, 64), self.dim, split_key(key, f"try {tried}"), method)
            )
            good = points[self.inside(points)]
            found.append(good)
            count, tried = count + len(good), tried + len(points)
            if tried > _PATIENCE * max(n, 1) and count < n:
                return self._walked(n, key, np.concatenate(found))
        return np.concatenate(found)[:n]

    def _walked(self, n: int, key: int, start: np.ndarray) -> np.ndarray:
        """Fill a thin feasible region by hit-and-run from a point inside it."""
        from catena.ops.polytope import interior, walk

        first = start[0] if len(start) else interior(self)
        return walk(self, first, n, key)


def _numbers(variable: Variable, column: Any) -> np.ndarray:
    values = np.atleast_1d(np.asarray(column))
    if values.dtype.kind not in "OUSb":
        return values.astype(float)
    choices = [text.lower() for text in variable.choices]
    out = np.empty(len(values))
    for row, value in enumerate(values):
        text = str(value).lower()
        if variable.kind == "boolean" and text in ("true", "false"):
            text = "yes" if text == "true" else "no"
        if choices and text in choices:
            out[row] = choices.index(text)
            continue
        try:
            out[row] = float(value)
        except (TypeError, ValueError):
            raise InputError(f"{value!r} is no value of {variable.name!r}", where=f"row {row}",
                             why=f"choices are {', '.join(variable.choices)}" if choices else "a number is expected",
                             fix="correct it") from None  # fmt: skip
    return out


def _unit_points(n: int, dim: int, key: int, method: str) -> np.ndarray:
    """Return points (n, dim) in the unit cube."""
    rng = np.random.default_rng(split_key(key, f"points {method}"))
    if method == "random":
        return rng.random((n, dim))
    from scipy.stats import qmc

    if method == "latin":
        return np.asarray(qmc.LatinHypercube(dim, rng=rng).random(n))
    if method != "sobol":
        raise InputError(f"No design {method!r}", where="sample", why="designs are sobol, latin, random",
                         fix='use "sobol"')  # fmt: skip
    power = int(np.ceil(np.log2(max(n, 1))))
    points = np.asarray(qmc.Sobol(dim, rng=rng).random_base2(power))[:n]
    return np.asarray(np.clip(points, 1e-12, 1 - 1e-12))
