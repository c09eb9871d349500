"""What an operation is: a function over any Model, with settings as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, final

from catena.core.settings import Settings
from catena.core.work import Work

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result


class Run(Protocol):
    """The form in which a study or the command line calls an operation."""

    def __call__(
        self,
        model: Model | None,
        settings: Any,
        *,
        data: pd.DataFrame | None = None,
        given: Mapping[str, Any] | None = None,
        key: int = 0,
        work: Work | None = None,
    ) -> Result:
        """Do the operation.

        Args:
            model: Model or chain; None only for operations that bring their own.
            settings: An instance of the operation's settings class.
            data: Rows of the study's data file, columns named after ports, in their units.
            given: Values of inputs that stay fixed.
            key: 64-bit seed.
            work: Executor, cache and progress.
        """
        ...


def called(function: Callable[..., Result]) -> Run:
    """Return the form a study calls of a function whose arguments have the names of its settings.

    Args:
        function: Takes a model, the settings one by one, and ``given``, ``key`` and ``work``.
    """

    def run(
        model: Model | None,
        settings: Any,
        *,
        data: pd.DataFrame | None = None,
        given: Mapping[str, Any] | None = None,
        key: int = 0,
        work: Work | None = None,
    ) -> Result:
        return function(model, **settings.arguments(), given=given, key=key, work=work)

    return run


@final
@dataclass(frozen=True)
class Operation:
    """One operation as studies, the command line and forms see it.

    Args:
        name: Its name, also the kind of study.
        title: One line for people.
        settings: Class of its settings.
        run: The function.
        needs_data: Whether a data file must be given.
        needs_model: Whether a model or chain must be given.
    """

    name: str
    title: str
    settings: type[Settings]
    run: Run
    needs_data: bool = False
    needs_model: bool = True
