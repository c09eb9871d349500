"""Virtual adults: people to run body Models on, as covariates and standardised deviates.

People come either from moments of a health survey by sex and age band (shipped with the package)
or from the survey's own records, drawn by their weights with a little jitter (when the data folder
holds them).  A person's organ deviates are drawn until adipose tissue takes a plausible share of
body weight; after ten misses the person is drawn anew.  So thin people rightly get lean bodies with
less muscle rather than vanish from the population.

The person at an index depends on the seed and the index alone, not on how many are asked for.

Sources: NHANES 2013-2018 (CDC, public); McNally et al. (2014), doi:10.1016/j.tox.2013.07.009.
Hepatic and intestinal CYP3A are drawn independently: Lown et al. (1994), Drug Metab Dispos
22:947-955, found that one does not predict the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from catena.core.errors import DataError, InputError
from catena.science.body.organs import ORGANS
from catena.science.body.physiology.model import DEVIATES, Physiology, adipose_shares
from catena.science.body.physiology.reference import SEXES, reference_adult, rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SURVEY", "VirtualAdults", "virtual_adults"]

SURVEY = "body/httk/nhanes_mecdt.csv.xz"
"""Data set of survey records behind ``source="survey"``."""

Source = Literal["moments", "survey", "auto"]
Floats = NDArray[np.float64]

_TRIES_PER_PERSON = 10
_PEOPLE_PER_INDEX = 20
_WEIGHT_JITTER, _HEIGHT_JITTER = 0.03, 0.01
_YOUNGEST, _OLDEST = 18.0, 80.0
_FARTHEST = 8.0
_COVARIATES = ("age", "height", "weight", "serum_creatinine")


@dataclass(frozen=True)
class VirtualAdults(Mapping[str, Any]):
    """People, ready for ``physiology.predict(people)``.

    Args:
        values: inputs of body.physiology by name, each with one row per person.
        source: where the covariates come from, ``"moments"`` or ``"survey"``.
        seed: seed of the draw.
        redrawn_deviates: draws of organ deviates that gave an implausible body.
        redrawn_people: people drawn anew because ten such draws in a row failed.
    """

    values_: Mapping[str, Any] = field(repr=False)
    source: str
    seed: int
    redrawn_deviates: int
    redrawn_people: int

    @property
    def size(self) -> int:
        """Number of people."""
        return len(self.values_["age"])

    def __getitem__(self, name: str) -> Any:
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def table(self) -> pd.DataFrame:
        """One row per person; organ deviates in columns such as ``z_mass.liver``."""
        import pandas as pd

        columns: dict[str, Any] = {}
        for name, value in self.values_.items():
            if np.ndim(value) == 2:
                columns |= {f"{name}.{organ}": value[:, i] for i, organ in enumerate(ORGANS)}
            else:
                columns[name] = value
        return pd.DataFrame(columns)


def virtual_adults(
    n: int,
    seed: int = 0,
    age: tuple[float, float] = (18.0, 65.0),
    female_share: float = 0.5,
    source: Source = "moments",
    cyp3a4_correlation: float = 0.0,
) -> VirtualAdults:
    """Draw virtual adults.

    Args:
        n: number of people.
        seed: the same seed gives the same people, also when ``n`` grows.
        age: youngest and oldest age [year], within 18 to 80.
        female_share: probability that a person is a woman.
        source: ``"moments"`` (shipped summary statistics), ``"survey"`` (survey records) or
            ``"auto"`` (survey records where the data folder holds them, else moments).
        cyp3a4_correlation: correlation of hepatic and intestinal CYP3A4 deviates.

    Returns:
        The people and how many draws were rejected.

    Raises:
        InputError: an argument is out of range, or the filter admits no plausible person.
        DataError: survey records were asked for and are not at hand.
    """
    _check_arguments(n, age, female_share, cyp3a4_correlation)
    chosen, drawer = _source(source, age, female_share)
    values = _empty(n)
    pending = np.arange(n)
    missed = missed_people = 0
    for attempt in range(_TRIES_PER_PERSON * _PEOPLE_PER_INDEX):
        if not len(pending):
            break
        person, fresh = divmod(attempt, _TRIES_PER_PERSON)
        if fresh == 0:
            missed_people += len(pending) if person else 0
            drawn = drawer.draw(_uniform(seed, ("person", person), n, drawer.columns))
        deviates = _deviates(_uniform(seed, ("deviate", attempt), n, _DEVIATE_COLUMNS))
        _correlate(deviates, cyp3a4_correlation)
        trial = {**deviates, **drawn}
        for name, value in values.items():
            value[pending] = trial[name][pending]
        good = _plausible({name: value[pending] for name, value in values.items()})
        pending = pending[~good]
        missed += len(pending)
    if len(pending):
        raise InputError(
            f"no plausible person found for {len(pending)} of {n} indices",
            where="virtual_adults",
            why=f"{_TRIES_PER_PERSON * _PEOPLE_PER_INDEX} draws in a row gave implausible bodies",
            fix="widen the filter",
        )
    return VirtualAdults(values, chosen, seed, missed, missed_people)


def _check_arguments(n: int, age: tuple[float, float], share: float, correlation: float) -> None:
    low, high = age
    faults = {
        "n": n < 1 and f"{n} people; at least one is needed",
        "age": not _YOUNGEST <= low <= high <= _OLDEST
        and f"{low:g} to {high:g} years; the tables cover {_YOUNGEST:g} to {_OLDEST:g}",
        "female_share": not 0.0 <= share <= 1.0 and f"{share:g} is not a probability",
        "cyp3a4_correlation": not -1.0 <= correlation <= 1.0
        and f"{correlation:g} is not a correlation",
    }
    wrong = {name: why for name, why in faults.items() if why}
    if wrong:
        raise InputError(
            "cannot draw virtual adults",
            where=f"virtual_adults({', '.join(wrong)})",
            why="; ".join(f"{name}: {why}" for name, why in wrong.items()),
            fix="correct these arguments",
        )


def _uniform(seed: int, stream: tuple[str, int], n: int, columns: int) -> Floats:
    """Uniform numbers (n, columns) whose first rows do not depend on n (rows fill in order)."""
    purpose, attempt = stream
    sequence = np.random.SeedSequence([seed, {"person": 0, "deviate": 1}[purpose], attempt])
    return np.random.Generator(np.random.Philox(sequence)).random((n, columns))


def _normal(uniform: Floats) -> Floats:
    from scipy.special import ndtri

    return np.clip(ndtri(uniform), -_FARTHEST, _FARTHEST)


_DEVIATE_COLUMNS = 2 * len(ORGANS) + len(DEVIATES)


def _deviates(uniform: Floats) -> dict[str, Floats]:
    """Independent standard normal deviates by input name."""
    z, organs = _normal(uniform), len(ORGANS)
    scalars = {name: z[:, 2 * organs + i] for i, name in enumerate(DEVIATES)}
    return {"z_mass": z[:, :organs], "z_flow": z[:, organs : 2 * organs], **scalars}


def _correlate(deviates: dict[str, Floats], rho: float) -> None:
    """Give the gut's CYP3A4 deviate the wanted correlation with the liver's."""
    own = deviates["z_cyp3a4_gut"]
    mixed = rho * deviates["z_cyp3a4_liver"] + np.sqrt(1.0 - rho**2) * own
    deviates["z_cyp3a4_gut"] = np.clip(mixed, -_FARTHEST, _FARTHEST)


def _empty(n: int) -> dict[str, Any]:
    scalars = {name: np.zeros(n) for name in (*_COVARIATES, *DEVIATES)}
    organs = {name: np.zeros((n, len(ORGANS))) for name in ("z_mass", "z_flow")}
    return {"sex": np.zeros(n, dtype=np.int64), **scalars, **organs}


def _plausible(values: dict[str, Any]) -> NDArray[np.bool_]:
    """Whether each person lies within the Model's bounds and has a plausible adipose share."""
    from catena.science.body.physiology.person import PLAUSIBLE_ADIPOSE

    model = Physiology()
    share = adipose_shares(values, model.param_values)
    good = (share >= PLAUSIBLE_ADIPOSE[0]) & (share <= PLAUSIBLE_ADIPOSE[1])
    for name in _COVARIATES:
        low, high = model.inputs[name].bounds
        good &= (values[name] >= low) & (values[name] <= high)
    return np.asarray(good)


def _source(source: Source, age: tuple[float, float], female_share: float) -> tuple[str, Any]:
    """Name of the source used and what draws covariates from it."""
    if source == "moments":
        return "moments", _FromMoments(age, female_share)
    if source not in ("survey", "auto"):
        raise InputError(
            f"unknown source {source!r}",
            where="virtual_adults(source)",
            fix="use moments, survey or auto",
        )
    try:
        return "survey", _FromSurvey(age, female_share)
    except DataError:
        if source == "survey":
            raise
        return "moments", _FromMoments(age, female_share)


@cache
def _bands() -> dict[str, dict[tuple[float, float], dict[str, float]]]:
    """Moments by sex, age band and quantity."""
    table: dict[str, dict[tuple[float, float], dict[str, float]]] = {sex: {} for sex in SEXES}
    for row in rows("adult_moments.csv"):
        band = (float(row["age_low"]), float(row["age_high"]))
        table[row["sex"]].setdefault(band, {})[row["quantity"]] = float(row["value"])
    return table


class _FromMoments:
    """Covariates from means, standard deviations and correlations by sex and age band."""

    columns = 6

    def __init__(self, age: tuple[float, float], female_share: float) -> None:
        self.female_share = female_share
        low, high = age
        first = next(iter(_bands().values()))
        self.edges = [(max(a, low), min(b, high)) for a, b in first if a <= high and b >= low]
        inside = [band for band in first if band[0] <= high and band[1] >= low]
        # A band counts by the part of it that is asked for; a single age gets any positive weight.
        part = [max(b - a, 1e-9) for a, b in self.edges]
        self.cells = [[_bands()[sex][band] for band in inside] for sex in SEXES]
        widths = [b - a for a, b in inside]
        shares = np.array([[cell["share"] for cell in cells] for cells in self.cells])
        weights = shares * np.array(part) / np.array(widths)
        self.cumulative = np.cumsum(weights, axis=1) / weights.sum(axis=1, keepdims=True)

    def _moment(self, sex: NDArray[np.int64], band: NDArray[np.int64], name: str) -> Floats:
        return np.array([[cell[name] for cell in cells] for cells in self.cells])[sex, band]

    def draw(self, uniform: Floats) -> dict[str, Any]:
        """Covariates of as many people as there are rows."""
        sex = (uniform[:, 0] < self.female_share).astype(np.int64)
        band = np.sum(uniform[:, 1, None] > self.cumulative[sex, :-1], axis=1)
        low, high = np.array(self.edges).T
        z = _normal(uniform[:, 3:6])
        rho = self._moment(sex, band, "height_weight_correlation")
        shift = self._moment(sex, band, "weight_shift")
        heavy = rho * z[:, 0] + np.sqrt(1.0 - rho**2) * z[:, 1]

        def moment(name: str, deviate: Floats) -> Floats:
            mean = self._moment(sex, band, f"{name}_mean")
            return mean + self._moment(sex, band, f"{name}_sd") * deviate

        return {
            "sex": sex,
            "age": low[band] + (high - low)[band] * uniform[:, 2],
            "height": moment("height", z[:, 0]),
            "weight": shift + np.exp(moment("ln_weight_above", heavy)),
            "serum_creatinine": np.exp(moment("ln_creatinine", z[:, 2])),
        }


class _FromSurvey:
    """Covariates of survey records drawn by their weights, height and weight jittered."""

    columns = 4

    def __init__(self, age: tuple[float, float], female_share: float) -> None:
        import pandas as pd

        from catena.formats.datasets import find

        self.female_share = female_share
        table = pd.read_csv(find(SURVEY))
        table = table[table["ridexagy"].between(*age)]
        table = table.dropna(subset=["bmxhtlenavg", "bmxwt", "lbxscr", "lbxhct", "wtmec6yr"])
        self.people = [table[table["riagendr"] == sex.capitalize()] for sex in SEXES]
        wanted = (female_share < 1.0, female_share > 0.0)
        if any(need and not len(people) for need, people in zip(wanted, self.people, strict=True)):
            raise InputError(
                "the survey has nobody in this age range",
                where="virtual_adults(age)",
                why=f"ages in whole years, {age[0]:g} to {age[1]:g} were asked for",
                fix='widen the range, or use source="moments"',
            )

    def _pick(self, people: pd.DataFrame, uniform: Floats) -> dict[str, Floats]:
        """Records drawn with probability proportional to their survey weight."""
        cumulative = np.cumsum(people["wtmec6yr"].to_numpy())
        index = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
        names = ("ridexagy", "bmxhtlenavg", "bmxwt", "lbxscr", "lbxhct")
        return {name: people[name].to_numpy(dtype=float)[index] for name in names}

    def draw(self, uniform: Floats) -> dict[str, Any]:
        """Covariates of as many people as there are rows; hematocrit is the measured one."""
        female = uniform[:, 0] < self.female_share
        found: dict[str, Floats] = {}
        for is_female, people in enumerate(self.people):
            chosen = female == bool(is_female)
            if not chosen.any():
                continue
            for name, value in self._pick(people, uniform[chosen, 1]).items():
                found.setdefault(name, np.zeros(len(uniform)))[chosen] = value
        sex = female.astype(np.int64)
        jitter = _normal(uniform[:, 2:4])
        relative = found["lbxhct"] / 100.0 / reference_adult().hematocrit[sex] - 1.0
        spread = Physiology().param_values["hematocrit_cv"]
        return {
            "sex": sex,
            "age": found["ridexagy"],
            "height": found["bmxhtlenavg"] * (1.0 + _HEIGHT_JITTER * jitter[:, 0]),
            "weight": found["bmxwt"] * (1.0 + _WEIGHT_JITTER * jitter[:, 1]),
            "serum_creatinine": found["lbxscr"],
            "z_hematocrit": np.clip(relative / spread, -_FARTHEST, _FARTHEST),
        }
