"""Test functions of surrogates, with the ranges of their sources, and an exposure computed by PBPK."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import catena
from catena.core.chain import Chain
from catena.core.function import model
from catena.core.model import Model


@dataclass(frozen=True)
class Problem:
    """What is to be replaced, over what, and how well.

    Args:
        make: Returns the model.
        of: Output.
        target: NRMSE asked for.
        over: Ranges; those the model declares by default.
        given: Values of other inputs.
    """

    make: Callable[[], Model]
    of: str
    target: float
    over: dict[str, str] = field(default_factory=dict)
    given: Callable[[], dict[str, Any]] = dict

    def ranges(self) -> dict[str, Any]:
        """Return what varies, as ``surrogate`` takes it."""
        return self.over or dict.fromkeys(self.make().inputs.names)


@model(
    id="bench.ishigami",
    inputs="x1 in -3.141592653589793..3.141592653589793, x2 in -3.141592653589793..3.141592653589793, "
    "x3 in -3.141592653589793..3.141592653589793",
    outputs="y",
    backend="numpy",
    citation="Ishigami and Homma 1990, doi:10.1109/ISUMA.1990.151285",
)
def ishigami(x1: Any, x2: Any, x3: Any) -> dict[str, Any]:
    """Additive and interacting sines with a fourth power; a = 7, b = 0.1."""
    return {"y": np.sin(x1) + 7.0 * np.sin(x2) ** 2 + 0.1 * x3**4 * np.sin(x1)}


@model(
    id="bench.borehole",
    inputs="rw in 0.05..0.15, r in 100..50000, tu in 63070..115600, hu in 990..1110, "
    "tl in 63.1..116, hl in 700..820, length in 1120..1680, kw in 9855..12045",
    outputs="y",
    backend="numpy",
    citation="Morris, Mitchell and Ylvisaker 1993, doi:10.1080/00401706.1993.10485320",
)
def borehole(
    rw: Any, r: Any, tu: Any, hu: Any, tl: Any, hl: Any, length: Any, kw: Any
) -> dict[str, Any]:
    """Flow of water through a borehole."""
    ratio = np.log(r / rw)
    return {
        "y": 2
        * np.pi
        * tu
        * (hu - hl)
        / (ratio * (1 + 2 * length * tu / (ratio * rw**2 * kw) + tu / tl))
    }


@model(
    id="bench.wing_weight",
    inputs="sw in 150..200, wfw in 220..300, a in 6..10, sweep in -10..10, q in 16..45, taper in 0.5..1, "
    "tc in 0.08..0.18, nz in 2.5..6, wdg in 1700..2500, wp in 0.025..0.08",
    outputs="y",
    backend="numpy",
    citation="Forrester, Sobester and Keane 2008, Engineering Design via Surrogate Modelling, 1.4",
)
def wing_weight(
    sw: Any, wfw: Any, a: Any, sweep: Any, q: Any, taper: Any, tc: Any, nz: Any, wdg: Any, wp: Any
) -> dict[str, Any]:
    """Weight of a light aircraft's wing."""
    cosine = np.cos(np.deg2rad(sweep))
    body = 0.036 * sw**0.758 * wfw**0.0035 * (a / cosine**2) ** 0.6 * q**0.006 * taper**0.04
    return {"y": body * (100 * tc / cosine) ** -0.3 * (nz * wdg) ** 0.49 + sw * wp}


@model(
    id="bench.otl",
    inputs="rb1 in 50..150, rb2 in 25..70, rf in 0.5..3, rc1 in 1.2..2.5, rc2 in 0.25..1.2, "
    "beta in 50..300",
    outputs="y",
    backend="numpy",
    citation="Ben-Ari and Steinberg 2007, doi:10.1080/08982110701580930",
)
def otl(rb1: Any, rb2: Any, rf: Any, rc1: Any, rc2: Any, beta: Any) -> dict[str, Any]:
    """Mid-point voltage of an output-transformerless push-pull circuit."""
    vb1 = 12 * rb2 / (rb1 + rb2)
    gain = beta * (rc2 + 9)
    total = gain + rf
    return {
        "y": (vb1 + 0.74) * gain / total + 11.35 * rf / total + 0.74 * rf * gain / (total * rc1)
    }


def pbpk_exposure() -> Model:
    """Return whole-body PBPK with partition coefficients from lipophilicity, and its exposure."""
    exposure = catena.load("body.exposure").at(terminal="flagged")
    return Chain(
        {"partition": "body.partition", "pbpk": "body.pbpk", "exposure": exposure},
        id="bench.pbpk_exposure",
        edges=["partition.kp -> pbpk.kp", "pbpk.plasma -> exposure.concentration"],
        inputs={
            "fu_plasma": ["partition.fu_plasma", "pbpk.fu_plasma"],
            "blood_plasma_ratio": ["partition.blood_plasma_ratio", "pbpk.blood_plasma_ratio"],
            "time": ["pbpk.time", "exposure.time"],
        },
        outputs={"auc": "exposure.auc_last", "plasma": "pbpk.plasma"},
    )


def reference_man() -> dict[str, Any]:
    """Return an adult, 100 mg by mouth, and the times of the samples."""
    person = catena.load("body.physiology").predict(
        sex="male", age=30.0, height=176.0, weight=73.0, serum_creatinine=0.9
    )
    shared = ("organ_volume", "organ_flow", "arterial_volume", "venous_volume")
    return {
        **{name: np.asarray(person[name])[0] for name in shared},
        "molar_mass": 350.0, "dose": 100.0, "route": "oral", "pka_base": 7.0,
        "events": [{"time": 0.0, "amt": 100.0, "cmt": "oral"}],
        "time": [0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 18.0, 24.0],
    }  # fmt: skip


#: One compound after its in-vitro data: seven inputs known within factors of 4 to 10, or to +-50 %.
PBPK_RANGES = {
    "logp": "1..3", "fu_plasma": "log 0.05..0.2", "clint_liver": "log 10..100 L/h",
    "clint_gut": "log 0.3..3 L/h", "peff": "log 5e-5..5e-4 cm/s", "gfr": "3..9 L/h",
    "gastric_emptying": "1..8 1/h",
}  # fmt: skip
#: Any small molecule: ranges of factors 25 to 100.
WIDE_RANGES = {
    **PBPK_RANGES, "logp": "0..4", "fu_plasma": "log 0.02..0.5", "clint_liver": "log 5..500 L/h",
    "clint_gut": "log 0.1..10 L/h", "peff": "log 2e-5..1e-3 cm/s",
}  # fmt: skip

PROBLEMS: dict[str, Problem] = {
    "ishigami": Problem(lambda: ishigami, "y", 0.02),
    "borehole": Problem(lambda: borehole, "y", 0.01),
    "wing weight": Problem(lambda: wing_weight, "y", 0.01),
    "OTL circuit": Problem(lambda: otl, "y", 0.01),
    "PBPK AUC": Problem(pbpk_exposure, "auc", 0.01, PBPK_RANGES, reference_man),
}
#: Beyond what is asked for: wide ranges, where an honest refusal is the right answer.
WIDE = Problem(pbpk_exposure, "auc", 0.01, WIDE_RANGES, reference_man)
