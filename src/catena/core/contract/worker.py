"""The fresh process in which the suite loads and calls a model once more."""

from __future__ import annotations

import pickle
import sys
import time
from pathlib import Path


def main(question: str, answer: str) -> None:
    """Read the question file, load the model, predict, and write key, outputs and load time."""
    path, reference, values = pickle.loads(Path(question).read_bytes())
    sys.path[:] = path
    start = time.process_time()
    named = pickle.loads(reference)
    if isinstance(named, str):
        from catena.core.registry import load

        model = load(named)
    else:
        model = named
    seconds = time.process_time() - start
    result = model.predict(pickle.loads(values))
    data = {"key": model.key, "values": result.values_, "seconds": seconds}
    Path(answer).write_bytes(pickle.dumps(data))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
