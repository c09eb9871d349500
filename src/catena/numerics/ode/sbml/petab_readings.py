"""What the instruments of a PEtab problem read off a simulated model, and how likely data are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

from catena.core.errors import InputError, did_you_mean
from catena.formats.petab import Measurement, Observable, PetabProblem
from catena.formats.petab.problem import Value
from catena.numerics.ode.sbml.description import Description
from catena.numerics.ode.sbml.expression import evaluate, symbols
from catena.numerics.ode.sbml.mathml import from_text


@final
class Instruments:
    """The observables of a problem as formulas.

    Args:
        problem: The problem.
        model: Its model.

    Raises:
        DataError: a formula does not parse.
    """

    def __init__(self, problem: PetabProblem, model: Description) -> None:
        self.problem, self.model = problem, model
        self.formulas = {
            o.name: (
                from_text(o.formula, f"observable {o.name}"),
                from_text(o.noise, f"noise of {o.name}"),
            )
            for o in problem.observables.values()
        }

    def asked(self) -> tuple[str, ...]:
        """Return the quantities of the model that the instruments look at."""
        used: set[str] = set()
        for formula, noise in self.formulas.values():
            used |= symbols(formula) | symbols(noise)
        for m in self.problem.measurements:
            given = (*m.observable_parameters, *m.noise_parameters)
            used |= {value for value in given if isinstance(value, str)}
        return tuple(n for n in (*self.model.symbols, *self.model.reactions) if n in used)

    def parameters(self, changes: Mapping[str, float] | None) -> dict[str, float]:
        """Return the values of the problem's parameters on the linear scale.

        Args:
            changes: Values that replace the nominal ones.

        Raises:
            InputError: the parameter table does not list a name.
        """
        values = self.problem.nominal()
        for name, value in (changes or {}).items():
            if name not in self.problem.parameters:
                known = list(self.problem.parameters)
                raise InputError(f"No parameter {name!r}", where=f"PEtab problem {self.problem.name}",
                                 why="the parameter table does not list it",
                                 fix=did_you_mean(name, known, "name another one"))  # fmt: skip
            values[name] = float(value)
        return values

    def resolved(self, value: Value, values: Mapping[str, float]) -> float:
        """Return the number that a cell of a condition table stands for.

        Raises:
            InputError: it names something without a value.
        """
        if not isinstance(value, str):
            return value
        if value in values:
            return values[value]
        given = self.model.symbols.get(value)
        if given is None or given.value is None:
            raise self._unknown(value, "condition table")
        return given.value

    def read(
        self, m: Measurement, known: Mapping[str, float], values: Mapping[str, float]
    ) -> tuple[float, float]:
        """Return what a measurement would have been, and the scale of its noise.

        Args:
            m: The measurement.
            known: Quantities of the model at its time.
            values: Values of the problem's parameters.

        Raises:
            InputError: a formula names something without a value.
        """
        condition = self.problem.conditions[m.condition].values
        local: dict[str, float] = {}

        def lookup(name: str) -> Any:
            if name in local:
                return local[name]
            if name in known:
                return float(known[name])
            if name in condition:
                return self.resolved(condition[name], values)
            if name in values:
                return values[name]
            raise self._unknown(name, f"observable {m.observable!r}")

        for kind, given in (("observable", m.observable_parameters), ("noise", m.noise_parameters)):
            for k, item in enumerate(given, start=1):
                value = lookup(item) if isinstance(item, str) else item
                local[f"{kind}Parameter{k}_{m.observable}"] = value
        formula, noise = self.formulas[m.observable]
        value = float(evaluate(formula, lookup, m.time))
        local.setdefault(m.observable, value)
        return value, float(evaluate(noise, lookup, m.time))

    def _unknown(self, name: str, where: str) -> InputError:
        return InputError(f"{name!r} has no value", where=f"PEtab problem {self.problem.name}, {where}",
                          why="neither the model nor the parameter table gives it one",
                          fix="list it in the parameter table")  # fmt: skip


def log_density(observable: Observable, measured: float, value: float, sigma: float) -> float:
    """Return the log-density of a measurement given its simulated value and noise.

    Noise on a logarithmic scale adds the Jacobian of the logarithm, so that the density is one of
    the measurement itself (PEtab 1; Schmiester et al. 2021, doi:10.1371/journal.pcbi.1008646).
    A missing measurement counts nothing.
    """
    if math.isnan(measured):
        return 0.0
    jacobian = 0.0
    if observable.transformation != "lin":
        base = math.log(10.0) if observable.transformation == "log10" else 1.0
        jacobian = -math.log(measured * base)
        measured, value = math.log(measured) / base, math.log(value) / base
    off = (measured - value) / sigma
    if observable.distribution == "laplace":
        return jacobian - math.log(2.0 * sigma) - abs(off)
    return jacobian - 0.5 * math.log(2.0 * math.pi * sigma**2) - 0.5 * off**2
