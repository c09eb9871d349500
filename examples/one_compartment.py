"""The model of the examples on operations: one compartment, oral doses, kinetics in closed form."""

import catena as ct


@ct.model(
    id="example.oral",
    title="One compartment, first-order absorption",
    inputs=(
        "dose [mg] in 1..1000 = 100, interval [h] in 4..48 = 12, ka [1/h] in 0.1..5 = 1, "
        "clearance [L/h] in 1..60 = 12, volume [L] in 10..200 = 40, t [h] in 0..48 = 4"
    ),
    outputs="conc [mg/L], auc [mg*h/L], cmax_steady [mg/L], cmin_steady [mg/L]",
    backend="jax",
    citation="Rowland and Tozer 2011, chapter 11",
)
def oral(dose, interval, ka, clearance, volume, t):
    """Concentration after one dose; exposure and extremes at steady state."""
    import jax.numpy as jnp

    k = clearance / volume
    scale = dose / volume * ka / (ka - k)
    peak_at = jnp.log(ka * (1 - jnp.exp(-k * interval)) / (k * (1 - jnp.exp(-ka * interval)))) / (
        ka - k
    )

    def steady(at):
        return scale * (
            jnp.exp(-k * at) / (1 - jnp.exp(-k * interval))
            - jnp.exp(-ka * at) / (1 - jnp.exp(-ka * interval))
        )

    return {
        "conc": scale * (jnp.exp(-k * t) - jnp.exp(-ka * t)),
        "auc": dose / clearance,
        "cmax_steady": steady(peak_at),
        "cmin_steady": steady(interval),
    }
