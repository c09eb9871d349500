"""YAML reading: YAML 1.2 scalars, line numbers, and refusal of everything dangerous."""

from __future__ import annotations

from pathlib import Path

import pytest

from catena.core.errors import StudyError
from catena.study.reading import MAX_BYTES, read_file, read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1e-6", 1e-6),
        ("a: .5", 0.5),
        ("a: -2", -2),
        ("a: no", "no"),
        ("a: true", True),
        ("a: 1:30", "1:30"),
        ("a: 0:24:0.5 h", "0:24:0.5 h"),
        ("a: 2024-01-01", "2024-01-01"),
        ("a: 012", 12),
        ("a: ~", None),
        ("a:", None),
        ("a: '1'", "1"),
        ("a: 100 mg", "100 mg"),
        ("a: 0x10", "0x10"),
        ("a: [1, x]", [1, "x"]),
    ],
)
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    found = read_text(text).data["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("a: 1\na: 2", "written twice"),
        ("a: &x 1\nb: *x", "Anchors"),
        ("a: !!python/object/apply:os.system [ls]", "Tags"),
        ("a: !local x", "Tags"),
        ("[" * 60, "too deep"),
        ("a: [", "Not valid YAML"),
        ("a: b: c", "Not valid YAML"),
        ("a: 1\n---\nb: 2", "More than one"),
        ("\x00", "Not valid YAML"),
        ("? [a]\n: b", "key must be a word"),
        ("\ta: 1", "Not valid YAML"),
        ("a: 1\n" + "#" * MAX_BYTES, "too large"),
        ("a: [" + "1," * 30_000 + "]", "too deep or too long"),
    ],
)
def test_hazards_are_refused(text: str, what: str) -> None:
    with pytest.raises(StudyError, match=what):
        read_text(text)


def test_places_name_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text("a: 1\nb:\n  c: 2\n  d:\n    - 3\n", encoding="utf-8")
    document = read_file(path)
    assert document.place(("b", "c")) == "study.yaml:3, b.c"
    assert document.place(("b", "d", 0)) == "study.yaml:5, b.d.0"
    assert document.place(("b", "new")) == "study.yaml:2, b.new"
    assert document.place(()) == "study.yaml:1"


def test_huge_integers_do_not_break_the_reader() -> None:
    assert read_text("a: " + "9" * 5000).data["a"] == float("inf")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="Cannot read"):
        read_file(tmp_path / "missing.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("a: é".encode("latin-1"))
    with pytest.raises(StudyError, match="not UTF-8"):
        read_file(latin)
    large = tmp_path / "large.yaml"
    large.write_bytes(b"#" * (MAX_BYTES + 1))
    with pytest.raises(StudyError, match="too large"):
        read_file(large)
    with pytest.raises(StudyError, match="Cannot read"):
        read_file(tmp_path)
