"""The operation: a model and data of two domains, one function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from catena.core.errors import DataError, InputError
from catena.core.registry import load
from catena.core.work import Work
from catena.ops.hybrid.reading import settings_of
from catena.ops.hybrid.settings import HybridSettings
from catena.ops.operation import Operation
from catena.ops.transfer.settings import TransferSettings

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result


def transfer(
    model: Model | str | None,
    source_data: pd.DataFrame | None,
    target_data: pd.DataFrame,
    *,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
    **settings: Any,
) -> Result:
    """Carry what was learned in one domain over to another with few data.

    Args:
        model: A hybrid model trained on the source, or the system of differential equations to
            train there (``fine_tune``); None for tables (``multi_task``).
        source_data: Data of the source; may be left out for a hybrid model.
        target_data: Data of the target, in the same columns.
        given: Values of controls and parameters that no column holds.
        key: Seed.
        work: Executor, cache and progress.
        **settings: Fields of ``TransferSettings``; ``learning`` is a mapping of hybrid settings.

    Returns:
        Errors on the target; ``model`` is the adapted model, ``summary`` tells the held-out error
        beside the source's as it is and training from scratch, whether transfer was negative, and
        how far the domains are apart.

    Raises:
        InputError: the model cannot be transferred, or a name is unknown.
        DataError: data are missing.

    Sources: Pan and Yang 2010, doi:10.1109/TKDE.2009.191 (transfer learning); Bonilla, Chai and
    Williams 2007, NIPS 20:153 (task covariances).
    """
    chosen = dict(settings)
    if isinstance(chosen.get("learning"), Mapping):
        chosen["learning"] = settings_of(HybridSettings, chosen["learning"], "transfer learning")
    checked = settings_of(TransferSettings, chosen, "transfer")
    found = load(model) if isinstance(model, str) else model
    return _transfer(found, source_data, target_data, checked, dict(given or {}), key,
                     work if work is not None else Work())  # fmt: skip


def run(
    model: Model | None,
    settings: TransferSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Do the operation on one table whose ``group`` column tells source and target apart."""
    if data is None or settings.group not in data:
        raise DataError("Source and target cannot be told apart", where="transfer",
                        why=f"there is no column {settings.group!r}",
                        fix="add it, or name it in the settings")  # fmt: skip
    labels = data[settings.group].astype(str)
    target = data[labels == settings.target].drop(columns=settings.group)
    source = data[labels != settings.target].drop(columns=settings.group)
    return _transfer(model, source if len(source) else None, target, settings, dict(given or {}),
                     key, work if work is not None else Work())  # fmt: skip


def _transfer(
    model: Model | None,
    source: pd.DataFrame | None,
    target: pd.DataFrame | None,
    settings: TransferSettings,
    given: Mapping[str, Any],
    key: int,
    work: Work,
) -> Result:
    if target is None or not len(target):
        raise DataError("No target data", where="transfer", why="the table is empty",
                        fix="give rows of the target")  # fmt: skip
    if settings.method == "multi_task":
        from catena.ops.transfer.tasks import share_tasks

        return share_tasks(source, target, settings, key, work)
    if model is None:
        raise InputError("No model to transfer", where="transfer", why="model is missing",
                         fix='give a hybrid model or a system, or use method="multi_task"')  # fmt: skip
    from catena.ops.transfer.tuning import fine_tune

    return fine_tune(model, source, target, settings, given, key, work)


OPERATION = Operation(
    name="transfer",
    title="Carry a learned model over to a new domain",
    settings=TransferSettings,
    run=run,
    needs_data=True,
    needs_model=False,
)
