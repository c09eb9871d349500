"""The 30-state model once more, in scalars: as SBML, CasADi SX and a numba right-hand side.

One scalar transcription serves all peers. Fed with symbols of CasADi it becomes their graph; fed
with ``Text`` it becomes formulas, from which SBML and the source of a numba function are written.
Nothing here uses JAX; a test compares all forms with the JAX right-hand side.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from benchmarks.ode.pbpk30 import (
    ARTERIAL_VOLUME,
    BLOOD,
    DRAINED,
    FED,
    FLOW,
    GUT,
    KIDNEY,
    KP,
    LIVER,
    LUNG,
    NAMES,
    PERMEABILITY,
    PORTAL,
    STATES,
    TISSUES,
    VENOUS_VOLUME,
    VOLUME,
    start,
)

Keep = Callable[[str, Any], Any]
COUNT = len(TISSUES)


def slopes(y: Sequence[Any], p: Sequence[Any], keep: Keep) -> list[Any]:
    """Return the 30 slopes in mg/h for scalars of any algebra.

    Args:
        y: Amounts in the order of ``STATES``.
        p: Parameters in the order of ``NAMES``.
        keep: Called with a name and a value used more than once; returns how to refer to it.
    """
    q = dict(zip(NAMES, p, strict=True))
    arterial = keep("arterial", y[2 * COUNT] / (ARTERIAL_VOLUME * q["size"]))
    venous = keep("venous", y[2 * COUNT + 1] / (VENOUS_VOLUME * q["size"]))
    stomach, lumen = y[2 * COUNT + 2], y[2 * COUNT + 3]
    out, crossing, blood, free = [], [], [], []
    for i, name in enumerate(TISSUES):
        volume = float(VOLUME[i])
        leaving = float(FLOW[i]) + (sum(float(FLOW[j]) for j in PORTAL) if i == LIVER else 0.0)
        scaled = volume * (1 - float(BLOOD[i])) * float(KP[i])
        blood.append(keep(f"blood_{name}", y[i] / (volume * float(BLOOD[i]) * q["size"])))
        free.append(keep(f"free_{name}", y[COUNT + i] / (scaled * q["size"] * q["affinity"])))
        speed = float(PERMEABILITY[i] * FLOW[i]) * q["flow"] * q["permeability"]
        crossing.append(speed * (blood[i] - free[i]))
        out.append(leaving * q["flow"] * blood[i])
    vessels, cells = [], []
    for i in range(COUNT):
        supply = float(FLOW[i]) * q["flow"] * (venous if i == LUNG else arterial)
        if i == LIVER:
            for j in PORTAL:
                supply = supply + out[j]
        vessels.append(supply - out[i] - crossing[i])
        cells.append(crossing[i])
    vessels[KIDNEY] = vessels[KIDNEY] - q["renal"] * q["unbound"] * blood[KIDNEY]
    unbound = keep("unbound_liver", q["unbound"] * free[LIVER])
    cells[LIVER] = cells[LIVER] - q["vmax"] * unbound / (q["km"] + unbound)
    cells[GUT] = cells[GUT] + q["absorption"] * lumen
    into_tissues = sum(float(FLOW[i]) for i in FED)
    returned = out[DRAINED[0]]
    for i in DRAINED[1:]:
        returned = returned + out[i]
    return [
        *vessels,
        *cells,
        out[LUNG] - into_tissues * q["flow"] * arterial,
        returned - float(FLOW[LUNG]) * q["flow"] * venous,
        -1.0 * q["emptying"] * stomach,
        q["emptying"] * stomach - q["absorption"] * lumen,
    ]


class Text:
    """A formula under construction; arithmetic makes longer formulas."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _join(self, other: Any, sign: str, swapped: bool = False) -> Text:
        mine, its = self.text, other.text if isinstance(other, Text) else repr(float(other))
        return Text(f"({its} {sign} {mine})" if swapped else f"({mine} {sign} {its})")

    def __add__(self, other: Any) -> Text:
        return self._join(other, "+")

    def __sub__(self, other: Any) -> Text:
        return self._join(other, "-")

    def __mul__(self, other: Any) -> Text:
        return self._join(other, "*")

    def __truediv__(self, other: Any) -> Text:
        return self._join(other, "/")

    def __rmul__(self, other: Any) -> Text:
        return self._join(other, "*", swapped=True)


@cache
def formulas() -> tuple[dict[str, str], dict[str, str]]:
    """Return intermediate values and slopes as formulas by name; states are named as in STATES."""
    kept: dict[str, str] = {}

    def keep(name: str, value: Text) -> Text:
        kept[f"c_{name}"] = value.text
        return Text(f"c_{name}")

    out = slopes([Text(name) for name in STATES], [Text(f"p_{name}") for name in NAMES], keep)
    return kept, {name: value.text for name, value in zip(STATES, out, strict=True)}


def sbml() -> str:
    """Return the model as SBML level 3 (rate rules), parameters ``p_*`` at typical values."""
    import libsbml

    from benchmarks.ode.pbpk30 import PARAMETERS

    document = libsbml.SBMLDocument(3, 1)
    model = document.createModel()
    model.setId("pbpk30")
    kept, rates = formulas()
    values = dict(zip(STATES, start(), strict=True))
    values |= {f"p_{name}": value for name, (_, value, _) in PARAMETERS.items()}
    for name in (*values, *kept):
        parameter = model.createParameter()
        parameter.setId(name)
        parameter.setConstant(name.startswith("p_"))
        if name in values:
            parameter.setValue(float(values[name]))
    for name, formula in (*kept.items(), *rates.items()):
        rule = model.createRateRule() if name in rates else model.createAssignmentRule()
        rule.setVariable(name)
        rule.setMath(libsbml.parseL3Formula(formula))
    return str(libsbml.writeSBMLToString(document))


def casadi_slopes() -> tuple[Any, Any, Any]:
    """Return symbols of states and parameters and the slopes as CasADi SX vectors."""
    import casadi

    y, p = casadi.SX.sym("y", len(STATES)), casadi.SX.sym("p", len(NAMES))
    out = slopes(casadi.vertsplit(y), casadi.vertsplit(p), lambda _, value: value)
    return y, p, casadi.vertcat(*out)


@cache
def python_slopes() -> Callable[[Any, Any, Any], None]:
    """Return ``fill(y, p, dy)`` as a plain Python function of NumPy arrays, unrolled."""
    kept, rates = formulas()
    lines = ["def fill(y, p, dy):"]
    lines += [f"    {name} = y[{i}]" for i, name in enumerate(STATES)]
    lines += [f"    p_{name} = p[{i}]" for i, name in enumerate(NAMES)]
    lines += [f"    {name} = {formula}" for name, formula in kept.items()]
    lines += [f"    dy[{i}] = {formula}" for i, formula in enumerate(rates.values())]
    space: dict[str, Any] = {}
    exec("\n".join(lines), space)
    fill: Callable[[Any, Any, Any], None] = space["fill"]
    return fill


@cache
def numba_slopes() -> Callable[[Any, Any, Any], None]:
    """Return ``python_slopes`` compiled by numba."""
    import numba

    compiled: Callable[[Any, Any, Any], None] = numba.njit(python_slopes())
    return compiled
