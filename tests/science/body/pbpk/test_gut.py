"""Gut anatomies agree with what they are derived from."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.science.body.pbpk.equations import CM_PER_S_TO_L_PER_H
from catena.science.body.pbpk.gut import ANATOMIES, gut


def test_yu_amidon_absorbs_at_two_permeabilities_per_radius() -> None:
    bowel, peff = gut("yu_amidon"), 2e-4
    rate = peff * bowel.area[:-1] * CM_PER_S_TO_L_PER_H / bowel.fluid[:-1]
    np.testing.assert_allclose(rate, 2.0 * peff * 3600.0 / 1.75, rtol=1e-4)
    assert np.sum(1.0 / bowel.transit[:-1]) == pytest.approx(3.32, rel=1e-4)


def test_yu_amidon_fraction_absorbed_is_the_published_expression() -> None:
    # Fa = 1 - (1 + 0.54 Peff)^-7 with Peff in cm/h (Yu and Amidon 1999)
    bowel, peff = gut("yu_amidon"), 1e-4
    rate = peff * bowel.area[:-1] * CM_PER_S_TO_L_PER_H / bowel.fluid[:-1]
    absorbed = 1.0 - np.prod(bowel.transit[:-1] / (bowel.transit[:-1] + rate))
    assert absorbed == pytest.approx(1.0 - (1.0 + 0.54 * peff * 3600.0) ** -7, rel=5e-3)


def test_thelen_surface_is_seventy_square_metres() -> None:
    assert gut("thelen").area[:-1].sum() / 1e4 == pytest.approx(72.0, abs=1.0)


@pytest.mark.parametrize("name", ANATOMIES)
def test_shares_close(name: str) -> None:
    bowel = gut(name)
    assert bowel.enzyme_share.sum() == pytest.approx(1.0, abs=1e-4)
    assert bowel.flow_share[:-1].sum() == pytest.approx(1.0, abs=1e-4)
    assert len(bowel.segments) == len(set(bowel.segments)) == len(bowel.area)


def test_unknown_anatomy_is_named_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="thelin"):
        gut("thelin")
