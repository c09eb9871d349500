"""How much of a molecule is charged at a given pH.

A molecule may carry up to two acidic and two basic groups.  An absent group is not a special case:
an acid of pKa 20 or a base of pKa -10 (the defaults) is charged to one part in 1e12 or less at any
physiological pH, so its terms vanish and every formula stays smooth and differentiable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp

from catena.science.body.partition.conventions import (
    NEGLIGIBLE,
    NO_ACID,
    NO_BASE,
    PH_PLASMA,
    STRONG_BASE_PKA,
)

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

__all__ = ["Groups", "Ionisation", "has_acid", "has_base", "is_strong_base"]


class Groups(NamedTuple):
    """Ionisable groups of a molecule (each a scalar or a batch of one shape).

    Attributes:
        acid: pKa of the first acidic group to lose its proton; 20 when there is none.
        base: pKa of the first basic group to gain one; -10 when there is none.
        acid2: pKa of the second acidic group (not below ``acid``).
        base2: pKa of the second basic group (not above ``base``).
    """

    acid: ArrayLike = NO_ACID
    base: ArrayLike = NO_BASE
    acid2: ArrayLike = NO_ACID
    base2: ArrayLike = NO_BASE

    def at(self, ph: ArrayLike) -> Ionisation:
        """Charged species relative to the uncharged one at a pH.

        Monoprotic groups give ``10^(pH - pKa)`` (acid) and ``10^(pKa - pH)`` (base); a second group
        multiplies the first; acid and base terms add (Rodgers and Rowland 2006,
        doi:10.1002/jps.20502, also their convention for zwitterions).
        """
        power = lambda exponent: jnp.power(10.0, exponent)  # noqa: E731
        anion = power(jnp.asarray(ph) - jnp.asarray(self.acid))
        dianion = anion * power(jnp.asarray(ph) - jnp.asarray(self.acid2))
        cation = power(jnp.asarray(self.base) - jnp.asarray(ph))
        dication = cation * power(jnp.asarray(self.base2) - jnp.asarray(ph))
        return Ionisation(anion + dianion, cation + dication)


class Ionisation(NamedTuple):
    """Amounts of negatively and positively charged species per uncharged molecule."""

    anion: Array
    cation: Array

    @property
    def total(self) -> Array:
        """``1 + charged``: the X (cells), Y (plasma) and Z (red cells) of Rodgers and Rowland."""
        return 1.0 + self.anion + self.cation

    @property
    def neutral_fraction(self) -> Array:
        """Fraction of the molecules without charge."""
        return 1.0 / self.total

    @property
    def anion_fraction(self) -> Array:
        """Fraction of negatively charged molecules."""
        return self.anion / self.total

    @property
    def cation_fraction(self) -> Array:
        """Fraction of positively charged molecules."""
        return self.cation / self.total


def has_acid(pka: ArrayLike) -> Array:
    """True where an acidic group is charged to more than 1 in 1e5 in plasma (pKa <= 12.4)."""
    return jnp.asarray(pka) <= PH_PLASMA + NEGLIGIBLE


def has_base(pka: ArrayLike) -> Array:
    """True where a basic group is charged to more than 1 in 1e5 in plasma (pKa >= 2.4)."""
    return jnp.asarray(pka) >= PH_PLASMA - NEGLIGIBLE


def is_strong_base(groups: Groups) -> Array:
    """True where a basic group of pKa 7 or more makes acidic phospholipids the binding site."""
    return jnp.asarray(groups.base) >= STRONG_BASE_PKA
