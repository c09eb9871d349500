"""Comparisons that turn during a simulation, held as states of their own.

A right-hand side that jumps where time passes 30 cannot be integrated across that moment. So each
such comparison becomes a state, one or zero, that crossings turn over: between them the equations
are smooth, and the moment itself is found on the dense output.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import final

from catena.numerics.ode.declare.crossings import Crossing
from catena.numerics.ode.sbml.description import Symbol
from catena.numerics.ode.sbml.equations import Values
from catena.numerics.ode.sbml.events import Margin
from catena.numerics.ode.sbml.expression import ORDERED, Expr, nodes, number, symbol
from catena.numerics.ode.sbml.structure import Structure

_ON, _HALF, _OFF = number(1.0), number(0.5), number(0.0)


@final
@dataclass(frozen=True)
class Turn:
    """Sets a switch."""

    name: str
    value: float

    def __call__(self, t: object, y: Values, p: Values, u: Values) -> dict[str, float]:
        """Return the state that changes."""
        return {self.name: self.value}


@final
class _Switches:
    """Replaces comparisons by switches and remembers which is which."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.names: dict[Expr, str] = {}

    def name(self, comparison: Expr) -> str:
        if comparison not in self.names:
            known = self.structure.model.symbols
            wanted = f"switch_{len(self.names) + 1}_"
            while wanted in known:
                wanted += "_"
            self.names[comparison] = wanted
        return self.names[comparison]

    def rewritten(self, tree: Expr) -> Expr:
        """Return a formula with switches in place of its comparisons."""
        if not tree.args:
            return tree
        new = replace(tree, args=tuple(self.rewritten(arg) for arg in tree.args))
        if tree.op not in ORDERED or not self.structure.varying(tree):
            return new
        # All four comparisons are "greater than" or its opposite, with sides in one order.
        turned = tree.op in ("lt", "ge")
        sides = new.args[::-1] if turned else new.args
        switch = Expr("gt", (symbol(self.name(Expr("gt", sides))), _HALF))
        return switch if tree.op in ("lt", "gt") else Expr("not", (switch,))


def switched(structure: Structure) -> tuple[Structure, tuple[Crossing, ...]]:
    """Return the model with switches for the comparisons its rates depend on, and what turns them."""
    switches = _Switches(structure)
    model = structure.model
    needed = _needed(structure)
    rewritten = switches.rewritten
    model = replace(
        model,
        rate={n: rewritten(tree) for n, tree in model.rate.items()},
        assignment={n: rewritten(t) if n in needed else t for n, t in model.assignment.items()},
        reactions={
            n: replace(r, rate=rewritten(r.rate)) if n in needed else r
            for n, r in model.reactions.items()
        },
    )
    terms = {
        name: tuple((reaction, rewritten(change)) for reaction, change in parts)
        for name, parts in structure.terms.items()
    }
    algebraic = {name: rewritten(tree) for name, tree in structure.algebraic.items()}
    names = switches.names
    model = replace(
        model,
        symbols=model.symbols | {n: Symbol(n, "parameter", constant=False) for n in names.values()},
        initial=model.initial
        | {n: Expr("piecewise", (_ON, comparison, _OFF)) for comparison, n in names.items()},
    )
    new = replace(structure, model=model, states=(*structure.states, *names.values()), terms=terms,
                  algebraic=algebraic)  # fmt: skip
    return new, tuple(
        crossing for comparison, name in names.items() for crossing in _turns(new, comparison, name)
    )


def parts_of_triggers(structure: Structure) -> tuple[Expr, ...]:
    """Return comparisons with time in conditions made of several.

    Such a condition may hold so briefly that only its parts can be caught.
    """
    found: dict[Expr, None] = {}
    for event in structure.model.events:
        if event.trigger.op not in ORDERED:
            for node in nodes(event.trigger):
                if node.op in ORDERED and structure.varying(node):
                    found[node] = None
    return tuple(found)


def _turns(structure: Structure, comparison: Expr, name: str) -> Iterable[Crossing]:
    margin = Margin(structure, comparison)
    yield Crossing(f"{name}on", margin, "rising", Turn(name, 1.0))
    yield Crossing(f"{name}off", margin, "falling", Turn(name, 0.0))


def _needed(structure: Structure) -> frozenset[str]:
    """Return the rules and reactions on which the rates of the states depend."""
    parts = [part for parts in structure.terms.values() for part in parts]
    trees = [*structure.model.rate.values(), *structure.algebraic.values()]
    trees += [change for _, change in parts]
    trees += [symbol(reaction) for reaction, _ in parts]
    trees += [symbol(structure.model.symbols[n].compartment) for n in structure.amounts]
    species = [structure.model.symbols[name] for name in structure.terms]
    trees += [symbol(s.compartment) for s in species if s.concentration]
    return structure.needed(trees)
