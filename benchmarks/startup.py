"""Start-up: import, help and model list, each as a whole process."""

from __future__ import annotations

from benchmarks.timing import COMMAND, Row, process_times, row


def run() -> list[Row]:
    """Time what every user waits for first; the bare interpreter is shown beside it."""
    bare = process_times(["-c", "pass"])
    command = [str(COMMAND)]
    return [
        row(
            "import catena",
            process_times(["-c", "import catena"]),
            "<= 0.3 s",
            "python -c pass",
            bare,
        ),
        row(
            "catena --help", process_times([*command, "--help"]), "<= 0.5 s", "python -c pass", bare
        ),
        row("catena models", process_times([*command, "models"]), "<= 1 s", "python -c pass", bare),
    ]
