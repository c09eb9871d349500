"""Fitting one output: which form of it to learn, judged on training rows only, and by what."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, final

import numpy as np

from catena.core.errors import InputError
from catena.learn.emulator import Emulator
from catena.learn.gp.bank import ProcessBank
from catena.learn.gp.correlation import Kernel
from catena.learn.gp.process import Trend
from catena.learn.networks.ensemble import NetworkEnsemble
from catena.learn.networks.operator import OperatorEnsemble
from catena.learn.reduction import Reduction
from catena.learn.regressor import Regressor
from catena.learn.scaling import Features, Target

Means = Literal["gp", "ensemble", "operator"]
#: Random starts of the search when a form is chosen.
_RESTARTS = 3
#: A form of the output must cut the squared left-out error by this factor to be preferred.
_GAIN = 0.85


@final
@dataclass(frozen=True)
class Form:
    """What is learned, and how.

    Args:
        log: Learn the logarithm of the output.
        log_inputs: Take the logarithm of inputs that span a factor.
        kernel: Correlation function of a Gaussian process.
        trend: Its trend.
    """

    log: bool = False
    log_inputs: bool = False
    kernel: Kernel = "gauss"
    trend: Trend = "linear"


@final
@dataclass(frozen=True)
class Task:
    """The rows to learn one output from.

    Args:
        x: Points (n, d).
        y: Output values (n, *shape).
        shares: Share of the space each point stands for (n,).
        features: Points to features.
        means: Gaussian processes, networks or operator networks.
        tolerance: Error that may be lost in reducing curves, relative to their variation.
        key: Seed.
    """

    x: np.ndarray
    y: np.ndarray
    shares: np.ndarray
    features: Features
    means: Means
    tolerance: float
    key: int


def fit(task: Task, form: Form, start: Emulator | None = None, restarts: int = 0) -> Emulator:
    """Learn one output in a given form.

    Args:
        task: The rows.
        form: What to learn, and how.
        start: An earlier fit, whose length scales to start from.
        restarts: Random starts besides.
    """
    features = task.features.with_logarithms() if form.log_inputs else task.features
    z = features.forward(task.x)
    curves = task.y.reshape(len(task.y), -1)
    target = Target.of(curves, form.log)
    learned = target.forward(curves)
    reduction = Reduction.none(curves.shape[1])
    if curves.shape[1] > 1 and task.means != "operator":
        reduction = Reduction.fit(learned, task.tolerance)
    coefficients = reduction.forward(learned)
    regressor = _regressor(task, form, z, coefficients, start, restarts)
    return Emulator(
        features=features, target=target, reduction=reduction, regressor=regressor,
        shape=task.y.shape[1:], low=float(curves.min()), high=float(curves.max()),
    )  # fmt: skip


def _regressor(
    task: Task,
    form: Form,
    z: np.ndarray,
    coefficients: np.ndarray,
    start: Emulator | None,
    restarts: int,
) -> Regressor:
    if task.means == "ensemble":
        return NetworkEnsemble.fit(z, coefficients, key=task.key)
    if task.means == "operator":
        return OperatorEnsemble.fit(z, coefficients, places=_places(task.y.shape[1:]), key=task.key)
    old = start.regressor if start is not None else None
    # A slope per input needs rows to spare.
    trend = form.trend if len(z) >= 2 * (z.shape[1] + 2) else "constant"
    return ProcessBank.fit(
        z, coefficients, kernel=form.kernel, trend=trend, key=task.key, restarts=restarts,
        start=old if isinstance(old, ProcessBank) else None,
    )  # fmt: skip


def _places(shape: tuple[int, ...]) -> np.ndarray:
    """Return positions of an output with dimensions, each between 0 and 1 (positions, dims)."""
    axes = [np.linspace(0.0, 1.0, length) for length in shape]
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def choose(task: Task, start: Emulator | None = None) -> tuple[Form, Emulator]:
    """Return the form with the smallest left-out error on the training rows, and its fit.

    Changes are tried one after the other and kept where they help clearly: the output's logarithm,
    the inputs' logarithms, then (Gaussian processes) a rougher kernel and a plain trend. The first is searched from several starts, so that an early mistake
    does not last; the others start from the length scales of the best one before them.

    Args:
        task: The rows.
        start: An earlier fit.
    """
    form = Form()
    best = fit(task, form, start, _RESTARTS)
    loss = _loss(task, best)
    changes: list[dict[str, bool | str]] = []
    if np.all(task.y > 0):
        changes.append({"log": True})
    if any(column.wide and not column.log for column in task.features.columns):
        changes.append({"log_inputs": True})
    if task.means == "gp":
        changes += [{"kernel": "matern"}, {"trend": "constant"}]
    for change in changes:
        other = replace(form, **change)  # type: ignore[arg-type]
        found = fit(task, other, best)
        new = _loss(task, found)
        if new < _GAIN * loss:
            form, best, loss = other, found, new
    return form, best


def _loss(task: Task, emulator: Emulator) -> float:
    errors = emulator.left_out_errors(task.y)
    return float(task.shares @ (errors**2).mean(axis=1))


def check_varies(name: str, y: np.ndarray, where: str) -> None:
    """Refuse an output that is the same everywhere.

    Raises:
        InputError: it does not vary.
    """
    curves = y.reshape(len(y), -1)
    spread = float(np.ptp(curves, axis=0).max(initial=0.0))
    size = float(np.abs(curves).max(initial=0.0))
    if spread <= 1e-12 * size or spread == 0.0:
        value = float(curves.flat[0]) if curves.size else float("nan")
        raise InputError(f"Output {name!r} does not vary", where=where,
                         why=f"it is {value:g} at all {len(y)} points",
                         fix="vary inputs it depends on, or leave it out")  # fmt: skip
