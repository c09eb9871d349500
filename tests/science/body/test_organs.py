"""The organ axis every body Model is written on."""

from __future__ import annotations

import pytest

from catena.core.errors import InputError
from catena.science.body.organs import INDEX, ORGANS, PORTAL, SYSTEMIC, organ_index, organ_indices


def test_sixteen_different_organs_with_rest_last() -> None:
    assert len(ORGANS) == len(set(ORGANS)) == 16
    assert ORGANS[-1] == "rest"


def test_portal_and_systemic_organs_are_organs() -> None:
    assert set(PORTAL) < set(ORGANS)
    assert {*SYSTEMIC, "lung"} == set(ORGANS)


def test_index_follows_the_order() -> None:
    assert [ORGANS[INDEX[name]] for name in ORGANS] == list(ORGANS)
    assert organ_indices(PORTAL) == tuple(ORGANS.index(name) for name in PORTAL)


def test_unknown_organ_names_the_nearest() -> None:
    with pytest.raises(InputError, match="kidneys") as caught:
        organ_index("kidneys")
    assert "kidney" in caught.value.fix
