"""Calibration: the parameters of any Model that explain data best, and how well they are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, final

import numpy as np

from catena.core.errors import InputError
from catena.core.identity import content_key
from catena.core.work import Work
from catena.ops.calibrate.basins import Basins, basins_of, twins_of
from catena.ops.calibrate.experiment import Proposal, propose_experiment
from catena.ops.calibrate.information import Information, information, relative_scale
from catena.ops.calibrate.multistart import Searches, Stops, multistart
from catena.ops.calibrate.objective import Target
from catena.ops.calibrate.profile import Profile, profile
from catena.ops.calibrate.starting import no_start, start_points
from catena.ops.likelihood import Likelihood, check_informative
from catena.ops.space import Space
from catena.ops.variable import Variable

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.core.result import Result

Array = np.ndarray[Any, Any]
Method = Literal["auto", "fisher", "bfgs"]

#: Parameters this close to an end of their range (of the range) are at the bound.
_AT_BOUND = 1e-6
#: Standard deviations of a prior to which a parameter may go.
_PRIOR_REACH = 12.0
#: When the best search ends.
_POLISH = Stops(iterations=60, gradient=1e-14, decrease=1e-16, step=1e-15)
#: More parameters than this take BFGS by default: no Jacobian is then needed.
_FISHER_UP_TO = 64


@final
@dataclass(frozen=True)
class Fit:
    """A finished calibration.

    Args:
        target: What was minimised.
        searches: Where the searches ended, in search coordinates.
        theta: The estimate, noise included (p,), natural units.
        log_likelihood: At the estimate.
        log_prior: Of the estimate.
        at_bound: Parameters at an end of their range (p,).
        found: Information at the estimate.
        lower: Lower ends of the 90 % intervals (p,), -inf where open.
        upper: Upper ends (p,), inf where open.
        std_error: Standard errors (p,) in natural units, NaN where there is none.
        basins: Optima found.
        twins: Other parameters (p,) that explain the data as well.
        profiles: Profile likelihoods, where asked for.
        proposal: The next experiment, where something is not determined.
        warnings: What the reader must know.
    """

    target: Target
    searches: Searches
    theta: Array
    log_likelihood: float
    log_prior: float
    at_bound: Array
    found: Information
    lower: Array
    upper: Array
    std_error: Array
    basins: Basins
    twins: tuple[Array, ...]
    profiles: tuple[Profile, ...]
    proposal: Proposal | None
    warnings: tuple[str, ...]

    @property
    def likelihood(self) -> Likelihood:
        """The likelihood."""
        return self.target.likelihood


def calibrate(
    model: Model | str,
    data: Any,
    free: Any,
    *,
    noise: str | Mapping[str, str] | None = None,
    loss: str = "linear",
    given: Mapping[str, Any] | None = None,
    local: Sequence[str] = (),
    method: Method = "auto",
    starts: int = 20,
    priors: bool = True,
    intervals: Literal["fisher", "profile"] = "fisher",
    experiment: str | None = None,
    columns: Mapping[str, str] | None = None,
    ignore: Sequence[str] = (),
    limits: Mapping[str, tuple[float | None, float | None]] | None = None,
    candidates: Sequence[Mapping[str, Any]] | None = None,
    stops: Stops | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Fit free inputs and parameters of a model or chain to data by maximum likelihood.

    Searches start at the model's present values and at a Latin hypercube, and advance together.
    Parameters of logarithmic scale are searched for in logarithms. Scales of normal noise are
    put in by their closed form. Where priors are declared the mode of the posterior is found.

    Args:
        model: Model, chain or id.
        data: CSV path, DataFrame, mapping of columns or records: rows of conditions and measured
            outputs, or long time courses of several experiments; see ``read_measurements``.
        free: Names (declared ranges), or ranges and priors by name; see ``Space.of``.
        noise: Error models; ``additive`` (estimated) by default, see ``noises_of``.
        loss: Density of residuals; the robust ones are huber, soft_l1, cauchy, student(4).
        given: Other inputs, one value or one per experiment.
        local: Free names that have a value of their own in every experiment.
        method: ``fisher``: trust region with Fisher information; ``bfgs``: curvature learnt from
            gradients; ``auto`` chooses.
        starts: Number of searches.
        priors: Whether distributions among ``free`` count as priors.
        intervals: ``profile`` follows profile likelihoods; ``fisher`` is immediate.
        experiment: Column that names experiments.
        columns: New heads by head of the table.
        ignore: Columns to leave aside.
        limits: Limits of quantification by output.
        candidates: Conditions a next experiment could have.
        stops: When searches end.
        on_error: ``skip`` leaves out rows of the data that cannot be read.
        key: 64-bit seed.
        work: Executor, cache and progress.

    Returns:
        One row per parameter with its 90 % interval; ``model`` is the calibrated model. Parts:
        starts, fit, combinations, proposal, correlation, profiles.

    Raises:
        InputError: data, ranges or settings make no sense.
        SolverError: the model cannot be evaluated at any start.

    Source: Raue and others 2013 (doi:10.1371/journal.pone.0074335).
    """
    from catena.ops.calibrate.report import report

    if isinstance(model, str):
        from catena.core.registry import load

        model = load(model)
    if starts < 1:
        raise InputError(
            "No start", where="calibrate", why=f"starts is {starts}", fix="take at least 1"
        )
    space = free if isinstance(free, Space) else _widened(Space.of(model, _named(free)), model)
    likelihood = Likelihood(
        model, data, space, noise=noise, loss=loss, given=given, local=local, key=key,
        experiment=experiment, columns=columns, ignore=ignore, limits=limits, on_error=on_error,
    )  # fmt: skip
    check_informative(likelihood.data, likelihood.count)
    fit = fitted(likelihood, method=method, starts=starts, priors=priors, intervals=intervals,
                 candidates=candidates, stops=stops, key=key, work=work or Work())  # fmt: skip
    return report(fit, key)


def _named(free: Any) -> Any:
    if not free:
        raise InputError("No free parameter", where="calibrate", why="nothing is left to fit",
                         fix='say free=["ka", "clearance"]')  # fmt: skip
    return free


def _widened(space: Space, model: Model) -> Space:
    """Let parameters with a normal or log-normal prior go further than draws from it would."""
    variables = []
    for variable in space.variables:
        prior = variable.distribution
        if prior is not None and prior.name in ("normal", "lognormal"):
            bounds = _field(model, variable).bounds
            reach = np.array([-_PRIOR_REACH, _PRIOR_REACH])
            if prior.name == "normal":
                low, high = prior.parameters[0] + reach * prior.parameters[1]
            else:
                sd = np.sqrt(np.log1p(prior.parameters[1] ** 2))
                low, high = prior.parameters[0] * np.exp(reach * sd)
            low = float(low) if bounds[0] is None else max(float(low), float(bounds[0]))
            high = float(high) if bounds[1] is None else min(float(high), float(bounds[1]))
            low = min(variable.low, low) if variable.scale == "linear" or low > 0 else variable.low
            variable = replace(variable, low=low, high=max(variable.high, high))
        variables.append(variable)
    return Space(variables, space.constraints)


def _field(model: Model, variable: Variable) -> Any:
    return (model.inputs if variable.place == "input" else model.params)[variable.port]


def fitted(
    likelihood: Likelihood,
    *,
    method: Method = "auto",
    starts: int = 20,
    priors: bool = True,
    intervals: str = "fisher",
    candidates: Sequence[Mapping[str, Any]] | None = None,
    stops: Stops | None = None,
    key: int = 0,
    work: Work,
) -> Fit:
    """Maximise a likelihood; see ``calibrate``."""
    target = Target(likelihood, priors=priors)
    objective = _objective(target, method)
    stops = stops or Stops()
    points = start_points(target, starts, key)
    name = content_key(
        "calibrate", likelihood.model.key, likelihood.space.key, likelihood.data.batch.key,
        likelihood.data.low, likelihood.data.high, likelihood.data.weight,
        [[n.name, n.density.name, dict(n.fixed)] for n in likelihood.noises], method, priors,
    )  # fmt: skip
    searches = multistart(objective, target.bounds, points, stops=stops, work=work, key=name,
                          label="calibrating")  # fmt: skip
    if not np.isfinite(searches.value).any():
        raise no_start(likelihood, target, points)
    fit = _judged(target, _polished(target, objective, searches))
    if intervals == "profile":
        fit = _with_profiles(fit, objective, stops, work)
    if fit.found.identifiable:
        return fit
    return replace(fit, proposal=propose_experiment(target, fit.theta, fit.found, candidates))


def _polished(target: Target, objective: Any, searches: Searches) -> Searches:
    """Go on from the best end until rounding stops it: one row costs little."""
    best = searches.best
    again = multistart(objective, target.bounds, searches.theta[[best]], stops=_POLISH)
    if again.value[0] > searches.value[best]:
        return searches
    theta, value, gradient = (a.copy() for a in (searches.theta, searches.value, searches.gradient))
    theta[best], value[best], gradient[best] = again.theta[0], again.value[0], again.gradient[0]
    evaluations = searches.evaluations.copy()
    evaluations[best] += again.evaluations[0]
    return replace(searches, theta=theta, value=value, gradient=gradient, evaluations=evaluations)


def _objective(target: Target, method: Method) -> Any:
    if method not in ("auto", "fisher", "bfgs"):
        raise InputError(f"Unknown method {method!r}", where="calibrate", why="there are auto, fisher, bfgs",
                         fix='use "auto"')  # fmt: skip
    if method == "bfgs" or (method == "auto" and target.dim > _FISHER_UP_TO):
        return _Plain(target)
    return target


@final
class _Plain:
    """A target that keeps its curvature to itself, so that it is learnt from gradients."""

    by_row = False

    def __init__(self, target: Target) -> None:
        self.target, self.pads = target, target.pads

    def value_and_gradient(self, x: Array) -> tuple[Array, Array]:
        """Return values and gradients."""
        return self.target.value_and_gradient(x)


# Judgement --------------------------------------------------------------------------------


def _judged(target: Target, searches: Searches) -> Fit:
    """Sum up what the best search says."""
    likelihood = target.likelihood
    theta = target.full(searches.theta[searches.best])[0]
    at_bound = _at_bound(likelihood.space.variables, theta)
    log_prior = float(target.log_prior(theta[None, : target.dim])[0][0])
    value = float(likelihood.value(theta)[0])
    found, quantile = _information(target, theta, at_bound)
    lower, upper, std_error = _intervals(target, theta, found, quantile)
    basins = basins_of(searches)
    twins = twins_of(searches, target.bounds) if found.identifiable else []
    others = tuple(target.full(searches.theta[row])[0] for row in twins)
    return Fit(
        target=target, searches=searches, theta=theta, log_likelihood=value, log_prior=log_prior,
        at_bound=at_bound, found=found, lower=lower, upper=upper, std_error=std_error,
        basins=basins, twins=others, profiles=(), proposal=None, warnings=_warnings(target, searches, basins, at_bound, len(others)),
    )  # fmt: skip


def _at_bound(variables: tuple[Variable, ...], theta: Array) -> Array:
    out = []
    for variable, value in zip(variables, theta, strict=True):
        if variable.scale == "log":
            part = np.log(value / variable.low) / np.log(variable.high / variable.low)
        else:
            part = (value - variable.low) / (variable.high - variable.low)
        out.append(not _AT_BOUND < part < 1.0 - _AT_BOUND)
    return np.array(out, dtype=bool)


def _information(target: Target, theta: Array, at_bound: Array) -> tuple[Information, float]:
    """Return the information, and the quantile of the 90 % intervals.

    Where the scale of normal noise was estimated, the covariance is that of n - q degrees of
    freedom and the quantile Student's: for linear models the intervals are then exact.
    """
    from scipy.stats import norm, t

    likelihood = target.likelihood
    spare = likelihood.size - int((~at_bound[: likelihood.count]).sum())
    if target.concentrated and not target.priors and spare > 0:
        found = information(target, theta, at_bound, likelihood.size / spare)
        return found, float(t.ppf(0.95, spare))
    return information(target, theta, at_bound), float(norm.ppf(0.95))


def _intervals(
    target: Target, theta: Array, found: Information, quantile: float
) -> tuple[Array, Array, Array]:
    """Return 90 % intervals in natural units, open where nothing is known, and standard errors."""
    variables = target.likelihood.space.variables
    relative = np.sqrt(np.diag(found.covariance))
    error = relative * relative_scale(target, theta)
    lower, upper = theta - quantile * error, theta + quantile * error
    log = np.array([v.scale == "log" for v in variables])
    with np.errstate(over="ignore"):
        lower = np.where(log, theta * np.exp(-quantile * relative), lower)
        upper = np.where(log, theta * np.exp(quantile * relative), upper)
    known = (relative > 0) & ~found.undetermined & ~found.held
    low = np.array([v.low for v in variables])
    high = np.array([v.high for v in variables])
    # What reaches beyond the range searched is open: the data do not end it.
    lower = np.where(known & (lower >= low), lower, -np.inf)
    upper = np.where(known & (upper <= high), upper, np.inf)
    return lower, upper, np.where(known, error, np.nan)


def _warnings(
    target: Target, searches: Searches, basins: Basins, at_bound: Array, twins: int
) -> tuple[str, ...]:
    likelihood = target.likelihood
    out = [
        f"row {f.row} of the data was left out: {f.field}: {f.why}" for f in likelihood.data.skipped
    ]
    if not likelihood.model.capabilities.gradient:
        out.append(f"{likelihood.source.info.id} has no exact gradient: differences were used")
    if basins.converged < 0.5:
        out.append(f"only {basins.converged:.0%} of the searches converged")
    if len(searches.value) > 4 and basins.best <= 1.0 / len(searches.value):
        out.append("the best optimum was found once: more starts may find a better one")
    if twins:
        out.append(f"{twins + 1} different sets of parameters explain the data equally well")
    names = [n for n, held in zip(likelihood.names, at_bound, strict=True) if held]
    if names:
        out.append(f"at an end of its range: {', '.join(names)}")
    return tuple(out)


def _with_profiles(fit: Fit, objective: Any, stops: Stops, work: Work) -> Fit:
    """Add profile likelihoods; start again from a better optimum should one of them find it."""
    for _ in range(3):
        target, best = fit.target, fit.searches.best
        x, value = fit.searches.theta[best], float(fit.searches.value[best])
        stretch = relative_scale(target, fit.theta)[: target.dim]
        spread = np.sqrt(np.diag(fit.found.covariance))[: target.dim]
        spread = np.where(target.log, spread, spread * stretch)
        which = list(range(fit.likelihood.count))
        done = profile(target, x, value, spread, which, work)
        if done.better is None:
            break
        again = multistart(objective, target.bounds, done.better[None, :], stops=stops)
        fit = _judged(target, _joined(fit.searches, again))
    lower, upper = fit.lower.copy(), fit.upper.copy()
    for k, one in enumerate(done.profiles):
        lower[k], upper[k] = one.lower[0.90], one.upper[0.90]
    return replace(fit, profiles=done.profiles, lower=lower, upper=upper)


def _joined(first: Searches, second: Searches) -> Searches:
    parts: dict[str, Any] = {}
    for name, value in first.plain().items():
        more = getattr(second, name)
        parts[name] = value + more if isinstance(value, list) else np.concatenate([value, more])
    return Searches(**parts)
