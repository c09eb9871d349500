"""A dynamic model of your own: 10,000 people at once, gradients, and what happens in between.

Write the right-hand side for one individual; everything else follows from it.
"""

import time

import numpy as np

from catena.core.model import ModelInfo
from catena.numerics.ode import Crossing, OdeSystem


def rhs(t, y, p, u):
    absorbed = p["ka"] * y["depot"]
    eliminated = p["vmax"] * y["central"] / (p["km"] + y["central"])
    return {"depot": -absorbed, "central": absorbed - eliminated, "rescued": 0.0 * y["rescued"]}


def low(t, y, p, u):
    """Positive once the drug is nearly gone, but only after the first four hours."""
    return (5.0 - y["central"]) * (t > 4.0)


system = OdeSystem(
    ModelInfo(
        id="example.own_ode", backend="jax", title="Saturable elimination with a rescue dose"
    ),
    "depot [mg] = 0, central [mg] = 0, rescued [mg] = 0",
    "ka [1/h] > 0 = 1.0, vmax [mg/h] > 0 = 20, km [mg] > 0 = 30, v [L] > 0 = 10",
    rhs,
    "conc [mg/L] (time), rescued [mg] (time)",
    lambda t, y, p, u: {"conc": y["central"] / p["v"], "rescued": y["rescued"]},
    doses=("depot",),
    crossings=(
        Crossing(
            "rescue",
            low,
            action=lambda t, y, p, u: {"depot": y["depot"] + 50.0, "rescued": y["rescued"] + 50.0},
        ),
    ),
)

people = np.random.default_rng(1)
inputs = {
    "ka": people.lognormal(0.0, 0.4, 10_000),
    "vmax": 20 * people.lognormal(0.0, 0.3, 10_000),
    "time": np.linspace(0, 24, 49),
    "events": [{"time": 0, "amt": "100 mg", "cmt": "depot"}],
}
system.predict(**{**inputs, "ka": 1.0, "vmax": 20.0})  # compiles; the next process loads it
start = time.perf_counter()
result = system.predict(**inputs)
print(f"{len(result['conc']):,} people in {time.perf_counter() - start:.2f} s "
      f"on the {result.diagnostics['backend']}")  # fmt: skip
print("rescue doses per person:", np.bincount((result["rescued"][:, -1] / 50).astype(int))[:6])

slopes = system.jacobian(
    {**inputs, "ka": 1.0, "vmax": 20.0, "time": [2.0, 6.0]}, of="conc", wrt=["ka", "vmax"]
)
print("d conc / d vmax at 2 h and 6 h:", slopes["conc", "vmax"][0].round(4))
