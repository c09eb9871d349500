"""Error models of measured outputs: how the scale of a residual follows from the prediction."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from catena.core.errors import CatenaError, InputError, did_you_mean
from catena.core.spec import Field
from catena.ops.likelihood.density import Density, density_of

Array = np.ndarray[Any, Any]

#: Error models and their numbers: ``sd`` in the unit of the output, ``cv`` a fraction.
MODELS: dict[str, tuple[str, ...]] = {
    "additive": ("sd",),
    "proportional": ("cv",),
    "combined": ("sd", "cv"),
    "combined1": ("sd", "cv"),
    "lognormal": ("cv",),
    "given": (),
}
_CALL = re.compile(r"\s*([A-Za-z_0-9]+)\s*(?:\((.*)\))?\s*$", re.DOTALL)


@final
@dataclass(frozen=True)
class Noise:
    """The error model of one output.

    ``additive``: scale ``sd``; ``proportional``: ``cv`` times the prediction; ``combined``: the
    root of the sum of their squares; ``combined1``: their sum (as in Monolix); ``lognormal``:
    logarithms are normal, ``cv`` being the coefficient of variation; ``given``: the standard
    deviations that stand in the data.

    Args:
        output: The output.
        name: The error model.
        density: Density of standardised residuals.
        fixed: Numbers that are known, by their name; the others are estimated.
    """

    output: Field
    name: str
    density: Density
    fixed: Mapping[str, float]

    @property
    def log(self) -> bool:
        """Whether residuals are differences of logarithms."""
        return self.name == "lognormal"

    @property
    def free(self) -> tuple[str, ...]:
        """Names of the numbers that are estimated."""
        return tuple(name for name in MODELS[self.name] if name not in self.fixed)

    @property
    def closed(self) -> bool:
        """Whether the best scale for given predictions is known in closed form."""
        single = self.name in ("additive", "proportional", "lognormal")
        return single and self.density.normal and len(self.free) == 1

    def parameter(self, number: str) -> str:
        """Return the name of an estimated number among all parameters."""
        return f"{self.output.name}.{number}"

    def unit(self, number: str) -> str:
        """Return the unit of a number."""
        return self.output.unit if number == "sd" else ""

    def scale(self, mean: Any, numbers: Mapping[str, Any], sd: Any, xp: Any = np) -> Any:
        """Return the scale of residuals.

        Args:
            mean: Predictions.
            numbers: The model's numbers, broadcast against the predictions.
            sd: Standard deviations that stand in the data.
            xp: Array module.
        """
        if self.name == "given":
            return sd + 0.0 * mean
        if self.name == "lognormal":
            return xp.sqrt(xp.log1p(numbers["cv"] ** 2)) + 0.0 * mean
        if self.name == "additive":
            return numbers["sd"] + 0.0 * mean
        if self.name == "proportional":
            return numbers["cv"] * xp.abs(mean)
        if self.name == "combined1":
            return numbers["sd"] + numbers["cv"] * xp.abs(mean)
        return xp.sqrt(numbers["sd"] ** 2 + (numbers["cv"] * mean) ** 2)

    def slopes(
        self, mean: Array, numbers: Mapping[str, Any], scale: Array
    ) -> tuple[Array, dict[str, Array]]:
        """Return derivatives of the scale to the prediction and to the model's numbers."""
        zero, one = np.zeros_like(mean), np.ones_like(mean)
        if self.name == "given":
            return zero, {}
        if self.name == "lognormal":
            cv = numbers["cv"]
            return zero, {"cv": cv / (1.0 + cv**2) / scale}
        if self.name == "additive":
            return zero, {"sd": one}
        sign = np.sign(mean)
        if self.name == "proportional":
            return numbers["cv"] * sign, {"cv": np.abs(mean)}
        if self.name == "combined1":
            return numbers["cv"] * sign, {"sd": one, "cv": np.abs(mean)}
        cv = numbers["cv"]
        return cv**2 * mean / scale, {"sd": numbers["sd"] / scale, "cv": cv * mean**2 / scale}

    def closed_number(self, square: Array) -> Array:
        """Return the best number for a mean square of residuals at scale one (closed form)."""
        if self.name == "lognormal":
            return np.asarray(np.sqrt(np.expm1(np.minimum(square, 700.0))))
        return np.asarray(np.sqrt(square))


def noises_of(
    outputs: tuple[Field, ...],
    noise: str | Mapping[str, str] | None,
    loss: str,
    with_sd: tuple[bool, ...],
) -> tuple[Noise, ...]:
    """Read the error models of the measured outputs.

    Args:
        outputs: The measured outputs.
        noise: One text for all, or one by output: ``additive``, ``additive(0.5 mg/L)``,
            ``proportional(20 %)``, ``combined``, ``combined(0.1, 0.2)``, ``combined1``,
            ``lognormal``, ``student(4)``, ``laplace``, ``given``. None takes the standard
            deviations in the data where they stand, else ``additive``.
        loss: Density of the residuals: ``linear``, ``huber``, ``soft_l1``, ``cauchy``,
            ``student(4)``, ``laplace``.
        with_sd: Per output, whether the data hold its standard deviations.

    Raises:
        InputError: an output or error model is unknown, or a number makes no sense.
    """
    names = [output.name for output in outputs]
    if isinstance(noise, Mapping):
        for name in noise:
            if name not in names:
                raise InputError(f"Noise of {name!r}, which is not measured", where="noise",
                                 why=f"measured are {', '.join(names)}",
                                 fix=did_you_mean(name, names, "correct the name"))  # fmt: skip
    found = []
    for output, has_sd in zip(outputs, with_sd, strict=True):
        text = noise.get(output.name) if isinstance(noise, Mapping) else noise
        one = _noise(output, text or ("given" if has_sd else "additive"), loss)
        if one.name == "given" and not has_sd:
            raise InputError(f"No standard deviations of {output.name!r} in the data", where="noise",
                             why='the noise "given" reads them from a column',
                             fix=f"add the column {output.name}_sd for every measurement")  # fmt: skip
        found.append(one)
    return tuple(found)


def _noise(output: Field, text: str, loss: str) -> Noise:
    density = density_of(*_call(loss, "loss"))
    name, parts = _split(text)
    if name in ("student", "laplace", "huber", "soft_l1", "cauchy"):
        density = density_of(name, _plain(parts[0], text) if parts and name in ("student", "huber") else None)  # fmt: skip
        parts = parts[1:] if name in ("student", "huber") else parts
        name = "additive"
    if name not in MODELS:
        raise InputError(f"Unknown noise {name!r}", where=f"noise of {output.name}",
                         why=f"there are {', '.join(MODELS)}, student, laplace",
                         fix=did_you_mean(name, [*MODELS, "student", "laplace"], "use one of these"))  # fmt: skip
    numbers = MODELS[name]
    if parts and len(parts) != len(numbers):
        raise InputError(f"{name} takes {len(numbers) or 'no'} numbers", where=f"noise of {output.name}",
                         why=f"{len(parts)} were given", fix=f"write {name}({', '.join(numbers)})")  # fmt: skip
    fixed = {
        number: _quantity(part, output.unit if number == "sd" else "", text)
        for number, part in zip(numbers, parts, strict=False)
    }
    return Noise(output, name, density, fixed)


def _split(text: str) -> tuple[str, list[str]]:
    match = _CALL.match(text) if isinstance(text, str) else None
    if match is None:
        raise InputError(f"Cannot read {str(text)[:60]!r}", where="noise", why="it is no name(numbers)",
                         fix='write for example "proportional(20 %)"')  # fmt: skip
    inside = match.group(2)
    parts = [] if inside is None else [part.strip() for part in inside.split(",") if part.strip()]
    return match.group(1), parts


def _call(text: str, where: str) -> tuple[str, float | None]:
    name, parts = _split(text)
    if len(parts) > 1:
        raise InputError(f"Too many numbers in {text!r}", where=where, fix="give one")
    return name, _plain(parts[0], text) if parts else None


def _plain(part: str, text: str) -> float:
    try:
        return float(part)
    except ValueError:
        raise InputError(f"{part!r} is no number", where=text[:60], fix="write for example student(4)") from None  # fmt: skip


def _quantity(part: str, unit: str, text: str) -> float:
    from catena.core.units import conversion, parse_quantity

    try:
        value, given = parse_quantity(part, unit)
        number = float(conversion(given, unit).apply(value))
    except CatenaError as error:
        raise InputError(f"Cannot read the noise {text[:60]!r}", where="noise",
                         why=f"{error.what}: {error.why}".rstrip(": "), fix=error.fix) from None  # fmt: skip
    if not math.isfinite(number) or number <= 0:
        raise InputError(f"Noise must be positive, got {part}", where=f"noise {text[:60]!r}",
                         why="a scale of zero would forbid every deviation", fix="give a positive number")  # fmt: skip
    return number
