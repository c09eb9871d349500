"""The Model body.exposure: non-compartmental analysis of concentration-time profiles.

A terminal slope cannot always be estimated (too few points after the peak, no fall, a poor fit).
What then happens is chosen by the parameter ``terminal``, never silent:

* ``required`` (default): the row is a fault with its reason.  ``predict`` raises, or with
  ``on_error="skip"`` drops the row and says why in its status; unchecked evaluation gives nan.
* ``flagged``: the row is kept with ``lambda_z_ok`` false; nothing is extrapolated, so ``auc_inf``
  is ``auc_last`` (a lower bound), clearance, MRT and Vss come from the observed part alone, and
  ``lambda_z``, ``half_life`` and ``vz`` are 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import RowFault
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Field, Schema

if TYPE_CHECKING:
    from jax import Array

__all__ = ["ROUTES", "Exposure", "exposure"]

ROUTES: tuple[str, ...] = ("iv", "oral", "infusion")
"""Category order of the port ``route``: intravenous bolus, oral, intravenous infusion."""

_ORAL, _INFUSION = ROUTES.index("oral"), ROUTES.index("infusion")

INPUTS = Schema(
    [
        Field("time", unit="h", shape=("time",), bounds=(0.0, None), doc="times after the dose"),
        Field(
            "concentration",
            unit="mg/L",
            shape=("time",),
            bounds=(0.0, None),
            doc="concentrations; 0 is below the limit of quantification",
        ),
        Field("dose", unit="mg", bounds=(0.0, None), low_open=True, doc="dose given at time 0"),
        Field(
            "route", kind="category", choices=ROUTES, default="iv", doc="bolus, oral or infusion"
        ),
        Field(
            "infusion_duration",
            unit="h",
            default=0.0,
            bounds=(0.0, None),
            doc="duration of the infusion; 0 for the other routes",
        ),
    ]
)

OUTPUTS = Schema(
    [
        Field("auc_last", unit="mg*h/L", doc="area to the last positive concentration"),
        Field("auc_inf", unit="mg*h/L", doc="area to infinity"),
        Field("auc_extrapolated", doc="share of auc_inf that is extrapolated"),
        Field("cmax", unit="mg/L", doc="highest concentration given"),
        Field("tmax", unit="h", doc="its (first) time"),
        Field("c0", unit="mg/L", doc="concentration at time 0: back-extrapolated after a bolus"),
        Field("c_last", unit="mg/L", doc="last positive concentration"),
        Field("t_last", unit="h", doc="its time"),
        Field("lambda_z", unit="1/h", doc="terminal rate constant"),
        Field("half_life", unit="h", doc="terminal half-life"),
        Field("clearance", unit="L/h", doc="dose / auc_inf: CL, or CL/F after an oral dose"),
        Field("mrt", unit="h", doc="mean residence time (oral: with the mean absorption time)"),
        Field("vss", unit="L", doc="clearance x mrt; oral: apparent, an upper bound of Vss/F"),
        Field("vz", unit="L", doc="terminal volume clearance / lambda_z (oral: Vz/F)"),
        Field("r2_adjusted", doc="adjusted R2 of the terminal fit"),
        Field("lambda_z_points", kind="integer", doc="points in the terminal fit"),
        Field("lambda_z_ok", kind="boolean", doc="whether the terminal slope is estimable"),
    ]
)

PARAMS = Schema(
    [
        Field(
            "r2_minimum",
            default=0.8,
            bounds=(0.0, 1.0),
            doc="adjusted R2 below which a terminal slope does not count as estimated",
        ),
        Field(
            "quantification_limit",
            unit="mg/L",
            default=0.0,
            bounds=(0.0, None),
            doc="concentrations below it count as 0",
        ),
        Field(
            "terminal",
            kind="category",
            choices=("required", "flagged"),
            default="required",
            doc="what to do with rows whose terminal slope is not estimable",
        ),
    ]
)

_EXTRAPOLATED = ("auc_inf", "auc_extrapolated", "clearance", "mrt", "vss")
_TERMINAL = ("lambda_z", "half_life", "vz")


def _observed(batch: Mapping[str, Any], limit: Any) -> dict[str, Array]:
    """What needs no extrapolation, with the profile cleaned and begun at time zero."""
    import jax.numpy as jnp

    from catena.science.body.exposure import nca

    route = batch["route"]
    time = batch["time"] + jnp.zeros_like(batch["concentration"])
    given = batch["concentration"]
    conc = jnp.where(given >= jnp.maximum(limit, 0.0), given, 0.0)
    positive = conc > 0
    any_positive = jnp.any(positive, axis=1)
    last = conc.shape[1] - 1 - jnp.argmax(positive[:, ::-1], axis=1)
    last = jnp.where(any_positive, last, 0)
    peak = jnp.argmax(conc, axis=1)
    bolus = (route != _ORAL) & (route != _INFUSION)
    start = jnp.where(bolus, nca.back_extrapolated(time, conc), 0.0)
    # A bolus sampled at time 0 before it was given reads 0 there: the start value replaces it.
    at_zero = bolus & (time[:, 0] == 0.0) & (conc[:, 0] == 0.0)
    filled = conc.at[:, 0].set(jnp.where(at_zero, start, conc[:, 0]))
    times = jnp.concatenate([jnp.zeros_like(time[:, :1]), time], axis=1)
    concs = jnp.concatenate([start[:, None], filled], axis=1)
    use = jnp.arange(times.shape[1])[None, :] <= last[:, None] + 1
    auc, aumc = nca.areas(times, concs, use & any_positive[:, None])
    fit = nca.terminal_slope(time, conc, jnp.where(bolus, peak, peak + 1))

    def pick(values: Array, index: Array) -> Array:
        return jnp.take_along_axis(values, index[:, None], axis=1)[:, 0]

    return {
        "auc": auc,
        "aumc": aumc,
        "cmax": pick(conc, peak),
        "tmax": pick(time, peak),
        "c0": jnp.where(time[:, 0] > 0.0, start, concs[:, 1]),
        "c_last": pick(conc, last),
        "t_last": jnp.where(any_positive, pick(time, last), 0.0),
        "rate": fit.rate,
        "r2": fit.r2,
        "points": fit.points,
        "found": fit.found,
        "any": any_positive,
    }


def _extrapolate(
    seen: Mapping[str, Array], ok: Array, batch: Mapping[str, Any]
) -> dict[str, Array]:
    """What rests on the terminal slope; nothing is extrapolated where it is not estimable."""
    import jax.numpy as jnp

    tail = jnp.where(ok, seen["c_last"] / seen["rate"], 0.0)
    tail_moment = tail * (seen["t_last"] + 1.0 / seen["rate"])
    auc = seen["auc"] + tail
    safe = jnp.where(auc > 0, auc, 1.0)
    duration = jnp.where(batch["route"] == _INFUSION, batch["infusion_duration"], 0.0)
    mrt = (seen["aumc"] + tail_moment) / safe - duration / 2.0
    clearance = batch["dose"] / safe
    return {
        "auc_inf": auc,
        "auc_extrapolated": tail / safe,
        "clearance": clearance,
        "mrt": mrt,
        "vss": clearance * mrt,
        "lambda_z": jnp.where(ok, seen["rate"], 0.0),
        "half_life": jnp.where(ok, jnp.log(2.0) / seen["rate"], 0.0),
        "vz": jnp.where(ok, clearance / seen["rate"], 0.0),
    }


class Exposure(Model):
    """Non-compartmental analysis: areas, peak, terminal half-life, clearance, volumes, MRT.

    Areas are linear up and logarithmic down, to the last positive concentration, from time 0: a
    bolus is extrapolated back log-linearly, other routes start at 0.  The terminal fit uses three
    or more points after the peak (from the peak on, after a bolus) and the best adjusted R2.  MRT
    after an infusion is less half its duration.

    Raises:
        InputError: times not increasing, fewer than two times, an infusion without duration.
        SolverError: a row has no estimable terminal slope (parameter ``terminal`` = required), or
            no positive concentration at all.

    Source: Gabrielsson and Weiner (2012), doi:10.1007/978-1-62703-050-2_16.
    """

    info = ModelInfo(
        id="body.exposure",
        version="0.1.0",
        title="Exposure (non-compartmental analysis)",
        scale="organism",
        backend="jax",
        doc="AUC, Cmax, half-life, clearance and volumes from a concentration-time profile.",
        citation="Gabrielsson and Weiner 2012, doi:10.1007/978-1-62703-050-2_16",
        tags=("pharmacokinetics", "nca"),
    )
    inputs = INPUTS
    outputs = OUTPUTS
    params = PARAMS
    capabilities = Capabilities(gradient=True, gpu=True)

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> dict[str, Any]:
        import jax.numpy as jnp

        seen = _observed(batch, params["quantification_limit"])
        ok = seen["found"] & (seen["r2"] >= params["r2_minimum"])
        derived = _extrapolate(seen, ok, batch)
        keep = ok if params["terminal"] == "required" else seen["any"]
        named = _EXTRAPOLATED + _TERMINAL
        return {
            "auc_last": seen["auc"],
            "cmax": seen["cmax"],
            "tmax": seen["tmax"],
            "c0": seen["c0"],
            "c_last": seen["c_last"],
            "t_last": seen["t_last"],
            "r2_adjusted": seen["r2"],
            "lambda_z_points": seen["points"].astype(int),
            "lambda_z_ok": ok,
            **{name: jnp.where(keep, derived[name], jnp.nan) for name in named},
        }

    def example_inputs(self) -> dict[str, Any]:
        """Return a one-compartment profile after an oral dose, for the contract suite."""
        time = np.linspace(0.0, 24.0, 25)
        return {
            "time": time,
            "concentration": np.exp(-0.2 * time) - np.exp(-1.5 * time),
            "dose": 100.0,
        }

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        time = np.asarray(batch["time"])
        faults = [
            RowFault(int(row) if len(time) > 1 else -1, "time", "times must increase strictly")
            for row in np.flatnonzero((np.diff(time, axis=1) <= 0).any(axis=1))
        ]
        if time.shape[1] < 2:
            faults.append(RowFault(-1, "time", "a profile has at least two times"))
        route, duration = np.broadcast_arrays(batch["route"], batch["infusion_duration"])
        faults += [
            RowFault(int(row) if len(route) > 1 else -1, "infusion_duration", why)
            for wrong, why in (
                ((route == _INFUSION) & (duration <= 0), "an infusion needs a duration > 0"),
                ((route != _INFUSION) & (duration > 0), "only an infusion has a duration"),
            )
            for row in np.flatnonzero(wrong)
        ]
        return faults

    def _diagnose(
        self, batch: Mapping[str, Any], values: dict[str, Any]
    ) -> tuple[dict[str, Any], list[RowFault]]:
        ok, peak = np.asarray(values["lambda_z_ok"]), np.asarray(values["cmax"])
        required = self.param_values["terminal"] == "required"
        faults = [
            RowFault(
                int(row), "lambda_z" if peak[row] > 0 else "concentration", self._why(values, row)
            )
            for row in np.flatnonzero(~ok if required else peak <= 0)
        ]
        return {"not_estimable": int(np.sum(~ok))}, faults

    def _why(self, values: Mapping[str, Any], row: Any) -> str:
        """Say why a row's terminal slope is not estimable."""
        if values["cmax"][row] <= 0:
            return "no concentration is positive"
        if values["lambda_z_points"][row] == 0:
            return "no terminal slope: fewer than three positive points after the peak, or no fall"
        limit = self.param_values["r2_minimum"]
        return f"terminal slope too poor: adjusted R2 {values['r2_adjusted'][row]:.3f} < {limit:g}"


exposure = Exposure()
