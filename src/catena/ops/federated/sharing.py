"""Shamir's secret sharing: t of n shares give a secret back, fewer give nothing.

A. Shamir, Commun. ACM 22 (1979) 612, doi:10.1145/359168.359176.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

#: A Mersenne prime larger than any secret of 32 bytes.
PRIME = 2**521 - 1


def split(secret: bytes, holders: int, threshold: int) -> dict[int, int]:
    """Return one share per holder (1 to ``holders``); any ``threshold`` of them suffice."""
    coefficients = [int.from_bytes(secret, "big")]
    coefficients += [secrets.randbelow(PRIME) for _ in range(threshold - 1)]
    shares = {}
    for holder in range(1, holders + 1):
        value = 0
        for coefficient in reversed(coefficients):
            value = (value * holder + coefficient) % PRIME
        shares[holder] = value
    return shares


def join(shares: Mapping[int, int], length: int = 32) -> bytes:
    """Return the secret from enough shares (Lagrange interpolation at zero)."""
    total = 0
    for i, value in shares.items():
        top = bottom = 1
        for j in shares:
            if j != i:
                top = top * -j % PRIME
                bottom = bottom * (i - j) % PRIME
        total = (total + value * top * pow(bottom, -1, PRIME)) % PRIME
    return total.to_bytes(length, "big")
