"""What a PEtab problem says, as plain data.

Format: PEtab version 1, Schmiester et al. 2021, doi:10.1371/journal.pcbi.1008646.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, final

#: A number, or the name of a quantity whose value is meant.
Value = float | str
Scale = Literal["lin", "log", "log10"]
PriorKind = Literal[
    "uniform", "normal", "laplace", "logNormal", "logLaplace",
    "parameterScaleUniform", "parameterScaleNormal", "parameterScaleLaplace",
]  # fmt: skip


@final
@dataclass(frozen=True)
class Prior:
    """What is known of a parameter beforehand.

    Args:
        kind: Shape: of the value itself, of its natural logarithm (``log...``), or of the value
            on the scale on which it is estimated (``parameterScale...``).
        first: Lower end, or mean (Laplace: location).
        second: Upper end, or standard deviation (Laplace: scale).
    """

    kind: PriorKind
    first: float
    second: float


@final
@dataclass(frozen=True)
class Parameter:
    """A parameter of the problem.

    Args:
        name: Its id.
        scale: Scale on which it is estimated.
        nominal: Value on the linear scale, None if it is not given.
        lower: Lower bound on the linear scale.
        upper: Upper bound on the linear scale.
        estimated: Whether it is to be estimated.
        prior: What the objective knows of it.
        start: Distribution of the starts of a search; by default uniform between the bounds.
    """

    name: str
    scale: Scale = "lin"
    nominal: float | None = None
    lower: float | None = None
    upper: float | None = None
    estimated: bool = False
    prior: Prior | None = None
    start: Prior | None = None


@final
@dataclass(frozen=True)
class Condition:
    """An experimental condition: quantities of the model that differ from what the model says."""

    name: str
    values: Mapping[str, Value]


@final
@dataclass(frozen=True)
class Observable:
    """What an instrument sees.

    Args:
        name: Its id.
        formula: Value as a formula over quantities of the model and parameters.
        noise: Standard deviation (or scale) of the noise as a formula.
        transformation: Scale on which the noise is added.
        distribution: Shape of the noise.
    """

    name: str
    formula: str
    noise: str = "1"
    transformation: Scale = "lin"
    distribution: Literal["normal", "laplace"] = "normal"


@final
@dataclass(frozen=True)
class Measurement:
    """One measured (or simulated) value.

    Args:
        observable: Id of the observable.
        condition: Id of the condition of the experiment.
        before: Id of the condition in which the system came to rest before, "" for none.
        time: Time; infinite means at rest.
        value: The value.
        observable_parameters: What ``observableParameter1_...`` and so on stand for here.
        noise_parameters: What ``noiseParameter1_...`` and so on stand for here.
    """

    observable: str
    condition: str
    before: str
    time: float
    value: float
    observable_parameters: tuple[Value, ...] = ()
    noise_parameters: tuple[Value, ...] = ()


@final
@dataclass(frozen=True)
class PetabProblem:
    """A model with its experiments and data.

    Args:
        name: Name of the problem (the file's).
        model: Path of the SBML file.
        parameters: Parameters by id.
        conditions: Conditions by id.
        observables: Observables by id.
        measurements: Measurements in the order of the files.
    """

    name: str
    model: Path
    parameters: Mapping[str, Parameter]
    conditions: Mapping[str, Condition]
    observables: Mapping[str, Observable]
    measurements: tuple[Measurement, ...]

    def nominal(self) -> dict[str, float]:
        """Return the nominal values on the linear scale."""
        return {n: p.nominal for n, p in self.parameters.items() if p.nominal is not None}
