"""The main job as a whole process: midazolam, 1,000 adults, four doses, 32 joint draws."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from subprocess import run as run_process

from benchmarks.timing import COMMAND, Row

STUDY = Path(__file__).parents[1] / "examples" / "oral_drug.yaml"


def run() -> list[Row]:
    """Run it once in an empty folder, compilation included."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        command = [sys.executable, str(COMMAND), "run", str(STUDY), "--out", folder]
        run_process(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
    return [Row("catena run examples/oral_drug.yaml", seconds, seconds, seconds, target="<= 60 s")]
