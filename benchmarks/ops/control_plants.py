"""Two plants of the control benchmarks, as published.

``reactor``: the van de Vusse reaction in a cooled stirred tank (K.-U. Klatt and S. Engell, Comput.
Chem. Eng. 22 (1998) 491, doi:10.1016/S0098-1354(97)00261-5), in the form and with the two uncertain
factors of the do-mpc example. ``penicillin``: fed-batch penicillin (G. Birol, C. Undey, A. Cinar,
Comput. Chem. Eng. 26 (2002) 1553, doi:10.1016/S0098-1354(02)00127-8): its balances and constants of
biomass, glucose, dissolved oxygen, product, volume and carbon dioxide, pH held at 5 by its stat.
Different from the paper: maintenance stops without glucose; heat of growth 14 kJ/g (U. von Stockar
and I. W. Marison, Adv. Biochem. Eng. 40 (1989) 93, doi:10.1007/BFb0009828) warms the broth and a
jacket with its own balance; heat and sugar fed are counted. That makes ten states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem

Values = Mapping[str, Any]


def _reactor_rhs(t: Any, y: Values, p: Values, u: Values) -> dict[str, Any]:
    import jax.numpy as jnp

    kelvin = y["t_r"] + 273.15
    k1 = p["beta"] * 1.287e12 * jnp.exp(-9758.3 / kelvin)
    k2 = 1.287e12 * jnp.exp(-9758.3 / kelvin)
    k3 = 9.043e9 * jnp.exp(-p["alpha"] * 8560.0 / kelvin)
    heat = k1 * y["c_a"] * 4.2 - k2 * y["c_b"] * 11.0 - k3 * y["c_a"] ** 2 * 41.85
    density, capacity, volume, area, transfer = 0.9342, 3.01, 10.0, 0.215, 4032.0
    warmer = y["t_r"] - y["t_k"]
    cooling = transfer * area * warmer
    return {
        "c_a": u["f"] * (p["c_in"] - y["c_a"]) - k1 * y["c_a"] - k3 * y["c_a"] ** 2,
        "c_b": -u["f"] * y["c_b"] + k1 * y["c_a"] - k2 * y["c_b"],
        "t_r": -heat / (density * capacity) + u["f"] * (130.0 - y["t_r"])
        - cooling / (density * capacity * volume),
        "t_k": (u["q_dot"] + cooling) / (5.0 * 2.0),
    }  # fmt: skip


def reactor() -> OdeSystem:
    """Return the van de Vusse reactor: four states, feed rate and jacket heat."""
    return OdeSystem(
        ModelInfo(id="benchmark.van_de_vusse", backend="jax", title="Van de Vusse reactor"),
        "c_a [mol/L] = 0.8, c_b [mol/L] = 0.5, t_r [degC] = 134.14, t_k [degC] = 130.0",
        "alpha > 0 = 1.0, beta > 0 = 1.0, c_in [mol/L] > 0 = 5.1",
        _reactor_rhs,
        "c_a [mol/L] (time), c_b [mol/L] (time), t_r [degC] (time), t_k [degC] (time)",
        lambda t, y, p, u: dict(y),
        forcing="f [1/h], q_dot [kJ/h]",
        interpolation="constant",
    )


def _penicillin_rhs(t: Any, y: Values, p: Values, u: Values) -> dict[str, Any]:
    import jax.numpy as jnp

    x, s, o2, v = y["x"], y["s"], y["o2"], y["v"]
    kelvin = y["temp"] + 273.15
    warm = 7e3 * jnp.exp(-5100.0 / (1.987 * kelvin)) - 1e33 * jnp.exp(-50000.0 / (1.987 * kelvin))
    acid = 1.0 / (1.0 + 1e-10 / 1e-5 + 1e-5 / 7e-5)
    mu = p["mu_x"] * acid * warm * s / (0.15 * x + s) * o2 / (0.02 * x + o2)
    rate = p["mu_p"] * s / (0.0002 + s + s**2 / 0.10) * o2**3 / (0.0005 * x + o2**3)
    loss = 2.5e-4 * v * (jnp.exp(y["temp"] / 20.0) - 1.0)
    net = u["feed"] - loss
    k_la = 70.0 * jnp.sqrt(8.6) * (u["power"] / v) ** 0.4
    growth = mu * x
    heat = (14.0 * growth + 0.3 * x) * v
    exchange = 400.0 * (y["temp"] - y["jacket"])
    return {
        "x": growth - x / v * net,
        "s": -growth / 0.45 - rate / 0.90 * x - 0.014 * s / (0.01 + s) * x
        + u["feed"] * 600.0 / v - s / v * net,
        "o2": -growth / 0.04 - rate / 0.20 * x - 0.467 * x + k_la * (1.16 - o2) - o2 / v * net,
        "p": rate * x - 0.04 * y["p"] - y["p"] / v * net,
        "v": net,
        "co2": 0.143 * growth + 4e-7 * x + 1e-4,
        "temp": u["feed"] / v * (25.0 - y["temp"]) + (heat - exchange) / (4.18 * v),
        "heat": heat / 1000.0,
        "fed": 0.6 * u["feed"],
        "jacket": (exchange / 4.18 + u["coolant"] * (12.0 - y["jacket"])) / 10.0,
    }  # fmt: skip


def penicillin() -> OdeSystem:
    """Return the ten-state fed-batch at the start of its feeding phase."""
    return OdeSystem(
        ModelInfo(id="benchmark.penicillin", backend="jax", title="Fed-batch penicillin"),
        "x [g/L] = 10, s [g/L] = 0.5, o2 [g/L] = 0.9, p [g/L] = 0.1, v [L] = 100, co2 [mmol/L] = 1,"
        " temp [degC] = 25, heat [MJ] = 0, fed [kg] = 0, jacket [degC] = 20",
        "mu_x [1/h] > 0 = 0.092, mu_p [1/h] > 0 = 0.005",
        _penicillin_rhs,
        "x [g/L] (time), o2 [g/L] (time), p [g/L] (time), v [L] (time), temp [degC] (time),"
        " titre [g] (time)",
        lambda t, y, p, u: {**{n: y[n] for n in ("x", "o2", "p", "v", "temp")},
                            "titre": y["p"] * y["v"]},
        forcing="feed [L/h], coolant [L/h], power [W]",
        interpolation="constant",
    )  # fmt: skip
