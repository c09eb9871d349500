"""What was observed in people, beside the prediction; and the inputs with their sources."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.distribution import Distribution
from catena.core.errors import CatenaError
from catena.core.units import compatible

if TYPE_CHECKING:
    from catena.formats.compound import Card
    from catena.formats.osp import ObservedSet

#: The tables of digitised profiles, used when the data folder holds them.
_TABLES = ("body/pbpk/osp_observed_meta.csv.gz", "body/pbpk/osp_observed_profiles.csv.gz")
_OTHER_DRUG = re.compile(r"with perpetrator|after perpetrator|\bddi\b|\bgfj\b", re.IGNORECASE)


@dataclass(frozen=True)
class Point:
    """A published mean exposure after one dose.

    Args:
        study: Author and year.
        dose: Dose [mg].
        n: Number of subjects.
        auc: Area [mg*h/L], if reported.
        cmax: Peak [mg/L], if reported.
        source: Where it was published.
    """

    study: str
    dose: float
    n: int
    auc: float | None
    cmax: float | None
    source: str

    def to_dict(self) -> dict[str, Any]:
        """Return the point as plain data."""
        return asdict(self)


@dataclass(frozen=True)
class Profile:
    """A digitised concentration-time profile after one dose.

    Args:
        study: Author and year.
        dose: Dose [mg].
        time: Times after the dose [h].
        concentration: Plasma concentrations [mg/L].
    """

    study: str
    dose: float
    time: np.ndarray
    concentration: np.ndarray


def cited(card: Card | None, route: str) -> list[Point]:
    """Return the card's published exposures after single doses in mg by one route."""
    wanted = "oral" if route == "tablet" else route
    found = []
    for item in card.observed if card is not None else ():
        if item.route != wanted or not compatible(item.dose.unit, "mg"):
            continue
        auc = item.auc.to("mg*h/L") if item.auc is not None else None
        cmax = item.cmax.to("mg/L") if item.cmax is not None else None
        if auc is not None or cmax is not None:
            found.append(Point(item.study, item.dose.to("mg"), item.n, auc, cmax, item.source))
    return sorted(found, key=lambda point: (point.dose, point.study))


def profiles(compound: str, doses: Sequence[float], route: str) -> list[Profile]:
    """Return digitised plasma profiles at the candidate doses; none without the data folder.

    Arms with a second drug, blood or urine samples and repeated doses are left out.
    """
    from catena.formats.datasets import find
    from catena.formats.osp import doses_from_text, read_observed

    try:
        sets = read_observed(*(find(table) for table in _TABLES))
    except CatenaError:
        return []
    wanted = "oral" if route == "tablet" else route
    found = []
    for item in sets:
        given = doses_from_text(item)
        if given is None or len(given) != 1 or not _plain(item, compound):
            continue
        dose = given[0]
        near = [d for d in doses if dose.unit == "mg" and abs(d / dose.amount - 1) < 0.01]
        if dose.route == wanted and near:
            time = np.asarray(item.time) - dose.time
            later = (time >= 0) & (item.value > 0)
            found.append(
                Profile(item.study, float(near[0]), time[later], np.asarray(item.value)[later])
            )
    return found


def _plain(item: ObservedSet, compound: str) -> bool:
    """Tell whether a set is the mean plasma concentration of the compound given alone."""
    return (
        item.molecule.lower() == compound.lower()
        and item.compartment == "Plasma"
        and item.people > 1
        and item.dimension.startswith("Concentration")
        and not _OTHER_DRUG.search(item.name)
    )


def comparison(
    points: Sequence[Point], doses: np.ndarray, auc: np.ndarray, cmax: np.ndarray
) -> list[list[str]]:
    """Return table rows: each published exposure beside the predicted range at its dose.

    Args:
        points: Published exposures.
        doses: Candidate doses [mg].
        auc: 5, 50 and 95 % over people (3, doses) [mg*h/L].
        cmax: The same [mg/L].
    """
    rows = []
    for point in points:
        cells = [point.study, f"{point.dose:g}", str(point.n)]
        for seen, ranges in ((point.auc, auc), (point.cmax, cmax)):
            low, middle, high = _at(point.dose, doses, ranges) * 1000.0
            cells += [f"{seen * 1000.0:.3g}" if seen is not None else "",
                      f"{low:.3g} - {middle:.3g} - {high:.3g}" if low == low else "outside the doses"]  # fmt: skip
        rows.append(cells)
    return rows


def agreement(
    points: Sequence[Point], doses: np.ndarray, auc: np.ndarray, cmax: np.ndarray
) -> dict[str, Any]:
    """Return how far predicted medians are from published means.

    Returns:
        By quantity: number compared, geometric mean fold error, mean ratio predicted over
        observed, share of published means inside the 5-95 % range over people.
    """
    found: dict[str, Any] = {}
    for name, ranges in (("auc", auc), ("cmax", cmax)):
        ratios, inside = [], []
        for point in points:
            seen = getattr(point, name)
            low, middle, high = _at(point.dose, doses, ranges)
            if seen is None or not np.isfinite(middle):
                continue
            ratios.append(np.log10(middle / seen))
            inside.append(low <= seen <= high)
        if ratios:
            found[name] = {
                "n": len(ratios),
                "fold_error": float(10 ** np.mean(np.abs(ratios))),
                "bias": float(10 ** np.mean(ratios)),
                "inside_range": float(np.mean(inside)),
            }
    return found


def inputs(
    card: Card, given: Mapping[str, Any], laws: Mapping[str, Distribution]
) -> list[list[str]]:
    """Return table rows: each input from the card with value, uncertainty, status and source."""
    numbers = card.numbers()
    rows = []
    for name, value in given.items():
        if not isinstance(value, float):
            continue
        if name in numbers:
            number, unit = numbers[name]
            status, source = number.status, number.source
        else:
            status, source, unit = "predicted", "computed from several entries of the card", ""
        rows.append([name, f"{value:.4g} {unit}".strip(), _spell(laws.get(name)), status, source])
    return rows


def _spell(law: Distribution | None) -> str:
    if law is None:
        return ""
    p = law.parameters
    if law.name == "lognormal":
        return f"lognormal, CV {p[1]:.0%}"
    if law.name == "normal":
        return f"normal, SD {p[1]:.3g}"
    return f"{law.name} " + " to ".join(f"{x:.3g}" for x in (p[0], p[-1]))


def _at(dose: float, doses: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Return ranges at a dose, log-linear between the candidates; NaN outside them."""
    if not doses[0] * 0.999 <= dose <= doses[-1] * 1.001:
        return np.full(len(ranges), np.nan)
    x = np.log(doses)
    return np.array([np.exp(np.interp(np.log(dose), x, np.log(row))) for row in ranges])
