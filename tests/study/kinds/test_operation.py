"""Operations as studies: one result folder, parts and artefacts beside it, pieces that resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from catena import ops
from catena.core.errors import StudyError
from catena.core.settings import Settings
from catena.core.spec import Field, Schema
from catena.ops.operation import Operation
from catena.ops.result import answer, table
from catena.study import load_study, plan, run
from catena.study.pieces import PieceCache
from catena.study.table import Table

SEEN: list[float] = []


class HalveSettings(Settings):
    """Settings of ``halve``.

    Args:
        starts: Numbers to halve.
        stop: Number at which the machine is switched off.
    """

    starts: list[float] = [8.0, 4.0]
    stop: float | None = None


def _halve(model, settings, *, data=None, given=None, key=0, work=None):
    import plotly.graph_objects as go

    def compute(x: float) -> float:
        if x == settings.stop:
            raise KeyboardInterrupt
        SEEN.append(x)
        return float(model.evaluate({"x": np.array([x]), "slope": np.array([0.5])}, 1)["y"][0])

    halves = work.each(compute, settings.starts, label="halves", key=model.key)
    fields = Schema([Field("start"), Field("half", unit="mg")])
    lower = {"half": np.array(halves) - 1}
    return answer(
        model, fields, {"start": settings.starts, "half": halves}, operation="halve", key=key,
        lower=lower, summary={"headline": f"{len(halves)} halves.", "rows_of_data": 0 if data is None else len(data)},
        parts={"double": table(Schema([Field("twice")]), {"twice": np.array(halves) * 2})},
        figures={"curve": lambda: go.Figure(go.Scatter(x=settings.starts, y=halves))},
        artefacts={"note.txt": lambda path: path.write_text("halved")} if key != 7 else {},
    )  # fmt: skip


@pytest.fixture(autouse=True)
def halve(monkeypatch: pytest.MonkeyPatch) -> None:
    operation = Operation("halve", "Halve numbers", HalveSettings, _halve)
    monkeypatch.setitem(ops._MODULES, "halve", ("toy", "Halve numbers."))
    real = ops.find
    monkeypatch.setattr(ops, "find", lambda name: operation if name == "halve" else real(name))
    SEEN.clear()


def study(**more: Any) -> dict[str, Any]:
    return {"study": "halve", "name": "halves", "model": "toy.line", **more}


def test_one_answer_with_parts_figures_and_artefacts(runs: Path) -> None:
    outcome = run(study(), out=runs)
    assert outcome.status == "done"
    assert outcome.answer.headline == "2 halves."
    assert outcome.answer.rows["half"].tolist() == [4.0, 2.0]
    assert outcome.answer.rows["half_lower"].tolist() == [3.0, 1.0]
    assert [grid.title for grid in outcome.answer.grids] == ["Halve numbers", "Double"]
    assert Table.read(outcome.folder / "parts" / "double.parquet")["twice"].tolist() == [8.0, 4.0]
    assert (outcome.folder / "artefacts" / "note.txt").read_text() == "halved"
    assert (outcome.folder / "figures" / "curve.json").exists()
    assert "2 halves." in outcome.report.read_text()


def test_a_second_run_computes_nothing(runs: Path) -> None:
    run(study(), out=runs)
    SEEN.clear()
    assert run(study(), out=runs).computed == 0
    assert SEEN == []


def test_a_killed_run_goes_on_where_it_was(runs: Path) -> None:
    settings = {"starts": [1.0, 2.0, 3.0, 4.0]}
    ready = plan(study(settings=settings), out=runs)

    def explode(x: float) -> None:
        raise KeyboardInterrupt

    cache = PieceCache(ready.folder / "pieces")
    kept, count = cache.put, [0]

    def put(self: PieceCache, key: str, value: Any) -> None:
        kept(key, value)
        count[0] += 1
        if count[0] == 3:
            explode(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PieceCache, "put", put)
        with pytest.raises(KeyboardInterrupt):
            run(study(settings=settings), out=runs)
    SEEN.clear()
    outcome = run(study(settings=settings), out=runs)
    assert SEEN == [4.0]
    assert outcome.answer.rows["half"].tolist() == [0.5, 1.0, 1.5, 2.0]


def test_rows_come_in_the_units_of_the_ports(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("x,y\n1,2\n3,4\n")
    outcome = run(study(data={"file": str(tmp_path / "rows.csv")}), out=runs)
    assert outcome.summary["rows_of_data"] == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"study": "halv"}, "did you mean halve"),
        ({"settings": {"start": [1.0]}}, "did you mean starts"),
        ({"model": None}, "give either model or chain"),
        ({"settings": {"starts": "many"}}, "starts"),
    ],
)
def test_wrong_studies_are_refused_with_a_remedy(change: dict[str, Any], words: str) -> None:
    with pytest.raises(StudyError) as caught:
        load_study({k: v for k, v in study(**change).items() if v is not None})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "value",
    [None, 1.5, "text", float("inf"), [1, (2, "b")], {"a": np.arange(3.0), "b": [np.eye(2)]},
     np.array(["x", None], dtype=object)],
)  # fmt: skip
def test_pieces_come_back_as_they_were(tmp_path: Path, value: Any) -> None:
    cache = PieceCache(tmp_path)
    cache.put("k", {"value": value})
    np.testing.assert_equal(cache.get("k"), {"value": value})


def test_damaged_or_foreign_pieces_count_as_missing(tmp_path: Path) -> None:
    cache = PieceCache(tmp_path)
    assert cache.get("nothing") is None
    cache.put("k", {"value": object()})
    assert cache.get("k") is None
    (tmp_path / "bad.npz").write_bytes(b"PK broken")
    assert cache.get("bad") is None
