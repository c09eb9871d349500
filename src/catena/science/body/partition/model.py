"""The Models ``body.partition`` (tissue:plasma partition coefficients) and ``body.vss``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from catena.core.errors import RowFault
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Field, Schema
from catena.science.body.organs import DIM, ORGANS
from catena.science.body.partition.classes import ION_CLASSES, class_faults
from catena.science.body.partition.conventions import METHOD_NAMES, NO_ACID, NO_BASE

__all__ = ["PartitionModel", "VolumeModel", "partition_model", "vss_model"]

_LOGP_RANGE = (-3.0, 8.0)


def _organ_field(name: str, doc: str, unit: str = "", **parts: Any) -> Field:
    return Field(name, unit=unit, shape=(DIM,), labels=ORGANS, doc=doc, **parts)


_BLOOD = (
    Field(
        "blood_plasma_ratio",
        bounds=(0.0, 1000.0),
        low_open=True,
        default=1.0,
        doc="Blood:plasma concentration ratio; an acid kept out of red cells has 1 - hematocrit.",
    ),
    Field(
        "hematocrit",
        bounds=(0.1, 0.75),
        default=0.45,
        doc="Volume fraction of red cells.",
    ),
)


class PartitionModel(Model):
    """Tissue:plasma partition coefficients of a small molecule, by one of five named methods."""

    info = ModelInfo(
        id="body.partition",
        version="1.0.0",
        title="Tissue:plasma partition coefficients",
        scale="organ",
        backend="jax",
        doc=(
            "Partition coefficients of the sixteen organs from lipophilicity, pKa, plasma binding "
            "and B:P. Methods: rodgers_rowland, poulin_theil, berezhkovskiy, schmitt, "
            "pksim_standard. A basic pKa of 7 or more selects binding to acidic phospholipids "
            "(rodgers_rowland)."
        ),
        citation=(
            "Rodgers, Leahy and Rowland 2005, doi:10.1002/jps.20322; "
            "Rodgers and Rowland 2006, doi:10.1002/jps.20502; "
            "Poulin and Theil 2002, doi:10.1002/jps.10005; "
            "Berezhkovskiy 2004, doi:10.1002/jps.20073; "
            "Schmitt 2008, doi:10.1016/j.tiv.2007.09.010; "
            "Willmann, Lippert and Schmitt 2005, doi:10.1517/17425255.1.1.159"
        ),
        tags=("pbpk", "distribution"),
    )
    inputs = Schema(
        [
            Field("logp", bounds=(-10.0, 15.0), doc="log10 octanol:water of the uncharged form."),
            Field("pka_acid", bounds=(-5.0, 25.0), default=NO_ACID, doc="First acidic pKa; 20: no such group."),
            Field("pka_base", bounds=(-15.0, 20.0), default=NO_BASE, doc="First basic pKa; -10: no such group."),
            Field("pka_acid2", bounds=(-5.0, 25.0), default=NO_ACID, doc="Second acidic pKa; 20: no such group."),
            Field("pka_base2", bounds=(-15.0, 20.0), default=NO_BASE, doc="Second basic pKa; -10: no such group."),
            Field("fu_plasma", bounds=(0.0, 1.0), low_open=True, scale="log", doc="Unbound fraction in plasma."),
            *_BLOOD,
            Field("log_membrane_affinity", bounds=(-10.0, 15.0), optional=True,
                  doc="log10 membrane:water; absent: logP (pksim_standard) or 1.294 + 0.304 logP (schmitt)."),
            Field("method", kind="category", choices=METHOD_NAMES, default="rodgers_rowland", doc="Partition method."),
            Field("ion_class", kind="category", choices=ION_CLASSES, default="auto",
                  doc="Declared ionisation class; checked against the pKas (auto: no check)."),
        ]
    )  # fmt: skip
    outputs = Schema(
        [
            _organ_field("kp", "Tissue:plasma ratio of total concentrations."),
            _organ_field("kpu", "Tissue:unbound plasma ratio, kp / fu_plasma."),
            Field("binding_clipped", kind="boolean",
                  doc="A binding term came out negative (inputs contradict each other) and was set to 0."),
            Field("blood_ratio_clipped", kind="boolean",
                  doc="B:P is below 1 - hematocrit; red cells were taken to hold no drug."),
        ]
    )  # fmt: skip
    params = Schema(
        [Field("kp_scale", bounds=(0.0, 1000.0), low_open=True, default=1.0, scale="log",
               doc="Factor on all partition coefficients (the middle-out parameter).")]
    )  # fmt: skip
    capabilities = Capabilities(gradient=True, gpu=True)
    static_fields = ("method",)

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        from catena.science.body.partition.drug import Drug
        from catena.science.body.partition.ionisation import Groups
        from catena.science.body.partition.methods import partition
        from catena.science.body.partition.volume import red_cell_ratio

        groups = Groups(
            batch["pka_acid"], batch["pka_base"], batch["pka_acid2"], batch["pka_base2"]
        )
        drug = Drug(
            batch["logp"],
            batch["fu_plasma"],
            groups,
            batch["blood_plasma_ratio"],
            batch["hematocrit"],
            batch.get("log_membrane_affinity"),
        )
        result = partition(drug, batch["method"])
        _, clipped = red_cell_ratio(batch["blood_plasma_ratio"], batch["hematocrit"])
        kp = result.kp * params["kp_scale"]
        return {
            "kp": kp,
            "kpu": kp / batch["fu_plasma"][:, None],
            "binding_clipped": result.binding_clipped,
            "blood_ratio_clipped": clipped,
        }

    def example_inputs(self) -> dict[str, Any]:
        """Midazolam, propranolol, warfarin and caffeine: a weak and a strong base, acid, neutral."""
        return {
            "logp": [3.15, 3.48, 3.0, -0.07],
            "pka_acid": [NO_ACID, NO_ACID, 5.0, NO_ACID],
            "pka_base": [6.0, 9.5, NO_BASE, NO_BASE],
            "fu_plasma": [0.03, 0.13, 0.012, 0.65],
            "blood_plasma_ratio": [0.6, 0.87, 0.6, 1.0],
        }

    properties = MappingProxyType(
        {
            "kp is positive": lambda inputs, outputs: (outputs["kp"] > 0).all(axis=1),
            "kp is fu times kpu": lambda inputs, outputs: np.isclose(
                outputs["kp"], outputs["kpu"] * inputs["fu_plasma"][:, None], rtol=1e-9
            ).all(axis=1),
        }
    )

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        return class_faults(batch)

    def _domain(self, batch: Mapping[str, Any]) -> np.ndarray:
        low, high = _LOGP_RANGE
        inside = (np.asarray(batch["logp"]) >= low) & (np.asarray(batch["logp"]) <= high)
        return np.broadcast_to(inside, (batch.size,))  # type: ignore[attr-defined]

    def _diagnose(
        self, batch: Mapping[str, Any], values: dict[str, Any]
    ) -> tuple[dict[str, Any], list[RowFault]]:
        messages = {
            "blood_ratio_clipped": "B:P is below 1 - hematocrit: red cells taken to hold no drug",
            "binding_clipped": "negative binding term set to 0: fu, B:P and logP disagree",
        }
        warnings = []
        for name, text in messages.items():
            rows = np.flatnonzero(values[name])
            if len(rows):
                shown = ", ".join(str(row) for row in rows[:5]) + (", ..." if len(rows) > 5 else "")
                warnings.append(f"{text} (rows {shown}; {len(rows)} in all)")
        return {"warnings": warnings}, []


class VolumeModel(Model):
    """Volume of distribution at steady state; takes the ports of body.partition and physiology."""

    info = ModelInfo(
        id="body.vss",
        version="1.0.0",
        title="Volume of distribution at steady state",
        scale="body",
        backend="jax",
        doc="Vss = plasma + red cells * EP + sum of organ volume * Kp, EP = (B:P - (1 - Hct)) / Hct.",
        citation="Poulin and Theil 2002, doi:10.1002/jps.10005",
        tags=("pbpk", "distribution"),
    )
    inputs = Schema(
        [
            _organ_field("kp", "Tissue:plasma ratio.", bounds=(0.0, None), scale="log"),
            _organ_field("organ_volume", "Organ volumes without blood.", "L", bounds=(0.0, None)),
            Field("arterial_volume", unit="L", bounds=(0.0, None), doc="Arterial blood."),
            Field("venous_volume", unit="L", bounds=(0.0, None), doc="Venous blood."),
            Field("weight", unit="kg", bounds=(0.0, None), low_open=True, doc="Body weight."),
            *_BLOOD,
        ]
    )
    outputs = Schema(
        [
            Field("vss", unit="L", doc="Volume of distribution at steady state (plasma)."),
            Field("vss_per_weight", unit="L/kg", doc="The same per body weight."),
        ]
    )
    capabilities = Capabilities(gradient=True, gpu=True)

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        from catena.science.body.partition.volume import steady_state_volume

        blood = batch["arterial_volume"] + batch["venous_volume"]
        volume = steady_state_volume(
            batch["kp"],
            batch["organ_volume"],
            blood,
            batch["blood_plasma_ratio"],
            batch["hematocrit"],
        )
        return {"vss": volume, "vss_per_weight": volume / batch["weight"]}

    properties = MappingProxyType(
        {
            "Vss is at least the plasma volume": lambda inputs, outputs: (
                outputs["vss"] * (1 + 1e-9)
                >= (inputs["arterial_volume"] + inputs["venous_volume"])
                * (1 - inputs["hematocrit"])
            ),
        }
    )


partition_model = PartitionModel()
vss_model = VolumeModel()
