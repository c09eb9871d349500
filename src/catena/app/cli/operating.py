"""``catena OPERATION MODEL KEY=VALUE ...``: a study of one operation, written on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from catena.app.cli import terminal
from catena.app.cli.studying import show_outcome
from catena.core.errors import InputError


def operate(
    name: str,
    model: str | None,
    settings: list[str],
    at: list[str],
    data: Path | None,
    out: Path,
    seed: int,
) -> int:
    """Run an operation as a study and show its answer; return the exit code.

    Args:
        name: The operation.
        model: Model or chain id.
        settings: ``key=value``; dots nest (``over.dose=10..400 mg``), values are YAML.
        at: Inputs of the model, ``key=value``.
        data: File of rows.
        out: Folder for results.
        seed: Seed.
    """
    from catena.study import load_study

    if model is not None and "=" in model:  # an operation that brings its own model
        settings, model = [model, *settings], None
    study: dict[str, Any] = {
        "study": name,
        "name": f"{name} {model or ''}".replace(":", " ").replace("/", " ").strip()[:80],
        "settings": _nested(settings, "settings"),
        "inputs": _nested(at, "--set", nest=False),
        "seed": seed,
    }
    if model is not None:
        study["chain" if model.startswith("chain.") else "model"] = model
    if data is not None:
        study["data"] = {"file": str(data.resolve())}
    return show_outcome(load_study(study), out)


def show_settings(name: str) -> None:
    """Show what an operation can be told."""
    import inspect

    from catena import ops

    found = ops.find(name)
    if terminal.as_json():
        terminal.emit(
            {"name": name, "title": found.title, "settings": found.settings.model_json_schema()}
        )
        return
    docs = _argument_docs(inspect.getdoc(found.settings) or "")
    rows = [
        [key, "required" if field.is_required() else _default(field), docs.get(key, "")]
        for key, field in found.settings.model_fields.items()
    ]
    usage = (
        f"catena {name} MODEL KEY=VALUE ..."
        if found.needs_model
        else f"catena {name} KEY=VALUE ..."
    )
    terminal.show(terminal.grid(f"{found.title}: {usage}", ["setting", "default", "meaning"], rows))


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    return "" if value is None else str(value)


def _argument_docs(text: str) -> dict[str, str]:
    """Return the sentences of the section "Args:" by name."""
    _, _, section = text.partition("Args:")
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        stripped = line.strip()
        head, colon, rest = stripped.partition(":")
        if (
            colon
            and head.isidentifier()
            and line.startswith("    ")
            and not line.startswith("     ")
        ):
            name, found[head] = head, rest.strip()
        elif stripped and name:
            found[name] = f"{found[name]} {stripped}"
    return found


def _nested(words: list[str], where: str, nest: bool = True) -> dict[str, Any]:
    """Read ``key=value`` words; dots in keys nest, values are YAML."""
    out: dict[str, Any] = {}
    for word in words:
        key, sign, text = word.partition("=")
        if not sign or not key:
            raise InputError(f"Cannot read {word[:60]!r}", where=where, why="it is not KEY=VALUE",
                             fix="write for example of=auc")  # fmt: skip
        place = out
        parts = key.split(".", 1) if nest else [key]
        for part in parts[:-1]:
            place = place.setdefault(part, {})
            if not isinstance(place, dict):
                raise InputError(f"{key!r} contradicts an earlier value", where=where,
                                 why=f"{part!r} is a single value already", fix="give it once")  # fmt: skip
        place[parts[-1]] = _value(text, where)
    return out


def _value(text: str, where: str) -> Any:
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputError(f"Cannot read the value {text[:60]!r}", where=where, why="it is not YAML",
                         fix="put quotes round texts with colons or braces") from None  # fmt: skip
