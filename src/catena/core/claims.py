"""What a model claims about its accuracy (``validation.yaml``) and what was found.

The claim file says what is asked and is written by hand; the results file beside it says what was
found and is written only by ``catena validate --write``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from catena.core.errors import SchemaError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

CLAIMS = "validation.yaml"
RESULTS = "validation.results.json"

#: First words of a ``dataset`` that is no measured data.
_NOT_DATA = ("analytic", "none", "synthetic", "exact", "closed-form", "reference")


@dataclass(frozen=True)
class Finding:
    """What a validation run found.

    Args:
        value: The metric.
        low: Lower end of its 90 % interval.
        high: Upper end of its 90 % interval.
        baseline: The same metric of the naive baseline.
        n: Number of independent items (studies, compounds, people) behind it.
        reason: Why there is no value, or a remark on it.
        extra: Further facts kept with the result, as plain data.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    n: int | None = None
    reason: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        # Runs hand over NumPy scalars and NaN; JSON knows neither.
        for name in ("value", "low", "high", "baseline"):
            number = getattr(self, name)
            plain = None if number is None or not math.isfinite(number) else float(number)
            object.__setattr__(self, name, plain)
        if self.n is not None:
            object.__setattr__(self, "n", int(self.n))


class Target(BaseModel):
    """What the metric must reach: ``{op: "<=", value: 1.4}`` or ``{op: in, value: [0.85, 0.95]}``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    op: Literal["<=", "<", ">=", ">", "in"]
    value: float | tuple[float, float]

    @model_validator(mode="after")
    def _sound(self) -> Target:
        if (self.op == "in") != isinstance(self.value, tuple):
            raise ValueError('op "in" takes [low, high]; every other op takes one number')
        return self

    def met_by(self, number: float) -> bool:
        """Tell whether a value reaches the target."""
        if isinstance(self.value, tuple):
            return self.value[0] <= number <= self.value[1]
        return {
            "<=": number <= self.value,
            "<": number < self.value,
            ">=": number >= self.value,
            ">": number > self.value,
        }[self.op]

    def __str__(self) -> str:
        value = self.value
        if isinstance(value, tuple):
            return f"in {value[0]:g}..{value[1]:g}"
        return f"{self.op} {value:g}"


class Claim(BaseModel):
    """One claim of a ``validation.yaml``.

    Args:
        id: Unique id such as ``body.pbpk.midazolam.auc``.
        model: Id of the model (or module path of the part) it is about.
        dataset: Data set path, or ``analytic ...`` for a comparison with an exact solution.
        sha256: Checksum of the data set.
        protocol: How the figure is made: rows used and left out, split, no tuning on the test set.
        metric: What is computed, in one line.
        unit: Unit of the metric ("" for a ratio).
        peer: Figure or name of the best published peer.
        peer_source: Where the peer's figure stands.
        baseline: What the naive baseline is (its figure is computed by the run).
        target: What must be reached.
        run: ``module:function``; the function takes ``seed`` and returns a ``Finding``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.\-]*$", max_length=120)
    model: str
    dataset: str | tuple[str, ...] | None = None
    sha256: str | tuple[str, ...] | None = None
    protocol: str
    metric: str
    unit: str = ""
    peer: float | str | None = None
    peer_source: str | None = None
    baseline: float | str | None = None
    target: Target
    run: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$")

    @property
    def key(self) -> str:
        """Content key of the claim; results of another claim text do not count."""
        from catena.core.identity import content_key

        return content_key(self.model_dump(mode="json"))

    @property
    def on_data(self) -> bool:
        """Whether it compares with measurements (and not with an exact solution)."""
        first = self.dataset if isinstance(self.dataset, str) else (self.dataset or ("",))[0]
        return bool(first) and not first.lower().startswith(_NOT_DATA)

    @property
    def has_peer(self) -> bool:
        """Whether a peer is named (a text such as "none; a check of the code" names none)."""
        if isinstance(self.peer, str):
            return not self.peer.lower().startswith("none")
        return self.peer is not None

    def function(self) -> Callable[..., Finding]:
        """Import the function that recomputes the figure.

        Raises:
            SchemaError: the module or the function does not exist.
        """
        import importlib

        module, _, name = self.run.partition(":")
        try:
            found = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise SchemaError(
                f"Cannot find the run of claim {self.id}",
                where=self.run,
                why=f"{type(error).__name__}: {error}",
                fix="name an importable module:function",
            ) from error
        return found  # type: ignore[no-any-return]


class Recorded(BaseModel):
    """One result as committed beside the claims."""

    model_config = ConfigDict(frozen=True)

    value: float | None = None
    low: float | None = None
    high: float | None = None
    baseline: float | None = None
    n: int | None = None
    holds: bool | None = None
    reason: str | None = None
    seed: int = 0
    code_key: str = ""
    claim_key: str = ""
    date: str = ""
    extra: dict[str, Any] = {}


@dataclass(frozen=True)
class ClaimFile:
    """A ``validation.yaml`` with the results beside it.

    Args:
        path: The claim file.
        claims: Its claims, in order.
        results: What was last found, by claim id.
    """

    path: Path
    claims: tuple[Claim, ...]
    results: Mapping[str, Recorded]

    def recorded(self, claim: Claim) -> Recorded | None:
        """Return the result of a claim, unless the claim was changed since."""
        found = self.results.get(claim.id)
        return found if found is not None and found.claim_key == claim.key else None


def read_claims(path: Path) -> ClaimFile:
    """Read a claim file and its results.

    Raises:
        SchemaError: the file is not a list of claims; the faulty part is named.
    """
    import yaml

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SchemaError("Cannot read the claims", where=str(path),
                          why=str(error).splitlines()[0], fix="repair the YAML") from error  # fmt: skip
    listed = data.get("claims") if isinstance(data, Mapping) else None
    if not isinstance(listed, list):
        raise SchemaError("No claims", where=str(path), why='there is no list "claims"',
                          fix="write claims: [{id: ..., model: ..., ...}]")  # fmt: skip
    claims = tuple(_claim(item, number, path) for number, item in enumerate(listed))
    _check_unique(claims, path)
    return ClaimFile(path, claims, read_results(path.with_name(RESULTS)))


def read_results(path: Path) -> dict[str, Recorded]:
    """Return the recorded results by claim id; an absent file holds none.

    Raises:
        SchemaError: the file is not in the form ``catena validate --write`` gives it.
    """
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): Recorded(**record) for name, record in data["results"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SchemaError("Cannot read the results", where=str(path),
                          why=str(error).splitlines()[0],
                          fix="write them anew with: catena validate --write") from error  # fmt: skip


def write_results(path: Path, results: Mapping[str, Recorded]) -> None:
    """Write results in a stable form: claims sorted, one number per line."""
    data = {"results": {name: results[name].model_dump() for name in sorted(results)}}
    path.write_text(json.dumps(data, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def summary(claim: Claim, found: Recorded | None) -> dict[str, Any]:
    """Return claim and result as an index and a page show them."""
    return {
        "id": claim.id,
        "metric": claim.metric,
        "unit": claim.unit,
        "dataset": claim.dataset if claim.on_data else None,
        "target": str(claim.target),
        "peer": claim.peer if claim.has_peer else None,
        **{
            name: getattr(found, name) if found is not None else None
            for name in ("value", "low", "high", "baseline", "n", "holds")
        },
    }


def _claim(item: Any, number: int, path: Path) -> Claim:
    if not isinstance(item, Mapping):
        raise SchemaError("Not a claim", where=f"{path}, claim {number}",
                          why=f"got {type(item).__name__}", fix="write {id: ..., model: ...}")  # fmt: skip
    try:
        return Claim(**{str(name): value for name, value in item.items()})
    except ValidationError as error:
        first = error.errors()[0]
        part = ".".join(map(str, first["loc"])) or "claim"
        raise SchemaError(
            "Bad claim",
            where=f"{path}, claim {item.get('id', number)}, {part}",
            why=str(first["msg"]).removeprefix("Value error, "),
            fix=did_you_mean(
                part, Claim.model_fields, f"the parts are {', '.join(Claim.model_fields)}"
            ),
        ) from None


def _check_unique(claims: Iterable[Claim], path: Path) -> None:
    seen: set[str] = set()
    for claim in claims:
        if claim.id in seen:
            raise SchemaError(f"Claim {claim.id!r} stands twice", where=str(path),
                              why="ids identify results", fix="rename one of them")  # fmt: skip
        seen.add(claim.id)
