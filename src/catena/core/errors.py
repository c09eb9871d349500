"""One family of errors; each says what happened, where, why, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple


class CatenaError(Exception):
    """Base of every error a user of Catena may see.

    Args:
        what: One line naming the failure.
        where: The object it happened in (a model id, an edge, a file and line, a row).
        why: The reason, in the terms of the user's input.
        fix: What to change.
        details: Further machine-readable facts, kept in ``to_dict``.
    """

    #: Exit code of the command line: 2 for a user's mistake, 1 for ours, 3 for a claim not held.
    exit_code: ClassVar[int] = 2

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        fix: str = "",
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.why = why
        self.fix = fix
        self.details: dict[str, Any] = dict(details or {})

    def to_dict(self) -> dict[str, Any]:
        """Return the error as plain data: type, what, where, why, fix and any details."""
        data: dict[str, Any] = {
            "type": type(self).__name__,
            "what": self.what,
            "where": self.where,
            "why": self.why,
            "fix": self.fix,
        }
        if self.details:
            data["details"] = self.details
        return data

    def __str__(self) -> str:
        lines = [self.what]
        lines += [
            f"{label:<6} {text}"
            for label, text in (("where", self.where), ("why", self.why), ("fix", self.fix))
            if text
        ]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[Any, ...]:
        # Exceptions pickle by positional args; ours carry keywords, and cross worker processes.
        return (_rebuild, (type(self), self.__dict__.copy(), self.args))


def _rebuild(kind: type[CatenaError], state: dict[str, Any], args: tuple[Any, ...]) -> CatenaError:
    error = kind.__new__(kind)
    Exception.__init__(error, *args)
    error.__dict__.update(state)
    return error


class UnitError(CatenaError):
    """A unit is unknown, or two units have different dimensions."""


class SchemaError(CatenaError):
    """A declaration (field, schema, model) contradicts itself."""


class RowFault(NamedTuple):
    """One bad row of a batch: its index (-1 when the whole column is meant), field and reason."""

    row: int
    field: str
    why: str


class InputError(CatenaError):
    """Values do not fit the schema; ``rows`` lists every fault found."""

    def __init__(self, what: str, *, rows: Sequence[RowFault] = (), **parts: Any) -> None:
        details = dict(parts.pop("details", None) or {})
        if rows:
            details["rows"] = [fault._asdict() for fault in rows]
        super().__init__(what, details=details, **parts)
        self.rows = tuple(rows)


class ChainError(CatenaError):
    """A chain cannot be built; ``faults`` holds every wiring fault, not only the first."""

    def __init__(self, what: str, *, faults: Sequence[CatenaError] = (), **parts: Any) -> None:
        details = dict(parts.pop("details", None) or {})
        if faults:
            details["faults"] = [fault.to_dict() for fault in faults]
        super().__init__(what, details=details, **parts)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n\n".join([super().__str__(), *(str(fault) for fault in self.faults)])


class ModelNotFound(CatenaError):
    """No registered model has the id asked for."""


class StudyError(CatenaError):
    """A study file is wrong or contradicts its model."""


class DataError(CatenaError):
    """A data set is missing, corrupt or not in the form its protocol says."""


class SolverError(CatenaError):
    """A numerical solver failed; details name the lane, time and state."""


class Infeasible(CatenaError):
    """No point satisfies all constraints; ``conflicts`` names a set that contradicts itself."""

    def __init__(self, what: str, *, conflicts: Sequence[str] = (), **parts: Any) -> None:
        details = dict(parts.pop("details", None) or {})
        if conflicts:
            details["conflicts"] = list(conflicts)
        super().__init__(what, details=details, **parts)
        self.conflicts = tuple(conflicts)


class BackendError(CatenaError):
    """A library a model needs is not installed or failed to load."""


class PluginError(CatenaError):
    """A plug-in could not be imported or does not hold what its entry point says."""


class ContractError(CatenaError):
    """A model breaks the contract it declared."""

    exit_code = 1


class ValidationFailed(CatenaError):
    """At least one validation claim was recomputed and does not hold."""

    exit_code = 3


class InternalError(CatenaError):
    """A fault of Catena itself."""

    exit_code = 1


def closest(name: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """Return up to ``n`` candidates that resemble ``name``, best first."""
    pool = list(candidates)
    by_lower = {candidate.lower(): candidate for candidate in pool}
    found = difflib.get_close_matches(name.lower(), list(by_lower), n=n, cutoff=0.5)
    return [by_lower[match] for match in found]


def did_you_mean(name: str, candidates: Iterable[str], otherwise: str = "") -> str:
    """Return a fix sentence that proposes the closest candidates, or ``otherwise``."""
    near = closest(name, candidates)
    return f"did you mean {' or '.join(near)}?" if near else otherwise
