"""The Model ``body.clearance``: in-vitro kinetics and an individual's organs to clearances."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from catena.core.errors import RowFault
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Schema
from catena.science.body.clearance.ports import INPUTS, OUTPUTS, PARAMS
from catena.science.body.organs import PORTAL, organ_index, organ_indices

__all__ = ["ClearanceModel", "clearance_model"]

Values = Mapping[str, Any]


class ClearanceModel(Model):
    """Whole-organ clearances of liver, gut wall and kidney from in-vitro kinetics."""

    info = ModelInfo(
        id="body.clearance",
        version="1.0.0",
        title="Clearance from in-vitro kinetics",
        scale="organ",
        backend="jax",
        doc=(
            "Scales hepatocyte, microsomal and recombinant kinetics to the liver and gut wall of an "
            "individual. Give every pathway in one system only: values from several systems add "
            "up. Liver models: well_stirred, parallel_tube, dispersion, extended. Hepatic, renal "
            "and total clearance refer to the unbound concentration in conc_liver (0: linear)."
        ),
        citation=(
            "Austin 2002, doi:10.1124/dmd.30.12.1497; Kilford 2008, doi:10.1124/dmd.108.020834; "
            "Barter 2007, doi:10.2174/138920007779315053; "
            "Yang 2007, doi:10.2174/138920007782109805; "
            "Roberts and Rowland 1986, J Pharmacokinet Biopharm 14:261"
        ),
        tags=("pbpk", "ivive", "clearance"),
    )
    inputs: Schema = INPUTS
    outputs: Schema = OUTPUTS
    params: Schema = PARAMS
    capabilities = Capabilities(gradient=True, gpu=True)
    static_fields = ("liver_model",)

    def _predict(self, batch: Values, params: Values, key: Any) -> Mapping[str, Any]:
        from catena.science.body.clearance.individual import individual_clearance

        return individual_clearance(batch, params)

    properties = MappingProxyType(
        {
            "hepatic availability is in 0..1": lambda inputs, outputs: (
                (outputs["hepatic_availability"] >= 0) & (outputs["hepatic_availability"] <= 1)
            ),
            "gut availability is in 0..1": lambda inputs, outputs: (
                (outputs["gut_availability"] > 0) & (outputs["gut_availability"] <= 1)
            ),
            "renal clearance is filtration at least": lambda inputs, outputs: (
                outputs["renal_clearance"] * (1 + 1e-9)
                >= inputs["gfr"] * inputs["fu_plasma"] * (1 - inputs["reabsorbed"])
            ),
        }
    )

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        flow = np.asarray(batch["organ_flow"])
        rows = np.flatnonzero(
            (flow[:, organ_index("liver")] + flow[:, list(organ_indices(PORTAL))].sum(axis=1)) <= 0
        )
        single = len(flow) == 1
        return [
            RowFault(-1 if single else int(row), "organ_flow", "no blood reaches the liver")
            for row in rows
        ]


clearance_model = ClearanceModel()
