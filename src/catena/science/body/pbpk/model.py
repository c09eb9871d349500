"""Whole-body PBPK Models: ``body.pbpk`` and its variants.

A drug in a person is described by ports that the other body Models deliver: organs and flows
(``body.physiology``), partition coefficients (``body.partition``), intrinsic clearances
(``body.clearance``).  Doses come as an event table whose ``cmt`` is ``iv`` (bolus, or infusion with
``rate``), ``oral`` (solution) or ``tablet`` (dissolves first).

    ports = bottom_up("midazolam")                  # from the compound card, nothing fitted
    events = [{"time": 0, "amt": "7.5 mg", "cmt": "oral"}]
    result = pbpk.predict(**ports, time=np.linspace(0, 24, 97), events=events)
    result["plasma"], result["recovered"]           # mg/L, and the 7.5 mg again

Variants, all from :func:`build`:

* ``body.pbpk``: perfusion-limited tissues, Michaelis-Menten elimination, well-stirred liver;
* ``body.pbpk.linear``: the same at low concentration, solved exactly by the matrix exponential;
* ``body.pbpk.permeability``: cells behind a membrane, for large or very polar molecules;
* ``body.pbpk.segments``: anatomical gut of Thelen et al. with specific permeabilities (PK-Sim).
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

from catena.core.model import ModelInfo
from catena.numerics.ode import OdeSystem, SolverSettings
from catena.science.body.pbpk.equations import Equations
from catena.science.body.pbpk.gut import gut
from catena.science.body.pbpk.ports import outputs, parameters, states

__all__ = ["DOSES", "build", "linear", "pbpk", "permeability", "segments"]

DOSES = ("iv", "oral", "tablet")
"""Where doses enter: venous blood, dissolved in the stomach, undissolved in the stomach."""

_CITATION = (
    "Nestorov 2003, doi:10.1023/A:1025509420459; "
    "Jones and Rowland-Yeo 2013, doi:10.1038/psp.2013.41; "
    "Yu and Amidon 1999, doi:10.1016/S0378-5173(99)00147-7; "
    "Yang 2007, doi:10.2174/138920007782109805; Thelen 2012, doi:10.1002/jps.22825"
)


def build(
    variant: str = "",
    *,
    liver: Literal["well_stirred", "parallel_tube", "dispersion"] = "well_stirred",
    saturable: bool = True,
    limited: bool = False,
    anatomy: Literal["yu_amidon", "thelen"] = "yu_amidon",
    settings: SolverSettings | None = None,
) -> OdeSystem:
    """One variant of the whole-body system.

    Args:
        variant: Last part of the id, ``body.pbpk.<variant>``; empty for ``body.pbpk`` itself.
        liver: How blood and hepatocytes meet (Pang and Rowland 1977; Roberts and Rowland 1986).
        saturable: Michaelis-Menten elimination; False makes the system linear and exactly solved.
        limited: Permeability-limited tissues, which need the port ``permeability``.
        anatomy: Gut anatomy and with it the meaning of ``peff``: ``yu_amidon`` takes an effective
            permeability on a smooth tube, ``thelen`` a specific one on the real surface.
        settings: Solver settings.

    Returns:
        The Model.

    Raises:
        InputError: the anatomy is unknown.
        SchemaError: the liver model is unknown.
    """
    equations, bowel = Equations(liver, saturable, limited), gut(anatomy)
    words = [
        "permeability-limited" if limited else "perfusion-limited",
        "saturable" if saturable else "linear",
        liver.replace("_", "-") + " liver",
    ]
    return OdeSystem(
        info=ModelInfo(
            id="body.pbpk" + (f".{variant}" if variant else ""),
            version="1.0.0",
            title="Whole-body PBPK: " + ", ".join(words),
            scale="body",
            backend="jax",
            doc=(
                "Drug amounts in sixteen organs, two blood pools, gut lumen and gut wall after "
                "intravenous or oral doses; portal circulation, gut-wall and hepatic metabolism, "
                "filtration and secretion. Metabolism outside liver and gut wall, active transport "
                "and enterohepatic circulation are not described."
            ),
            citation=_CITATION,
            tags=("pbpk", "pharmacokinetics", "absorption"),
        ),
        states=states(bowel, limited),
        parameters=parameters(bowel, limited),
        rhs=equations.rhs,
        outputs=outputs(),
        output=equations.outputs,
        doses=DOSES,
        linear=not saturable,
        settings=settings or SolverSettings(atol=1e-10),
    )


def _example(compound: str) -> dict[str, Any]:
    """Inputs for the contract suite: a compound of the cards in the reference man, by mouth."""
    from catena.science.body.pbpk.bottom_up import bottom_up

    time = [0.0, 0.5, 1.0, 2.0, 4.0, 8.0]
    return {
        **bottom_up(compound),
        "time": time,
        "events": [{"time": 0.0, "amt": 7.5, "cmt": "oral"}],
    }


pbpk = build()
linear = build("linear", saturable=False)
permeability = build("permeability", limited=True)
segments = build("segments", anatomy="thelen")

for _system in (pbpk, linear, segments):
    _system.example_inputs = partial(_example, "midazolam")
# Only large molecules need, and get, a membrane permeability.
permeability.example_inputs = partial(_example, "digoxin")
