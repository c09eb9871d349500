"""Federated: learn over sites that keep their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import Field as Setting
from pydantic import JsonValue

from catena.core.banded import ENDS
from catena.core.errors import InputError, did_you_mean
from catena.core.registry import load
from catena.core.settings import Settings
from catena.core.spec import Field, Schema
from catena.ops.federated.coordinate import Fit, average, fit_cox, fit_regression
from catena.ops.federated.predictor import RegressionModel
from catena.ops.federated.regression import RegressionProblem
from catena.ops.federated.site import Channel, Line, LocalProblem, Server, Site
from catena.ops.federated.survival import SurvivalProblem
from catena.ops.operation import Operation
from catena.ops.result import answer

if TYPE_CHECKING:
    import pandas as pd

    from catena.core.model import Model
    from catena.core.result import Result
    from catena.core.work import Work

FAMILIES = ("logistic", "linear", "poisson", "cox")


def federated(
    learner: str | Model,
    sites: Mapping[str, Any],
    *,
    outcome: str | None = None,
    covariates: Sequence[str] | None = None,
    time: str | None = None,
    event: str | None = None,
    free: Mapping[str, Any] | None = None,
    noise: Any = None,
    method: Literal["newton", "fedavg", "fedprox"] = "newton",
    secure: bool = True,
    own_baseline: bool = False,
    rounds: int = 100,
    epochs: int = 1,
    prox: float = 0.1,
    resolution: float = 1.0,
    key: int = 0,
    work: Work | None = None,
    log: list[tuple[str, str, bytes]] | None = None,
) -> Result:
    """Estimate over sites; only sums over at least five rows leave a site, under masks.

    Args:
        learner: ``logistic``, ``linear``, ``poisson``, ``cox``, or a Model or its id.
        sites: Rows by site (DataFrames); in deployment these stay behind each site's channel.
        outcome: Column to predict (regressions).
        covariates: Columns to predict from.
        time: Column of times (``cox``).
        event: Column that is 1 where the event was seen (``cox``).
        free: Parameters or inputs of a Model to estimate, with ranges.
        noise: Error model of a Model's outputs, see ``catena.ops.likelihood``.
        method: ``newton`` rebuilds the steps of pooled data, so the result equals that of pooled
            data; ``fedavg`` and ``fedprox`` average local steps.
        secure: Form sums under pairwise masks, so that no single site's numbers are seen.
        own_baseline: Each site has its own baseline hazard (``cox``).
        rounds: Rounds of averaging.
        epochs: Local steps per round.
        prox: Weight that holds local steps near the server's (``fedprox``).
        resolution: Step of the public grid of times (``cox``), in the unit of ``time``.
        key: 64-bit seed (recorded; nothing here is random but the masks, which cancel).
        work: Progress.
        log: Receives every message (site, direction, bytes), for inspection.

    Returns:
        One row per coefficient with standard error and 90 % interval; ``model`` predicts with
        them. ``summary`` names sites that were refused or dropped out.

    Raises:
        InputError: columns are missing or sites contradict each other, or too few can take part.
        SolverError: the coefficients cannot be estimated, or too few sites stay.
    """
    if not sites:
        raise InputError(
            "No sites", where="federated", why="none is given", fix="give rows by site"
        )
    averaging = method != "newton"
    hold = prox if method == "fedprox" else 0.0
    if isinstance(learner, str) and learner in FAMILIES:
        columns = _columns(sites, outcome, covariates, time, event, learner)
        problems = {
            name: _problem(learner, name, rows, columns, outcome, time, event, resolution,
                           own_baseline or averaging)
            for name, rows in sites.items()
        }  # fmt: skip
        if learner == "cox" and not (secure or own_baseline or averaging):
            raise InputError("Sums at single event times must be masked", where="federated",
                             why="at one site they may belong to one person",
                             fix="keep secure=True, or use own_baseline=True")  # fmt: skip
        server = _server(problems, secure, log)
        if averaging:
            fit = average(server, len(columns), learner != "cox", rounds, epochs, hold)
        elif learner == "cox":
            fit = fit_cox(server, len(columns), own_baseline)
        else:
            fit = fit_regression(server, len(columns))
        return _regression_result(learner, columns, fit, server, method, key)
    return _model_result(
        load(learner), sites, free, noise, method, secure, rounds, epochs, hold, key, log
    )


def _columns(
    sites: Mapping[str, Any],
    outcome: str | None,
    covariates: Sequence[str] | None,
    time: str | None,
    event: str | None,
    learner: str,
) -> list[str]:
    """Return the covariates after checking that every site has every column."""
    ends = [time, event] if learner == "cox" else [outcome]
    if any(end is None for end in ends):
        wanted = "time and event" if learner == "cox" else "outcome"
        raise InputError(f"Which {wanted}?", where="federated", why=f"{learner} needs it",
                         fix="name the column")  # fmt: skip
    first = next(iter(sites.values()))
    chosen = list(covariates) if covariates is not None else [c for c in first if c not in ends]
    if not chosen:
        raise InputError("No covariates", where="federated", why="there is nothing to learn from",
                         fix="name columns")  # fmt: skip
    for site, rows in sites.items():
        for column in [*chosen, *ends]:
            if column not in rows:
                raise InputError(f"Site {site!r} has no column {column!r}", where=f"site {site}",
                                 why=f"its columns are {', '.join(map(str, rows))}",
                                 fix=did_you_mean(str(column), list(rows), "agree on the columns"))  # fmt: skip
    return chosen


def _problem(
    learner: str,
    site: str,
    rows: Any,
    covariates: Sequence[str],
    outcome: str | None,
    time: str | None,
    event: str | None,
    resolution: float,
    own_baseline: bool,
) -> LocalProblem:
    x = np.column_stack([_numbers(site, rows, name) for name in covariates])
    if learner != "cox":
        y = _numbers(site, rows, str(outcome))
        if learner == "logistic" and not np.isin(y, (0.0, 1.0)).all():
            raise _bad(
                site, str(outcome), "it holds other values than 0 and 1", "code the outcome 0 and 1"
            )
        if learner == "poisson" and ((y < 0) | (y != np.round(y))).any():
            raise _bad(site, str(outcome), "it holds no counts", "give whole numbers from 0")
        return RegressionProblem(x, y, learner)  # type: ignore[arg-type]
    steps, seen = _numbers(site, rows, str(time)) / resolution, _numbers(site, rows, str(event))
    if (steps < 0).any():
        raise _bad(site, str(time), "a time is negative", "count from the start of follow-up")
    if not np.isin(seen, (0.0, 1.0)).all():
        raise _bad(
            site, str(event), "it holds other values than 0 and 1", "code events 1, censoring 0"
        )
    return SurvivalProblem(x, np.round(steps), seen, own_baseline)


def _numbers(site: str, rows: Any, column: str) -> np.ndarray:
    try:
        values = np.asarray(rows[column], dtype=float)
    except (TypeError, ValueError):
        raise _bad(site, column, "it holds texts", "code categories as numbers") from None
    missing = int((~np.isfinite(values)).sum())
    if missing or not len(values):
        why = f"{missing} values are missing" if len(values) else "it is empty"
        raise _bad(site, column, why, "complete or leave out these rows at the site")
    return values


def _server(
    problems: Mapping[str, LocalProblem], secure: bool, log: list[tuple[str, str, bytes]] | None
) -> Server:
    lines: list[Line] = [
        Channel(Site(name, number, problem), log)
        for number, (name, problem) in enumerate(problems.items(), start=1)
    ]
    return Server(lines, secure)


def _regression_result(
    learner: str, covariates: Sequence[str], fit: Fit, server: Server, method: str, key: int
) -> Result:
    names = [*(["intercept"] if learner != "cox" else []), *covariates]
    covariance = fit.covariance
    if learner == "linear":  # the information is per unit of residual variance
        covariance = covariance * (-2 * fit.value / max(fit.rows - len(names), 1))
    error = np.sqrt(np.diag(covariance))
    model = RegressionModel(learner, covariates, fit.beta)
    return answer(
        None, Schema([Field("coefficient", kind="text"), Field("estimate"), Field("standard_error")]),
        {"coefficient": names, "estimate": fit.beta, "standard_error": error},
        operation="federated", key=key, new_model=model,
        lower={"estimate": fit.beta - ENDS * error}, upper={"estimate": fit.beta + ENDS * error},
        summary={
            "headline": f"{learner} regression over {len(server.lines)} sites, {fit.rows:,} rows, "
                        f"{fit.rounds} rounds; no row left a site.",
            "method": method, "secure": server.secure, "rows": fit.rows, "rounds": fit.rounds,
            "log_likelihood": None if np.isnan(fit.value) else fit.value,
            "sites": [line.name for line in server.lines], "refused": server.refused,
            "dropped": [list(item) for item in server.dropped],
        },
        diagnostics={"history": fit.history, "covariance": covariance},
        warnings=[f"site {name} takes no part: {why}" for name, why in server.refused.items()],
    )  # fmt: skip


def _model_result(
    model: Model,
    sites: Mapping[str, Any],
    free: Mapping[str, Any] | None,
    noise: Any,
    method: str,
    secure: bool,
    rounds: int,
    epochs: int,
    prox: float,
    key: int,
    log: list[tuple[str, str, bytes]] | None,
) -> Result:
    """Estimate parameters of any Model over sites."""
    from catena.ops.federated.modelled import ModelProblem, fit_model
    from catena.ops.likelihood import Likelihood
    from catena.ops.space import Space

    if not free:
        raise InputError("Nothing to estimate", where=f"model {model.info.id}",
                         why="no free parameters are named", fix='say free={"k": "0.1..10 1/h"}')  # fmt: skip
    space = Space.of(model, free)
    local = {name: Likelihood(model, rows, space, noise=noise) for name, rows in sites.items()}
    server = _server({name: ModelProblem(one) for name, one in local.items()}, secure, log)
    some = next(iter(local.values()))
    theta, covariance, value, history, size = fit_model(server, some, method, rounds, epochs, prox)
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return answer(
        model, Schema([Field("parameter", kind="text"), Field("estimate"), Field("standard_error"), Field("unit", kind="text")]),
        {"parameter": list(some.names), "estimate": theta, "standard_error": error,
         "unit": [variable.unit for variable in some.space.variables]},
        operation="federated", key=key, new_model=some.at(theta),
        lower={"estimate": theta - ENDS * error}, upper={"estimate": theta + ENDS * error},
        summary={
            "headline": f"{model.info.id} over {len(server.lines)} sites, {size:,} measurements, "
                        f"{server.round} rounds; no row left a site.",
            "method": method, "secure": secure, "measurements": size, "rounds": server.round,
            "log_likelihood": value, "sites": [line.name for line in server.lines],
            "refused": server.refused, "dropped": [list(item) for item in server.dropped],
        },
        diagnostics={"history": history, "covariance": covariance},
        warnings=[f"site {name} takes no part: {why}" for name, why in server.refused.items()],
    )  # fmt: skip


def _bad(site: str, column: str, why: str, fix: str) -> InputError:
    return InputError(f"Column {column!r} cannot be used", where=f"site {site}", why=why, fix=fix)


class FederatedSettings(Settings):
    """Settings of ``federated``.

    Args:
        site: Column of the data file that names the site of a row.
        learner: ``logistic``, ``linear``, ``poisson`` or ``cox``; left out, the study's model.
        outcome: Column to predict.
        covariates: Columns to predict from; all others when left out.
        time: Column of times (cox).
        event: Column that is 1 where the event was seen (cox).
        free: Parameters of the model to estimate, with ranges.
        noise: Error model of the model's outputs.
        method: ``newton`` (equal to pooled data), ``fedavg`` or ``fedprox``.
        secure: Form sums under masks.
        own_baseline: Each site has its own baseline hazard (cox).
        rounds: Rounds of averaging.
        epochs: Local steps per round.
        prox: Weight that holds local steps near the server's (fedprox).
        resolution: Step of the public grid of times (cox).
    """

    site: str = "site"
    learner: Literal["logistic", "linear", "poisson", "cox"] | None = None
    outcome: str | None = None
    covariates: list[str] | None = None
    time: str | None = None
    event: str | None = None
    free: dict[str, JsonValue] = {}
    noise: str | None = None
    method: Literal["newton", "fedavg", "fedprox"] = "newton"
    secure: bool = True
    own_baseline: bool = False
    rounds: Annotated[int, Setting(ge=1, le=100_000)] = 100
    epochs: Annotated[int, Setting(ge=1, le=1000)] = 1
    prox: Annotated[float, Setting(ge=0)] = 0.1
    resolution: Annotated[float, Setting(gt=0)] = 1.0


def run(
    model: Model | None,
    settings: FederatedSettings,
    *,
    data: pd.DataFrame | None = None,
    given: Mapping[str, Any] | None = None,
    key: int = 0,
    work: Work | None = None,
) -> Result:
    """Federate as a study asks: the file's rows are parted by the column of sites."""
    assert data is not None
    if settings.site not in data:
        raise InputError(f"No column {settings.site!r}", where="settings.site",
                         why=f"the columns are {', '.join(map(str, data.columns))}",
                         fix=did_you_mean(settings.site, list(data.columns), "name the sites' column"))  # fmt: skip
    sites = {
        str(name): rows.drop(columns=settings.site) for name, rows in data.groupby(settings.site)
    }
    chosen: dict[str, Any] = settings.model_dump(exclude={"site", "learner"})
    learner: Any = settings.learner or model
    if learner is None:
        raise InputError("What to learn?", where="settings.learner", why="neither a learner nor a model is named",
                         fix="say learner: logistic, or name a model")  # fmt: skip
    return federated(learner, sites, key=key, work=work, **chosen)


OPERATION = Operation(
    "federated", "Learn over sites that keep their rows", FederatedSettings, run,
    needs_data=True, needs_model=False,
)  # fmt: skip
