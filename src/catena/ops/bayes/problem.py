"""From a model, data and prior texts to what samplers take: a likelihood and a prior."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from catena.core.distribution import Distribution
from catena.core.errors import CatenaError, InputError
from catena.core.identity import content_key, split_key
from catena.ops.bayes.prior import Prior
from catena.ops.likelihood import Likelihood, check_informative
from catena.ops.space import Space
from catena.ops.variable import Variable

if TYPE_CHECKING:
    from catena.core.model import Model

Free = str | list[str] | tuple[str, ...] | Mapping[str, Any]


@final
class Problem:
    """What is known before any draw: the likelihood of the data and the prior.

    Args:
        model: Model or chain.
        data: Table, path or ``Measurements``.
        free: Prior by name: of inputs, parameters, and numbers of the noise (``plasma.sd``).
        noise: Error models; see ``catena.ops.likelihood.noise.noises_of``.
        given: Other inputs.
        key: 64-bit seed of a stochastic model.
        noiseless: The model itself is the source of the scatter (``noise`` must be None).
        options: Further arguments of ``Likelihood``.
    """

    def __init__(
        self,
        model: Model,
        data: Any,
        free: Free,
        *,
        noise: str | Mapping[str, str] | None = None,
        given: Mapping[str, Any] | None = None,
        key: int = 0,
        noiseless: bool = False,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        wishes = _wishes(free)
        about_noise = {n: w for n, w in wishes.items() if _is_noise(model, n)}
        space = Space.of(model, {n: w for n, w in wishes.items() if n not in about_noise})
        # Data of a model that scatters by itself are laid against it like any other; the scale of
        # an error model that is never asked for its value is fixed at one.
        error = "additive(1)" if noiseless else noise
        self.likelihood = Likelihood(
            model, data, space, noise=error, given=given, key=key, **dict(options or {})
        )
        self.noiseless = noiseless
        variables = _with_priors(self.likelihood, about_noise)
        self.prior = Prior(Space(variables), _bounds(model, variables))
        if not noiseless:  # with priors there may be more free numbers than measurements
            check_informative(self.likelihood.data, 0)

    @cached_property
    def key(self) -> str:
        """Content key of likelihood and prior."""
        like, data = self.likelihood, self.likelihood.data
        noises = [[n.output.name, n.name, n.density.name, repr(n.density.shape), dict(n.fixed)]
                  for n in like.noises]  # fmt: skip
        owners = [list(owner) for owner in like.predictor.owners]
        places = [list(place) for place in data.place]
        arrays = [
            data.output,
            data.row,
            data.at,
            data.kind,
            data.low,
            data.high,
            data.sd,
            data.weight,
        ]
        return content_key(
            like.model.key, like.space.key, self.prior.space.key, noises, owners, places,
            data.batch.key, arrays, like.key, self.noiseless,
        )  # fmt: skip

    def why(self) -> str:
        """Return why the model fails at prior draws, or ""."""
        self.likelihood.value(self.prior.values(self.prior.draw(20, 0)))
        return next(iter(self.likelihood.failures.values()), "")

    def replicate(self, theta: np.ndarray, key: int) -> np.ndarray:
        """Draw data (n, k) for parameter vectors (n, p), noise of measurement included."""
        like = copy.copy(self.likelihood)
        like.predictor = copy.copy(self.likelihood.predictor)
        like.predictor.key = split_key(key, "model")
        return like.predict(theta) if self.noiseless else like.simulate(theta, key)

    def simulator(
        self, summary: Callable[[np.ndarray], Any] | None
    ) -> tuple[Callable[[np.ndarray, int], np.ndarray], np.ndarray]:
        """Return a simulator of summaries (n, s), and the summary (s,) of the measured data."""
        data = self.likelihood.data
        if (data.kind != 0).any():
            raise InputError("Censored data cannot be compared with simulations", where="bayes",
                             why="a value below a limit is no number",
                             fix="leave these cells empty, or use a likelihood")  # fmt: skip

        def reduced(values: np.ndarray) -> np.ndarray:
            if summary is None:
                return values
            found = np.asarray(summary(values), dtype=float)
            if found.ndim not in (1, 2) or len(found) != len(values):
                raise InputError("Bad summary", where="bayes, summary",
                                 why=f"{values.shape} became {found.shape}",
                                 fix="return one row of numbers per row of data")  # fmt: skip
            return found.reshape(len(values), -1)

        return (lambda theta, key: reduced(self.replicate(theta, key))), reduced(data.value[None])[
            0
        ]


def method_for(model: Model, method: str, summary: object) -> Literal["nuts", "smc", "sbi", "laplace"]:  # fmt: skip
    """Return the method meant: by what the model can do where ``auto`` is asked."""
    known = ("nuts", "smc", "sbi", "laplace")
    if method != "auto" and method not in known:
        raise InputError(f"No method {method!r}", where="bayes", why=f"there are auto, {', '.join(known)}",
                         fix='use method="auto"')  # fmt: skip
    if summary is not None and method not in ("auto", "sbi"):
        raise InputError("A summary has no likelihood", where="bayes", why=f"method is {method!r}",
                         fix='use method="sbi"')  # fmt: skip
    if method != "auto":
        return method  # type: ignore[return-value]
    if model.capabilities.stochastic or summary is not None:
        return "sbi"
    return "nuts" if model.capabilities.gradient else "smc"


def _wishes(free: Free) -> dict[str, Any]:
    if isinstance(free, str):
        return {free: None}
    wishes = dict(free) if isinstance(free, Mapping) else dict.fromkeys(free)
    if not wishes:
        raise InputError("Nothing is free", where="bayes", why="no parameter has a prior",
                         fix='say free={"k": "lognormal(0.3 1/h, 50 %)"}')  # fmt: skip
    return wishes


def _is_noise(model: Model, name: str) -> bool:
    """Return whether a name is that of a number of an output's error model."""
    output, _, number = name.rpartition(".")
    taken = name in model.inputs or name in model.params
    return not taken and output in model.outputs and number in ("sd", "cv")


def _with_priors(likelihood: Likelihood, wishes: Mapping[str, Any]) -> list[Variable]:
    """Return the variables of a likelihood, those of the noise with their own priors."""
    scales = likelihood.names[likelihood.count :]
    for name in wishes:
        if name not in scales:
            raise InputError(f"Nothing is called {name!r}", where="free",
                             why=f"the noise has {', '.join(scales) or 'no number to estimate'}",
                             fix="name an input, a parameter or a number of the noise")  # fmt: skip
    return [_noise_prior(v, wishes[v.name]) if wishes.get(v.name) is not None else v
            for v in likelihood.space.variables]  # fmt: skip


def _noise_prior(variable: Variable, wish: Any) -> Variable:
    """Return a number of the noise with the prior a person gave it."""
    try:
        text = str(wish).strip()
        log = text.startswith("log ")
        prior = Distribution.parse(text[4:] if log else text, variable.unit)
    except CatenaError as error:
        raise InputError(f"Cannot read the prior of {variable.name!r}", where=error.where,
                         why=f"{error.what}: {error.why}".rstrip(": "), fix=error.fix) from None  # fmt: skip
    low, high = (float(end) for end in prior.ppf(np.array([1e-6, 1.0 - 1e-6])))
    if prior.name in ("uniform", "loguniform"):
        low, high = prior.parameters
        scale: Literal["linear", "log"] = "log" if log or prior.name == "loguniform" else "linear"
        return replace(variable, low=max(low, 0.0), high=high, scale=scale)
    return replace(variable, low=max(low, 0.0), high=high, scale="linear", distribution=prior)


def _bounds(
    model: Model, variables: list[Variable]
) -> dict[str, tuple[float | None, float | None]]:
    """Return what cuts the priors: bounds of the ports; numbers of the noise are positive."""
    out: dict[str, tuple[float | None, float | None]] = {}
    for variable in variables:
        if variable.port in model.inputs:
            out[variable.name] = model.inputs[variable.port].bounds
        elif variable.port in model.params:
            out[variable.name] = model.params[variable.port].bounds
        else:
            out[variable.name] = (0.0, None)
    return out
