"""A site: holds rows that never leave it, and answers with sums over them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, final

import numpy as np

from catena.core.errors import InputError, SolverError
from catena.ops.federated import masking, words

#: Fewest rows (and events, for survival) a site must have before it may answer.
FEWEST = 5


class LocalProblem(Protocol):
    """What a site computes from its rows: sums and updates, never rows."""

    @property
    def rows(self) -> int:
        """Number of rows."""
        ...

    def refusal(self) -> str:
        """Return why this site must not answer, or an empty text."""
        ...

    def answer(self, question: str, arguments: Mapping[str, Any]) -> np.ndarray:
        """Return the numbers (n,) a question asks for; all are sums over rows."""
        ...


@final
class Site:
    """One site: a problem over its own rows behind a channel.

    Args:
        name: Name of the site.
        number: Its number, from 1.
        problem: What it computes.
    """

    def __init__(self, name: str, number: int, problem: LocalProblem) -> None:
        self.name, self.number = name, number
        self._problem = problem
        self._masker = masking.Masker(number)

    def handle(self, message: bytes) -> bytes:
        """Answer one message of the server (JSON in, JSON out)."""
        asked = json.loads(message)
        replies: dict[str, Callable[[dict[str, Any]], Any]] = {
            "hello": self._hello,
            "open": lambda _: {"key": self._masker.open()},
            "share": self._share,
            "keep": self._keep,
            "ask": self._ask,
            "reveal": self._reveal,
        }
        return json.dumps(replies[asked["kind"]](asked)).encode()

    def _hello(self, asked: dict[str, Any]) -> dict[str, Any]:
        refusal = self._problem.refusal()
        return {"refusal": refusal} if refusal else {"ready": True}

    def _share(self, asked: dict[str, Any]) -> dict[str, Any]:
        keys = {int(site): key for site, key in asked["keys"].items()}
        return {"shares": self._masker.share(keys, asked["threshold"])}

    def _keep(self, asked: dict[str, Any]) -> dict[str, Any]:
        for sender, sealed in asked["shares"].items():
            self._masker.keep(int(sender), sealed)
        return {}

    def _ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        arguments = {name: np.asarray(value) for name, value in asked["arguments"].items()}
        values = self._problem.answer(asked["question"], arguments)
        if not asked["secure"]:
            if not np.all(np.isfinite(values)):
                return {"refusal": "the update is not finite"}
            return {"values": values.tolist()}
        try:
            return {"masked": words.to_bytes(self._masker.masked(values, asked["label"])).hex()}
        except InputError as error:
            return {"refusal": error.why}

    def _reveal(self, asked: dict[str, Any]) -> dict[str, Any]:
        found = self._masker.reveal(asked["dropped"], asked["survived"])
        return {kind: {str(k): str(v) for k, v in part.items()} for kind, part in found.items()}


@final
class Channel:
    """Carries messages between server and one site; this one within the process.

    Args:
        site: The site at the other end.
        log: Receives (site, direction, bytes) of every message.
    """

    def __init__(self, site: Site, log: list[tuple[str, str, bytes]] | None = None) -> None:
        self.name, self.number = site.name, site.number
        self._site, self._log = site, log

    def send(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message and return the reply.

        Raises:
            ConnectionError: the site cannot be reached.
        """
        raw = json.dumps(message).encode()
        reply = self._site.handle(raw)
        if self._log is not None:
            self._log += [(self.name, "to site", raw), (self.name, "from site", reply)]
        answer: dict[str, Any] = json.loads(reply)
        return answer


class Line(Protocol):
    """What the server needs of a channel."""

    name: str
    number: int

    def send(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Send a message and return the reply; ``ConnectionError`` when the site is gone."""
        ...


@final
class Server:
    """Asks all sites the same question and learns the sum of their answers.

    Args:
        lines: Channels to the sites.
        secure: Whether sums are formed under masks, so that no single answer is seen.
        threshold: Sites that must stay to undo the masks; two thirds of them by default.

    Attributes:
        dropped: Sites that stopped answering, with the round.
        refused: Sites that may not or cannot answer, with the reason.
    """

    def __init__(
        self, lines: Sequence[Line], secure: bool = True, threshold: int | None = None
    ) -> None:
        self.secure = secure
        self.dropped: list[tuple[str, str]] = []
        self.refused: dict[str, str] = {}
        self.lines = []
        for line in lines:
            reply = line.send({"kind": "hello"})
            if "refusal" in reply:
                self.refused[line.name] = reply["refusal"]
            else:
                self.lines.append(line)
        if len(self.lines) < (2 if secure else 1):
            raise InputError("Too few sites can take part", where="federated",
                             why="; ".join(f"{n}: {why}" for n, why in self.refused.items())
                             or f"{len(lines)} site is given", fix="two sites are needed at least")  # fmt: skip
        self.threshold = threshold or max(2, -(-2 * len(self.lines) // 3))
        self.round = 0

    def total(self, question: str, **arguments: Any) -> np.ndarray:
        """Return the sum (n,) over the sites that answer.

        Raises:
            SolverError: too few sites are left.
        """
        self.round += 1
        label = f"{question} {self.round}"
        plain = {name: np.asarray(value).tolist() for name, value in arguments.items()}
        asked = {"kind": "ask", "question": question, "arguments": plain, "label": label,
                 "secure": self.secure}  # fmt: skip
        if not self.secure:
            replies = self._every(asked, label)
            return np.asarray(np.sum([r["values"] for r in replies.values()], axis=0, dtype=float))
        keys, shared = self._agreed(label)
        for line in self._reachable(keys):
            mine = {s: r["shares"][str(line.number)] for s, r in shared.items() if s != line.number}
            line.send({"kind": "keep", "shares": mine})
        replies = self._every(asked, label, set(keys))
        masked = {n: words.from_bytes(bytes.fromhex(r["masked"])) for n, r in replies.items()}
        gone = sorted(set(keys) - set(masked))
        revealed = self._every(
            {"kind": "reveal", "dropped": gone, "survived": sorted(masked)}, label
        )
        parts = {
            n: {k: {int(s): int(v) for s, v in part.items()} for k, part in r.items()}
            for n, r in revealed.items()
        }
        return masking.unmasked(masked, keys, parts, self.threshold, label)

    def _agreed(self, label: str) -> tuple[dict[int, str], dict[int, dict[str, Any]]]:
        """Open a round with the sites that exchange keys and shares, all of them or start again."""
        while True:
            keys = {n: r["key"] for n, r in self._every({"kind": "open"}, label).items()}
            asked = {"kind": "share", "keys": keys, "threshold": self.threshold}
            shared = self._every(asked, label)
            if set(shared) == set(keys):
                return keys, shared

    def _reachable(self, numbers: Any) -> list[Line]:
        return [line for line in self.lines if line.number in numbers]

    def _every(
        self, message: Mapping[str, Any], label: str, among: set[int] | None = None
    ) -> dict[int, dict[str, Any]]:
        """Ask every site; those that fail to answer are left out from here on."""
        replies: dict[int, dict[str, Any]] = {}
        for line in list(self.lines):
            if among is not None and line.number not in among:
                continue
            try:
                reply = line.send(message)
            except ConnectionError:
                self.dropped.append((line.name, label))
                self.lines.remove(line)
                continue
            if "refusal" in reply:
                self.refused[line.name] = reply["refusal"]
                self.lines.remove(line)
                continue
            replies[line.number] = reply
        if len(replies) < (self.threshold if self.secure else 1):
            raise SolverError("Too few sites are left", where=f"round {label}",
                              why=f"{len(replies)} of the sites answer, {self.threshold} are needed",
                              fix="repeat when more sites are reachable")  # fmt: skip
        return replies
