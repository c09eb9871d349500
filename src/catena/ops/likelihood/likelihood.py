"""The likelihood of measured outputs as a function of free inputs and parameters of any Model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import split_key
from catena.ops.lift import lift
from catena.ops.likelihood.data import Measurements, read_measurements
from catena.ops.likelihood.noise import noises_of
from catena.ops.likelihood.parameters import check_free, middle_of, noise_variables, owners_of
from catena.ops.likelihood.predict import Predictor
from catena.ops.likelihood.reading import Limits
from catena.ops.likelihood.terms import Terms
from catena.ops.space import Space

if TYPE_CHECKING:
    from catena.core.model import Model

Array = np.ndarray[Any, Any]
#: More parameters than this take reverse mode where the model has one.
_REVERSE_FROM = 64


@final
class Likelihood:
    """Log-likelihood of data under a model, with exact gradients, for many vectors at once.

    Parameter vectors ``theta`` are rows (n, p) in natural units, ordered as ``names``: what is
    free in the model, then the estimated numbers of the error models (``plasma.sd``).

    Args:
        model: Model or chain.
        data: Table, path or ``Measurements``; see ``read_measurements``.
        free: What is calibrated, real numbers only.
        noise: Error models; see ``noises_of``.
        loss: Density of residuals; see ``noises_of``.
        given: Other inputs, one value or one per experiment.
        local: Free names that have a value of their own in every experiment (``x0@A``, ...).
        key: Seed of a stochastic model.
        experiment: Column that names experiments.
        columns: New heads by head.
        ignore: Columns to leave aside.
        limits: Limits of quantification by output.
        on_error: ``skip`` leaves out rows of the data that cannot be read.

    Raises:
        InputError: the parts do not fit each other.
    """

    def __init__(
        self,
        model: Model,
        data: Any,
        free: Space,
        *,
        noise: str | Mapping[str, str] | None = None,
        loss: str = "linear",
        given: Mapping[str, Any] | None = None,
        local: Sequence[str] = (),
        key: int = 0,
        experiment: str | None = None,
        columns: Mapping[str, str] | None = None,
        ignore: Sequence[str] = (),
        limits: Limits | None = None,
        on_error: Literal["raise", "skip"] = "raise",
    ) -> None:
        check_free(model, free, local)
        shared = tuple(dict.fromkeys(v.port for v in free.variables if v.place == "param"))
        self.source, self.key = model, key
        self.model = lift(model, shared) if shared else model
        if isinstance(data, Measurements):
            self.data = data
        else:
            middle = {v.port: middle_of(v) for v in free.variables if v.position is None}
            self.data = read_measurements(
                self.model, data, middle, given=given, experiment=experiment, columns=columns,
                ignore=ignore, limits=limits, on_error=on_error,
            )  # fmt: skip
        self._settings: dict[str, Any] = {
            "noise": noise,
            "loss": loss,
            "local": tuple(local),
            "free": free,
        }
        variables, owners = owners_of(free, tuple(local), self.data)
        with_sd = tuple(
            bool(np.isfinite(self.data.sd[self.data.of(k)]).all())
            for k in range(len(self.data.outputs))
        )
        self.noises = noises_of(self.data.outputs, noise, loss, with_sd)
        self.terms = tuple(Terms(self.data, k, one) for k, one in enumerate(self.noises))
        self.predictor = Predictor(self.model, self.data, owners, len(variables), key)
        self.count = len(variables)
        scales = [
            v for k, one in enumerate(self.noises) for v in noise_variables(one, self.data, k)
        ]
        self.space = Space([*variables, *scales])

    # What it is ---------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters (p,): free ones of the model, then those of the noise."""
        return self.space.names

    @property
    def size(self) -> int:
        """Number of measurements."""
        return self.data.size

    @property
    def measured(self) -> Array:
        """Measured values (k,), limits of censored ones, in the order of ``simulate``."""
        return self.data.value

    @property
    def labels(self) -> list[str]:
        """Name of the output of each measurement (k,)."""
        return [self.data.outputs[int(k)].name for k in self.data.output]

    @property
    def experiments(self) -> list[str]:
        """Name of the experiment of each measurement (k,)."""
        data = self.data
        return [data.experiments[int(data.experiment[row])] for row in data.row]

    @property
    def positions(self) -> Array:
        """Value of the axis (time) at each measurement (k,), NaN without one."""
        return self.data.at

    @property
    def failures(self) -> dict[int, str]:
        """Why rows of the last call failed."""
        return self.predictor.reasons

    @property
    def closed(self) -> bool:
        """Whether the best noise for given predictions is known in closed form."""
        estimated = [t for t in self.terms if t.noise.free]
        return bool(estimated) and all(t.noise.closed and not t.censored for t in estimated)

    def with_data(self, data: Measurements) -> Likelihood:
        """Return the same likelihood of other measurements (candidates, replicates, folds)."""
        s = self._settings
        return Likelihood(self.source, data, s["free"], noise=s["noise"], loss=s["loss"],
                          local=s["local"], key=self.key)  # fmt: skip

    def at(self, theta: Array) -> Model:
        """Return the model with one parameter vector (p,) as its defaults; local ones are left."""
        changes: dict[str, Any] = {}
        local = self._settings["local"]
        for index, variable in enumerate(self.space.variables[: self.count]):
            if variable.port in local:
                continue
            if variable.position is None:
                changes[variable.port] = float(theta[index])
                continue
            field = self.source.inputs[variable.port] if variable.place == "input" else self.source.params[variable.port]  # fmt: skip
            start = changes.get(variable.port, np.array(field.default, dtype=float))
            start[variable.position] = theta[index]
            changes[variable.port] = start
        return self.source.at(**changes)

    # Values -------------------------------------------------------------------------------

    def value(self, theta: Array) -> Array:
        """Return log-likelihoods (n,); -inf where the simulation failed (see ``failures``)."""
        theta = self._rows(theta)
        mean = self.predictor(theta[:, : self.count])
        return self.assess(mean, None, theta)[0]

    def value_and_gradient(self, theta: Array) -> tuple[Array, Array]:
        """Return log-likelihoods (n,) and exact gradients (n, p); failed rows have gradient 0."""
        theta = self._rows(theta)
        if len(self.predictor.owners) > _REVERSE_FROM and self.model.capabilities.gradient:
            return self._by_reverse(theta)
        mean, slopes = self.predictor.with_jacobian(theta[:, : self.count])
        return self.assess(mean, slopes, theta, curved=False)[:2]

    def value_gradient_curvature(self, theta: Array) -> tuple[Array, Array, Array]:
        """Return log-likelihoods, gradients and information matrices (n, p, p)."""
        theta = self._rows(theta)
        mean, slopes = self.predictor.with_jacobian(theta[:, : self.count])
        return self.assess(mean, slopes, theta)

    def pointwise(self, theta: Array) -> Array:
        """Return the log-likelihood of every measurement (n, k)."""
        theta = self._rows(theta)
        return self._values(self.predictor(theta[:, : self.count]), theta)

    def predict(self, theta: Array) -> Array:
        """Return predicted measurements (n, k), NaN where the simulation failed."""
        return self.predictor(self._rows(theta)[:, : self.count])

    def residuals(self, theta: Array) -> tuple[Array, Array]:
        """Return weighted standardised residuals (k,) of one vector and their Jacobian (k, p).

        Raises:
            InputError: residuals are not all normal and exact.
        """
        if any(t.censored or not t.noise.density.normal for t in self.terms):
            raise InputError("No residuals", where="likelihood",
                             why="some data are censored or the loss is not linear",
                             fix="use value_and_gradient")  # fmt: skip
        theta = self._rows(theta)
        mean, slopes = self.predictor.with_jacobian(theta[:, : self.count])
        r, jacobian = np.zeros(self.size), np.zeros((self.size, len(self.names)))
        for index, terms in enumerate(self.terms):
            at, sqrt = mean[:, terms.mine], np.sqrt(terms.weight)
            location, spread, scale = self._chained(index, at, slopes[:, terms.mine], theta)
            r[terms.mine] = sqrt * ((terms.low - terms.location(at)) / scale)[0]
            moved = -(location[0] + (r[terms.mine] / np.where(sqrt > 0, sqrt, 1.0))[:, None] * spread[0])  # fmt: skip
            jacobian[terms.mine] = sqrt[:, None] * moved / scale[0][:, None]
        return r, jacobian

    def simulate(self, theta: Array, key: int = 0) -> Array:
        """Draw replicated data (n, k) around the predictions of parameter vectors."""
        theta = self._rows(theta)
        mean = self.predictor(theta[:, : self.count])
        rng = np.random.Generator(np.random.Philox(key=split_key(key, "replicates")))
        out = np.full(mean.shape, np.nan)
        with np.errstate(invalid="ignore"):
            for index, terms in enumerate(self.terms):
                numbers = self.numbers(index, theta)
                out[:, terms.mine] = terms.draw(mean[:, terms.mine], numbers, rng)
        return out

    def outputs(self, theta: Array, key: int = 0) -> Array:
        """Return outputs of the model without measurement noise (n, k); random in ``key``.

        Args:
            theta: Parameter vectors (n, p).
            key: Seed of a stochastic model.
        """
        predictor = Predictor(self.model, self.data, self.predictor.owners, self.count, key)
        return predictor(self._rows(theta)[:, : self.count])

    @cached_property
    def traced(self) -> Callable[[Any], Any] | None:
        """A JAX function theta (p,) -> log-likelihood, or None where the model is not JAX."""
        given = self.traced_at
        if given is None:
            return None
        return lambda theta: given(theta, self.measured)

    @cached_property
    def traced_at(self) -> Callable[[Any, Any], Any] | None:
        """As ``traced`` with the measured values (k,) as a second argument.

        Censored measurements keep their limits.
        """
        predict = self.predictor.traced()
        if predict is None:
            return None
        import jax.numpy as jnp

        def call(theta: Any, seen: Any) -> Any:
            mean = predict(theta[: self.count])
            total = 0.0
            for index, terms in enumerate(self.terms):
                numbers = {n: v[0, 0] for n, v in self.numbers(index, theta[None, :]).items()}
                here = jnp.asarray(seen)[terms.mine]
                total = total + terms.value(mean[terms.mine], numbers, jnp, here).sum()
            return jnp.where(jnp.isnan(total), -jnp.inf, total)

        return call

    # How ----------------------------------------------------------------------------------

    def numbers(self, index: int, theta: Any) -> dict[str, Any]:
        """Return the numbers of one output's error model: arrays (n, 1), or fixed numbers."""
        noise = self.noises[index]
        out: dict[str, Any] = {n: np.full((1, 1), v) for n, v in noise.fixed.items()}
        for number in noise.free:
            column = self.names.index(noise.parameter(number))
            out[number] = theta[:, column : column + 1]
        return out

    def best_noise(self, mean: Array) -> Array:
        """Return the best numbers of the noise (n, p - count) for predictions, in closed form."""
        columns, place = [], self.count
        for terms in self.terms:
            if terms.noise.free:
                with np.errstate(invalid="ignore", divide="ignore"):
                    best = terms.noise.closed_number(terms.mean_square(mean[:, terms.mine]))
                low, high = self.space.bounds[:, place]
                columns.append(np.clip(best, low, high))
                place += 1
        return np.stack(columns, axis=1)

    def assess(
        self, mean: Array, slopes: Array | None, theta: Array, *, curved: bool = True
    ) -> tuple[Array, Array, Array]:
        """Return values, gradients and information from predictions (n, k) and slopes (n, k, q)."""
        n, p = theta.shape
        gradient, curvature = np.zeros((n, p)), np.zeros((n, p, p) if curved else (n, 0, 0))
        value = self._values(mean, theta).sum(axis=1)
        good = np.isfinite(value)
        for row in np.flatnonzero(~good):
            self.failures.setdefault(int(row), "the likelihood is zero: check noise and data")
        if slopes is not None and good.any():
            with np.errstate(all="ignore"):
                for index in range(len(self.terms)):
                    self._add(index, mean, slopes, theta, good, gradient, curvature, curved)
        value = np.where(good, value, -np.inf)
        return value, gradient, curvature

    def _values(self, mean: Array, theta: Array) -> Array:
        out = np.full(mean.shape, np.nan)
        with np.errstate(all="ignore"):
            for index, terms in enumerate(self.terms):
                out[:, terms.mine] = terms.value(mean[:, terms.mine], self.numbers(index, theta))
        return out

    def _add(
        self,
        index: int,
        mean: Array,
        slopes: Array,
        theta: Array,
        good: Array,
        gradient: Array,
        curvature: Array,
        curved: bool,
    ) -> None:
        """Add the gradient and information of one output's measurements."""
        terms = self.terms[index]
        at = mean[np.ix_(good, terms.mine)]
        location, spread, scale = self._chained(index, at, slopes[np.ix_(good, terms.mine)], theta[good])  # fmt: skip
        found = terms.scores(at, scale)
        gradient[good] += np.einsum("nk,nkp->np", found.location, location)
        gradient[good] += np.einsum("nk,nkp->np", found.scale, spread)
        if not curved:
            return
        moved = found.ll[..., None] * location + found.ls[..., None] * spread
        total = np.matmul(location.transpose(0, 2, 1), moved)
        if spread.any():
            moved = found.ls[..., None] * location + found.ss[..., None] * spread
            total += np.matmul(spread.transpose(0, 2, 1), moved)
        curvature[good] += total

    def _chained(
        self, index: int, at: Array, slopes: Array, theta: Array
    ) -> tuple[Array, Array, Array]:
        """Return derivatives (n, k, p) of location and scale to all parameters, and the scale."""
        terms, (n, k) = self.terms[index], at.shape
        noise, numbers = terms.noise, self.numbers(index, theta)
        scale = np.broadcast_to(noise.scale(at, numbers, terms.sd), at.shape)
        to_mean, to_numbers = noise.slopes(at, numbers, scale)
        location = np.zeros((n, k, len(self.names)))
        spread = np.zeros_like(location)
        location[:, :, : self.count] = slopes / at[..., None] if noise.log else slopes
        if np.any(to_mean):
            spread[:, :, : self.count] = to_mean[..., None] * slopes
        for number in noise.free:
            column = self.names.index(noise.parameter(number))
            spread[:, :, column] = np.broadcast_to(to_numbers[number], at.shape)
        return location, spread, scale

    def _by_reverse(self, theta: Array) -> tuple[Array, Array]:
        """Take one pull-back instead of one push per parameter."""
        mean = self.predictor(theta[:, : self.count])
        empty = np.zeros((len(theta), self.size, self.count))
        value, gradient, _ = self.assess(mean, empty, theta, curved=False)
        cotangent = np.zeros_like(mean)
        good = np.isfinite(value)
        with np.errstate(all="ignore"):
            for index, terms in enumerate(self.terms):
                at = mean[np.ix_(good, terms.mine)]
                numbers = self.numbers(index, theta[good])
                scale = np.broadcast_to(terms.noise.scale(at, numbers, terms.sd), at.shape)
                to_mean, _ = terms.noise.slopes(at, numbers, scale)
                found = terms.scores(at, scale)
                inner = found.location / at if terms.noise.log else found.location
                cotangent[np.ix_(good, terms.mine)] = inner + found.scale * to_mean
        if good.any():
            gradient[good, : self.count] = self.predictor.pull(theta[good, : self.count], cotangent[good])  # fmt: skip
        return value, gradient

    def _rows(self, theta: Array) -> Array:
        rows = np.atleast_2d(np.asarray(theta, dtype=float))
        if rows.shape[1] != len(self.names):
            raise InputError("Parameter vectors do not fit", where="likelihood",
                             why=f"{rows.shape[1]} numbers, parameters are {', '.join(self.names)}",
                             fix="give one number per parameter")  # fmt: skip
        return rows
