"""What the partition methods take and return."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import jax.numpy as jnp

from catena.core.jaxconfig import enable_x64
from catena.science.body.partition.ionisation import Groups

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

__all__ = ["Drug", "Partition", "over_organs", "vegetable_oil"]

enable_x64()


class Drug(NamedTuple):
    """Drug-specific inputs; scalars or batches of one shape (n,), all dimensionless.

    Attributes:
        logp: log10 of the octanol:water partition coefficient of the uncharged molecule.
        fu_plasma: unbound fraction in plasma, 0 < fu <= 1.
        groups: ionisable groups.
        blood_plasma_ratio: blood:plasma concentration ratio.
        hematocrit: volume fraction of red cells.
        log_membrane_affinity: log10 of the phospholipid membrane:water partition coefficient;
            None lets each method use its own relation to ``logp``.
    """

    logp: ArrayLike
    fu_plasma: ArrayLike
    groups: Groups = Groups()
    blood_plasma_ratio: ArrayLike = 1.0
    hematocrit: ArrayLike = 0.45
    log_membrane_affinity: ArrayLike | None = None


class Partition(NamedTuple):
    """Result of a partition method.

    Attributes:
        kp: tissue:plasma (total concentrations at equilibrium), shape (..., 16).
        binding_clipped: True where a binding term inferred from blood came out negative and was
            set to 0: the inputs (fu, B:P, logP) contradict each other there.
    """

    kp: Array
    binding_clipped: Array


def over_organs(value: ArrayLike) -> Array:
    """Appends an axis to a per-drug value so that it broadcasts over the organ axis."""
    return jnp.asarray(value)[..., None]


def vegetable_oil(logp: ArrayLike) -> Array:
    """Vegetable oil:water partition coefficient from octanol's, ``10^(1.115 logP - 1.35)``.

    Triglyceride, the lipid of adipose tissue, resembles olive or soybean oil rather than octanol.

    Source: Leo, Hansch and Elkins 1971, doi:10.1021/cr60274a001.
    """
    return jnp.power(10.0, 1.115 * jnp.asarray(logp) - 1.35)
