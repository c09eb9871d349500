"""What a calibration hands back: tables, figures, files, and the form studies use."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fit_models import line, product
from pydantic import ValidationError

from catena.core.errors import InputError
from catena.ops.calibrate import OPERATION, CalibrateSettings, calibrate
from catena.ops.calibrate.basins import basins_of
from catena.ops.calibrate.multistart import Searches

X = np.linspace(0.0, 10.0, 12)
Y = 6.0 * X + 1.0 + 0.1 * np.cos(5 * X)
OVER = {"k1": "log 0.1..10", "k2": "log 0.1..10", "b": "0..10"}


def test_parts_figures_and_files(tmp_path: Path) -> None:
    result = calibrate(product(), {"x": X, "y": Y}, OVER, starts=6, intervals="profile")
    assert set(result.parts) == {
        "starts",
        "fit",
        "correlation",
        "combinations",
        "proposal",
        "profiles",
    }
    for part in result.parts.values():
        assert len(part.table())
    assert set(result.figures) == {"fit", "waterfall", "correlation", "profiles"}
    for name in result.figures:
        assert result.plot(name).data
    assert len(result.table()) == 4
    path = tmp_path / "calibrated.json"
    result.artefacts["calibrated.json"](path)
    assert json.loads(path.read_text())["parameters"]["b"] == pytest.approx(1.0, abs=0.2)
    json.dumps(result.summary)
    assert "k1 * k2" in result.summary["headline"]
    # The profile of one factor ends where the other reaches its bound.
    assert result.summary["profiles"]["k1"]["90%"][1] is None


def test_the_form_studies_use() -> None:
    settings = CalibrateSettings(
        free={"a": "-10..10", "b": [-5.0, 5.0]}, starts=3, noise="additive(0.5)"
    )
    data = pd.DataFrame({"x": X, "y": 1 + 2 * X + 0.3 * np.sin(7 * X)})
    result = OPERATION.run(line(), settings, data=data, key=1)
    np.testing.assert_allclose(result["estimate"], [1.0, 2.0], atol=0.3)
    assert result.provenance["operation"] == "calibrate"
    with pytest.raises(InputError, match="Nothing to calibrate"):
        OPERATION.run(line(), settings)
    with pytest.raises(ValidationError):
        CalibrateSettings(free=["a"], start=3)  # type: ignore[call-arg]
    limited = CalibrateSettings(free=["a", "b"], starts=2, limits={"y": [0.0]})
    with pytest.raises(InputError, match="two numbers"):
        OPERATION.run(line(), limited, data=data)


def test_skipped_rows_are_told() -> None:
    rows = {"x": [*X, 3.0], "y": [*Y, "spilt"]}
    result = calibrate(
        product(),
        rows,
        {"k1": "log 0.1..10"},
        given={"k2": 3.0, "b": 1.0},
        starts=2,
        on_error="skip",
    )
    assert any("row 12" in text for text in result.warnings)


def test_basins() -> None:
    values = np.array([1.0, 1.01, 5.0, 5.02, 9.0, np.inf, 1.3])
    done = np.array([True, True, True, True, True, False, False])
    n = len(values)
    found = basins_of(Searches(
        theta=np.zeros((n, 1)), value=values, gradient=np.zeros((n, 1)), converged=done,
        iterations=np.zeros(n, int), evaluations=np.ones(n, int), status=[""] * n, first=values,
    ))  # fmt: skip
    assert found.basin.tolist() == [0, 0, 1, 1, 2, -1, -1]
    assert found.count == 3
    assert found.best == pytest.approx(2 / 7)
    assert found.unseen == pytest.approx(1 / 5)
