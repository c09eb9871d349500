"""Densities of standardised residuals: normal, Student, Laplace and the robust losses.

A robust loss is used as the density proportional to ``exp(-loss)``, so that its scale can be
estimated and information criteria make sense: Huber (1964, doi:10.1214/aoms/1177703732), the
pseudo-Huber (``soft_l1``) and Cauchy. Every function takes ``xp``: NumPy or ``jax.numpy``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, final

import numpy as np

from catena.core.errors import InputError, did_you_mean

Array = np.ndarray[Any, Any]
NAMES = ("normal", "student", "laplace", "huber", "soft_l1", "cauchy")
#: Where the loss of Huber turns linear by default: 95 % efficiency for normal residuals.
HUBER = 1.345


@final
@dataclass(frozen=True)
class Density:
    """A symmetric density of residuals in units of their scale.

    Args:
        name: One of ``NAMES``.
        shape: Degrees of freedom of Student, turning point of Huber.
    """

    name: str = "normal"
    shape: float = math.nan

    @property
    def censors(self) -> bool:
        """Whether the distribution function is known, as censored data need."""
        return self.name not in ("huber", "soft_l1")

    @property
    def normal(self) -> bool:
        """Whether this is least squares."""
        return self.name == "normal"

    @cached_property
    def constant(self) -> float:
        """Logarithm of the integral of ``exp(-loss)``."""
        from scipy.special import gammaln, k1e, ndtr

        if self.name == "normal":
            return 0.5 * math.log(2.0 * math.pi)
        if self.name in ("student", "cauchy"):
            nu = self._freedom
            return float(0.5 * math.log(nu * math.pi) + gammaln(nu / 2) - gammaln((nu + 1) / 2))
        if self.name == "laplace":
            return math.log(2.0)
        if self.name == "soft_l1":
            return math.log(2.0 * float(k1e(1.0)))
        c = self.shape
        inner = math.sqrt(2.0 * math.pi) * (2.0 * float(ndtr(c)) - 1.0)
        return math.log(inner + 2.0 / c * math.exp(-0.5 * c * c))

    @property
    def _freedom(self) -> float:
        return 1.0 if self.name == "cauchy" else self.shape

    def loss(self, z: Any, xp: Any = np) -> Any:
        """Return minus the logarithm of the density without its constant."""
        if self.name == "normal":
            return 0.5 * z * z
        if self.name in ("student", "cauchy"):
            nu = self._freedom
            return 0.5 * (nu + 1.0) * xp.log1p(z * z / nu)
        if self.name == "laplace":
            return xp.abs(z)
        if self.name == "soft_l1":
            return xp.sqrt(1.0 + z * z) - 1.0
        c = self.shape
        size = xp.abs(z)
        return xp.where(size <= c, 0.5 * z * z, c * size - 0.5 * c * c)

    def slope(self, z: Array) -> Array:
        """Return the derivative of the loss."""
        if self.name == "normal":
            return z
        if self.name in ("student", "cauchy"):
            nu = self._freedom
            return (nu + 1.0) * z / (nu + z * z)
        if self.name == "laplace":
            return np.sign(z)
        if self.name == "soft_l1":
            return np.asarray(z / np.sqrt(1.0 + z * z))
        return np.clip(z, -self.shape, self.shape)

    @cached_property
    def information(self) -> tuple[float, float]:
        """Expected information about location and scale, for a scale of one."""
        if self.name == "normal":
            return 1.0, 2.0
        if self.name in ("student", "cauchy"):
            nu = self._freedom
            return (nu + 1.0) / (nu + 3.0), 2.0 * nu / (nu + 3.0)
        from scipy.integrate import quad

        def expected(score: Callable[[float], float]) -> float:
            def integrand(z: float) -> float:
                at = np.asarray(z)
                return score(z) * math.exp(-float(self.loss(at)) - self.constant)

            return 2.0 * float(quad(integrand, 0.0, np.inf, limit=200)[0])

        def slope(z: float) -> float:
            return float(self.slope(np.asarray(z)))

        return expected(lambda z: slope(z) ** 2), expected(lambda z: (z * slope(z) - 1.0) ** 2)

    def log_below(self, z: Any, xp: Any = np) -> Any:
        """Return the logarithm of the probability of residuals below ``z``."""
        if self.name == "normal":
            return _special(xp).log_ndtr(z)
        if self.name == "cauchy":
            return xp.log(xp.where(z < -1.0, xp.arctan(-1.0 / xp.where(z < -1.0, z, -1.0)),
                                   0.5 * math.pi + xp.arctan(z)) / math.pi)  # fmt: skip
        if self.name == "laplace":
            low, high = xp.minimum(z, 0.0), xp.maximum(z, 0.0)
            return xp.where(z < 0, low - math.log(2.0), xp.log1p(-0.5 * xp.exp(-high)))
        nu = self.shape
        small = xp.abs(z) < 1e-5  # the derivative of the beta function is infinite at its end
        far = xp.where(small, 1.0, z)
        tail = 0.5 * _special(xp).betainc(0.5 * nu, 0.5, nu / (nu + far * far))
        outer = xp.where(far < 0, xp.log(tail), xp.log1p(-tail))
        middle = xp.log(0.5 + math.exp(-self.constant) * xp.where(small, z, 0.0))
        return xp.where(small, middle, outer)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Draw standardised residuals."""
        if self.name == "normal":
            return rng.standard_normal(shape)
        if self.name in ("student", "cauchy"):
            return rng.standard_t(self._freedom, shape)
        if self.name == "laplace":
            return rng.laplace(size=shape)
        return self._by_rejection(rng, shape)

    def _by_rejection(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Draw from a log-concave robust density under a Laplace envelope."""
        rate = self.shape if self.name == "huber" else 1.0
        grid = np.linspace(0.0, 60.0 / rate, 60_001)
        gap = float(np.min(self.loss(grid) - rate * grid)) - 1e-12
        out = np.empty(int(np.prod(shape)))
        filled = 0
        while filled < len(out):
            z = rng.laplace(scale=1.0 / rate, size=4 * len(out) + 16)
            keep = z[np.log(rng.random(len(z))) < -(self.loss(z) - rate * np.abs(z) - gap)]
            some = keep[: len(out) - filled]
            out[filled : filled + len(some)] = some
            filled += len(some)
        return out.reshape(shape)


def _special(xp: Any) -> Any:
    """Return the special functions that go with an array module."""
    if xp is np:
        import scipy.special as special
    else:
        import jax.scipy.special as special
    return special


def density_of(name: str, shape: float | None = None) -> Density:
    """Return a density by name.

    Args:
        name: One of ``NAMES``, or ``linear`` for the normal.
        shape: Degrees of freedom (student) or turning point (huber).

    Raises:
        InputError: the name is unknown or the shape makes no sense.
    """
    name = {"linear": "normal", "t": "student", "students_t": "student"}.get(name, name)
    if name not in NAMES:
        raise InputError(f"Unknown loss {name!r}", where="loss", why=f"there are {', '.join(NAMES)}",
                         fix=did_you_mean(name, NAMES, "use one of these"))  # fmt: skip
    default = {"student": 4.0, "huber": HUBER}.get(name)
    if default is None:
        if shape is not None:
            raise InputError(f"{name!r} takes no number", where="loss", fix=f"write {name!r}")
        return Density(name)
    chosen = default if shape is None else shape
    if not (np.isfinite(chosen) and chosen > 0):
        raise InputError(f"{name} needs a positive number", where="loss", why=f"got {chosen:g}",
                         fix=f"write {name}({default:g})")  # fmt: skip
    return Density(name, float(chosen))
