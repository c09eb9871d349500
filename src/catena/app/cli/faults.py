"""Errors as a person or a program reads them: four short lines, or one JSON object."""

from __future__ import annotations

import os
import sys
from typing import Any

from catena.app.cli import terminal
from catena.core.errors import CatenaError, InputError, InternalError


def report(error: Exception) -> int:
    """Show an error on its stream and return the exit code."""
    known = as_catena(error)
    if os.environ.get("CATENA_DEBUG") == "1":
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    if terminal.as_json():
        terminal.emit({"error": _plain(known)})
    else:
        sys.stderr.write(f"{known}\n")
    return known.exit_code


def as_catena(error: Exception) -> CatenaError:
    """Return any exception as one of the family."""
    if isinstance(error, CatenaError):
        return error
    message = getattr(error, "format_message", None)
    if callable(message):
        return _usage(error, str(message()))
    if type(error).__name__ == "Abort":
        return InputError("Stopped", where="catena", why="the question was not answered")
    return InternalError(
        "Something inside Catena failed",
        where=_place(error),
        why=f"{type(error).__name__}: {error}".splitlines()[0][:300],
        fix="set CATENA_DEBUG=1 for the traceback and report it with the command you gave",
    )


def reader_gone() -> int:
    """End quietly when the reader of a pipe closed it."""
    # The interpreter flushes stdout at exit and would complain once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _usage(error: Any, message: str) -> CatenaError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "catena"
    first, _, hint = message.partition(" Did you mean ")
    return InputError(
        "Wrong use of the command",
        where=command,
        why=first.strip() or "arguments are missing",
        fix=f"did you mean {hint}" if hint else f"see {command} --help",
    )


def _plain(error: CatenaError) -> dict[str, Any]:
    import json

    try:
        json.dumps(data := error.to_dict(), allow_nan=False)
    except (TypeError, ValueError):
        from catena.core.identity import canonical

        data = json.loads(canonical(_texts(error.to_dict())))
    return data


def _texts(data: Any) -> Any:
    """Replace what JSON has no form for by its text."""
    if isinstance(data, dict):
        return {str(name): _texts(value) for name, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_texts(value) for value in data]
    if data is None or isinstance(data, (bool, int, float, str)) or hasattr(data, "__array__"):
        return data
    return str(data)


def _place(error: Exception) -> str:
    """Return the innermost module and line of the error."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "catena"
    return f"{trace.tb_frame.f_globals.get('__name__', '?')}, line {trace.tb_lineno}"
