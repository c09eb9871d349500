"""Unbound fraction in microsomal and hepatocyte incubations.

Sources: Austin et al. 2002, doi:10.1124/dmd.30.12.1497; Kilford et al. 2008,
doi:10.1124/dmd.108.020834.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jax.numpy as jnp

from catena.core.jaxconfig import enable_x64

if TYPE_CHECKING:
    from jax import Array
    from jax.typing import ArrayLike

__all__ = ["fu_hepatocytes", "fu_microsomes", "partitioning_lipophilicity"]

enable_x64()


def partitioning_lipophilicity(logp: ArrayLike, logd: ArrayLike, pka_base: ArrayLike) -> Array:
    """Lipophilicity that governs incubation binding: logP of bases (pKa > 7.4), else logD7.4.

    Args:
        logp: log10 octanol:water of the uncharged form.
        logd: log10 octanol:water distribution at pH 7.4.
        pka_base: basic pKa (-10: none).

    Returns:
        logP or logD.
    """
    return jnp.where(jnp.asarray(pka_base) > 7.4, jnp.asarray(logp), jnp.asarray(logd))


def fu_microsomes(lipophilicity: ArrayLike, protein: ArrayLike = 1.0) -> Array:
    """Unbound fraction in a microsomal incubation, ``1 / (1 + C 10^(0.56 L - 1.41))``.

    Args:
        lipophilicity: see :func:`partitioning_lipophilicity`.
        protein: microsomal protein C [mg/mL].

    Returns:
        Unbound fraction.
    """
    exponent = 0.56 * jnp.asarray(lipophilicity) - 1.41
    return 1.0 / (1.0 + jnp.asarray(protein) * jnp.power(10.0, exponent))


def fu_hepatocytes(lipophilicity: ArrayLike, cells: ArrayLike = 1.0) -> Array:
    """Unbound fraction in a hepatocyte incubation.

    ``1 / (1 + 125 V 10^(0.072 L^2 + 0.067 L - 1.126))`` with the cell:medium volume ratio
    V = 0.005 per 1e6 cells/mL.

    Args:
        lipophilicity: see :func:`partitioning_lipophilicity`.
        cells: cell density [1e6 cells/mL].

    Returns:
        Unbound fraction.
    """
    value = jnp.asarray(lipophilicity)
    exponent = 0.072 * value**2 + 0.067 * value - 1.126
    return 1.0 / (1.0 + 125.0 * 0.005 * jnp.asarray(cells) * jnp.power(10.0, exponent))
