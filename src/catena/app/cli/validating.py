"""``catena validate``: recompute the claims, show them, record them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from catena.app.cli import terminal
from catena.app.cli.progress import progress
from catena.core.errors import DataError, ValidationFailed

if TYPE_CHECKING:
    from pathlib import Path

    from catena.credibility.validate import Outcome

_HEADS = ("claim", "found", "90 % interval", "target", "baseline", "peer", "holds", "s")


def validate(prefix: str, write: bool, listing: bool, seed: int) -> int:
    """Recompute, show and, if asked, record; return 3 when a claim does not hold."""
    from catena.credibility import validate as engine

    picked = engine.chosen(prefix)
    if listing:
        _list(picked)
        return 0
    outcomes = engine.validate(picked, seed=seed, progress=progress())
    if not terminal.as_json():
        _show(outcomes)
    if write:
        for path in record(outcomes):
            terminal.note(f"written: {path}")
    failed = [outcome.claim.id for outcome in outcomes if outcome.holds is False]
    failure = _failure(outcomes, failed) if failed else None
    if terminal.as_json():
        # The list of claims stays a list whether or not they hold; the exit code tells.
        terminal.emit([outcome.to_dict() for outcome in outcomes])
    elif failure:
        terminal.note(str(failure))
    return ValidationFailed.exit_code if failed else 0


def record(outcomes: Sequence[Outcome]) -> list[Path]:
    """Write results, the README tables of a source checkout and the figures of the index.

    Raises:
        DataError: a README has no place for the table.
    """
    from catena.core.index import refresh_figures
    from catena.core.registry import INDEX, refresh
    from catena.credibility import readme
    from catena.credibility import validate as engine

    changed = engine.write(outcomes)
    if INDEX.is_file():
        refresh_figures()
        refresh()
    root = INDEX.parents[2]
    own = [file for file in engine.claim_files() if file.path.is_relative_to(INDEX.parent)]
    try:
        return changed + readme.write(root, own)
    except DataError as error:
        for path in changed:
            terminal.note(f"written: {path}")
        raise error


def _list(picked: Sequence[tuple[object, object]]) -> None:
    claims = [claim for _, claim in picked]
    if terminal.as_json():
        terminal.emit([claim.model_dump(mode="json") for claim in claims])  # type: ignore[attr-defined]
        return
    rows = [(c.id, c.model, c.metric, str(c.target)) for c in claims]  # type: ignore[attr-defined]
    terminal.show(
        terminal.grid(f"{len(rows)} claims", ["claim", "model", "metric", "target"], rows)
    )


def _show(outcomes: Sequence[Outcome]) -> None:
    rows = [_row(outcome) for outcome in outcomes]
    held = sum(outcome.holds is True for outcome in outcomes)
    missing = sum(outcome.holds is None for outcome in outcomes)
    noun = "claim" if len(rows) == 1 else "claims"
    title = (
        f"{len(rows)} {noun}: {held} hold, {len(rows) - held - missing} do not, {missing} not run"
    )
    terminal.show(terminal.grid(title, _HEADS, rows))
    for outcome in outcomes:
        if outcome.holds is not True and outcome.finding.reason:
            terminal.note(f"{outcome.claim.id}: {outcome.finding.reason}")


def _row(outcome: Outcome) -> list[str]:
    found, claim = outcome.finding, outcome.claim
    interval = f"{_number(found.low)} to {_number(found.high)}" if found.low is not None else ""
    peer = claim.peer if isinstance(claim.peer, str) else _number(claim.peer)
    holds = {True: "yes", False: "NO", None: "not run"}[outcome.holds]
    return [claim.id, _number(found.value), interval, str(claim.target), _number(found.baseline),
            peer, holds, f"{outcome.seconds:.1f}"]  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def _failure(outcomes: Sequence[Outcome], failed: list[str]) -> ValidationFailed:
    return ValidationFailed(
        f"{len(failed)} of {len(outcomes)} claims do not hold",
        where=", ".join(failed[:6]),
        why="the recomputed figure misses its target or the run failed",
        fix="repair the model; a target is changed only with a reason in the protocol",
    )
