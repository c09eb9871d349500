"""The operation: one function over a model and measured runs, three ways to combine them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catena.core.errors import DataError, InputError
from catena.core.registry import load
from catena.core.work import Work
from catena.ops.hybrid.settings import HybridSettings
from catena.ops.operation import Operation

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result


def hybrid(
    model: Model | str,
    data: pd.DataFrame,
    *,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
    **settings: Any,
) -> Result:
    """Combine a written model with what measured runs teach.

    Args:
        model: A system of differential equations (``terms``, ``physics``), any model (``residual``),
            or the id of one.
        data: One row per sample: ``time``, a column that names the run, measured states or
            outputs, controls and parameters, in the model's units.
        given: Values of controls, parameters or inputs that no column holds.
        key: Seed.
        work: Executor, cache and progress.
        **settings: Fields of ``HybridSettings``: ``method``, ``terms``, ``of``, ...

    Returns:
        Errors by run and state; ``model`` is the hybrid model (dynamic, with 90 % intervals and
        domain), artefact ``model`` writes it to a folder.

    Raises:
        InputError: a name is unknown, or the model cannot be learned this way.
        DataError: the data lack what is needed.
        SolverError: the training did not come to finite weights.

    Sources: Psichogios and Ungar 1992, doi:10.1002/aic.690381003 (hybrid modelling); Raissi,
    Perdikaris and Karniadakis 2019, doi:10.1016/j.jcp.2018.10.045 (physics-informed networks);
    Kennedy and O'Hagan 2001, doi:10.1111/1467-9868.00294 (learned discrepancy).

    Example:
        >>> hybrid(culture, runs, terms=["mu"], of=["glucose"]).model  # doctest: +SKIP
    """
    from catena.ops.hybrid.reading import settings_of

    chosen = settings_of(HybridSettings, settings, "hybrid")
    found = load(model) if isinstance(model, str) else model
    return run(found, chosen, data=data, given=given, key=key, work=work)


def run(
    model: Model | None,
    settings: HybridSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Do the operation with settings as plain data; see ``hybrid``."""
    if model is None:
        raise InputError("No model to make hybrid", where="hybrid", why="model is missing",
                         fix="name a model, or write its equations")  # fmt: skip
    if data is None or not len(data):
        raise DataError("No data to learn from", where="hybrid", why="the table is empty",
                        fix="give one row per sample")  # fmt: skip
    work = work if work is not None else Work()
    known = dict(given or {})
    if settings.method == "residual":
        from catena.ops.hybrid.residual import learn_residual

        return learn_residual(model, data, settings, known, key, work)
    if settings.method == "physics":
        from catena.ops.hybrid.physics import infer_parameters

        return infer_parameters(model, data, settings, known, key, work)
    from catena.ops.hybrid.terms import learn_terms

    return learn_terms(model, data, settings, known, key, work)


OPERATION = Operation(
    name="hybrid",
    title="Learn inside or around a written model",
    settings=HybridSettings,
    run=run,
    needs_data=True,
)
