"""The Model body.physiology: an adult's organs, blood flows and enzymes from covariates.

Give only sex, age, height, weight and creatinine for the typical such person; give standardised
deviates ``z_*`` (from :func:`catena.science.body.physiology.population.virtual_adults`, or your
own) for individuals around it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.errors import RowFault
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.spec import Field, Schema
from catena.science.body.organs import DIM, ORGANS
from catena.science.body.physiology.reference import SEXES, parameter_schema

if TYPE_CHECKING:
    from catena.science.body.physiology.population import Source

__all__ = ["DEVIATES", "IMPOSSIBLE_BELOW", "Physiology", "adipose_shares", "physiology"]

IMPOSSIBLE_BELOW = 0.01
"""Share of adipose tissue below which no body can be formed from the covariates and deviates."""

_FARTHEST = 8.0
_OLDEST_IN_DOMAIN = 80.0


def _organ_field(name: str, unit: str, doc: str, **parts: Any) -> Field:
    return Field(name=name, unit=unit, shape=(DIM,), labels=ORGANS, doc=doc, **parts)


def _deviate(name: str, of: str) -> Field:
    doc = f"standard normal deviate of {of}; 0 is typical"
    return Field(name=name, default=0.0, bounds=(-_FARTHEST, _FARTHEST), doc=doc)


def _organ_deviate(name: str, of: str) -> Field:
    doc = f"standard normal deviates of {of}; 0 is typical"
    zeros = [0.0] * len(ORGANS)
    return _organ_field(name, "", doc, default=zeros, bounds=(-_FARTHEST, _FARTHEST))


DEVIATES: tuple[str, ...] = (
    "z_hematocrit",
    "z_cyp3a4_liver",
    "z_cyp3a4_gut",
    "z_mppgl",
    "z_albumin",
    "z_agp",
)
"""The scalar deviates, beside the organ-shaped ``z_mass`` and ``z_flow``."""

INPUTS = Schema(
    [
        Field("sex", kind="category", choices=SEXES, doc="sex"),
        Field("age", unit="year", bounds=(18.0, 100.0), doc="age; the tables are for adults"),
        Field("height", unit="cm", bounds=(120.0, 230.0), doc="standing height"),
        Field("weight", unit="kg", bounds=(30.0, 300.0), doc="body weight"),
        Field("serum_creatinine", unit="mg/dL", bounds=(0.1, 25.0), doc="serum creatinine"),
        _organ_deviate("z_mass", "organ masses (without effect for adipose and rest)"),
        _organ_deviate("z_flow", "regional blood flows (lung: of the cardiac output)"),
        _deviate("z_hematocrit", "hematocrit"),
        _deviate("z_cyp3a4_liver", "hepatic CYP3A4 abundance"),
        _deviate("z_cyp3a4_gut", "intestinal CYP3A4 amount"),
        _deviate("z_mppgl", "microsomal protein per gram of liver"),
        _deviate("z_albumin", "plasma albumin"),
        _deviate("z_agp", "plasma alpha-1-acid glycoprotein"),
    ]
)

OUTPUTS = Schema(
    [
        _organ_field("organ_volume", "L", "tissue volumes without the blood pools"),
        _organ_field("organ_flow", "L/h", "blood flows; liver: artery only, lung: all"),
        Field("arterial_volume", unit="L", doc="arterial blood pool"),
        Field("venous_volume", unit="L", doc="venous blood pool"),
        Field("cardiac_output", unit="L/h", doc="resting cardiac output"),
        Field("hematocrit", doc="volume fraction of red cells in blood"),
        Field("gfr", unit="L/h", doc="glomerular filtration rate of this person (CKD-EPI 2021)"),
        Field("mppgl", unit="mg/g", doc="microsomal protein per gram of liver"),
        Field("liver_mass", unit="g", doc="liver mass"),
        Field("cyp3a4_liver", unit="pmol/mg", doc="CYP3A4 per mg of microsomal protein"),
        Field("cyp3a4_gut", unit="nmol", doc="CYP3A4 of the whole small intestine"),
        Field("albumin_ratio", doc="plasma albumin over that of pooled plasma"),
        Field("agp_ratio", doc="plasma AGP over that of pooled plasma"),
        Field("body_surface_area", unit="m^2", doc="body surface area (Mosteller)"),
        _organ_field("organ_mass", "kg", "tissue masses; with blood they sum to body weight"),
        Field("adipose_share", doc="share of body weight left for adipose; plausible 0.05 to 0.6"),
    ]
)


@cache
def _compiled_share() -> Callable[..., Any]:
    """The compiled adipose share of a batch (JAX is loaded only when a person is made)."""
    import jax

    from catena.science.body.physiology.person import adipose_share

    return jax.jit(adipose_share)


def adipose_shares(batch: Mapping[str, Any], params: Mapping[str, Any]) -> np.ndarray:
    """Share of body weight left for adipose tissue, for checks outside traced code.

    Args:
        batch: inputs of body.physiology; constants may have length 1.
        params: parameters of body.physiology.

    Returns:
        Shares (n,).
    """
    values = {name: np.asarray(value) for name, value in batch.items()}
    n = max(len(value) for value in values.values())
    if min(len(value) for value in values.values()) == 0:
        return np.zeros(0)
    # Padded to powers of two: every new length would be compiled anew.
    padded = np.minimum(np.arange(1 << (n - 1).bit_length()), n - 1)
    full = {
        name: np.broadcast_to(value, (n, *value.shape[1:]))[padded]
        for name, value in values.items()
    }
    return np.asarray(_compiled_share()(full, dict(params)))[:n]


class Physiology(Model):
    """Adult physiology from covariates and standardised deviates.

    Equations stand in :mod:`catena.science.body.physiology.person`.  Organ masses plus blood mass
    equal body weight and systemic flows equal cardiac output, to rounding, for every person.

    A row whose covariates and deviates leave less than 1 % of body weight for adipose tissue is an
    input error; one outside 5 to 60 %, or older than 80 years, is computed and marked as outside
    the domain.

    Raises:
        InputError: a value is out of bounds, or a person cannot be.

    Source: McNally et al. (2014), doi:10.1016/j.tox.2013.07.009; ICRP 89 (2002),
    doi:10.1016/S0146-6453(03)00002-2; further sources beside every relation and table row.
    """

    info = ModelInfo(
        id="body.physiology",
        version="0.1.0",
        title="Adult physiology",
        scale="organism",
        backend="jax",
        doc="Organ volumes, blood flows and enzymes of an adult from covariates and deviates.",
        citation="McNally et al. 2014, doi:10.1016/j.tox.2013.07.009; ICRP Publication 89, 2002",
        tags=("pbpk", "population", "human"),
    )
    inputs = INPUTS
    outputs = OUTPUTS
    params = parameter_schema()
    capabilities = Capabilities(gradient=True, gpu=True)

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> dict[str, Any]:
        from catena.science.body.physiology.person import person

        return person(batch, params)

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        share = adipose_shares(batch, self.param_values)
        why = "the lean organs and blood leave {:.1%} of body weight for adipose tissue"
        return [
            RowFault(int(row) if len(share) > 1 else -1, "weight", why.format(share[row]))
            for row in np.flatnonzero(~(share >= IMPOSSIBLE_BELOW))
        ]

    def _domain(self, batch: Mapping[str, Any]) -> np.ndarray:
        from catena.science.body.physiology.person import PLAUSIBLE_ADIPOSE

        share = adipose_shares(batch, self.param_values)
        low, high = PLAUSIBLE_ADIPOSE
        return (share >= low) & (share <= high) & (np.asarray(batch["age"]) <= _OLDEST_IN_DOMAIN)

    def population(
        self,
        n: int,
        seed: int = 0,
        age: tuple[float, float] = (18.0, 65.0),
        female_share: float = 0.5,
        source: Source = "moments",
        cyp3a4_correlation: float = 0.0,
    ) -> Mapping[str, Any]:
        """Draw virtual adults as inputs of this Model.

        Args:
            n: number of people.
            seed: the same seed gives the same people, also when ``n`` grows.
            age: youngest and oldest age [year], within 18 to 80.
            female_share: probability that a person is a woman.
            source: ``"moments"``, ``"survey"`` or ``"auto"``.
            cyp3a4_correlation: correlation of hepatic and intestinal CYP3A4 deviates.

        Returns:
            Inputs by name, one row per person; see :mod:`.population`.

        Raises:
            InputError: an argument is out of range.
            DataError: survey records were asked for and are not at hand.
        """
        from catena.science.body.physiology.population import virtual_adults

        return virtual_adults(n, seed, age, female_share, source, cyp3a4_correlation)


physiology = Physiology()
