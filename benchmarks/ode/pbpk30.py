"""A stiff whole-body model with 30 states: 13 tissues of blood and cells, and an oral dose.

Drug enters the stomach, is emptied into the gut lumen, absorbed into the gut wall, carried by blood,
crosses into cells at a limited rate, is metabolised in the liver (Michaelis-Menten) and filtered
by the kidney. Volumes, flows and vascular shares are those of PK-Sim's European reference man (30
years, 73 kg; Willmann et al. 2007, doi:10.1007/s10928-007-9053-5, after ICRP publication 89); the
drug is invented: moderately lipophilic, half-life about 17 h. The eigenvalues of the typical
patient, linearised at low concentration, reach from about -4,500 to -0.04 1/h.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from catena.core.model import ModelInfo
from catena.core.spec import Field, Schema
from catena.numerics.ode import OdeSystem

# tissue: volume with blood [L], blood flow [L/h] (liver: artery only), blood per volume,
# cells:plasma ratio, permeability over blood flow
_TISSUES = {
    "lung": (1.21455, 365.40544, 0.58, 1.2, 1.0),
    "heart": (0.41764, 15.62, 0.14, 1.5, 4.0),
    "brain": (1.50914, 46.791, 0.039, 1.4, 1.0),
    "muscle": (32.64396, 66.966, 0.025, 1.2, 1.0),
    "adipose": (14.65324, 19.202, 0.018, 8.0, 0.5),
    "skin": (3.76321, 19.52, 0.046, 2.0, 1.0),
    "bone": (11.81891, 19.498, 0.034, 1.5, 1.0),
    "kidney": (0.43849, 79.64, 0.23, 2.0, 3.1),
    "liver": (2.37707, 25.587, 0.17, 2.5, 3.0),
    "gut": (1.30566, 58.5348, 0.025, 1.8, 1.5),
    "spleen": (0.20689, 9.9445, 0.33, 1.5, 2.0),
    "pancreas": (0.19047, 3.9074, 0.2, 2.0, 2.0),
    "gonads": (0.04027, 0.19474, 0.055, 1.3, 2.0),
}
TISSUES = tuple(_TISSUES)
VOLUME, FLOW, BLOOD, KP, PERMEABILITY = (
    np.array(column) for column in zip(*_TISSUES.values(), strict=True)
)
LUNG, KIDNEY, LIVER, GUT = (TISSUES.index(t) for t in ("lung", "kidney", "liver", "gut"))
#: Tissues whose blood goes on to the liver.
PORTAL = tuple(TISSUES.index(name) for name in ("gut", "spleen", "pancreas"))
#: Tissues that arterial blood reaches, and those that drain into the veins.
FED = tuple(i for i in range(len(TISSUES)) if i != LUNG)
DRAINED = tuple(i for i in FED if i not in PORTAL)
ARTERIAL_VOLUME, VENOUS_VOLUME = 0.41911, 0.96402 + 1.03738

#: Ten parameters: unit, typical value, coefficient of variation over patients.
PARAMETERS: dict[str, tuple[str, float, float]] = {
    "flow": ("", 1.0, 0.15),
    "size": ("", 1.0, 0.05),
    "affinity": ("", 1.0, 0.30),
    "permeability": ("", 1.0, 0.40),
    "unbound": ("", 0.2, 0.20),
    "vmax": ("mg/h", 150.0, 0.40),
    "km": ("mg/L", 1.0, 0.30),
    "renal": ("L/h", 2.0, 0.25),
    "absorption": ("1/h", 1.0, 0.50),
    "emptying": ("1/h", 2.0, 0.50),
}
NAMES = tuple(PARAMETERS)
DOSE = 100.0
TIMES = np.linspace(0.0, 24.0, 49)
STATES = (
    *(f"{name}_blood" for name in TISSUES),
    *(f"{name}_cells" for name in TISSUES),
    "arterial",
    "venous",
    "stomach",
    "lumen",
)
RTOL, ATOL = 1e-6, 1e-8


def patients(count: int, seed: int = 2026) -> np.ndarray:
    """Draw lognormal parameters (count, 10) with the typical values as medians."""
    _, typical, spread = zip(*PARAMETERS.values(), strict=True)
    sigma = np.sqrt(np.log1p(np.square(spread)))
    normal = np.random.default_rng(seed).standard_normal((count, len(NAMES)))
    return np.asarray(typical) * np.exp(sigma * normal)


def start() -> np.ndarray:
    """Return the state just after the dose: all of it in the stomach."""
    return np.where(np.array(STATES) == "stomach", DOSE, 0.0)


def _derive(p: Mapping[str, Any]) -> dict[str, Any]:
    flow = FLOW * p["flow"]
    leaving = flow.at[LIVER].add(sum(flow[i] for i in PORTAL))
    volume = VOLUME * p["size"]
    exchange = PERMEABILITY * flow * p["permeability"]
    cells = volume * (1 - BLOOD)
    return {"into": flow, "leaving": leaving, "blood": volume * BLOOD, "cells": cells,
            "exchange": exchange, "kp": KP * p["affinity"],
            "artery": ARTERIAL_VOLUME * p["size"], "vein": VENOUS_VOLUME * p["size"]}  # fmt: skip


def _rhs(t: Any, y: Mapping[str, Any], p: Mapping[str, Any], u: Any) -> dict[str, Any]:
    import jax.numpy as jnp

    blood = y["blood"] / p["blood"]
    free = y["cells"] / p["cells"] / p["kp"]
    arterial, venous = y["arterial"] / p["artery"], y["venous"] / p["vein"]
    crossing = p["exchange"] * (blood - free)
    supply = (p["into"] * arterial).at[LUNG].set(p["into"][LUNG] * venous)
    outflow = p["leaving"] * blood
    supply = supply.at[LIVER].add(sum(outflow[i] for i in PORTAL))
    unbound = p["unbound"] * free[LIVER]
    metabolised = p["vmax"] * unbound / (p["km"] + unbound)
    filtered = p["renal"] * p["unbound"] * blood[KIDNEY]
    emptied, absorbed = p["emptying"] * y["stomach"], p["absorption"] * y["lumen"]
    return {
        "blood": (supply - outflow - crossing).at[KIDNEY].add(-filtered),
        "cells": crossing.at[LIVER].add(-metabolised).at[GUT].add(absorbed),
        "arterial": outflow[LUNG] - jnp.sum(p["into"][jnp.array(FED)]) * arterial,
        "venous": sum(outflow[i] for i in DRAINED) - p["into"][LUNG] * venous,
        "stomach": -emptied,
        "lumen": emptied - absorbed,
    }


def _amounts(t: Any, y: Mapping[str, Any], p: Mapping[str, Any], u: Any) -> dict[str, Any]:
    import jax.numpy as jnp

    rest = jnp.stack([y[name] for name in ("arterial", "venous", "stomach", "lumen")])
    return {"amounts": jnp.concatenate([y["blood"], y["cells"], rest])}


def _plasma(t: Any, y: Mapping[str, Any], p: Mapping[str, Any], u: Any) -> dict[str, Any]:
    return {"plasma": y["venous"] / p["vein"]}


def system(plasma: bool = False, **settings: Any) -> OdeSystem:
    """Return the model.

    Args:
        plasma: Return the venous concentration only (49 numbers) instead of all 30 amounts.
        **settings: Changes of the solver settings, e.g. ``rtol=1e-9``.
    """
    amount = {"unit": "mg", "default": 0.0}
    states = Schema(
        [
            Field("blood", shape=("tissue",), labels=TISSUES, **amount),
            Field("cells", shape=("tissue",), labels=TISSUES, **amount),
            *(Field(name, **amount) for name in ("arterial", "venous", "stomach", "lumen")),
        ]
    )
    parameters = Schema(
        Field(name, unit=unit, default=typical, bounds=(0.0, None))
        for name, (unit, typical, _) in PARAMETERS.items()
    )
    all_states = Schema([Field("amounts", unit="mg", shape=("time", "state"))])
    model = OdeSystem(
        ModelInfo(id="bench.pbpk30", backend="jax"),
        states,
        parameters,
        _rhs,
        "plasma [mg/L] (time)" if plasma else all_states,
        _plasma if plasma else _amounts,
        derive=_derive,
        doses=("stomach",),
    )
    return model.solved_with(**{"rtol": RTOL, "atol": ATOL, **settings})


def inputs(values: np.ndarray) -> dict[str, Any]:
    """Return the inputs of ``system`` for rows of parameters (rows, 10)."""
    dose = [{"time": 0.0, "amt": DOSE, "cmt": "stomach"}]
    return {**dict(zip(NAMES, values.T, strict=True)), "time": TIMES, "events": dose}
