"""Secure sums: exact words, sharing, masks that cancel, sites that drop out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.errors import InputError, SolverError
from catena.ops.federated import sharing, words
from catena.ops.federated.site import Channel, Server, Site

pytest.importorskip("cryptography")


class Vector:
    """A site's answer is a vector."""

    def __init__(self, values, refuse=""):
        self.values, self.rows, self.refuse = np.asarray(values, float), 9, refuse

    def refusal(self):
        return self.refuse

    def answer(self, question, arguments):
        return self.values * float(arguments.get("factor", 1.0))


def lines(vectors, log=None):
    return [Channel(Site(f"s{k}", k, Vector(v)), log) for k, v in enumerate(vectors, start=1)]


class Cut:
    """A line that breaks at the first message of a kind."""

    def __init__(self, line, kind):
        self.line, self.kind, self.name, self.number = line, kind, line.name, line.number

    def send(self, message):
        if message["kind"] == self.kind:
            raise ConnectionError(self.name)
        return self.line.send(message)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-(2.0**45), 2.0**45), min_size=1, max_size=8))
def test_words_carry_numbers_exactly(x):
    found = words.decode(words.encode(np.array(x)))
    np.testing.assert_allclose(found, x, rtol=2**-52, atol=2**-52)
    total = words.encode(np.array([0.0]))
    for value in x:
        total = words.add(total, words.encode(np.array([value])))
    for value in x:
        total = words.add(total, words.negate(words.encode(np.array([value]))))
    assert (total.high, total.low) == (0, 0)


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.integers(2, 6), st.data())
def test_enough_shares_give_the_secret_back(secret, threshold, data):
    shares = sharing.split(secret, 7, threshold)
    chosen = data.draw(st.permutations(sorted(shares)))[:threshold]
    assert sharing.join({k: shares[k] for k in chosen}) == secret


def test_a_secure_sum_equals_the_plain_one():
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(5, 40)) * 10.0 ** rng.uniform(-9, 9, size=(5, 40))
    secure = Server(lines(vectors)).total("sum")
    plain = Server(lines(vectors), secure=False).total("sum")
    np.testing.assert_allclose(secure, plain, rtol=1e-12, atol=1e-12)


def test_no_single_vector_is_seen():
    log = []
    server = Server(lines([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], log))
    assert server.total("sum").tolist() == [9.0, 12.0]
    sent = [raw for _, direction, raw in log if direction == "from site"]
    masked = [raw for raw in sent if b"masked" in raw]
    assert len(masked) == 3
    for values in ([1.0, 2.0], [3.0, 4.0], [5.0, 6.0]):
        plain = words.to_bytes(words.encode(np.array(values))).hex().encode()
        assert not any(plain in raw or str(values).encode() in raw for raw in sent)
    again = Server(lines([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], log2 := []))
    again.total("sum")
    assert [r for *_, r in log2 if b"masked" in r] != masked  # fresh masks each time


@pytest.mark.parametrize("kind", ["ask", "open", "share"])
def test_two_of_six_drop_out(kind):
    vectors = np.arange(12.0).reshape(6, 2) + 0.125
    some = lines(vectors)
    some[1], some[4] = Cut(some[1], kind), Cut(some[4], kind)
    server = Server(some)
    found = server.total("sum")
    np.testing.assert_allclose(found, vectors[[0, 2, 3, 5]].sum(axis=0), rtol=0, atol=1e-9)
    assert sorted(name for name, _ in server.dropped) == ["s2", "s5"]
    np.testing.assert_allclose(server.total("sum", factor=2.0), 2 * found, atol=1e-9)


def test_too_few_sites_left_is_an_error():
    some = lines(np.ones((3, 2)))
    some[0], some[1] = Cut(some[0], "ask"), Cut(some[1], "ask")
    with pytest.raises(SolverError, match="Too few sites"):
        Server(some).total("sum")


def test_a_server_cannot_ask_for_both_secrets():
    line = lines(np.ones((2, 2)))[0]
    line.send({"kind": "open"})
    with pytest.raises(SolverError, match="both secrets"):
        line.send({"kind": "reveal", "dropped": [1], "survived": [1]})


def test_updates_that_are_not_finite_are_refused_and_the_rest_goes_on():
    some = lines([[1.0], [np.nan], [3.0], [4.0]])
    server = Server(some)
    assert server.total("sum").tolist() == [8.0]
    assert "not finite" in server.refused["s2"]


def test_a_site_that_may_not_answer_takes_no_part():
    some = [*lines([[1.0], [2.0]]), Channel(Site("tiny", 3, Vector([9.0], "fewer than 5 rows")))]
    server = Server(some)
    assert server.refused == {"tiny": "fewer than 5 rows"}
    assert server.total("sum").tolist() == [3.0]
    with pytest.raises(InputError, match="Too few sites"):
        Server(some[1:])
