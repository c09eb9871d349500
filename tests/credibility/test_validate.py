"""Claims are recomputed and recorded; what is committed agrees with itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from catena.app.cli import main
from catena.core.claims import RESULTS, read_results
from catena.core.errors import DataError, InputError, SchemaError
from catena.core.registry import INDEX, own_index
from catena.credibility import readme
from catena.credibility.validate import chosen, claim_files, code_key, validate, write

Install = Callable[[str, dict[str, str], dict[str, str]], Path]
ROOT = INDEX.parents[2]

RUNS = """
from catena.core.claims import Finding
from catena.core.errors import DataError
import catena

@catena.model(id="val.x", inputs="a in 0..1 = 0.5", outputs="b", title="t", doc="d", citation="c")
def model(a):
    return {"b": a}

def good(seed=0): return Finding(1.0 + seed, low=0.9, high=1.2, baseline=3.0, n=12, extra={"sets": [1, 2]})
def bad(seed=0): return Finding(9.0)
def absent(seed=0): raise DataError("no file", why="it is elsewhere", fix="set CATENA_DATA")
def empty(seed=0): return Finding(None, reason="too few rows")
def crash(seed=0): raise ZeroDivisionError("oops")
def wrong(seed=0): return 1.0
"""
TEMPLATE = """
  - id: val.x.{run}
    model: val.x
    dataset: some/data.csv
    protocol: all rows
    metric: error of | {run}
    unit: mg
    peer: 1.5
    peer_source: Author 2020
    target: {{op: "<=", value: 2}}
    run: val_pkg:{run}
"""
NAMES = ("good", "bad", "absent", "empty", "crash", "wrong")


@pytest.fixture
def folder(install_plugin: Install) -> Path:
    """The package folder of a plug-in with one claim of every fate."""
    claims = "claims:" + "".join(TEMPLATE.format(run=name) for name in NAMES)
    files = {"val_pkg/__init__.py": RUNS, "val_pkg/validation.yaml": claims}
    return install_plugin("val", {"val.x": "val_pkg:model"}, files) / "val_pkg"


def test_each_fate_of_a_claim(folder: Path) -> None:
    outcomes = {o.claim.run.split(":")[1]: o for o in validate(chosen("val."))}
    assert {name: outcomes[name].holds for name in NAMES} == {
        "good": True, "bad": False, "absent": None, "empty": None, "crash": False, "wrong": False,
    }  # fmt: skip
    reasons = {name: outcomes[name].finding.reason for name in NAMES}
    assert reasons["absent"] == "no file; it is elsewhere; set CATENA_DATA"
    assert reasons["empty"] == "too few rows"
    assert "ZeroDivisionError" in str(reasons["crash"])
    assert "not a Finding" in str(reasons["wrong"])


def test_prefix_takes_claim_and_model_ids(folder: Path) -> None:
    assert len(chosen("val.x")) == len(NAMES)
    assert len(chosen("val.x.good")) == 1
    assert len(chosen("")) > len(NAMES)
    with pytest.raises(InputError, match="did you mean"):
        chosen("val.x.goood")


def test_results_are_written_and_kept(folder: Path) -> None:
    assert write(validate(chosen("val.x"))) == [folder / RESULTS]
    first = read_results(folder / RESULTS)
    good = first["val.x.good"]
    assert (good.value, good.low, good.high, good.baseline, good.n) == (1.0, 0.9, 1.2, 3.0, 12)
    assert good.holds is True
    assert good.extra == {"sets": [1, 2]}
    assert len(good.code_key) == len(good.claim_key) == 64
    assert write(validate(chosen("val.x"))) == []

    code = (folder / "__init__.py").read_text()
    (file, claim), *_ = chosen("val.x.good")
    before = code_key(claim, file.path)
    (folder / "__init__.py").write_text(code + "\n# changed\n")
    assert code_key(claim, file.path) != before


def test_missing_data_do_not_erase_a_result(folder: Path) -> None:
    write(validate(chosen("val.x")))
    path = folder / RESULTS
    data = json.loads(path.read_text())
    data["results"]["val.x.absent"] |= {"value": 1.0, "holds": True, "reason": None}
    data["results"]["val.x.gone"] = data["results"]["val.x.bad"]
    path.write_text(json.dumps(data))
    write(validate(chosen("val.x")))
    after = read_results(path)
    assert after["val.x.absent"].value == 1.0
    assert "val.x.gone" not in after


def test_command_prints_a_list_and_exits_with_three(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", "val.x", "--json"]) == 3
    listed = json.loads(capsys.readouterr().out)
    good = next(item for item in listed if item["id"] == "val.x.good")
    seconds = good.pop("seconds")
    assert seconds >= 0
    assert good == {
        "id": "val.x.good", "model": "val.x", "dataset": "some/data.csv", "protocol": "all rows",
        "metric": "error of | good", "value": 1.0, "low": 0.9, "high": 1.2, "baseline": 3.0, "n": 12,
        "peer": 1.5, "peer_source": "Author 2020", "target": {"op": "<=", "value": 2.0},
        "holds": True, "reason": None,
    }  # fmt: skip
    assert main(["validate", "val.x"]) == 3
    out, err = capsys.readouterr()
    assert "1 hold, 3 do not, 2 not run" in out
    assert "claims do not hold" in err
    assert main(["validate", "val.x.good"]) == 0
    assert main(["validate", "val.x.absent"]) == 0
    capsys.readouterr()
    assert main(["validate", "val.x.good", "--list"]) == 0
    assert "val.x.good" in capsys.readouterr().out
    assert main(["validate", "val.x.good", "--list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["run"] == "val_pkg:good"


def test_one_claim_id_in_two_files_is_refused(folder: Path, install_plugin: Install) -> None:
    files = {"twin_pkg/__init__.py": RUNS.replace("val.x", "val.y"),
             "twin_pkg/validation.yaml": (folder / "validation.yaml").read_text()}  # fmt: skip
    install_plugin("twin", {"val.y": "twin_pkg:model"}, files)
    with pytest.raises(InputError, match="two files"):
        claim_files()


def test_the_readme_table(folder: Path) -> None:
    write(validate(chosen("val.x")))
    files = [file for file in claim_files() if file.path.parent == folder]
    english = readme.table(files)
    assert (
        "| `val.x` | good: error of \\| good | 1 (0.9 to 1.2) mg, n = 12 | <= 2 mg | 3 mg |"
        in english
    )
    assert "1.5 mg (Author 2020) | yes |" in english
    assert "| **no** |" in english
    assert "| not run |" in english
    assert "是否达标" in readme.table(files, "README.zh-CN.md")


def test_the_readme_is_changed_between_its_markers_only(folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"before\n{readme.BEGIN}\nstale lines\n{readme.END}\nafter\n")
    files = [file for file in claim_files() if file.path.parent == folder]
    assert readme.write(tmp_path, files) == [page]
    text = page.read_text()
    assert text.startswith(f"before\n{readme.BEGIN}\n| Model |")
    assert text.endswith(f"{readme.END}\nafter\n")
    assert "stale lines" not in text
    assert readme.write(tmp_path, files) == []
    page.write_text("no markers")
    with pytest.raises(DataError, match="No place"):
        readme.write(tmp_path, files)


# What is committed ------------------------------------------------------------------------------


def test_committed_claims_are_well_formed_and_recorded() -> None:
    for file in claim_files():
        for claim in file.claims:
            claim.function()
            recorded = file.recorded(claim)
            assert recorded is not None, (
                f"{claim.id}: record it with: catena validate {claim.id} --write"
            )
            if recorded.value is not None:
                assert recorded.holds == claim.target.met_by(recorded.value)


def test_committed_results_belong_to_claims() -> None:
    for path in INDEX.parent.rglob(RESULTS):
        asked = {c.id for f in claim_files() if f.path.parent == path.parent for c in f.claims}
        assert set(read_results(path)) <= asked, f"{path} holds results of no claim"


@pytest.mark.parametrize("name", list(readme.LANGUAGES))
def test_committed_readme_shows_the_committed_results(name: str) -> None:
    page = ROOT / name
    text = page.read_text(encoding="utf-8")
    own = [file for file in claim_files() if file.path.is_relative_to(INDEX.parent)]
    assert readme.updated(text, readme.table(own, name), name) == text, (
        f"{name} is stale; regenerate it with: catena validate --write"
    )


def test_committed_index_shows_the_committed_results() -> None:
    shown = {claim["id"]: claim for card in own_index().values() for claim in card["validation"]}
    for file in claim_files():
        for claim in file.claims:
            recorded = file.recorded(claim)
            if claim.id in shown and recorded is not None:
                assert shown[claim.id]["value"] == recorded.value


def test_checksums_agree_with_the_table_of_data_sets() -> None:
    from catena.formats import datasets

    known = {item.path: item for item in datasets.datasets()}
    for file in claim_files():
        for claim in file.claims:
            for path, checksum in zip(_listed(claim.dataset), _listed(claim.sha256), strict=False):
                if path in known:
                    assert checksum in (known[path].sha256, known[path].content_sha256), claim.id


def _listed(value: str | tuple[str, ...] | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def test_damaged_claims_are_named(folder: Path) -> None:
    (folder / "validation.yaml").write_text("claims: 3")
    with pytest.raises(SchemaError, match="No claims"):
        claim_files()
