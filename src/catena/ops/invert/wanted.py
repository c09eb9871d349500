"""Reads what is wanted of an outcome: ranges, distributions and statements with a probability."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np

from catena.core.distribution import Distribution
from catena.core.errors import CatenaError, Infeasible, InputError
from catena.ops.constraint import OutputConstraint, parse_output
from catena.ops.quantity import Quantity

if TYPE_CHECKING:
    from catena.core.model import Model

_STATEMENT = re.compile(r"\s*P\s*\((.+)\)\s*(<=|>=|<|>)\s*([\d.eE+-]+)\s*(%?)\s*$")
_CALL = re.compile(r"\s*[A-Za-z]+\s*\(.*\)\s*$", re.DOTALL)


@final
@dataclass(frozen=True)
class Requirement:
    """Limits that must hold together with at least some probability.

    Args:
        text: As written.
        limits: Limits on outputs.
        probability: How likely they must hold together.
        against: Whether the limits must fail instead.
    """

    text: str
    limits: tuple[OutputConstraint, ...]
    probability: float
    against: bool = False


def read_wanted(model: Model, wanted: Any, probability: float) -> list[Requirement]:
    """Return the requirements a person states.

    Args:
        model: The model whose outputs are limited.
        wanted: ``{"cmax": "0.5..1.5 mg/L"}``, ``{"cmax": "lognormal(1 mg/L, 20 %)"}`` (the
            outcome must lie in the central part of this distribution), ``{"cmax": "<= 5 mg/L"}``
            or statements: ``"cmax <= 5 mg/L"``, ``"P(cmax > 5 mg/L) <= 0.05"``.
        probability: How likely the plain statements must hold together.

    Raises:
        InputError: nothing is wanted, or a text cannot be read.
        Infeasible: two statements contradict each other.
    """
    texts = _texts(model, wanted, probability)
    where = f"model {model.info.id}"
    if not texts:
        raise InputError("Nothing is wanted", where=where, why="no statement is given",
                         fix='say wanted={"cmax": "0.5..1.5 mg/L"}')  # fmt: skip
    if not 0.0 < probability < 1.0:
        raise InputError(f"Cannot want a probability of {probability:g}", where=where,
                         why="it lies between 0 and 1, both left out", fix="use 0.9")  # fmt: skip
    plain, found = [], []
    for text in texts:
        stated = _STATEMENT.match(text)
        if stated is None:
            plain.append(parse_output(text, model))
            continue
        inner, sign, number, percent = stated.groups()
        level = _level(text, number, percent)
        limit = parse_output(inner, model)
        against = sign in ("<", "<=")
        found.append(Requirement(text, (limit,), 1.0 - level if against else level, against))
    if plain:
        joint = " and ".join(item.text for item in plain)
        found.insert(0, Requirement(joint, tuple(plain), probability))
    _check_together(found, where)
    return found


def _level(text: str, number: str, percent: str) -> float:
    try:
        level = float(number) / (100.0 if percent else 1.0)
    except ValueError:
        level = float("nan")
    if not 0.0 < level < 1.0:
        raise InputError(f"Not a probability: {number + percent!r}", where=text,
                         why="it lies between 0 and 1, both left out",
                         fix='write "P(cmax > 5 mg/L) <= 0.05"')  # fmt: skip
    return level


def _texts(model: Model, wanted: Any, probability: float) -> list[str]:
    if isinstance(wanted, str):
        return [wanted]
    if isinstance(wanted, Mapping):
        return [_statement(model, str(name), wish, probability) for name, wish in wanted.items()]
    if isinstance(wanted, Sequence):
        return [str(text) for text in wanted]
    raise InputError(f"Cannot want {wanted!r}", where=f"model {model.info.id}",
                     why="it is neither a mapping nor a list of statements",
                     fix='say wanted={"cmax": "0.5..1.5 mg/L"}')  # fmt: skip


def _statement(model: Model, name: str, wish: Any, probability: float) -> str:
    """Turn what is said about one output into a statement."""
    text = str(wish).strip()
    if text[:1] in "<>" and text:
        return f"{name} {text}"
    quantity = Quantity.of(model, name)
    try:
        distribution = Distribution.parse(text, quantity.unit)
    except CatenaError as error:
        raise InputError(f"Cannot want {text!r} of {name!r}", where=f"model {model.info.id}",
                         why=f"{error.what}: {error.why}".rstrip(": "),
                         fix='write "0.5..1.5 mg/L", "<= 5 mg/L" or "lognormal(1 mg/L, 20 %)"') from None  # fmt: skip
    if _CALL.match(text):
        tails = np.array([(1.0 - probability) / 2.0, (1.0 + probability) / 2.0])
        low, high = distribution.ppf(tails)
    else:
        low, high = distribution.parameters
    unit = f" {quantity.unit}" if quantity.unit else ""
    return f"{float(low)!r} <= {name} <= {float(high)!r}{unit}"


def _check_together(found: list[Requirement], where: str) -> None:
    """Refuse plain limits on one output that leave nothing between them."""
    limits = [limit for item in found if not item.against for limit in item.limits]
    for index, first in enumerate(limits):
        for other in limits[:index]:
            same = first.quantity.text == other.quantity.text
            if same and (first.low > other.high or other.low > first.high):
                raise Infeasible(
                    f"Nothing satisfies both limits on {first.quantity.text}", where=where,
                    why=f"{other.text} and {first.text} exclude each other",
                    fix="drop one of them", conflicts=[other.text, first.text],
                )  # fmt: skip
