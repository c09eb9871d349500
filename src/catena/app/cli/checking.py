"""``catena check-model``: the contract suite on one model."""

from __future__ import annotations

import os
import sys

from catena.app.cli import terminal
from catena.app.cli.progress import progress
from catena.core import registry
from catena.core.errors import ContractError


def check(name: str, quick: bool) -> int:
    """Run the suite and show every check; return the exit code of a broken contract if any fails."""
    from catena.core.contract import check_model

    if ":" in name:
        # An author tries a model before it is installed: modules beside the shell are meant.
        sys.path.insert(0, os.getcwd())
        model = registry.load_target(name)
    else:
        model = registry.load(name)
    report = check_model(model, quick=quick, progress=progress())
    if terminal.as_json():
        terminal.emit(report.to_dict())
        return 0 if report.passed else ContractError.exit_code
    rows = [(c.id, c.state, c.meaning, c.reason, f"{c.seconds:.1f}") for c in report.checks]
    heads = ["check", "state", "meaning", "reason", "s"]
    terminal.show(terminal.grid(f"{model.info.id}: {report.summary}", heads, rows))
    for failed in report.failures:
        terminal.note(f"{failed.id} {failed.meaning}\nwhy    {failed.reason}\nfix    {failed.fix}")
    return 0 if report.passed else ContractError.exit_code
