"""What an analysis asks: some numbers of a model, as functions of the levels of its inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray

from catena.core.errors import InputError, SolverError
from catena.core.identity import split_key
from catena.core.spec import NUMERIC
from catena.ops.evaluator import Evaluator
from catena.ops.space import Over, Space
from catena.ops.uncertainty.copula import Copula

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.work import Work

Floats = NDArray[np.float64]
#: Standard deviations below this fraction of the largest value count as none.
_CONSTANT = 1e-12


@final
class Question:
    """Numbers of a model over levels of its inputs.

    Levels are probabilities: ``space.from_unit`` turns them into values, the copula makes them
    depend on each other.

    Args:
        model: Model or chain.
        of: Outputs, ``"auc"`` or ``["auc", "max(plasma)"]``; None takes every single number a
            model gives (of a chain, its named outputs).
        over: What varies; None takes ``default``.
        default: Names taken when ``over`` is None.
        correlation: See ``Copula.of``.
        given: Values of inputs that stay fixed.
        key: 64-bit seed.
        work: Executor, cache and progress.

    Raises:
        InputError: there is nothing to vary or nothing to ask.
    """

    def __init__(
        self,
        model: Model,
        of: str | Sequence[str] | None,
        over: Over | None,
        *,
        default: Sequence[str] = (),
        correlation: Any = None,
        given: Mapping[str, Any] | None = None,
        key: int = 0,
        work: Work | None = None,
    ) -> None:
        chosen = default if over is None else over
        if not chosen:
            raise InputError("Nothing to vary", where=f"model {model.info.id}",
                             why="no input is named and none declares how it varies",
                             fix='say over={"clearance": "lognormal(12 L/h, 30 %)"}')  # fmt: skip
        self.model, self.key = model, key
        self.given = dict(given or {})
        self.space = Space.of(model, chosen)
        self.evaluator = Evaluator(
            model, self.space, outputs_of(model, of), given=given, key=key, work=work
        )
        self.copula = Copula.of(self.space.names, correlation)
        self.warnings: list[str] = []
        self.lost = 0

    @property
    def names(self) -> tuple[str, ...]:
        """What varies."""
        return self.space.names

    @property
    def outputs(self) -> tuple[str, ...]:
        """What is asked, as written."""
        return self.evaluator.names

    @cached_property
    def units(self) -> tuple[str, ...]:
        """Unit by output."""
        return self.evaluator.units

    def levels(self, n: int, columns: int, name: str = "levels") -> Floats:
        """Return scrambled Sobol points (n, columns); n is a power of two."""
        from scipy.stats import qmc

        check_power(n, f"model {self.model.info.id}")
        seed = np.random.default_rng(split_key(self.key, name))
        points = qmc.Sobol(columns, rng=seed).random_base2(int(np.log2(n)))
        return np.asarray(np.clip(points, 1e-12, 1.0 - 1e-12))

    def __call__(self, u: Floats) -> Floats:
        """Return outputs (m, ...) at levels (..., d); dependence is the caller's concern."""
        flat = u.reshape(-1, self.space.dim)
        y = self.evaluator(self.space.from_unit(flat))
        return np.moveaxis(y.reshape(*u.shape[:-1], -1), -1, 0)

    def complete(self, y: Floats) -> NDArray[np.bool_]:
        """Return which base points have every output at every point that hangs on them.

        Args:
            y: Outputs (m, blocks, n).

        Raises:
            SolverError: fewer than half of the base points are complete.
        """
        good = np.asarray(np.isfinite(y).all(axis=(0, 1)))
        self.lost += int((~good).sum())
        if good.all():
            return good
        why = self.reasons()
        if good.mean() < 0.5:
            raise SolverError(f"{int((~good).sum())} of {len(good)} base points failed",
                              where=f"model {self.model.info.id}", why=why,
                              fix="narrow the ranges to where the model works")  # fmt: skip
        self.warnings.append(f"{int((~good).sum())} of {len(good)} base points left out: {why}")
        return good

    def reasons(self) -> str:
        """Return the most frequent reasons why rows of the last call failed."""
        counts = Counter(text for _, text in self.evaluator.failures)
        return "; ".join(f"{text} ({count} rows)" for text, count in counts.most_common(3))

    def check_varies(self, y: Floats, output: int) -> None:
        """Refuse an output that does not vary.

        Raises:
            InputError: it is constant.
        """
        if float(np.std(y)) <= _CONSTANT * max(float(np.max(np.abs(y))), 1e-300):
            raise InputError(f"{self.outputs[output]} does not vary",
                             where=f"model {self.model.info.id}",
                             why=f"it is {float(np.mean(y)):g} {self.units[output]} at every point, "
                             "so shares of its variance are undefined",
                             fix="vary inputs it depends on, or ask for another output")  # fmt: skip


def outputs_of(model: Model, of: str | Sequence[str] | None) -> list[str]:
    """Return what is asked, as a list of texts.

    Raises:
        InputError: nothing is asked and the model gives no single number.
    """
    if of:
        return [of] if isinstance(of, str) else list(of)
    named = getattr(model, "_aliases", None) or model.outputs.names
    single = [n for n in named if model.outputs[n].kind in NUMERIC and not model.outputs[n].shape]
    if not single:
        raise InputError("Which output?", where=f"model {model.info.id}",
                         why="it gives no single number by itself",
                         fix=f'say of="max({model.outputs.names[0]})"')  # fmt: skip
    return single


def uncertain_inputs(model: Model, given: Mapping[str, Any] | None) -> list[str]:
    """Return the single-number inputs that declare a distribution and are not given."""
    return [
        f.name for f in model.inputs
        if f.distribution is not None and not f.shape and f.name not in (given or {})
    ]  # fmt: skip


def check_power(n: int, where: str) -> None:
    """Refuse a number of base points that is no power of two.

    Raises:
        InputError: Sobol sequences lose their balance then.
    """
    if n < 16 or n & (n - 1):
        power = max(4, int(np.ceil(np.log2(max(n, 1)))))
        raise InputError(f"Cannot use {n} base points", where=where,
                         why="Sobol sequences are balanced at powers of two from 16 on",
                         fix=f"use n={2**power}")  # fmt: skip
