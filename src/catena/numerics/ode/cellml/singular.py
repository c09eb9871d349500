"""Removable singularities: quotients such as x / (exp(x) - 1) are made smooth through x = 0.

Channel models divide a driving force by ``exp(z) - 1`` where both vanish at one potential: the
value is finite, the formula gives 0/0. A factor that is a constant multiple of ``z`` (after
expanding products and sums of variables) is cancelled symbolically and the quotient becomes
``bernoulli(z)``. Forms that do not match this pattern are left as they are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, final

from catena.numerics.ode.cellml.expression import Call, Expression, Name, Number, names

#: Powers of atoms, and a sum of such monomials with coefficients.
Monomial: TypeAlias = frozenset[tuple[Expression, int]]
Polynomial: TypeAlias = dict[Monomial, float]

_ONE: Monomial = frozenset()
#: Sums longer than this stay whole; driving forces have two or three terms.
_MOST_TERMS = 6


@final
class Smoother:
    """Rewrites removable singularities.

    Args:
        values: Right sides by variable, for looking through definitions.
        varies: Whether a variable changes during a run.
    """

    def __init__(self, values: Mapping[str, Expression], varies: Callable[[str], bool]) -> None:
        self._values, self._varies = values, varies
        self._expanded: dict[str, Polynomial] = {}

    def smooth(self, expression: Expression) -> Expression:
        """Return the expression with its removable singularities filled in."""
        if not isinstance(expression, Call):
            return expression
        if expression.op == "divide":
            above, below = _factors(expression)
            changed = self._quotient(above, below)
            if changed is not None:
                return self.smooth(changed)
        return Call(expression.op, tuple(self.smooth(part) for part in expression.args))

    def _quotient(self, above: list[Expression], below: list[Expression]) -> Expression | None:
        """Return the quotient with one singular pair of factors replaced, or None."""
        for inverted in (False, True):
            up, down = (below, above) if inverted else (above, below)
            for k, factor in enumerate(down):
                found = _exp_minus_one(factor)
                if found is None or not any(map(self._varies, names(found[0]))):
                    continue
                z, sign = found
                for j, other in enumerate(up):
                    ratio = self._ratio(other, z)
                    if ratio is None:
                        continue
                    # other / (exp(z) - 1) = ratio * bernoulli(z), and its inverse.
                    more = [*_product(sign * ratio[0], ratio[1], 1), Call("bernoulli", (z,))]
                    top = _times([*up[:j], *up[j + 1 :], *more])
                    bottom = _times([*down[:k], *down[k + 1 :], *_product(1.0, ratio[1], -1)])
                    return Call("divide", (bottom, top) if inverted else (top, bottom))
        return None

    def _ratio(self, factor: Expression, z: Expression) -> tuple[float, Monomial] | None:
        """Return factor / z when it is one monomial that divides by constants only."""
        a, b = self._polynomial(factor), self._polynomial(z)
        if len(a) != len(b) or not b:
            return None
        first = next(iter(b))
        for term in a:
            ratio = _multiplied(term, first, -1)
            scale = a[term] / b[first]
            if all(
                math.isclose(a.get(_multiplied(t, ratio), math.inf), c * scale, rel_tol=1e-12)
                for t, c in b.items()
            ):
                divisors = (atom for atom, power in ratio if power < 0)
                fixed = not any(self._varies(n) for atom in divisors for n in names(atom))
                return (scale, ratio) if fixed else None
        return None

    def _polynomial(self, expression: Expression) -> Polynomial:
        """Expand sums and products; what cannot be expanded is an atom."""
        result = self._expand(expression)
        return result if result is not None else {frozenset({(expression, 1)}): 1.0}

    def _expand(self, expression: Expression) -> Polynomial | None:
        if isinstance(expression, Number):
            return {_ONE: expression.value} if expression.value else {}
        if isinstance(expression, Name):
            return self._definition(expression)
        parts = [self._polynomial(part) for part in expression.args]
        match expression.op, parts:
            case "plus", _:
                return _sum(parts)
            case "minus", [one]:
                return _sum([], [one])
            case "minus", [one, two]:
                return _sum([one], [two])
            case "times", _:
                return _power_product(parts)
            case "divide", [one, two] if len(two) == 1:
                ((term, scale),) = two.items()
                return _power_product([one, {_multiplied(_ONE, term, -1): 1.0 / scale}])
        return None

    def _definition(self, name: Name) -> Polynomial:
        atom: Polynomial = {frozenset({(name, 1)}): 1.0}
        if name.name not in self._values:
            return atom
        if name.name not in self._expanded:
            self._expanded[name.name] = atom
            found = self._expand(self._values[name.name])
            self._expanded[name.name] = atom if found is None else found
        return self._expanded[name.name]


def _factors(expression: Expression) -> tuple[list[Expression], list[Expression]]:
    """Return the factors above and below the line of a product or quotient."""
    if isinstance(expression, Call):
        if expression.op == "times":
            pairs = [_factors(part) for part in expression.args]
            return [f for a, _ in pairs for f in a], [f for _, b in pairs for f in b]
        if expression.op == "divide":
            (a, b), (c, d) = map(_factors, expression.args)
            return a + d, b + c
        if expression.op == "minus" and len(expression.args) == 1:
            above, below = _factors(expression.args[0])
            return [Number(-1.0), *above], below
    return [expression], []


def _exp_minus_one(expression: Expression) -> tuple[Expression, float] | None:
    """Return (z, s) when the expression is s * (exp(z) - 1) with s = 1 or -1."""
    if not isinstance(expression, Call) or len(expression.args) != 2:
        return None
    one, two = expression.args
    one_exp, two_exp = (isinstance(x, Call) and x.op == "exp" for x in (one, two))
    match expression.op:
        case "minus" if one_exp and two == Number(1.0):
            return one.args[0], 1.0  # type: ignore[union-attr]
        case "minus" if two_exp and one == Number(1.0):
            return two.args[0], -1.0  # type: ignore[union-attr]
        case "plus" if one_exp and two == Number(-1.0):
            return one.args[0], 1.0  # type: ignore[union-attr]
        case "plus" if two_exp and one == Number(-1.0):
            return two.args[0], 1.0  # type: ignore[union-attr]
    return None


def _multiplied(one: Monomial, two: Monomial, power: int = 1) -> Monomial:
    total = Counter(dict(one))
    for atom, exponent in two:
        total[atom] += power * exponent
    return frozenset((atom, exponent) for atom, exponent in total.items() if exponent)


def _sum(plus: list[Polynomial], minus: Iterable[Polynomial] = ()) -> Polynomial | None:
    total: Polynomial = {}
    for sign, group in ((1.0, plus), (-1.0, minus)):
        for part in group:
            for term, scale in part.items():
                total[term] = total.get(term, 0.0) + sign * scale
    total = {term: scale for term, scale in total.items() if scale}
    return total if len(total) <= _MOST_TERMS else None


def _power_product(parts: list[Polynomial]) -> Polynomial | None:
    total: Polynomial = {_ONE: 1.0}
    for part in parts:
        new: Polynomial = {}
        for one, a in total.items():
            for two, b in part.items():
                term = _multiplied(one, two)
                new[term] = new.get(term, 0.0) + a * b
        if len(new) > _MOST_TERMS:
            return None
        total = new
    return total


def _product(scale: float, monomial: Monomial, sign: int) -> list[Expression]:
    """Return the factors of a monomial whose exponents have this sign."""
    atoms = sorted(((a, n) for a, n in monomial if n * sign > 0), key=repr)
    factors = [atom for atom, n in atoms for _ in range(abs(n))]
    return [*([Number(scale)] if scale != 1.0 else []), *factors]


def _times(factors: list[Expression]) -> Expression:
    if len(factors) == 1:
        return factors[0]
    return Call("times", tuple(factors)) if factors else Number(1.0)
