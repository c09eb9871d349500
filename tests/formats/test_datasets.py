"""The data-set finder: where it looks, what it refuses, how it fills the cache."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import urllib.request
from pathlib import Path
from urllib.error import URLError

import pytest

from catena.core.errors import DataError
from catena.formats import datasets

CONTENT = b"time,value\n0,1\n"


def sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of three small sets; no checkout, no data folder, an empty cache, no network."""
    packed = gzip.compress(CONTENT, mtime=0)
    table = tmp_path / "datasets.csv"
    table.write_text(
        "path,sha256,content_sha256,url,licence,note\n"
        f"a/plain.csv,{sha(CONTENT)},,https://example.org/plain.csv,MIT,plain\n"
        f"a/packed.csv.gz,{sha(packed)},{sha(CONTENT)},https://example.org/packed.csv,MIT,packed\n"
        f"a/packed.csv.xz,{sha(b'other compressor')},{sha(CONTENT)},https://example.org/x,MIT,xz\n"
        f"a/derived.csv,{sha(CONTENT)},,,MIT,reshaped from somewhere\n"
    )
    monkeypatch.setattr(datasets, "TABLE", table)
    monkeypatch.setattr(datasets, "_checkout", lambda: None)
    monkeypatch.delenv("CATENA_DATA", raising=False)
    monkeypatch.delenv("CATENA_OFFLINE", raising=False)
    monkeypatch.setenv("CATENA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    return tmp_path


def no_network(*args: object, **kwargs: object) -> None:
    raise URLError("no network here")


def put(folder: Path, path: str, raw: bytes) -> Path:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(raw)
    return file


def test_environment_folder_comes_first(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATENA_DATA", str(world / "mine"))
    mine = put(world / "mine", "a/plain.csv", CONTENT)
    put(world / "cache" / "data", "a/plain.csv", CONTENT)
    assert datasets.find("a/plain.csv") == mine


def test_shared_folder_beside_checkout(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATENA_DATA", str(world / "mine"))
    monkeypatch.setattr(datasets, "_checkout", lambda: world / "repo")
    shared = put(world / "shared" / "data", "a/plain.csv", CONTENT)
    assert datasets.find("a/plain.csv") == shared


def test_cache_is_used_when_nothing_else_has_it(world: Path) -> None:
    cached = put(world / "cache" / "data", "a/plain.csv", CONTENT)
    assert datasets.find("a/plain.csv") == cached


@pytest.mark.parametrize("path", ["a/plain.csv", "a/packed.csv.gz", "a/packed.csv.xz"])
def test_download_fills_the_cache(world: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    calls: list[str] = []

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        calls.append(url)
        return io.BytesIO(CONTENT)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    file = datasets.find(path)
    assert file == world / "cache" / "data" / path
    unpack = {".gz": gzip.decompress, ".xz": lzma.decompress}.get(file.suffix, lambda raw: raw)
    assert unpack(file.read_bytes()) == CONTENT
    assert datasets.find(path) == file  # the second time from the cache
    assert len(calls) == 1


def test_changed_source_is_refused(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(b"new"))
    with pytest.raises(DataError, match="other content") as caught:
        datasets.find("a/plain.csv")
    assert caught.value.where == "https://example.org/plain.csv"
    assert not (world / "cache" / "data" / "a" / "plain.csv").exists()


def test_failed_download_names_the_way_out(world: Path) -> None:
    with pytest.raises(DataError, match="could not be downloaded") as caught:
        datasets.find("a/plain.csv")
    assert "CATENA_DATA" in caught.value.fix


def test_offline_never_opens_a_connection(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CATENA_OFFLINE", "1")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *a, **k: pytest.fail("opened"))
    with pytest.raises(DataError, match="not on this machine") as caught:
        datasets.find("a/plain.csv")
    assert "CATENA_OFFLINE" in caught.value.why


def test_derived_set_has_no_public_file(world: Path) -> None:
    with pytest.raises(DataError, match="not on this machine") as caught:
        datasets.find("a/derived.csv")
    assert "reshaped from somewhere" in caught.value.why
    assert "CATENA_DATA" in caught.value.fix


def test_corrupt_file_is_refused_and_a_mended_one_accepted(world: Path) -> None:
    file = put(world / "cache" / "data", "a/packed.csv.gz", b"broken")
    with pytest.raises(DataError, match="corrupt") as caught:
        datasets.find("a/packed.csv.gz")
    assert caught.value.where == str(file)
    file.write_bytes(gzip.compress(CONTENT, compresslevel=1, mtime=5))
    assert datasets.find("a/packed.csv.gz") == file


def test_unknown_set_proposes_the_nearest(world: Path) -> None:
    with pytest.raises(DataError, match="unknown data set") as caught:
        datasets.find("a/plan.csv")
    assert "a/plain.csv" in caught.value.fix


def test_user_cache_follows_the_platform(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CATENA_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert datasets.cache_directory() == tmp_path / "catena" / "data"


def test_table_is_complete_and_open() -> None:
    for entry in datasets.datasets():
        assert len(entry.sha256) == 64
        assert entry.content_sha256 in ("",) or len(entry.content_sha256) == 64
        assert entry.licence
        assert entry.note
        assert entry.url.startswith("https://") or not entry.url
        assert not entry.path.startswith("/")


@pytest.mark.data
def test_shared_sets_have_their_checksums(data_dir: Path) -> None:
    for entry in datasets.datasets():
        if entry.path.startswith(("body/pbpk", "body/params", "body/httk")):
            assert datasets.find(entry.path).name == entry.path.rsplit("/", 1)[-1]
