"""The validation table of the README, generated from the recorded results."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from catena.core.claims import Claim, ClaimFile, Recorded
from catena.core.errors import DataError

BEGIN = "<!-- validation:begin -->"
END = "<!-- validation:end -->"

#: README file -> column heads and the words for a claim that holds, does not, or was not run.
LANGUAGES = {
    "README.md": (
        ("Model", "Claim", "Found (90 % interval)", "Target", "Naive baseline", "Peer", "Holds"),
        ("yes", "**no**", "not run"),
    ),
    "README.zh-CN.md": (
        ("模型", "验证项", "结果(90 % 区间)", "目标", "朴素基线", "同类软件", "是否达标"),
        ("是", "**否**", "未运行"),
    ),
}


def table(files: Iterable[ClaimFile], readme: str = "README.md") -> str:
    """Return the Markdown table of all claims.

    Args:
        files: Claim files with their results.
        readme: Which README it is for; chooses the language.
    """
    heads, words = LANGUAGES[readme]
    rows = sorted(
        (claim.model, number, _row(claim, file.recorded(claim), words))
        for file in files
        for number, claim in enumerate(file.claims)
    )
    lines = [_line(heads), _line(["---"] * len(heads)), *(_line(row) for _, _, row in rows)]
    return "\n".join(lines)


def updated(text: str, content: str, where: str) -> str:
    """Return a README text with the part between the markers replaced.

    Raises:
        DataError: the markers are not there, in order, once each.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise DataError(
            "No place for the validation table",
            where=where,
            why="the two markers do not stand there once each",
            fix=f"put the lines {BEGIN} and {END} where the table belongs",
        )
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n{content}\n{END}{rest.split(END)[1]}"


def write(root: Path, files: Iterable[ClaimFile]) -> list[Path]:
    """Bring the tables of the READMEs in ``root`` up to date; return the files that changed.

    Raises:
        DataError: a README has no markers.
    """
    listed = list(files)
    changed = []
    for name in LANGUAGES:
        path = root / name
        if not path.is_file():
            continue
        before = path.read_text(encoding="utf-8")
        after = updated(before, table(listed, name), str(path))
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def _row(claim: Claim, found: Recorded | None, words: tuple[str, str, str]) -> list[str]:
    holds = None if found is None else found.holds
    return [
        f"`{claim.model}`",
        f"{_short(claim)}: {_text(claim.metric)}",
        _found(found, claim.unit),
        _number(str(claim.target), claim.unit),
        _number(
            None if found is None or found.baseline is None else f"{found.baseline:.3g}", claim.unit
        ),
        _peer(claim),
        words[2] if holds is None else words[0] if holds else words[1],
    ]


def _short(claim: Claim) -> str:
    """Return the claim's own part of its id, in words."""
    parts = claim.id.split(".")
    shared = claim.model.split(".")
    own = [part for part in parts if part not in shared] or parts[-1:]
    return " ".join(own).replace("_", " ")


def _found(found: Recorded | None, unit: str) -> str:
    if found is None or found.value is None:
        return "-"
    text = f"{found.value:.3g}"
    if found.low is not None and found.high is not None:
        text += f" ({found.low:.3g} to {found.high:.3g})"
    return _number(text, unit) + (f", n = {found.n}" if found.n is not None else "")


def _number(text: str | None, unit: str) -> str:
    if text is None:
        return "-"
    return f"{text} {unit}".strip()


def _peer(claim: Claim) -> str:
    if claim.peer is None:
        return "-"
    shown = claim.peer if isinstance(claim.peer, str) else _number(f"{claim.peer:.3g}", claim.unit)
    return _text(f"{shown} ({claim.peer_source})" if claim.peer_source else shown)


def _text(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
