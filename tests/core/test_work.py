"""Long work: order, kept pieces, errors in their place."""

from __future__ import annotations

import pytest

from catena.core.errors import InputError
from catena.core.runtime import MemoryCache
from catena.core.work import Work


def test_pieces_come_in_order_and_are_not_computed_twice():
    cache, seen = MemoryCache(), []

    def square(x):
        seen.append(x)
        return x * x

    assert Work(cache=cache).each(square, [3, 1, 2], label="squares", key="v1") == [9, 1, 4]
    assert Work(cache=cache).each(square, [1, 2, 5], label="squares", key="v1") == [1, 4, 25]
    assert seen == [3, 1, 2, 5]
    assert Work(cache=cache).each(square, [1], label="squares", key="v2") == [1]
    assert seen[-1] == 1


def test_a_killed_run_keeps_what_was_finished():
    cache = MemoryCache()

    def until(limit):
        def compute(x):
            if x == limit:
                raise KeyboardInterrupt
            return x

        return compute

    with pytest.raises(KeyboardInterrupt):
        Work(cache=cache).each(until(2), [0, 1, 2, 3], label="x", key="k")
    seen = []
    Work(cache=cache).each(lambda x: seen.append(x) or x, [0, 1, 2, 3], label="x", key="k")
    assert seen == [2, 3]


def test_errors_keep_their_place_where_wanted():
    def odd(x):
        if x % 2 == 0:
            raise InputError("even", why=str(x))
        return x

    found = Work().each(odd, [1, 2, 3], label="x", keep_errors=True)
    assert found[0] == 1
    assert isinstance(found[1], InputError)
    with pytest.raises(InputError):
        Work().each(odd, [1, 2, 3], label="x")


def test_none_is_a_value_that_is_kept():
    work, seen = Work(), []
    for _ in range(2):
        assert work.kept(["a", 1], lambda: seen.append(1)) is None
    assert seen == [1]


def test_every_loop_is_reported():
    events = []

    class Sink:
        def start(self, total, label):
            events.append((total, label))

        def advance(self, units=1):
            events.append(units)

        def finish(self):
            events.append("end")

    Work(progress=Sink()).each(abs, [1, 2], label="things")
    assert events == [(2, "things"), 0, 1, 1, "end"]
