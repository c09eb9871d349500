"""Small models with known answers, and a way to count how often a model runs."""

from __future__ import annotations

from typing import Any, final

import jax.numpy as jnp
import numpy as np

from catena.core.chain import Chain
from catena.core.function import model
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Schema


@model(
    id="toy.pk",
    inputs="dose [mg] in 0..1000 = 100, clearance [L/h] > 0 = 10",
    outputs="auc [mg*h/L] >= 0",
    backend="jax",
)
def pk(dose, clearance):
    return {"auc": dose / clearance}


@model(
    id="toy.pd",
    inputs="exposure [ug*h/mL] >= 0, ec50 [mg*h/L] > 0 = 5",
    outputs="effect",
    params="emax = 2",
    backend="numpy",
)
def pd(exposure, ec50, emax):
    return {"effect": emax * exposure / (ec50 + exposure)}


@model(id="toy.trial", inputs="effect, size in 1..1000 = 20", outputs="signal", backend="torch")
def trial(effect, size):
    return {"signal": effect * size**0.5}


def three(**changes: Any) -> Chain:
    """Return jax -> numpy -> torch."""
    nodes = {"pk": pk, "pd": pd, "trial": trial, **changes}
    return Chain(
        nodes,
        ["pk.auc -> pd.exposure", "pd.effect -> trial.effect"],
        outputs={"signal": "trial.signal"},
        id="toy.three",
    )


@final
class Counted(Model):
    """y = slope x (+ noise), counting calls and rows."""

    def __init__(
        self, slope: float = 2.0, id: str = "toy.counted", stochastic: bool = False,
        inputs: str = "x = 1", outputs: str = "y",
    ) -> None:  # fmt: skip
        self.info = ModelInfo(id=f"{id}.{slope}", version=str(slope))
        self.inputs = Schema.parse(inputs)
        self.outputs = Schema.parse(outputs)
        self.capabilities = Capabilities(stochastic=stochastic)
        self.slope = slope
        self.calls: list[int] = []

    def _predict(self, batch: Any, params: Any, key: Any) -> Any:
        x = next(iter(batch.values()))
        self.calls.append(len(x))
        noise = 0.0
        if self.capabilities.stochastic:
            noise = np.random.Generator(np.random.Philox(key=int(key))).normal(size=len(x))
        return {self.outputs.names[0]: self.slope * x + noise}


@model(
    id="toy.discipline1",
    inputs="z1 in -10..10 = 5, z2 in 0..10 = 2, x in 0..10 = 1, y2 = 1",
    outputs="y1",
    backend="jax",
)
def discipline1(z1, z2, x, y2):
    return {"y1": z1**2 + z2 + x - 0.2 * y2}


@model(
    id="toy.discipline2",
    inputs="z1 in -10..10 = 5, z2 in 0..10 = 2, y1 = 1",
    outputs="y2",
    backend="jax",
)
def discipline2(z1, z2, y1):
    return {"y2": jnp.sqrt(jnp.abs(y1)) + z1 + z2}


@model(id="toy.objective", inputs="x = 1, z2 = 2, y1, y2", outputs="f", backend="jax")
def objective(x, z2, y1, y2):
    return {"f": x**2 + z2 + y1 + jnp.exp(-y2)}


def sellar(feedback: Any, **nodes: Any) -> Chain:
    """Return the Sellar problem (Sellar, Batill, Renaud 1996, AIAA 96-0714)."""
    return Chain(
        {"d1": discipline1, "d2": discipline2, "goal": objective, **nodes},
        [
            "d1.y1 -> d2.y1",
            "d2.y2 -> d1.y2",
            "d1.y1 -> goal.y1",
            "d2.y2 -> goal.y2",
        ],
        inputs={
            "z1": ["d1.z1", "d2.z1"],
            "z2": ["d1.z2", "d2.z2", "goal.z2"],
            "x": ["d1.x", "goal.x"],
        },
        outputs={"f": "goal.f", "y1": "d1.y1", "y2": "d2.y2"},
        feedback=feedback,
        id="toy.sellar",
    )
