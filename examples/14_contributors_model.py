"""Example 14, a contributor's model: one pure function becomes a Model with units and gradients."""

import jax.numpy as jnp
import numpy as np

import catena as ct


@ct.model(
    id="my.growth",
    inputs="mu [1/h] in 0..2 = 0.3, x0 [g/L] > 0, time [h] (time)",
    outputs="x [g/L] (time)",
)
def growth(mu, x0, time):
    """Exponential growth of biomass."""
    return {"x": x0[:, None] * jnp.exp(mu[:, None] * time)}


result = growth.predict(mu=["0.2 1/h", "0.4 1/h"], x0="0.1 g/L", time="0:10:1 h")
print(result["x"][:, -1], result.units["x"])

slope = growth.jacobian(mu=0.3, x0=0.1, time="0:10:1 h", of="x", wrt="mu")[("x", "mu")]
print("d x / d mu at 10 h:", slope[0, -1], "exact:", 0.1 * 10 * np.exp(3.0))

try:
    growth.predict(mu=3, x0=-1, time="0:10:1 h")
except ct.CatenaError as error:
    print(error)
