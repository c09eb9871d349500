"""The command line: ``catena --help``."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        args: Words after ``catena``; those of this process by default.

    Returns:
        Exit code: 0 done, 1 a fault of Catena, 2 a mistake of the user, 3 a claim does not hold,
        130 interrupted.
    """
    from catena.app.cli import faults, terminal

    words = list(sys.argv[1:] if args is None else args) or ["--help"]
    if words[0] == "--json" and len(words) > 1:  # it belongs to every command: any place will do
        words = [*words[1:], "--json"]
    with terminal.session(as_json="--json" in words):
        try:
            # Start-up stays quick because each command imports what it needs when it runs.
            import typer

            from catena.app.cli.commands import app

            code = typer.main.get_command(app).main(
                words, prog_name="catena", standalone_mode=False
            )
            return code if isinstance(code, int) else 0
        except KeyboardInterrupt:
            return 130
        except BrokenPipeError:
            return faults.reader_gone()
        except Exception as error:
            return faults.report(error)
