from __future__ import annotations

import multiprocessing
import os
import stat

import pytest

from catena.numerics.ode.kernel import cache

CODE = bytes(range(256)) * 8
FACTS = {"sizes": {"n": 3}, "names": ["a", "b"], "x": 0.1}

posix = pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners and modes are POSIX's")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("CATENA_CACHE", str(tmp_path / "cache"))
    return cache.folder()


def files(place):
    return sorted(place.iterdir())


def test_what_was_put_is_fetched(place):
    assert cache.fetch("key") is None
    assert cache.put("key", FACTS, CODE)
    assert cache.fetch("key") == (FACTS, CODE)
    assert cache.fetch("other") is None
    assert cache.put("key", {}, b"newer")
    assert cache.fetch("key") == ({}, b"newer")
    assert len(files(place)) == 1


@pytest.mark.parametrize("where", [0, 20, 60, 100, -1])
def test_a_damaged_file_is_not_used(place, where):
    cache.put("key", FACTS, CODE)
    [path] = files(place)
    raw = bytearray(path.read_bytes())
    raw[where] ^= 1
    path.write_bytes(raw)
    assert cache.fetch("key") is None
    assert cache.put("key", FACTS, CODE)
    assert cache.fetch("key") == (FACTS, CODE)


@pytest.mark.parametrize("size", [0, 10, 40, 200])
def test_a_truncated_file_is_not_used(place, size):
    cache.put("key", FACTS, CODE)
    [path] = files(place)
    path.write_bytes(path.read_bytes()[:size])
    assert cache.fetch("key") is None


def test_a_file_under_another_name_is_not_used(place):
    cache.put("one", FACTS, CODE)
    [path] = files(place)
    cache.put("two", FACTS, b"two")
    [other] = [each for each in files(place) if each != path]
    os.replace(path, other)
    assert cache.fetch("two") is None


@posix
def test_only_the_owner_can_read_what_is_stored(place):
    cache.put("key", FACTS, CODE)
    [path] = files(place)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.stat().st_mode) == 0o700


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_others_can_write_is_not_used(place, mode):
    cache.put("key", FACTS, CODE)
    [path] = files(place)
    path.chmod(mode)
    assert cache.fetch("key") is None


@posix
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_folder_others_can_write_is_not_used(place, mode):
    cache.put("key", FACTS, CODE)
    place.chmod(mode)
    assert cache.fetch("key") is None
    assert not cache.put("key", FACTS, CODE)


@posix
def test_files_of_another_user_are_not_used(place, monkeypatch):
    cache.put("key", FACTS, CODE)
    ours = os.getuid()
    monkeypatch.setattr(os, "getuid", lambda: ours + 1)
    assert cache.fetch("key") is None
    assert not cache.put("other", FACTS, CODE)


@posix
def test_links_are_not_followed(place, tmp_path):
    cache.put("key", FACTS, CODE)
    [path] = files(place)
    target = tmp_path / "elsewhere"
    os.replace(path, target)
    path.symlink_to(target)
    assert cache.fetch("key") is None


def test_a_folder_that_cannot_be_made_costs_only_time(place):
    place.parent.mkdir(parents=True)
    place.write_text("a file where the folder should be")
    assert not cache.put("key", FACTS, CODE)
    assert cache.fetch("key") is None


def test_the_entries_used_longest_ago_are_evicted(place):
    for number, key in enumerate("abc"):
        cache.put(key, {}, CODE)
        newest = max(files(place), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (1000 + number, 1000 + number))
    assert cache.fetch("a")  # now the one used last
    cache.put("d", {}, CODE, limit=3 * len(CODE))
    assert cache.fetch("b") is None
    assert cache.fetch("c") is None
    assert cache.fetch("a")
    assert cache.fetch("d")


def test_an_entry_larger_than_the_limit_is_kept_alone(place):
    cache.put("a", {}, CODE)
    cache.put("b", {}, CODE, limit=10)
    assert cache.fetch("b") == ({}, CODE)
    assert cache.fetch("a") is None


def _write(fill, rounds):
    for _ in range(rounds):
        assert cache.put("shared", {"fill": fill}, bytes([fill]) * 300_000)


def test_two_processes_writing_one_key_leave_a_whole_file(place):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(fill, 20)) for fill in (1, 2)]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        found = cache.fetch("shared")
        if found is not None:
            facts, code = found
            assert code == bytes([facts["fill"]]) * 300_000
            seen.add(facts["fill"])
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert seen
    assert [path.suffix for path in files(place)] == [".kernel"]
