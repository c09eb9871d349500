"""Back end for systems of 1e3 to 1e5 states: columns, population balances, networks."""

from catena.numerics.ode.large.kernel import LargeKernel

__all__ = ["LargeKernel"]
