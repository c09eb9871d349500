"""Gradients, Jacobians, Hessians and mixed second derivatives, against diffrax written by hand.

The model has two compartments, an oral depot and saturable elimination; the loss is the sum of squared
concentrations at eight times. Ours goes through the kernel inside a JAX trace, diffrax through its own
solver, step control and forward differentiation; both at tight tolerances.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from benchmarks.ode.records import Table
from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem, SolverSettings

NAMES = ("ka", "vmax", "km", "q", "v1", "v2")
POINT = np.array([1.2, 12.0, 4.0, 3.0, 10.0, 25.0])
TIMES = np.array([0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0])
DOSE = 100.0
TIGHT = 1e-11


def _slopes(y: Any, p: Mapping[str, Any]) -> dict[str, Any]:
    c1, c2 = y["central"] / p["v1"], y["peripheral"] / p["v2"]
    absorbed, crossing = p["ka"] * y["depot"], p["q"] * (c1 - c2)
    eliminated = p["vmax"] * c1 / (p["km"] + c1)
    return {"depot": -absorbed, "central": absorbed - eliminated - crossing,
            "peripheral": crossing}  # fmt: skip


def system() -> OdeSystem:
    """Return the model on the kernel."""
    parameters = ", ".join(f"{n} > 0 = {v}" for n, v in zip(NAMES, POINT, strict=True))
    return OdeSystem(
        ModelInfo(id="bench.derivatives", backend="jax"),
        "depot [mg] = 0, central [mg] = 0, peripheral [mg] = 0",
        parameters,
        lambda t, y, p, u: _slopes(y, p),
        "conc (time)",
        lambda t, y, p, u: {"conc": y["central"] / p["v1"]},
        doses=("depot",),
        settings=SolverSettings(method="kernel", rtol=TIGHT, atol=1e-12),
    )


def ours() -> Callable[[Any, Any], Any]:
    """Return concentrations as a JAX function of parameters and dose, by the kernel."""
    from catena.core.values import Padded

    model = system()
    table = model.event_table([{"time": 0.0, "amt": DOSE, "cmt": "depot"}])

    def solve(x: Any, dose: Any) -> Any:
        import jax.numpy as jnp

        events = Padded({**table.columns(), "amt": jnp.reshape(dose, (1, 1))}, table.mask)
        batch = {name: x[None, k] for k, name in enumerate(NAMES)}
        return model.trace({**batch, "time": TIMES[None], "events": events})["conc"][0]

    return solve


def theirs() -> Callable[[Any, Any], Any]:
    """Return the same function written with diffrax."""
    import diffrax
    import jax.numpy as jnp

    def field(t: Any, y: Any, x: Any) -> Any:
        p = dict(zip(NAMES, x, strict=True))
        states = dict(zip(("depot", "central", "peripheral"), y, strict=True))
        return jnp.stack(list(_slopes(states, p).values()))

    def solve(x: Any, dose: Any) -> Any:
        found = diffrax.diffeqsolve(
            diffrax.ODETerm(field), diffrax.Dopri8(), 0.0, TIMES[-1], None,
            jnp.stack([dose, 0.0 * dose, 0.0 * dose]), x,
            saveat=diffrax.SaveAt(ts=TIMES), max_steps=None, adjoint=diffrax.ForwardMode(),
            stepsize_controller=diffrax.PIDController(rtol=1e-12, atol=1e-13),
        )  # fmt: skip
        return found.ys[:, 1] / x[4]

    return solve


def report(size: str = "full") -> list[Table]:
    """Return the largest differences of every kind of derivative."""
    import jax
    import jax.numpy as jnp

    from catena.core.jaxconfig import enable_x64

    enable_x64()
    x, dose = jnp.asarray(POINT), jnp.asarray(DOSE)

    def loss(solve: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        return lambda x, dose: (solve(x, dose) ** 2).sum()

    kernel, diffrax = ours(), theirs()
    forward, reverse = jax.jacfwd, jax.jacrev
    kinds: dict[str, tuple[Any, Any]] = {
        "gradient (grad)": (jax.grad(loss(kernel)), forward(loss(diffrax))),
        "Jacobian (jacfwd)": (forward(kernel), forward(diffrax)),
        "Jacobian (jacrev)": (reverse(kernel), forward(diffrax)),
        "Hessian (hessian)": (jax.hessian(loss(kernel)), forward(forward(loss(diffrax)))),
        "mixed, parameters and dose": (
            reverse(forward(loss(kernel), argnums=1)),
            forward(forward(loss(diffrax), argnums=1)),
        ),
    }
    records = []
    for name, (mine, other) in kinds.items():
        got, want = np.asarray(mine(x, dose)), np.asarray(other(x, dose))
        difference = float(np.abs(got - want).max() / np.abs(want).max())
        records.append({"derivative": name, "shape": str(got.shape), "difference": difference,
                        "target": "<= 1e-6", "holds": difference <= 1e-6})  # fmt: skip
    return [
        Table(
            "Derivatives through the kernel against diffrax",
            records,
            ["difference: the largest over all entries, over the largest entry"],
        )
    ]
