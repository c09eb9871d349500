"""Nonlinear regression problems with certified results.

Source: NIST/ITL Statistical Reference Datasets, nonlinear regression (Misra1a, MGH09, Thurber),
https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml; public domain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import catena
from catena.core.model import Model


@dataclass(frozen=True)
class Certified:
    """A problem: model, data, ranges searched, certified estimates, their errors, residual sum."""

    model: Model
    data: dict[str, np.ndarray]
    free: dict[str, str]
    estimate: tuple[float, ...]
    residual: float
    error: tuple[float, ...] = ()


def _numbers(text: str) -> np.ndarray:
    return np.array([float(part) for part in text.split()])


def misra1a() -> Certified:
    """Monomolecular adsorption, two parameters of very different size."""

    @catena.model(id="nist.misra1a", inputs="b1, b2, x", outputs="y", backend="jax")
    def model(b1: Any, b2: Any, x: Any) -> dict[str, Any]:
        import jax.numpy as jnp

        return {"y": b1 * (1 - jnp.exp(-b2 * x))}

    data = {
        "x": _numbers("77.6 114.9 141.1 190.8 239.9 289.0 332.8 378.4 434.8 477.3 536.8 593.1 689.1 760.0"),
        "y": _numbers("10.07 14.73 17.94 23.93 29.61 35.18 40.02 44.82 50.76 55.05 61.01 66.40 75.47 81.78"),
    }  # fmt: skip
    return Certified(
        model, data, {"b1": "1..1000", "b2": "log 1e-6..1"}, (2.3894212918e02, 5.5015643181e-04),
        1.2455138894e-01, (2.7070075241e00, 7.2668688436e-06),
    )  # fmt: skip


def mgh09() -> Certified:
    """Kowalik and Osborne: four parameters from eleven points."""

    @catena.model(id="nist.mgh09", inputs="b1, b2, b3, b4, x", outputs="y", backend="jax")
    def model(b1: Any, b2: Any, b3: Any, b4: Any, x: Any) -> dict[str, Any]:
        return {"y": b1 * (x * x + x * b2) / (x * x + x * b3 + b4)}

    data = {
        "x": _numbers("4 2 1 .5 .25 .167 .125 .1 .0833 .0714 .0625"),
        "y": _numbers(".1957 .1947 .1735 .1600 .0844 .0627 .0456 .0342 .0323 .0235 .0246"),
    }
    return Certified(
        model, data, dict.fromkeys(("b1", "b2", "b3", "b4"), "0..10"),
        (1.9280693458e-01, 1.9128232873e-01, 1.2305650693e-01, 1.3606233068e-01), 3.0750560385e-04,
    )  # fmt: skip


def thurber() -> Certified:
    """Electron mobility: a ratio of cubic polynomials, seven parameters."""

    @catena.model(
        id="nist.thurber", inputs="b1, b2, b3, b4, b5, b6, b7, x", outputs="y", backend="jax"
    )
    def model(
        b1: Any, b2: Any, b3: Any, b4: Any, b5: Any, b6: Any, b7: Any, x: Any
    ) -> dict[str, Any]:
        return {"y": (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)}

    data = {
        "x": _numbers(
            "-3.067 -2.981 -2.921 -2.912 -2.840 -2.797 -2.702 -2.699 -2.633 -2.481 -2.363 -2.322 "
            "-1.501 -1.460 -1.274 -1.212 -1.100 -1.046 -0.915 -0.714 -0.566 -0.545 -0.400 -0.309 "
            "-0.109 -0.103 0.010 0.119 0.377 0.790 0.963 1.006 1.115 1.572 1.841 2.047 2.200"
        ),
        "y": _numbers(
            "80.574 84.248 87.264 87.195 89.076 89.608 89.868 90.101 92.405 95.854 100.696 101.060 "
            "401.672 390.724 567.534 635.316 733.054 759.087 894.206 990.785 1090.109 1080.914 "
            "1122.643 1178.351 1260.531 1273.514 1288.339 1327.543 1353.863 1414.509 1425.208 "
            "1421.384 1442.962 1464.350 1468.705 1447.894 1457.628"
        ),
    }
    free = {"b1": "1..5000", "b2": "1..5000", "b3": "1..2000", "b4": "0.1..500", "b5": "0.01..5",
            "b6": "0.01..5", "b7": "0.001..1"}  # fmt: skip
    return Certified(
        model, data, free,
        (1.2881396800e03, 1.4910792535e03, 5.8323836877e02, 7.5416644291e01, 9.6629502864e-01,
         3.9797285797e-01, 4.9727297349e-02), 5.6427082397e03,
    )  # fmt: skip
