"""One interface to the two compiled solvers: unrolled machine code, and sparse matrices in loops."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias

from catena.core.errors import BackendError
from catena.numerics.ode.flat import LARGE_FROM, Flat

if TYPE_CHECKING:
    from catena.numerics.ode.kernel.program import Kernel
    from catena.numerics.ode.large import LargeKernel

    Compiled: TypeAlias = Kernel | LargeKernel


def compiled(flat: Flat) -> Compiled:
    """Compile a system, by its number of states.

    Raises:
        BackendError: a library is missing, or the equations hold something that cannot be
            compiled (``KernelUnsupported``).
    """
    if flat.n >= LARGE_FROM:
        from catena.numerics.ode.large import LargeKernel

        return LargeKernel.build(flat)
    if find_spec("llvmlite") is None:
        raise BackendError("llvmlite is not installed", where="the kernel",
                           why="it compiles the equations", fix="pip install llvmlite")  # fmt: skip
    from catena.numerics.ode.kernel.program import Kernel

    return Kernel.build(flat)


def facts(kernel: Compiled) -> tuple[str, str]:
    """Return the names of back end and method for the record of a call."""
    from catena.numerics.ode.large import LargeKernel

    if isinstance(kernel, LargeKernel):
        return "large", kernel.method.name
    return "kernel", kernel.tableau.name


def prepare(kernel: Compiled, tangents: bool) -> None:
    """Compile now what a call-back will run: JAX must not trace inside one."""
    from catena.numerics.ode.large import LargeKernel

    if not isinstance(kernel, LargeKernel):
        kernel.prepare(tangents)
    elif tangents:
        _ = kernel.pushes
