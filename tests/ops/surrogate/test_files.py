from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from catena.core.errors import DataError
from catena.core.result import Result
from catena.ops.surrogate import load_surrogate, save_surrogate


def test_it_comes_back_from_a_folder(replaced: Result, tmp_path: Path) -> None:
    replaced.artefacts["surrogate"](tmp_path / "fast")
    back = load_surrogate(tmp_path / "fast")
    at = {"a": [1.0, 9.0, 9.0], "b": [0.3, 3.0, 3.0], "offset": [2.0, 2.0, 7.0]}
    ours, theirs = replaced.model.predict(at), back.predict(at)
    for name in ("y", "z"):
        np.testing.assert_array_equal(ours[name], theirs[name])
        np.testing.assert_array_equal(ours.lower[name], theirs.lower[name])
    np.testing.assert_array_equal(theirs.in_domain, [True, True, False])
    assert back.training == replaced.model.training
    assert back.inputs == replaced.model.inputs


def test_changed_or_missing_files_are_refused(replaced: Result, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="Not a surrogate"):
        load_surrogate(tmp_path)
    save_surrogate(replaced.model, tmp_path)
    facts = json.loads((tmp_path / "surrogate.json").read_text())
    (tmp_path / "surrogate.json").write_text(json.dumps({**facts, "format": 99}))
    with pytest.raises(DataError) as caught:
        load_surrogate(tmp_path)
    assert "format" in caught.value.why
    (tmp_path / "surrogate.json").write_text(json.dumps({**facts, "emulators": {}}))
    with pytest.raises(DataError):
        load_surrogate(tmp_path)
    (tmp_path / "surrogate.json").write_text("[1]")
    with pytest.raises(DataError):
        load_surrogate(tmp_path)
    (tmp_path / "surrogate.json").write_text(json.dumps(facts))
    with (tmp_path / "arrays.npz").open("ab") as file:
        file.write(b"x")
    with pytest.raises(DataError) as caught:
        load_surrogate(tmp_path)
    assert "not the file that was written" in caught.value.why
