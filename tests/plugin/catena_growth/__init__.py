"""Logistic growth, the whole of a plug-in."""
import jax.numpy as jnp

import catena


@catena.model(id="growth.logistic", title="Logistic growth",
              citation="Verhulst 1838, Correspondance mathematique et physique 10:113",
              inputs="rate [1/h] in 0..2 = 0.3, start [g/L] > 0 = 0.1, time [h] in 0..1000 = 10",
              params="capacity [g/L] in 0..1000 = 20", outputs="biomass [g/L]")
def logistic(rate, start, time, capacity):
    """Biomass that grows exponentially until its capacity is reached."""
    return {"biomass": capacity / (1 + (capacity / start - 1) * jnp.exp(-rate * time))}
