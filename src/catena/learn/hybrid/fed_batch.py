"""Mass balances of a fed-batch culture, with the cells' rates left open to be learned.

For every species d(c V)/dt = q X V + F c_feed - S c and dV/dt = F - S, with cell density X, specific
rates q, feed F and withdrawal S; written in concentrations, so that withdrawal changes only the volume.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import content_key
from catena.core.model import ModelInfo
from catena.core.spec import Field, Schema
from catena.numerics.ode import OdeSystem

#: Names of the balance besides the species.
VOLUME, FEED, WITHDRAWAL = "volume", "feed_rate", "withdrawal_rate"


def fed_batch(
    species: Mapping[str, str],
    *,
    cells: str,
    feed: Mapping[str, float] | None = None,
    controls: Mapping[str, str] | None = None,
    volume_unit: str = "L",
    time_unit: str = "h",
    id: str = "bioprocess.fed_batch",
) -> OdeSystem:
    """Return the mass balances of a fed-batch culture as a system to make hybrid.

    Args:
        species: Unit by name of everything dissolved or suspended, the cells among it.
        cells: Species whose amount all rates are proportional to.
        feed: Concentration in the feed by species (0 where not named), in its unit.
        controls: Units of further process inputs that may drive the rates (temperature, induction),
            piecewise constant.
        volume_unit: Unit of the volume.
        time_unit: Unit of time.
        id: Id of the model.

    Returns:
        A system with parameters ``rate_<species>`` (per cell amount and time) and
        ``<species>_0``, ``volume_0`` (initial values), inputs ``feed_rate`` and
        ``withdrawal_rate`` over time, and every species and the volume as outputs.

    Raises:
        InputError: ``cells`` or a species of the feed is not declared.
    """
    given = dict(feed or {})
    for name in (cells, *given):
        if name not in species:
            raise InputError(f"No species {name!r}", where="fed_batch",
                             why=f"declared are {', '.join(species)}", fix="declare it")  # fmt: skip
    states = _states(species, volume_unit)
    flow = f"{volume_unit}/{time_unit}"
    forcing = [Field(FEED, unit=flow, bounds=(0.0, None)),
               Field(WITHDRAWAL, unit=flow, bounds=(0.0, None)),
               *(Field(n, unit=u) for n, u in (controls or {}).items())]  # fmt: skip
    starts = [
        f.with_(name=f"{f.name}_0", default=None, doc=f"{f.name} at the start") for f in states
    ]
    rates = [Field(f"rate_{n}", unit=f"({u or '1'})/({species[cells] or '1'})/{time_unit}",
                   doc=f"Formation of {n} per cell") for n, u in species.items()]  # fmt: skip
    balances = Balances(tuple(species), cells, given)
    return OdeSystem(
        ModelInfo(id=id, title="Fed-batch culture", scale="process", backend="jax",
                  doc="Mass balances of a fed-batch culture with open cell rates."),
        states, Schema([*starts, *rates]), balances,
        Schema([Field(f.name, unit=f.unit, shape=("time",)) for f in states]),
        _everything, initial=balances.initial,
        forcing=Schema(forcing), interpolation="constant", time_unit=time_unit,
    )  # fmt: skip


@final
class Balances:
    """The right-hand side of a fed-batch culture, by name and as vectors.

    Args:
        species: Names in order.
        cells: The species that all rates are proportional to.
        feed: Concentration in the feed by species.
    """

    def __init__(self, species: tuple[str, ...], cells: str, feed: Mapping[str, float]) -> None:
        self.species, self.cells, self.feed = species, cells, dict(feed)
        self.terms = len(species)

    @property
    def key(self) -> str:
        """Content key: other species or another feed are another system."""
        return content_key("fed batch 1", list(self.species), self.cells, self.feed)

    def initial(self, p: Any) -> dict[str, Any]:
        """Return the initial states, which are parameters."""
        return {name: p[f"{name}_0"] for name in (*self.species, VOLUME)}

    def __call__(self, t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
        """Return the slopes by name."""
        dilution = u[FEED] / y[VOLUME]
        slopes = {
            n: p[f"rate_{n}"] * y[self.cells] + dilution * (self.feed.get(n, 0.0) - y[n])
            for n in self.species
        }
        return slopes | {VOLUME: u[FEED] - u[WITHDRAWAL]}

    def vector(self, t: Any, y: Any, p: Any, u: Any, terms: Any) -> Any:
        """Return the slopes of (species, volume) for all rates (species,)."""
        import jax.numpy as jnp

        feed = np.array([self.feed.get(n, 0.0) for n in self.species])
        levels, volume = y[:-1], y[-1:]
        rates = terms * y[self.species.index(self.cells)]
        return jnp.concatenate([rates + u[0] / volume * (feed - levels), u[0:1] - u[1:2]])


def _everything(t: Any, y: Any, p: Any, u: Any) -> dict[str, Any]:
    return dict(y)


def _states(species: Mapping[str, str], volume_unit: str) -> Schema:
    fields = [Field(n, unit=u, default=0.0, bounds=(0.0, None)) for n, u in species.items()]
    volume = Field(VOLUME, unit=volume_unit, default=1.0, bounds=(0.0, None), low_open=True)
    return Schema([*fields, volume])
