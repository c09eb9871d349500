from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from systems import one_compartment

from catena.core.errors import InputError
from catena.core.tables import table_column
from catena.numerics.ode.events import expand

PK = one_compartment()


@pytest.mark.parametrize(
    ("records", "named"),
    [
        ([{"time": 5, "amt": 1}, {"time": 2, "amt": 1}], "record 1"),
        ([{"time": 0, "amt": -5}], "amt"),
        ([{"time": 0, "amt": 5, "cmt": "brain"}], "cmt"),
        ([{"time": 0, "amt": 5, "evid": 7}], "evid"),
        ([{"time": 0, "amt": 5, "addl": 3}], "ii"),
        ([{"time": 0, "amt": 5, "ss": 1}], "ii"),
        ([{"time": 0, "amt": 5, "ss": 2, "ii": 12}], "ss"),
        ([{"time": 0, "amt": 0, "rate": 5}], "amt"),
        ([{"time": float("nan"), "amt": 5}], "time"),
        ([{"time": 0, "amt": 60, "rate": 1, "ss": 1, "ii": 12}], "rate"),
        ([{"time": 0, "amt": 6}, {"time": 1, "amt": 6, "ss": 1, "ii": 12}], "ss"),
        ([{"time": 4, "amt": 6, "ss": 1, "ii": 12}], "time"),
    ],
)
def test_bad_records_are_refused_with_their_place(records: list[Any], named: str) -> None:
    with pytest.raises(InputError) as caught:
        PK.predict(time=[0.0, 1.0], events=records)
    assert named in str([fault for fault in caught.value.rows])


def test_only_the_rows_with_bad_events_are_skipped() -> None:
    good, bad = [{"time": 0, "amt": 5}], [{"time": 3, "amt": 5}, {"time": 1, "amt": 5}]
    result = PK.predict(time=[0.0, 1.0], cl=[1, 2, 3], events=[good, bad, good], on_error="skip")
    assert result.status[0] == result.status[2] == "ok"
    assert "record 1" in result.status[1]
    assert result["conc"].shape == (2, 2)


def test_observation_records_do_nothing() -> None:
    with_them = PK.predict(time=[0.0, 9.0], events=[{"time": 0, "amt": 5}, {"time": 3, "evid": 0},
                                                    {"time": 4, "amt": 9, "evid": 2}])  # fmt: skip
    without = PK.predict(time=[0.0, 9.0], events=[{"time": 0, "amt": 5}])
    np.testing.assert_allclose(with_them["conc"], without["conc"])


@given(
    st.lists(
        st.tuples(
            st.floats(0, 50), st.floats(0.1, 100), st.sampled_from([0.0, 7.0]),
            st.floats(0.5, 24), st.integers(0, 5),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_expansion_keeps_every_dose(rows: list[tuple[float, float, float, float, int]]) -> None:
    records = [
        {"time": t, "amt": a, "rate": r, "ii": ii, "addl": n} for t, a, r, ii, n in sorted(rows)
    ]
    table = table_column(PK.inputs["events"], records) if records else None
    stops = expand(table, np.zeros(1), np.full((1, 0), np.inf))
    assert len(stops.bolus) + len(stops.infusion) == sum(n + 1 for *_, n in rows)
    assert (np.diff(stops.times[np.isfinite(stops.times)]) > 0).all()
    assert (stops.infusion_end > stops.infusion[:, 1]).all()
