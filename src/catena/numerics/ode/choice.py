"""Which back end solves a system: machine code where possible, the reason recorded where not."""

from __future__ import annotations

import threading

from catena.core.errors import BackendError, CatenaError
from catena.numerics.ode.calls import Plan
from catena.numerics.ode.compiled import compiled
from catena.numerics.ode.declare.checks import tolerances
from catena.numerics.ode.flat import LARGE_FROM, flat_of
from catena.numerics.ode.jax_backend import JaxRows
from catena.numerics.ode.kernel_backend import KernelRows

_lock = threading.RLock()


def rows_for(plan: Plan) -> KernelRows | JaxRows:
    """Return what solves the rows of a plan.

    ``auto`` takes matrix exponentials for systems declared linear (without crossings, masses or
    inputs that act on the matrix), else the kernel, else ``rodas4`` of the diffrax back end with
    the reason recorded.

    Raises:
        BackendError: the method or device asked for cannot solve this system.
    """
    system = plan.system
    key = ("rows", tuple(plan.places.parameters.shapes.items()), system.settings)
    with _lock:
        if key not in system._programs:
            system._programs[key] = _chosen(plan)
        found: KernelRows | JaxRows = system._programs[key]
    return found


def diffrax_rows(plan: Plan, reason: str) -> JaxRows:
    """Return the diffrax back end where the kernel cannot do what is asked.

    Args:
        plan: A plan.
        reason: Why it is not the kernel.
    """
    system = plan.system
    key = ("diffrax", tuple(plan.places.parameters.shapes.items()), system.settings)
    with _lock:
        if key not in system._programs:
            system._programs[key] = _diffrax(plan, reason)
        found: JaxRows = system._programs[key]
    return found


def _chosen(plan: Plan) -> KernelRows | JaxRows:
    system, settings = plan.system, plan.system.settings
    method = settings.method
    if method == "expm" and not _exact(plan):
        raise BackendError("Method 'expm' cannot solve this system", where=f"model {system.info.id}",
                           why="it needs linear=True, a matrix that inputs do not change, no "
                           "crossings and no masses", fix='use method="auto"')  # fmt: skip
    if method == "expm" or (method == "auto" and system.linear and _exact(plan)):
        return _expm(plan)
    if method not in ("auto", "kernel"):
        return _diffrax(plan, None)
    if settings.device == "gpu":
        if method == "kernel":
            raise BackendError("The kernel does not run on a graphics processor",
                               where=f"model {system.info.id}", why="it is code for the CPU",
                               fix='use method="auto" or device="cpu"')  # fmt: skip
        return _diffrax(plan, "the graphics processor was asked for")
    try:
        return _kernel(plan)
    except (BackendError, ImportError) as error:
        if method == "kernel":
            raise
        reason = f"{error.what}: {error.why}" if isinstance(error, CatenaError) else str(error)
        return _diffrax(plan, reason)


def _kernel(plan: Plan) -> KernelRows:
    system = plan.system
    key = ("kernel", tuple(plan.places.parameters.shapes.items()))
    if key not in system._programs:
        flat = flat_of(system, plan.places)
        system._programs[key] = (flat, compiled(flat))
    flat, kernel = system._programs[key]
    return KernelRows(flat, kernel, system.settings, tolerances(system.settings, system.layout))


def _expm(plan: Plan) -> JaxRows:
    from catena.numerics.ode.linear import exact

    system = plan.system
    only_rates = plan.places.segment == len(plan.places.rates)
    flat = flat_of(system, plan.places)
    return JaxRows(flat, exact(flat, only_rates), system.settings, "expm", "expm", None)


def _exact(plan: Plan) -> bool:
    """Return whether matrix exponentials solve the system."""
    from catena.numerics.ode.linear import inputs_act_apart

    system = plan.system
    if not system.linear or system.crossings or system.mass or system.layout.size >= LARGE_FROM:
        return False
    return not (system.forcing or system.stimuli) or inputs_act_apart(flat_of(system, plan.places))


def _diffrax(plan: Plan, reason: str | None) -> JaxRows:
    from catena.numerics.ode.diffrax_backend import method_name, stepping

    system = plan.system
    flat = flat_of(system, plan.places)
    atol = tolerances(system.settings, system.layout)
    solve = stepping(flat, system.settings, atol)
    name = method_name(system.settings)
    return JaxRows(flat, solve, system.settings, "diffrax", name, reason)
