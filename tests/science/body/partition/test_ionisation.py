"""Ionisation: Henderson-Hasselbalch, absent groups, several groups."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.science.body.partition.ionisation import Groups


@pytest.mark.parametrize(
    ("groups", "ph", "anion", "cation"),
    [
        (Groups(acid=4.4), 7.4, 1000.0, 0.0),
        (Groups(base=9.4), 7.4, 0.0, 100.0),
        (Groups(acid=4.4, acid2=6.4), 7.4, 1000.0 + 1000.0 * 10.0, 0.0),
        (Groups(base=9.4, base2=8.4), 7.4, 0.0, 100.0 + 100.0 * 10.0),
        (Groups(acid=6.4, base=8.4), 7.4, 10.0, 10.0),
        (Groups(), 7.4, 0.0, 0.0),
    ],
)
def test_charged_species(groups: Groups, ph: float, anion: float, cation: float) -> None:
    species = groups.at(ph)
    assert float(species.anion) == pytest.approx(anion, rel=1e-9, abs=1e-11)
    assert float(species.cation) == pytest.approx(cation, rel=1e-9, abs=1e-11)


@settings(deadline=None)
@given(st.floats(0, 14), st.floats(0, 14), st.floats(4, 9))
def test_fractions_sum_to_one(acid: float, base: float, ph: float) -> None:
    species = Groups(acid=acid, base=base).at(ph)
    total = species.neutral_fraction + species.anion_fraction + species.cation_fraction
    assert float(total) == pytest.approx(1.0, abs=1e-12)


def test_an_absent_group_changes_nothing() -> None:
    alone = Groups(acid=4.5).at(7.0).total
    np.testing.assert_allclose(
        Groups(acid=4.5, base=-10.0, acid2=20.0).at(7.0).total, alone, rtol=1e-12
    )
