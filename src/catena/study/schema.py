"""What a study says: one YAML file from question to answer.

```yaml
study: dose_finding                # kind: predict | population | dose_finding
name: midazolam oral dose
chain: oral_drug                   # or  model: body.pbpk,  or a chain written out here
data: {compound: midazolam}        # a compound card, a file of rows
inputs: {time: "0:24:0.25 h"}      # values for ports, with units
settings: {people: 1000}           # settings of the kind
uncertainty: {draws: 32, people: 100}
seed: 1
context_of_use: {question: "...", influence: medium, consequence: low}
```
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BeforeValidator, Field, JsonValue, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from catena.core.errors import StudyError, closest
from catena.core.settings import Settings
from catena.study.reading import MAX_BYTES, Document, Keys, read_file, read_text

Level = Literal["low", "medium", "high"]
Text = Annotated[str, Field(min_length=1, max_length=2000)]
PortName = Annotated[str, Field(min_length=1, max_length=200)]
#: Path of keys, reason, remedy.
Fault = tuple[Keys, str, str]


#: A strict, immutable piece of a study.
Part = Settings
P = TypeVar("P", bound=Settings)


class Data(Part):
    """What a study reads.

    Args:
        compound: Name or path of a compound card.
        file: Rows for the model (CSV, JSON or Parquet), relative to the study file.
        columns: Column of the file -> port, with a unit where the head has none
            (``dose_mg: "dose [mg]"``).
    """

    compound: Text | None = None
    file: Text | None = None
    columns: dict[PortName, Text] = {}


class Budget(Part):
    """Where a run stops.

    Args:
        minutes: No new task is started after this time; the next run goes on from there.
        failed_share: Share of rows that may fail before the study as a whole fails.
    """

    minutes: Annotated[float, Field(gt=0, le=1e6)] | None = None
    failed_share: Annotated[float, Field(ge=0, le=1)] = 0.05


class ContextOfUse(Part):
    """What the answer is for; heads the report (ICH M15, ASME V&V 40).

    Args:
        question: The question of interest.
        influence: How much the answer rests on this model alone.
        consequence: How bad a wrong answer would be.
    """

    question: Text
    influence: Level
    consequence: Level


class Uncertainty(Part):
    """Joint draws of the uncertain inputs.

    Args:
        draws: Number of joint draws; 0 leaves the analysis out.
        people: The same first people are used in every draw.
        over: Ports to draw; all that carry an uncertainty when empty.
        rtol: Relative tolerance of the solver within the draws; None keeps the model's own.
    """

    draws: Annotated[int, Field(ge=0, le=100_000)] = 32
    people: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    over: Annotated[tuple[PortName, ...], Field(strict=False)] = ()
    rtol: Annotated[float, Field(gt=1e-12, le=1e-2)] | None = None


def _known_kind(name: Any) -> Any:
    from catena.study.kinds import names

    if name not in names():
        expected = ", ".join(f"'{known}'" for known in names())
        raise PydanticCustomError(
            "literal_error", "Input should be {expected}", {"expected": expected}
        )
    return name


def _needs_model(name: str) -> bool:
    from catena import ops

    return name not in ops.names() or ops.find(name).needs_model


class Study(Part):
    """One question to one model or chain.

    Args:
        study: Kind of study.
        name: Short name; names the result folder.
        model: Id of a registered model.
        chain: Id of a shipped chain, or a chain written out (nodes, edges, inputs, outputs).
        data: Compound card and data files.
        inputs: Values for the model's ports, with units as text.
        settings: Settings of the kind; see ``catena.study.kinds``.
        seed: All randomness of the study derives from it.
        budget: Where a run stops.
        outputs: Ports to report; the kind's own choice when empty.
        context_of_use: What the answer is for.
        uncertainty: Joint draws of uncertain inputs.
        folder: Folder that relative paths start from; set by ``load_study``, not written.
    """

    study: Annotated[str, BeforeValidator(_known_kind)]
    name: Annotated[str, Field(pattern=r"^[^\W_][\w .,()-]*$", max_length=80)]
    model: Text | None = None
    chain: Text | dict[str, JsonValue] | None = None
    data: Data = Data()
    inputs: dict[PortName, JsonValue] = {}
    settings: Any = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    budget: Budget = Budget()
    outputs: Annotated[tuple[PortName, ...], Field(strict=False)] = ()
    context_of_use: ContextOfUse | None = None
    uncertainty: Uncertainty | None = None
    folder: Annotated[Path, Field(exclude=True, strict=False)] = Path()

    @model_validator(mode="after")
    def _sound(self) -> Study:
        if self.model is not None and self.chain is not None:
            raise ValueError("give either model or chain")
        if self.model is None and self.chain is None and _needs_model(self.study):
            raise ValueError("give either model or chain")
        if not isinstance(self.settings, Part):
            raise ValueError("settings are checked by load_study; build studies with it")
        return self

    def to_dict(self) -> dict[str, Any]:
        """Return the study as plain data, holding only what differs from the defaults."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"folder"})


def load_study(source: str | Path | Mapping[str, Any]) -> Study:
    """Read a study from a file, from YAML text (more than one line) or from a mapping.

    Raises:
        StudyError: the study is not readable or not sound; every fault is listed with its place.
    """
    if isinstance(source, Mapping):
        return _study(Document(source, "study", {}), Path())
    if isinstance(source, Path) or (isinstance(source, str) and "\n" not in source.strip()):
        try:
            path = Path(source.strip() if isinstance(source, str) else source)
            return _study(read_file(path), path.parent)
        except ValueError as error:  # a NUL byte in a path
            raise StudyError("Cannot read the study", where=repr(source)[:80], why=str(error),
                             fix="give the path of a YAML file") from None  # fmt: skip
    if isinstance(source, str):
        return _study(read_text(source), Path())
    raise StudyError(
        "Cannot read the study",
        where="load_study",
        why=f"got {type(source).__name__}",
        fix="give a path, YAML text or a mapping",
    )


def _study(document: Document, folder: Path) -> Study:
    if not isinstance(document.data, Mapping):
        raise StudyError(
            "Not a study",
            where=document.source,
            why=f"the document is {'empty' if document.data is None else type(document.data).__name__}",
            fix="write keys such as study, name, model and inputs",
        )
    if any(not isinstance(key, str) for key in document.data):
        raise StudyError("Not a study", where=document.source, why="a key is not a word",
                         fix="write keys such as study, name, model and inputs")  # fmt: skip
    if "folder" in document.data:
        raise _error(
            document, [(("folder",), "the folder is where the study file lies", "leave it out")]
        )
    try:
        settings, faults = _settings(document.data)
        data = {**document.data, "settings": settings, "folder": folder}
        study, more = _validated(Study, data)
    except (RecursionError, OverflowError, TypeError, ValueError) as error:
        raise StudyError("Not a study", where=document.source, why=str(error)[:200],
                         fix="write plain mappings, lists, texts and numbers") from None  # fmt: skip
    faults = [*more, *faults]
    if study is None or faults:
        raise _error(document, faults)
    return study


def _settings(data: Mapping[str, Any]) -> tuple[Part, list[Fault]]:
    """Check the settings against the schema of the study's kind."""
    from catena.study.kinds import settings_class

    kind = settings_class(data.get("study"))
    given = data.get("settings")
    if kind is None:  # the kind itself is the fault to report
        return Part(), []
    if given is not None and not isinstance(given, Mapping):
        return Part(), [
            (("settings",), "a mapping is expected", "write keys of this kind's settings")
        ]
    settings, faults = _validated(kind, dict(given or {}))
    return settings or Part(), [(("settings", *keys), why, fix) for keys, why, fix in faults]


def _validated(kind: type[P], data: Any) -> tuple[P | None, list[Fault]]:
    try:
        return kind.model_validate(data), []
    except ValidationError as error:
        found: dict[Keys, Fault] = {}
        for fault in (_fault(kind, item) for item in error.errors(include_url=False)):
            found.setdefault(fault[0], fault)  # alternatives of one value each complain once
        return None, sorted(found.values(), key=lambda fault: not fault[1].startswith("unknown"))


def _fault(kind: type[Part], item: Any) -> Fault:
    """Turn one pydantic fault into (path, why, fix)."""
    *before, last = item["loc"] or ("",)
    keys: Keys = tuple(k for k in before if not _names_alternative(k))
    if item["type"] == "extra_forbidden" or not _names_alternative(last):
        keys = (*keys, last) if item["loc"] else ()
    if keys[:1] == ("chain",):  # the rest of the path names pydantic's alternatives
        return (
            ("chain",),
            "an id or a mapping of nodes and edges is expected",
            "name a shipped chain",
        )
    if keys[:1] == ("inputs",):
        keys = keys[:2]
    name = str(keys[-1])[:60] if keys else ""
    why = str(item["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    if item["type"] == "extra_forbidden":
        return keys, f"unknown key {name!r}", _known(kind, keys)
    if item["type"] == "missing":
        return keys, f"{name!r} is missing", "add it"
    if item["type"] == "string_pattern_mismatch":
        return (
            keys,
            "it holds other signs than letters, digits, spaces and _ . , ( ) -",
            "rename it",
        )
    given = item.get("input")
    if isinstance(given, (str, int, float)) and item["type"] != "value_error":
        why += f", got {str(given)[:60]!r}"
    fix = "correct this value"
    if item["type"] == "literal_error":
        options = str(item["ctx"]["expected"]).replace("'", "").replace(" or ", ", ")
        near = closest(given, options.split(", ")) if isinstance(given, str) else []
        fix = f"did you mean {' or '.join(near)}?" if near else f"use one of {options}"
    return keys, why, fix


def _names_alternative(key: str | int) -> bool:
    """Tell whether a part of pydantic's path is not a key but one of the types it tried."""
    parts = {part.__name__ for part in Part.__subclasses__()}
    return isinstance(key, str) and (key.startswith(("literal[", "dict[")) or key in parts)


def _known(kind: type[Part], keys: Keys) -> str:
    """Propose the known keys nearest to an unknown one."""
    part: Any = kind
    for key in keys[:-1]:
        field = part.model_fields.get(key) if hasattr(part, "model_fields") else None
        hint = field.annotation if field is not None else None
        part = next((t for t in (hint, *get_args(hint)) if hasattr(t, "model_fields")), None)
    names = [n for n in getattr(part, "model_fields", ()) if n != "folder"]
    near = closest(str(keys[-1]), names)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"known keys: {', '.join(names)}" if names else "leave it out"


def _error(document: Document, faults: list[Fault]) -> StudyError:
    listed = [{"where": document.place(k), "why": why, "fix": fix} for k, why, fix in faults]
    first = listed[0]
    more = [f"{fault['where']}: {fault['why']} ({fault['fix']})" for fault in listed[1:6]]
    rest = len(listed) - 6
    more += [f"and {rest} more"] if rest > 0 else []
    return StudyError(
        f"The study has {len(listed)} fault{'s' if len(listed) > 1 else ''}",
        where=first["where"],
        why="; ".join([first["why"], *more]),
        fix=first["fix"],
        details={"faults": listed},
    )


__all__ = ["MAX_BYTES", "Study", "load_study"]
