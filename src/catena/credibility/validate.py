"""Finds the claims of all models, recomputes them and records what was found."""

from __future__ import annotations

import datetime
import hashlib
import inspect
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from catena.core.claims import (
    CLAIMS,
    RESULTS,
    Claim,
    ClaimFile,
    Finding,
    Recorded,
    read_claims,
    read_results,
    write_results,
)
from catena.core.errors import BackendError, CatenaError, DataError, InputError, did_you_mean
from catena.core.identity import content_key
from catena.core.index import claims_path
from catena.core.registry import INDEX, sources
from catena.core.runtime import Progress, SilentProgress


@dataclass(frozen=True)
class Outcome:
    """A recomputed claim.

    Args:
        claim: What was asked.
        path: The claim file.
        finding: What was found.
        holds: Whether the target is met; None when there is no value (``finding.reason`` says why).
        seconds: Wall time of the run.
        seed: Random seed of the run.
    """

    claim: Claim
    path: Path
    finding: Finding
    holds: bool | None
    seconds: float
    seed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as plain data, as ``catena validate --json`` prints it."""
        claim, found = self.claim, self.finding
        return {
            "id": claim.id,
            "model": claim.model,
            "dataset": claim.dataset,
            "protocol": claim.protocol,
            "metric": claim.metric,
            "value": found.value,
            "low": found.low,
            "high": found.high,
            "baseline": found.baseline,
            "n": found.n,
            "peer": claim.peer,
            "peer_source": claim.peer_source,
            "target": claim.target.model_dump(mode="json"),
            "holds": self.holds,
            "reason": found.reason,
            "seconds": round(self.seconds, 3),
        }

    def record(self) -> Recorded:
        """Return what the results file keeps."""
        found = self.finding
        return Recorded(
            value=found.value,
            low=found.low,
            high=found.high,
            baseline=found.baseline,
            n=found.n,
            holds=self.holds,
            reason=found.reason,
            seed=self.seed,
            code_key=code_key(self.claim, self.path),
            claim_key=self.claim.key,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            extra=_plain(found.extra),
        )


def claim_files() -> list[ClaimFile]:
    """Return every claim file of Catena and of the registered models of plug-ins.

    Raises:
        SchemaError: a claim file is wrong, or two files use one claim id.
    """
    paths = set(INDEX.parent.rglob(CLAIMS))
    for source in sources().values():
        if source.distribution != "catena" and (path := claims_path(source.module)) is not None:
            paths.add(path)
    files = [read_claims(path) for path in sorted(paths)]
    owners: dict[str, Path] = {}
    for file in files:
        for claim in file.claims:
            first = owners.setdefault(claim.id, file.path)
            if first != file.path:
                raise InputError(f"Claim {claim.id!r} stands in two files", where=str(file.path),
                                 why=f"also in {first}", fix="rename one of them")  # fmt: skip
    return files


def chosen(
    prefix: str = "", files: Iterable[ClaimFile] | None = None
) -> list[tuple[ClaimFile, Claim]]:
    """Return the claims whose id or model id starts with ``prefix``.

    Raises:
        InputError: no claim does.
    """
    everything = [
        (file, claim)
        for file in (claim_files() if files is None else files)
        for claim in file.claims
    ]
    picked = [
        (file, claim)
        for file, claim in everything
        if claim.id.startswith(prefix) or claim.model.startswith(prefix)
    ]
    if prefix and not picked:
        known = {name for _, claim in everything for name in (claim.id, claim.model)}
        raise InputError(
            f"No claim starts with {prefix!r}",
            where="catena validate",
            why=f"there are {len(everything)} claims",
            fix=did_you_mean(prefix, known, "list all with: catena validate --list"),
        )
    return picked


def validate(
    picked: Iterable[tuple[ClaimFile, Claim]], *, seed: int = 0, progress: Progress | None = None
) -> list[Outcome]:
    """Recompute claims one after the other; a failing run is an outcome, never an exception.

    Args:
        picked: Claims with their files; see ``chosen``.
        seed: Handed to every run.
        progress: Told about every claim.

    Returns:
        One outcome per claim, in order.
    """
    work = list(picked)
    bar = progress or SilentProgress()
    bar.start(len(work), "validating")
    outcomes = []
    try:
        for file, claim in work:
            outcomes.append(_run(file, claim, seed))
            bar.advance()
    finally:
        bar.finish()
    return outcomes


def write(outcomes: Iterable[Outcome]) -> list[Path]:
    """Record outcomes in the results file beside each claim file.

    A result whose data are missing today does not replace one that was found, and a result found
    again unchanged keeps its date.

    Returns:
        The files that changed.
    """
    by_path: dict[Path, list[Outcome]] = {}
    for outcome in outcomes:
        by_path.setdefault(outcome.path, []).append(outcome)
    changed = []
    for path, found in by_path.items():
        target = path.with_name(RESULTS)
        before = read_results(target)
        asked = {claim.id for claim in read_claims(path).claims}
        after = {name: record for name, record in before.items() if name in asked}
        for outcome in found:
            after[outcome.claim.id] = _newer(before.get(outcome.claim.id), outcome.record())
        if after != before or not target.is_file():
            write_results(target, after)
            changed.append(target)
    return changed


def code_key(claim: Claim, path: Path) -> str:
    """Return a hash of the code and tables a claim rests on: the run's module and its folder."""
    digest = hashlib.sha256()
    module = inspect.getmodule(claim.function())
    files = {Path(str(getattr(module, "__file__", path)))}
    files |= {item for item in path.parent.iterdir() if item.suffix in (".py", ".csv")}
    for item in sorted(files):
        digest.update(item.name.encode())
        digest.update(item.read_bytes())
    return digest.hexdigest()


def _run(file: ClaimFile, claim: Claim, seed: int) -> Outcome:
    start = time.perf_counter()
    missing = False
    try:
        found = claim.function()(seed=seed)
        if not isinstance(found, Finding):
            found = Finding(
                None, reason=f"{claim.run} returned {type(found).__name__}, not a Finding"
            )
            broken = True
        else:
            broken, missing = False, found.value is None
    except (DataError, BackendError) as error:
        found, broken, missing = Finding(None, reason=_reason(error)), False, True
    except Exception as error:
        found, broken = Finding(None, reason=f"failed: {_reason(error)}"), True
    holds = None if missing else not broken and _met(claim, found)
    return Outcome(claim, file.path, found, holds, time.perf_counter() - start, seed)


def _met(claim: Claim, found: Finding) -> bool:
    return found.value is not None and claim.target.met_by(found.value)


def _reason(error: BaseException) -> str:
    if isinstance(error, CatenaError):
        return "; ".join(text for text in (error.what, error.why, error.fix) if text)
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]


def _newer(before: Recorded | None, after: Recorded) -> Recorded:
    if before is None:
        return after
    if after.holds is None and before.value is not None and before.claim_key == after.claim_key:
        return before
    same = content_key(_without_date(before)) == content_key(_without_date(after))
    return before if same else after


def _without_date(record: Recorded) -> dict[str, Any]:
    return record.model_dump(exclude={"date"})


def _plain(extra: Mapping[str, Any]) -> dict[str, Any]:
    import json

    from catena.core.identity import canonical

    data: dict[str, Any] = json.loads(canonical(extra))
    return data
