"""What the contract suite found out about a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from catena.core.errors import ContractError

if TYPE_CHECKING:
    from catena.core.contract.subject import Subject

State = Literal["pass", "fail", "n/a"]


class Failed(Exception):
    """A check found the contract broken; the text says how."""


class NotApplicable(Exception):
    """A check does not concern this model; the text says why."""


@dataclass(frozen=True)
class Check:
    """One numbered check.

    Args:
        id: ``C01`` to ``C35``.
        meaning: What holds when it passes.
        fix: What an author changes when it fails.
        run: Looks at the subject; returns a remark, or raises ``Failed`` or ``NotApplicable``.
        slow: Left out of a quick run.
    """

    id: str
    meaning: str
    fix: str
    run: Callable[[Subject], str | None]
    slow: bool = False


@dataclass(frozen=True)
class CheckResult:
    """Outcome of one check: ``pass``, ``fail`` or ``n/a`` with its reason."""

    id: str
    meaning: str
    state: State
    reason: str
    fix: str
    seconds: float = 0.0

    def __str__(self) -> str:
        lines = [
            f"{self.id} {self.state:<4} {self.meaning}"
            + (f" ({self.reason})" if self.reason else "")
        ]
        return "\n".join([*lines, f"         fix: {self.fix}"] if self.state == "fail" else lines)


@dataclass(frozen=True)
class ContractReport:
    """All checks of one model.

    Args:
        model: Id of the model.
        checks: Outcomes in order.
    """

    model: str
    checks: tuple[CheckResult, ...]

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.state == "fail")

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return not self.failures

    @property
    def summary(self) -> str:
        """One line of counts."""
        counts = {
            state: sum(c.state == state for c in self.checks) for state in ("pass", "fail", "n/a")
        }
        return f"{counts['pass']} pass, {counts['fail']} fail, {counts['n/a']} not applicable"

    def __getitem__(self, check_id: str) -> CheckResult:
        return next(check for check in self.checks if check.id == check_id)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "model": self.model,
            "passed": self.passed,
            "summary": self.summary,
            "checks": [dict(vars(check)) for check in self.checks],
        }

    def require(self) -> None:
        """Raise if a check failed.

        Raises:
            ContractError: at least one check failed; all of them are listed.
        """
        if not self.passed:
            raise ContractError(
                f"{self.model} breaks the contract",
                where=", ".join(check.id for check in self.failures),
                why="; ".join(f"{c.id} {c.reason}" for c in self.failures),
                fix="; ".join(f"{c.id} {c.fix}" for c in self.failures),
            )

    def __str__(self) -> str:
        return "\n".join([f"{self.model}: {self.summary}", *map(str, self.checks)])
