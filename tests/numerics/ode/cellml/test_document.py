from __future__ import annotations

import gzip
import lzma
from pathlib import Path

import pytest

from catena.core.errors import DataError
from catena.numerics.ode.cellml.document import MAX_DEPTH, parse, read_document

TEXT = b'<a xmlns="one" x=" 1 ">\n  <b xmlns:p="two" p:y="2">left<sep/>right</b>\n</a>'


def test_elements_know_line_space_attributes_and_text() -> None:
    root = parse(TEXT, "t.xml")
    (child,) = root.inside("b")
    assert (root.tag, root.space, root.place, root.get("x")) == ("a", "one", "t.xml, line 1", "1")
    assert (child.place, child.get("y"), child.pieces) == ("t.xml, line 2", "2", ["left", "right"])
    assert child.text == "leftright"
    assert root.get("missing") is None
    assert list(root.inside("b", "two")) == []


@pytest.mark.parametrize(("suffix", "pack"), [(".xz", lzma.compress), (".gz", gzip.compress)])
def test_compressed_files_are_read(tmp_path: Path, suffix: str, pack: object) -> None:
    path = tmp_path / f"m.cellml{suffix}"
    path.write_bytes(pack(TEXT))  # type: ignore[operator]
    assert read_document(path).tag == "a"


def test_an_attribute_that_must_be_there_is_asked_for() -> None:
    root = parse(TEXT, "t.xml")
    assert root.need("x") == "1"
    with pytest.raises(DataError) as error:
        root.need("name")
    assert error.value.where == "t.xml, line 1"


def test_a_missing_or_broken_file_is_a_data_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read"):
        read_document(tmp_path / "no.cellml")
    (tmp_path / "m.xz").write_bytes(b"not xz")
    with pytest.raises(DataError):
        read_document(tmp_path / "m.xz")
    with pytest.raises(DataError) as error:
        parse(b"<a>\n<b></a>", "t.xml")
    assert "line 2" in error.value.where


def test_entities_and_bottomless_nesting_are_refused() -> None:
    with pytest.raises(DataError, match="cannot be read") as error:
        parse(b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>', "t.xml")
    assert "entity" in error.value.why
    with pytest.raises(DataError) as deep:
        parse(b"<a>" * (MAX_DEPTH + 1) + b"</a>" * (MAX_DEPTH + 1), "t.xml")
    assert "nested" in deep.value.why
