"""Recomputes the claim of the plug-in."""
import math

from catena.core.claims import Finding
from catena_growth import logistic


def inflection(seed: int = 0) -> Finding:
    """Compare with half the capacity at the inflection."""
    found = logistic.predict(time=math.log(20 / 0.1 - 1) / 0.3)["biomass"][0]
    return Finding(abs(found / 10.0 - 1.0), n=1)
