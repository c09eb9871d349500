"""From microsomal clearance in vitro to hepatic clearance in vivo."""

from __future__ import annotations

from typing import Any

from catena.core.function import model


@model(
    id="bridge.ivive.hepatic",
    inputs="clint_mic [uL/min/mg] >= 0, mppgl [mg/g] in 1..200 = 40, "
    "liver_weight [g] in 10..5000 = 1800, fu in 0..1, fu_mic > 0 = 1, "
    "blood_flow [L/h] in 0.1..500 = 90",
    outputs="hepatic_clearance [L/h] >= 0",
    backend="jax",
    title="Hepatic clearance from microsomes (well-stirred liver)",
    scale="bridge",
    citation="Houston, Biochem. Pharmacol. 47 (1994) 1469, doi:10.1016/0006-2952(94)90520-7; "
    "Pang and Rowland, J. Pharmacokinet. Biopharm. 5 (1977) 625, doi:10.1007/BF01059688; "
    "defaults: Barter et al., Curr. Drug Metab. 8 (2007) 33, doi:10.2174/138920007779315053",
    tags=("ivive", "liver", "clearance"),
)
def hepatic(
    clint_mic: Any, mppgl: Any, liver_weight: Any, fu: Any, fu_mic: Any, blood_flow: Any
) -> dict[str, Any]:
    """Scale microsomal clearance by protein and liver mass into the well-stirred model.

    CLint = clint_mic / fu_mic * mppgl * liver_weight; CLh = Q fu CLint / (Q + fu CLint), with fu
    the free fraction in blood.
    """
    litres_per_hour = 60e-6
    clint = clint_mic / fu_mic * mppgl * liver_weight * litres_per_hour
    return {"hepatic_clearance": blood_flow * fu * clint / (blood_flow + fu * clint)}
