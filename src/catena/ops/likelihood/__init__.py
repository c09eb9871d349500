"""Data, error models and the likelihood of measured outputs under any Model."""

from __future__ import annotations

from catena.ops.likelihood.data import Measurements, check_informative, read_measurements
from catena.ops.likelihood.likelihood import Likelihood
from catena.ops.likelihood.noise import Noise

__all__ = ["Likelihood", "Measurements", "Noise", "check_informative", "read_measurements"]
