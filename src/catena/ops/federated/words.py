"""Whole numbers modulo 2^128 as arrays, so that masked sums are exact.

A real number x travels as round(x * 2^64) modulo 2^128: sums of such words carry no rounding, so
masks cancel to the last bit and a secure sum equals the plain one to 2^-64 per term.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from catena.core.errors import InputError

_SCALE = float(2**64)
_HALF = float(2**32)
#: Largest magnitude that a sum of up to 2^16 sites can hold without wrapping round.
LARGEST = float(2**46)


class Words(NamedTuple):
    """Numbers modulo 2^128: two arrays of 64 bits."""

    high: np.ndarray
    low: np.ndarray


def encode(values: np.ndarray) -> Words:
    """Turn real numbers (n,) into words.

    Raises:
        InputError: a number is not finite or too large to be summed exactly.
    """
    x = np.asarray(values, dtype=float).ravel()
    if not np.all(np.isfinite(x)) or np.any(np.abs(x) > LARGEST):
        raise InputError("A site's update cannot be summed", where="secure sum",
                         why="it holds a number that is not finite or beyond 2^46",
                         fix="scale the covariates, or leave the site out")  # fmt: skip
    whole = np.floor(x)
    part = x - whole  # exact, unless x is a tiny negative number: then 1, which the carry takes up
    whole, part = np.where(part >= 1.0, whole + 1, whole), np.where(part >= 1.0, 0.0, part)
    upper = np.floor(part * _HALF)
    lower = np.floor((part * _HALF - upper) * _HALF)
    low = (upper.astype(np.uint64) << np.uint64(32)) | lower.astype(np.uint64)
    return Words(whole.astype(np.int64).view(np.uint64), low)


def decode(words: Words) -> np.ndarray:
    """Turn words back into real numbers (n,)."""
    return words.high.view(np.int64).astype(float) + words.low.astype(float) / _SCALE


def add(a: Words, b: Words) -> Words:
    """Return a + b modulo 2^128."""
    low = a.low + b.low
    return Words(a.high + b.high + (low < a.low).astype(np.uint64), low)


def negate(a: Words) -> Words:
    """Return -a modulo 2^128."""
    low = ~a.low + np.uint64(1)
    return Words(~a.high + (low == 0).astype(np.uint64), low)


def from_bytes(raw: bytes) -> Words:
    """Read words (16 bytes each) from a byte stream."""
    pairs = np.frombuffer(raw, dtype="<u8").reshape(-1, 2)
    return Words(pairs[:, 0].copy(), pairs[:, 1].copy())


def to_bytes(words: Words) -> bytes:
    """Write words as bytes; the inverse of ``from_bytes``."""
    return np.stack([words.high, words.low], axis=1).astype("<u8").tobytes()
