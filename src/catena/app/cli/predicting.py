"""``catena predict``: one model, values from options or a file of rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

from catena.app.cli import output, terminal
from catena.app.cli.listing import ports
from catena.app.cli.progress import waiting
from catena.core import registry
from catena.core.errors import InputError


def predict(
    model_id: str,
    words: Sequence[str],
    file: Path | None,
    out: Path | None,
    on_error: str,
    seed: int,
) -> None:
    """Predict and show, print as JSON or store."""
    from catena.app.cli.values import from_options, merged, read_rows

    if model_id.startswith("-"):
        raise InputError("No model", where="catena predict", why=f"{model_id!r} is an option",
                         fix="name the model first: catena predict ID --field value")  # fmt: skip
    where = f"catena predict {model_id}"
    with waiting(f"loading {model_id}"):
        model = registry.load(model_id)
    given: Any = from_options(words, model.inputs, where)
    if file is not None:
        given = merged(read_rows(file), given, model.inputs, file)
    choice = cast(Literal["raise", "skip"], on_error)
    with waiting(f"predicting {model_id}"):
        try:
            result = model.predict(given, key=seed, on_error=choice)
        except InputError as error:
            raise _advised(error, model_id) from None
    if out is not None:
        output.store(result, out)
    if terminal.as_json():
        data = output.to_dict(result)
        # What is stored is not printed again: a million rows belong in the file.
        terminal.emit(data if out is None else {**_brief(data), "out": str(out)})
        return
    output.show(result)
    if out is not None:
        terminal.note(f"stored in {out}")


def _advised(error: InputError, model_id: str) -> InputError:
    """Say in the words of the command line what to do about bad input."""
    error.fix = error.fix.replace('pass on_error="skip"', "add --on-error skip")
    if any(fault.why == "a value is required" and fault.row < 0 for fault in error.rows):
        error.fix = f"give the missing fields; all fields: catena predict {model_id} --help"
    return error


def _brief(data: dict[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in ("model", "version", "rows", "units", "provenance")}


def help_text(general: str, model_id: str | None) -> None:
    """Print the help of the command, with the fields of the model when one is named."""
    card = registry.entry(model_id).card if model_id is not None else None
    if terminal.as_json():
        terminal.emit({"help": general} if card is None else {"inputs": card["inputs"]})
        return
    if general.strip():
        terminal.show(general)
    if card is not None:
        terminal.show(ports(f"fields of {model_id} (--name value)", card["inputs"]))
