"""Where the variance of an output comes from: inputs, groups, the model's own error, chance.

The output is split into functions of single inputs (or groups) and the rest by a sparse
polynomial. A part's share is its covariance with the output over the variance, which also holds
for inputs that depend on each other; shares and remainders add up to one.

Sources: G. Li et al., J. Phys. Chem. A 114 (2010) 6022, doi:10.1021/jp9096919 (covariance
decomposition); B. Sudret, Reliab. Eng. Syst. Saf. 93 (2008) 964, doi:10.1016/j.ress.2007.04.002.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catena.core.banded import ENDS
from catena.core.errors import InputError, did_you_mean
from catena.core.identity import split_key
from catena.ops.evaluator import Evaluator
from catena.ops.uncertainty import chaos
from catena.ops.uncertainty.draws import Draws, families
from catena.ops.uncertainty.question import Question

Floats = NDArray[np.float64]
#: Draws on which a model's own error is judged.
_JUDGED = 4096


def read_groups(
    asked: Question, groups: Mapping[str, Sequence[str]]
) -> dict[str, NDArray[np.bool_]]:
    """Return the members of every group, and of every input that is in none.

    Raises:
        InputError: a group is empty, names unknown inputs, or shares one with another group.
    """
    where = f"model {asked.model.info.id}"
    seen: dict[str, str] = {}
    found = {}
    for group, names in groups.items():
        for name in names:
            if name not in asked.names:
                raise InputError(f"Group {group!r} holds {name!r}", where=where,
                                 why="this input does not vary",
                                 fix=did_you_mean(name, asked.names, f"use {', '.join(asked.names)}"))  # fmt: skip
            if name in seen:
                raise InputError(f"{name!r} is in two groups", where=where,
                                 why=f"{seen[name]!r} and {group!r} both hold it",
                                 fix="leave it in one of them")  # fmt: skip
            seen[name] = group
        if not names:
            raise InputError(f"Group {group!r} is empty", where=where, why="it names no input",
                             fix="name its inputs, or leave the group out")  # fmt: skip
        found[group] = np.isin(asked.names, list(names))
    for index, name in enumerate(asked.names):
        if name not in seen:
            found[name] = np.arange(len(asked.names)) == index
    return found


def shares(
    asked: Question,
    drawn: Draws,
    output: int,
    members: Mapping[str, NDArray[np.bool_]],
    extra: Mapping[str, float],
) -> dict[str, float]:
    """Return the share of every source in the variance of one output.

    Args:
        asked: The question.
        drawn: Draws of it.
        output: Which output.
        members: Inputs by source.
        extra: Variances that come on top (the model's own error, chance).
    """
    y = drawn.y[output]
    independent = asked.copula.independent
    order = np.random.Generator(
        np.random.Philox(key=split_key(asked.key, "order of rows"))
    ).permutation(len(y))
    fit = drawn.fits[output] if drawn.fits else chaos.fit(
        families(asked), drawn.u[order], y[order]
    )  # fmt: skip
    centred = y - y.mean()
    variance = float(np.mean(centred**2))
    # Chance is part of the drawn outputs; the error of the model comes on top of them.
    whole = variance + extra.get("model error", 0.0)
    found, explained = {}, 0.0
    for name, mask in members.items():
        if independent and drawn.fits:
            found[name] = fit.share(mask) * variance / whole
        else:
            found[name] = float(np.mean(fit.component(drawn.u, mask) * centred)) / whole
        explained += found[name]
    polynomial = variance / whole if drawn.fits else float(np.mean(fit(drawn.u) * centred)) / whole
    found["interactions"] = polynomial - explained
    rest = variance / whole - polynomial
    for name, size in extra.items():
        found[name] = size / whole
    found["not attributed"] = rest - extra.get("chance", 0.0) / whole
    return found


def own_error(asked: Question, drawn: Draws) -> list[dict[str, float]]:
    """Return per output the variances that do not come from the inputs.

    A model that gives 90 % intervals has an error of its own; a stochastic one has chance, seen
    by running it again with another seed.
    """
    found: list[dict[str, float]] = [{} for _ in asked.outputs]
    flags = asked.model.capabilities
    x = drawn.x[:_JUDGED]
    if flags.uncertainty:
        result = asked.evaluator.model.predict(
            asked.evaluator.batch(x), key=asked.key, on_error="skip"
        )
        for output, quantity in enumerate(asked.evaluator.quantities):
            if quantity.how == "value" and quantity.output in result.lower:
                width = np.asarray(result.upper[quantity.output]) - result.lower[quantity.output]
                found[output]["model error"] = float(np.mean((width / (2.0 * ENDS)) ** 2))
    if flags.stochastic:
        evaluator = asked.evaluator
        fixed: Any = {n: v for n, v in asked.given.items()}
        other = Evaluator(
            asked.model, asked.space, evaluator.names, given=fixed,
            key=split_key(asked.key, "again"), block=evaluator.block,
        )  # fmt: skip
        again = other(drawn.x).T
        for output in range(len(asked.outputs)):
            difference = again[output] - drawn.y[output]
            found[output]["chance"] = float(np.nanmean(difference**2) / 2.0)
    return found
