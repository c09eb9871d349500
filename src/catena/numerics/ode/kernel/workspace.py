"""Where everything lives while a group of lanes is integrated.

A *lane vector* holds one number of each of the W lanes; a *row* of the call is one individual and
occupies one lane until it is done. The workspace is one array of lane vectors; the constants made
here are offsets into it, and become literals in the machine code.
"""

from __future__ import annotations

from typing import Any

from catena.numerics.ode.kernel.tableau import Tableau

#: Fields of the call descriptor, an array of 64-bit integers; pointers are stored as integers and
#: a stride of 0 means that all rows share the first.
CALL = (
    "ROWS", "NT", "SLOTS", "MAX_STEPS", "DIRECTIONS", "SLOPES",
    "P", "P_STRIDE", "TIMES", "TIMES_STRIDE", "START", "START_STRIDE",
    "SLOT_TIME", "SLOT_TIME_STRIDE", "SLOT_ACTION", "SLOT_ACTION_STRIDE",
    "SLOT_AMOUNT", "SLOT_AMOUNT_STRIDE", "SEGMENT", "SEGMENT_STRIDE", "Y0", "Y0_STRIDE",
    "DP", "DP_STRIDE", "DAMOUNT", "DAMOUNT_STRIDE", "DSEGMENT", "DSEGMENT_STRIDE",
    "DY0", "DY0_STRIDE", "HAS_DAMOUNT", "HAS_DSEGMENT", "HAS_DY0",
    "ATOL", "RTOL", "OUT", "STATE", "TIME", "CODE", "WORST", "STEPS", "REFUSED",
    "TANGENTS", "RATES", "QUEUE", "CANCEL",
)  # fmt: skip

#: Integers kept per lane.
LANE = ("ROW", "SLOT", "NEXT", "PHASE", "ACTION", "RESTART", "EVENTS", "ENDED")

#: One number per lane each, in the order of the workspace.
_SINGLE = (
    "T",  # time
    "H",  # step being tried
    "NATURAL",  # step the error control asks for
    "END",  # last output time
    "TARGET",  # next moment to stop at
    "DUE",  # next output time
    "ACTIVE",  # 1 while the lane holds a row
    "LAST_ERROR", "LAST_STEP",  # error and length of the last accepted step
    "HELD",  # 1 after a refused step
    "LANDING",  # the step that lands on a state event, 0 when there is none
    "TAKEN", "REFUSED",  # steps
    "SINCE",  # time of the last state event
    "AMOUNT", "IHG", "IH", "TS",
)  # fmt: skip

#: State events without time passing between them before a row is given up.
EVENT_LIMIT = 1000
#: So many of them explain a step size that vanishes.
FEW_EVENTS = 16

# What a lane is doing.
IDLE, RUN, LOADED, ACT, CHECK, SEGMENT, DONE = range(7)
PHASES = {
    "IDLE": IDLE, "RUN": RUN, "LOADED": LOADED, "ACT": ACT, "CHECK": CHECK, "FILL": SEGMENT,
    "FINISHED": DONE,
}  # fmt: skip

# Why a lane ended.
CODES = {
    "OK": 0, "TOO_MANY": 1, "TOO_SMALL": 2, "NOT_A_NUMBER": 3, "SINGULAR": 4, "STORM": 5,
    "TERMINAL": 6, "CANCELLED": 7,
}  # fmt: skip


def constants(
    sizes: dict[str, int], flags: dict[str, bool], tableau: Tableau, lanes: int
) -> dict[str, Any]:
    """Return every name the stepper and driver use as a constant.

    Args:
        sizes: Lengths of the arrays, see ``parts``.
        flags: timed (time derivative present), mass, tangents.
        tableau: The method.
        lanes: Lanes per vector.

    Returns:
        Offsets (in doubles) of workspace arrays, array lengths, coefficients, codes. Names that
        start with ``T_`` are offsets within the block of one direction, whose length is
        ``T_STRIDE``; blocks begin at ``T_BASE``, which is also the length without directions.
    """
    n, stages = sizes["n"], tableau.stages
    single = {name: 1 for name in _SINGLE}
    arrays = {
        **single,
        "Y": n, "YN": n, "YD": n, "YS": stages * n if flags["tangents"] else n, "K": stages * n, "F": n, "B": n, "X": n,
        "FT": n, "LU": sizes["nlu"], "P": sizes["np"], "S": sizes["ns"], "Q": sizes["nq"],
        "O": sizes["no"], "G": sizes["nc"], "GN": sizes["nc"],
        "WR": sizes.get("w_rhs", 0), "WJ": sizes.get("w_jacobian", 0),
        "WO": sizes.get("w_outputs", 0), "DG": sizes["nc"], "FN": n,
        "ZERO": sizes["nq"] if sizes["nc"] else 0, "ONE": 1,
    }  # fmt: skip
    blocks = {
        "T_Y": n, "T_P": sizes["np"], "T_S": sizes["ns"], "T_Q": sizes["nq"], "T_K": stages * n,
        "T_YS": n, "T_YD": n, "T_F": n, "T_J": sizes.get("ndj", 0), "T_FT": n, "T_O": sizes["no"],
        "T_A": 1, "T_X": n, "T_SHIFT": 1,
    } if flags["tangents"] else {}  # fmt: skip
    out: dict[str, Any] = {}
    offset = 0
    for name, length in arrays.items():
        out[f"W_{name}"] = offset * lanes
        offset += length
    out["T_BASE"] = offset * lanes
    offset = 0
    for name, length in blocks.items():
        out[name] = offset * lanes
        offset += length
    out["T_STRIDE"] = offset * lanes
    out.update({f"C_{name}": place for place, name in enumerate(CALL)})
    out.update({f"L_{name}": place * lanes for place, name in enumerate(LANE)})
    out.update(PHASES)
    out.update({f"CODE_{name}": code for name, code in CODES.items()})
    out.update(
        N=n, NP=sizes["np"], NS=sizes["ns"], NO=sizes["no"], NC=sizes["nc"], NQ=sizes["nq"],
        NACTIONS=sizes["actions"], NLU=sizes["nlu"], STAGES=stages, CHAINED=len(tableau.a), ORDER=tableau.order,
        GAMMA=tableau.gamma, A=tableau.a, C=tableau.c, ALPHA=tableau.alpha, D=tableau.d,
        DENSE=tableau.dense, NDENSE=len(tableau.dense), DENSE_STAGES=len(tableau.dense[0]),
        YS_STEP=n if flags["tangents"] else 0,
        EVENT_LIMIT=EVENT_LIMIT, FEW_EVENTS=FEW_EVENTS, TIMED=flags["timed"], MASS=flags["mass"], TANGENTS=flags["tangents"],
        INFINITY=float("inf"), NAN=float("nan"),
    )  # fmt: skip
    return out
