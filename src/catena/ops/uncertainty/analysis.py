"""Uncertainty of the outputs of any model, four ways, with its sources."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import InputError
from catena.core.result import Result
from catena.ops.constraint import OutputConstraint, parse_output
from catena.ops.operation import Operation, called
from catena.ops.space import Over
from catena.ops.uncertainty import draws
from catena.ops.uncertainty.question import Question, outputs_of, uncertain_inputs
from catena.ops.uncertainty.settings import Method, UncertaintySettings
from catena.ops.uncertainty.sources import read_groups
from catena.ops.uncertainty.tables import report, report_linear

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.work import Work

_EVALUATIONS = {"monte_carlo": 10_000, "qmc": 8192, "pce": 512, "linearised": 1}


def uncertainty(
    model: Model | str,
    of: str | Sequence[str] | None = None,
    over: Over | None = None,
    *,
    method: Method = "auto",
    n: int | None = None,
    correlation: Any = None,
    exceed: Sequence[str] = (),
    groups: Mapping[str, Sequence[str]] | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Tell how uncertain outputs are, and where that comes from.

    Args:
        model: Model, chain or model id.
        of: Outputs, ``"auc"`` or ``["auc", "max(plasma)"]``; every single number by default.
        over: What is uncertain: names, or distributions and ranges by name; by default every
            input that declares a distribution.
        method: ``monte_carlo`` (10,000 draws), ``qmc`` (16 replicates of a scrambled Sobol
            design), ``linearised`` (delta method with exact derivatives), ``pce`` (polynomial
            chaos from 512 evaluations); ``auto`` takes qmc.
        n: Evaluations; 16 times a power of two for qmc.
        correlation: Correlation of normal scores, ``{("a", "b"): 0.5}``.
        exceed: Statements whose probability is asked, ``["cmax > 5 mg/L"]``.
        groups: Inputs judged together, by name of the group.
        given: Values of inputs that are certain, with units as text.
        key: 64-bit seed.
        work: Executor, cache and progress.

    Returns:
        One row per output: mean with its 90 % interval, standard deviation, 5, 50 and 95 %
        quantiles. Parts: ``sources`` (shares of the variance, adding up to one), ``exceedance``,
        ``draws`` (inputs and outputs), ``failures``.

    Raises:
        InputError: nothing is uncertain, a statement or group is wrong, n cannot be used, or no
            output varies at all.
        SolverError: most draws fail.

    Sources: JCGM 101:2008, doi:10.59161/JCGM101-2008 (propagation of distributions); A. B. Owen,
    Ann. Stat. 25 (1997) 1541, doi:10.1214/aos/1031594731 (scrambled nets); see ``chaos`` and
    ``sources``.
    """
    from catena.core.registry import load

    model = load(model) if isinstance(model, str) else model
    chosen: str = "qmc" if method == "auto" else method
    if chosen not in _EVALUATIONS:
        raise InputError(f"No method {method!r}", where=f"model {model.info.id}",
                         why=f"methods are {', '.join(_EVALUATIONS)}", fix='use method="auto"')  # fmt: skip
    n = _EVALUATIONS[chosen] if n is None else n
    if n < 16 and chosen != "linearised":
        raise InputError(f"Cannot use {n} draws", where=f"model {model.info.id}",
                         why="fewer than 16 say nothing about a spread", fix="use n=1024")  # fmt: skip
    statements = [parse_output(text, model) for text in exceed]
    asked = Question(
        model, _all(outputs_of(model, of), statements), over,
        default=uncertain_inputs(model, given), correlation=correlation, given=given, key=key,
        work=work,
    )  # fmt: skip
    members = read_groups(asked, groups or {})
    if chosen == "linearised":
        return report_linear(asked, draws.linearised(asked), members, statements)
    make = {"monte_carlo": draws.plain, "qmc": draws.replicated, "pce": draws.expanded}[chosen]
    drawn = make(asked, n)
    if not any(np.std(y) > 1e-12 * max(float(np.max(np.abs(y))), 1e-300) for y in drawn.y):
        asked.check_varies(drawn.y[0], 0)
    return report(asked, chosen, drawn, members, statements)


def _all(of: list[str], statements: Sequence[OutputConstraint]) -> list[str]:
    """Return what is asked and what the statements are about, each once."""
    return list(dict.fromkeys([*of, *(statement.quantity.text for statement in statements)]))


OPERATION = Operation(
    name="uncertainty",
    title="How uncertain outputs are, and where that comes from",
    settings=UncertaintySettings,
    run=called(uncertainty),
)
