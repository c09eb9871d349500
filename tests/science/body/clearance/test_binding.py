"""Incubation binding: values by hand and limits."""

from __future__ import annotations

import numpy as np
import pytest

from catena.science.body.clearance.binding import (
    fu_hepatocytes,
    fu_microsomes,
    partitioning_lipophilicity,
)


@pytest.mark.parametrize(
    ("lipophilicity", "protein", "expected"),
    # exponents 0.56 L - 1.41: 0.27 (10^0.27 = 1.8621) and -1.41 (0.038905)
    [(3.0, 1.0, 1 / 2.8621), (3.0, 0.5, 1 / 1.93104), (0.0, 1.0, 1 / 1.038905)],
)
def test_austin(lipophilicity: float, protein: float, expected: float) -> None:
    assert float(fu_microsomes(lipophilicity, protein)) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("lipophilicity", "cells", "expected"),
    # L = 3: 0.648 + 0.201 - 1.126 = -0.277 (0.52845); L = 0: 10^-1.126 = 0.074817
    [(3.0, 1.0, 1 / (1 + 0.625 * 0.52845)), (0.0, 2.0, 1 / (1 + 1.25 * 0.074817))],
)
def test_kilford(lipophilicity: float, cells: float, expected: float) -> None:
    assert float(fu_hepatocytes(lipophilicity, cells)) == pytest.approx(expected, rel=1e-4)


def test_no_matrix_binds_nothing_and_more_matrix_binds_more() -> None:
    assert float(fu_microsomes(5.0, 0.0)) == 1.0
    assert float(fu_hepatocytes(5.0, 0.0)) == 1.0
    amounts = np.array([0.1, 0.5, 1.0, 5.0])
    assert (np.diff(fu_microsomes(4.0, amounts)) < 0).all()
    assert (np.diff(fu_hepatocytes(4.0, amounts)) < 0).all()


def test_bases_partition_by_logp_and_others_by_logd() -> None:
    lipophilicity = partitioning_lipophilicity(3.0, 1.0, np.array([9.0, 7.0, -10.0]))
    assert lipophilicity.tolist() == [3.0, 1.0, 1.0]
