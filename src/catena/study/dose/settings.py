"""Settings of a dose-finding study, and the window and doses they resolve to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field as Setting
from pydantic import JsonValue

from catena.core.errors import CatenaError, StudyError
from catena.study.schema import Part, PortName, Study, Text

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.formats.compound import Card

Metric = Literal["cmax", "auc"]
METRIC_UNITS: Mapping[str, str] = {"cmax": "mg/L", "auc": "mg*h/L"}


class WindowSettings(Part):
    """An exposure window written into the study instead of taken from the card.

    Args:
        metric: ``cmax`` or ``auc``.
        low: Lower end with unit, e.g. ``31 ug/L``.
        high: Upper end with unit.
        source: Where the window comes from.
    """

    metric: Metric
    low: Text
    high: Text
    source: Text


class Ports(Part):
    """Which ports of the model play which part.

    Args:
        concentration: Concentration over time, drawn as bands.
        auc: Area under the curve.
        cmax: Peak.
        tmax: Time of the peak.
        further: More outputs to keep per person.
    """

    concentration: PortName = "pbpk.plasma"
    auc: PortName = "exposure.auc_inf"
    cmax: PortName = "exposure.cmax"
    tmax: PortName = "exposure.tmax"
    further: Annotated[tuple[PortName, ...], Setting(strict=False)] = ("exposure.half_life",)


class DoseFindingSettings(Part):
    """Settings of ``dose_finding``.

    Args:
        people: Virtual people per dose; all doses are given to the same people.
        filters: Passed to the model's own population, e.g. ``age: [18, 65]``.
        vary: Further differences between people, as distributions by input.
        doses: Candidate doses [mg]; the card's when empty.
        route: ``oral``, ``iv`` or ``tablet``: the state of the model that is dosed.
        window: ``cmax`` or ``auc`` takes the card's window of that metric; or a window of your own.
        ports: Which ports of the model play which part.
        chunk: People per task.
        gradients: Also compute exact local sensitivities at the typical person.
    """

    people: Annotated[int, Setting(ge=2, le=1_000_000)] = 1000
    filters: dict[PortName, JsonValue] = {}
    vary: dict[PortName, Text] = {}
    doses: Annotated[
        tuple[Annotated[float, Setting(gt=0, le=1e7)], ...], Setting(strict=False, max_length=50)
    ] = ()
    route: Literal["oral", "iv", "tablet"] = "oral"
    window: Metric | WindowSettings = "cmax"
    ports: Ports = Ports()
    chunk: Annotated[int, Setting(ge=1, le=10_000)] = 100
    gradients: bool = True


@dataclass(frozen=True)
class Aim:
    """The exposure aimed at.

    Args:
        metric: ``cmax`` or ``auc``.
        low: Lower end [mg/L or mg*h/L].
        high: Upper end.
        status: ``measured``, ``predicted`` or ``assumed``; ``given`` when the study wrote it.
        effect: What is achieved inside.
        source: Where it comes from.
        derivation: How it follows from the source.
    """

    metric: Metric
    low: float
    high: float
    status: str
    effect: str
    source: str
    derivation: str = ""

    @property
    def unit(self) -> str:
        """Unit of the ends."""
        return METRIC_UNITS[self.metric]


def aim(study: Study, card: Card | None) -> Aim:
    """Return the window of the study, written out or taken from its card.

    Raises:
        StudyError: there is no window, or it is not one.
    """
    window = study.settings.window
    if isinstance(window, WindowSettings):
        low, high = (
            _amount(text, METRIC_UNITS[window.metric]) for text in (window.low, window.high)
        )
        if not 0 <= low < high:
            raise StudyError("Not a window", where="settings.window", why=f"{window.low} to {window.high}",
                             fix="the low end comes first and both are positive")  # fmt: skip
        return Aim(window.metric, low, high, "given", "", window.source)
    found = card.window(window) if card is not None else None
    if found is None:
        raise StudyError(
            "No exposure window to aim at",
            where=f"study {study.name!r}, settings.window",
            why=f"the card has no {window} window"
            if card is not None
            else "the study names no compound card",
            fix="write settings: {window: {metric: cmax, low: 31 ug/L, high: 104 ug/L, source: ...}}",
        )
    low, high = found.bounds()
    return Aim(found.metric, low, high, found.status, found.effect, found.source, found.derivation)


def doses(study: Study, card: Card | None) -> np.ndarray:
    """Return the candidate doses [mg], rising.

    Raises:
        StudyError: neither the study nor its card gives doses for the route.
    """
    given = list(study.settings.doses)
    if not given and card is not None:
        route = "iv" if study.settings.route == "iv" else "oral"
        for entry in card.doses:
            if entry.route == route:
                given = [_amount(f"{value!r} {entry.unit}", "mg") for value in entry.values]
    if not given:
        raise StudyError("No candidate doses", where=f"study {study.name!r}, settings.doses",
                         why="neither the study nor the card gives doses for this route",
                         fix="write settings: {doses: [2, 5, 7.5, 15]}  (mg)")  # fmt: skip
    if len(set(given)) != len(given):
        raise StudyError("A dose is given twice", where="settings.doses", why=str(given)[:200],
                         fix="name every candidate once")  # fmt: skip
    return np.array(sorted(given))


def check_ports(study: Study, model: Model) -> None:
    """See that the model has the ports the study relies on.

    Raises:
        StudyError: an output is missing or of the wrong dimension.
    """
    from catena.core.errors import did_you_mean
    from catena.core.units import compatible

    ports: Ports = study.settings.ports
    wanted = (
        (ports.auc, "mg*h/L"), (ports.cmax, "mg/L"), (ports.tmax, "h"), (ports.concentration, "mg/L")
    )  # fmt: skip
    for name, unit in wanted:
        if name not in model.outputs:
            raise StudyError(
                f"{model.info.id} has no output {name!r}",
                where=f"study {study.name!r}, settings.ports",
                why=f"its outputs are {', '.join(model.outputs.names[:12])}",
                fix=did_you_mean(name, model.outputs.names, "name the port in settings.ports"),
            )
        if not compatible(model.outputs[name].unit, unit):
            raise StudyError(f"{name} is not in {unit}", where="settings.ports",
                             why=f"its unit is {model.outputs[name].unit or 'none'}",
                             fix="name the port that holds this quantity")  # fmt: skip


def _amount(text: str, unit: str) -> float:
    from catena.core.units import conversion, parse_quantity

    try:
        value, given = parse_quantity(text, unit)
        return float(conversion(given, unit).apply(value))
    except CatenaError as error:
        error.where = f"settings: {text[:60]!r}"
        raise
