"""Designs, the judging of errors, and where to ask next."""

from __future__ import annotations

import numpy as np
import pytest
from toys_surrogate import kinds, smooth, tank

from catena.core.errors import InputError
from catena.learn.scaling import Column, Features
from catena.ops.space import Space
from catena.ops.surrogate.design import Design, ends
from catena.ops.surrogate.fitting import Form, Task, check_varies, choose, fit
from catena.ops.surrogate.judging import checked_error, left_out_error, shares_of, spread_over
from catena.ops.surrogate.placing import place
from catena.ops.surrogate.reading import points, readings, set_inputs

RNG = np.random.default_rng(11)
UNIT = Features((Column(), Column()))


def _task(x: np.ndarray, y: np.ndarray) -> Task:
    return Task(x, y, np.full(len(x), 1 / len(x)), UNIT, "gp", 0.01, 0)


def test_functions_are_smooth_and_keep_to_their_range() -> None:
    design = Design(Space.of(tank(), {"feed": "0..2 L/h"}))
    x = design.sample(200, 3)
    assert list(design.functions) == ["feed"]
    assert x.min() >= 0.0
    assert x.max() <= 2.0
    steps, whole = np.abs(np.diff(x, axis=1)).mean(), np.abs(x - x[::-1]).mean()
    assert steps < 0.3 * whole
    with pytest.raises(InputError, match="under constraints"):
        Design(Space.of(tank(), {"feed": "0..2 L/h"}, ["feed[0] + feed[1] <= 3 L/h"]))


def test_features_of_distributions_map_their_centre() -> None:
    space = Space.of(smooth, {"a": "normal(5 mg, 1 mg)", "b": "log 0.1..10 1/h"})
    design = Design(space)
    z = design.features().forward(design.sample(500, 1))
    assert 0.2 < np.median(z[:, 0]) < 0.8
    assert z[:, 1].min() >= 0.0
    low, high = ends(space, design.features())
    assert np.all((z >= low) & (z <= high))


def test_points_come_back_from_inputs() -> None:
    over = {"x": None, "n": None, "way": ["flat", "up"], "open": None}
    space = Space.of(kinds, over)
    where = readings(space, kinds.inputs)
    x = space.sample(50, 2)
    base = dict(kinds.inputs.validate({}).values_)
    values = set_inputs(where, x, base, kinds.inputs)
    assert set(values["way"]) <= {0, 2}
    np.testing.assert_array_equal(points(where, values, 50), x)


def test_shares_undo_crowding() -> None:
    z = np.array([[0.0], [0.001], [0.002], [1.0]])
    shares, nearest = shares_of(z, np.linspace(0, 1, 1001)[:, None], np.ones(1))
    assert shares.sum() == pytest.approx(1.0)
    assert shares[3] == pytest.approx(0.5, abs=0.01)
    assert shares[1] < 0.01
    assert nearest[-1] == 3


def test_errors_are_relative_to_the_spread() -> None:
    x = RNG.random((60, 2))
    y = np.sin(3 * x[:, 0]) + x[:, 1]
    emulator = fit(_task(x[:40], y[:40]), Form())
    spread = spread_over(y)
    judged = checked_error(emulator, x[40:], y[40:], spread)
    direct = np.sqrt(((emulator.value(x[40:]) - y[40:]) ** 2).mean()) / spread
    assert judged.nrmse == pytest.approx(direct)
    assert judged.nrmse < judged.upper
    assert judged.range_normalised < judged.nrmse
    assert 0 < left_out_error(emulator, y[:40], np.full(40, 1 / 40), spread) < 0.2


def test_the_form_that_predicts_better_is_chosen() -> None:
    x = RNG.random((50, 2))
    form, _ = choose(_task(x, np.exp(4 * x[:, 0] + 3 * x[:, 1])))
    assert form.log
    form, _ = choose(_task(x, np.abs(x[:, 0] - 0.37) + 0.2 * x[:, 1] - 5.0))
    assert form.kernel == "matern"
    assert not form.log


def test_new_points_go_where_something_is_unknown() -> None:
    x = RNG.random((40, 2))
    x[:, 0] *= 0.5  # nothing is known on the right
    y = np.sin(6 * x[:, 0]) * x[:, 1]
    emulator = fit(_task(x, y), Form())
    candidates, reference = RNG.random((150, 2)), RNG.random((150, 2))
    _, nearest = shares_of(x, reference, emulator.regressor.weights())
    chosen = place([(emulator, 1.0)], candidates, reference, nearest, x, np.ones(40), 6)
    assert len(np.unique(chosen, axis=0)) == 6
    assert (chosen[:, 0] > 0.5).sum() >= 4


def test_networks_are_asked_where_they_were_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catena.learn.networks.ensemble._STEPS", 200)  # a plane is learned sooner
    x = RNG.random((30, 2))
    task = Task(x, x[:, 0] + x[:, 1], np.full(30, 1 / 30), UNIT, "ensemble", 0.01, 0)
    emulator = fit(task, Form())
    errors = np.where(x[:, 0] > 0.7, 1.0, 1e-6)
    chosen = place([(emulator, 1.0)], RNG.random((100, 2)), x, np.zeros(30, int), x, errors, 4)
    assert (chosen[:, 0] > 0.55).all()


def test_constant_outputs_are_refused() -> None:
    with pytest.raises(InputError, match="does not vary"):
        check_varies("y", np.full((5, 3), 2.0), "here")
    check_varies("y", np.array([1.0, 1.1]), "here")
