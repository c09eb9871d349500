"""The Model that a federated regression yields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np

from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Field, Schema

_OUTPUT = {
    "logistic": Field("probability", bounds=(0.0, 1.0), doc="Probability of the outcome."),
    "linear": Field("mean", doc="Expected outcome."),
    "poisson": Field("mean", doc="Expected count."),
    "cox": Field(
        "relative_hazard", bounds=(0.0, None), doc="Hazard relative to covariates of zero."
    ),
}


@final
class RegressionModel(Model):
    """Coefficients times covariates, through the family's link.

    Args:
        family: ``logistic``, ``linear``, ``poisson`` or ``cox``.
        covariates: Names of the covariates.
        beta: Coefficients; the intercept first, except for ``cox``.
    """

    capabilities = Capabilities(gradient=True)

    def __init__(self, family: str, covariates: Sequence[str], beta: np.ndarray) -> None:
        self.family, self.covariates = family, tuple(covariates)
        self.info = ModelInfo(
            id=f"clinic.federated.{family}", title=f"Federated {family} regression", backend="jax",
            scale="trial", doc="Regression whose coefficients were estimated over sites without moving rows.",
            citation="Li et al. 2016, doi:10.1093/jamia/ocv083",
        )  # fmt: skip
        self.inputs = Schema([Field(name) for name in self.covariates])
        self.outputs = Schema([_OUTPUT[family]])
        names = [
            *(["intercept"] if family != "cox" else []),
            *(f"beta.{n}" for n in self.covariates),
        ]
        self.params = Schema([Field(n, default=float(b)) for n, b in zip(names, beta, strict=True)])

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        import jax.numpy as jnp

        eta = sum(params[f"beta.{n}"] * batch[n] for n in self.covariates)
        eta = eta + (params["intercept"] if self.family != "cox" else 0.0)
        if self.family == "logistic":
            return {"probability": 1.0 / (1.0 + jnp.exp(-eta))}
        if self.family == "linear":
            return {"mean": eta}
        return {self.outputs.names[0]: jnp.exp(eta)}
