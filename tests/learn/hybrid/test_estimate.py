"""Terms estimated from data, windows and their integration, against the known course."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import DataError, InputError
from catena.learn.hybrid.embed import Slots
from catena.learn.hybrid.estimate import estimates
from catena.learn.hybrid.fed_batch import fed_batch
from catena.learn.hybrid.runs import windows
from catena.ops.hybrid.data import read_runs
from tests.learn.hybrid.cultures import culture, law, runs


@pytest.fixture(scope="module")
def slots():
    return Slots.of(culture(), ("mu",), ("s",))


def test_estimated_rates_follow_the_true_law(slots):
    found, _ = read_runs(slots, runs(), "run", {})
    known = estimates(slots, windows(slots, found, 1, 4, 1), np.array([5.0, 10.0]), np.array([0.3]))
    s = known.features[:, 0]
    clear = s > 4.0  # where the rate hardly changes over an interval
    assert known.terms[clear, 0] == pytest.approx(law(s[clear]), rel=0.01)


def test_windows_cover_runs_and_mark_what_is_missing(slots):
    table = runs()
    table.loc[3, "x"] = np.nan
    found, _ = read_runs(slots, table, "run", {})
    part = windows(slots, found, 4, 2)
    assert part.wanted.shape[1:] == (4, 2)
    assert not part.known.all()
    assert part.known.sum() > 0.8 * part.known.size
    whole = windows(slots, found, 0, 2)
    assert whole.count == 3
    assert whole.width.sum(axis=1) == pytest.approx(14.0)


def test_runs_of_different_length_are_padded_with_nothing(slots):
    table = runs()
    found, _ = read_runs(slots, table[~((table.run == "r1") & (table.time > 6))], "run", {})
    whole = windows(slots, found, 0, 2)
    assert whole.width[1].sum() == pytest.approx(6.0)
    assert not whole.known[1, 6:].any()


def test_no_complete_sample_is_refused(slots):
    table = runs()
    table["x"] = np.nan
    found, _ = read_runs(slots, table, "run", {})
    with pytest.raises(DataError):
        windows(slots, found, 1, 2)


@pytest.mark.parametrize(("terms", "of"), [((), ()), (("nu",), ()), (("mu",), ("glucose",))])
def test_unknown_names_are_refused(terms, of):
    with pytest.raises(InputError):
        Slots.of(culture(), terms, of)


def test_vector_and_named_balances_agree():
    system = fed_batch({"X": "g/L", "S": "g/L"}, cells="X", feed={"S": 100.0})
    slots = Slots.of(system, ("rate_S", "rate_X"))
    assert slots.terms == ("rate_X", "rate_S")
    y, u, terms = np.array([2.0, 3.0, 1.5]), np.array([0.1, 0.05]), np.array([0.2, -0.5])
    fast = slots.slope(0.0, y, np.zeros(3), u, terms)
    states, p, controls = slots.named(y, np.zeros(3), u, terms)
    slow = system.rhs(0.0, states, p, controls)
    assert np.asarray(fast) == pytest.approx([slow[n] for n in ("X", "S", "volume")])
    dilution = 0.1 / 1.5
    assert slow["S"] == pytest.approx(-0.5 * 2.0 + dilution * (100.0 - 3.0))
    assert slow["volume"] == pytest.approx(0.05)


def test_fed_batch_refuses_species_that_are_not_there():
    with pytest.raises(InputError):
        fed_batch({"X": "g/L"}, cells="Y")


def test_another_feed_is_another_system_and_it_travels():
    import pickle

    one, two = (fed_batch({"X": "g/L", "S": "g/L"}, cells="X", feed={"S": c}) for c in (1.0, 2.0))
    assert one.key != two.key
    assert pickle.loads(pickle.dumps(one)).key == one.key
