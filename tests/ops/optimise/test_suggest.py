"""Suggestions of the next experiments."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.ops.constraint import parse_linear
from catena.ops.optimise import suggest
from catena.ops.optimise.suggest import fill
from catena.ops.space import Space
from catena.ops.variable import Variable


def _space() -> Space:
    return Space(
        [
            Variable("a", low=0.0, high=10.0),
            Variable("n", "integer", 1, 8),
            Variable("kind", "category", choices=("red", "green", "blue")),
        ]
    )


def _outcome(x: np.ndarray) -> np.ndarray:
    bonus = np.array([0.0, 3.0, -2.0])[x[:, 2].astype(int)]
    return (x[:, 0] - 3.0) ** 2 + 0.3 * (x[:, 1] - 5) ** 2 + bonus


def test_mixed_space_optimum_is_reached_in_few_runs() -> None:
    space = _space()
    x = space.sample(12, 1)
    for step in range(3):
        y = _outcome(x)[:, None]
        x = np.vstack([x, suggest(space, x, y, goals=["minimise"], q=2, noise=0.0, key=step)])
    assert _outcome(x).min() < -1.5
    assert np.all(space.inside(x))
    np.testing.assert_array_equal(x[:, 1:], np.round(x[:, 1:]))


def test_same_key_same_points_and_maximise_mirrors_minimise() -> None:
    space = _space()
    x = space.sample(14, 2)
    y = _outcome(x)[:, None]
    first = suggest(space, x, y, goals=["minimise"], q=2, noise=0.0, key=7)
    again = suggest(space, x, y, goals=["minimise"], q=2, noise=0.0, key=7)
    mirrored = suggest(space, x, -y, goals=["maximise"], q=2, noise=0.0, key=7)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_allclose(first, mirrored, atol=1e-6)


def test_pending_points_are_not_suggested_again() -> None:
    space = Space([Variable("a", low=0.0, high=1.0)])
    x = np.array([[0.0], [0.3], [0.55], [1.0]])
    y = (x - 0.7) ** 2
    first = suggest(space, x, y, goals=["minimise"], key=1)
    second = suggest(space, x, y, goals=["minimise"], pending=first, key=1)
    assert abs(first[0, 0] - second[0, 0]) > 0.01


def test_linear_constraints_hold() -> None:
    bare = _space()
    space = Space(bare.variables, [parse_linear("a + n <= 6", bare)])
    x = space.sample(12, 3)
    new = suggest(space, x, _outcome(x)[:, None], goals=["minimise"], q=2, noise=0.0, key=3)
    assert np.all(new[:, 0] + new[:, 1] <= 6 + 1e-6)


def test_outcome_bounds_steer_to_the_allowed_side() -> None:
    space = Space([Variable("a", low=0.0, high=1.0), Variable("b", low=0.0, high=1.0)])
    x = space.sample(16, 4)
    y = np.stack([(x - 0.8).sum(1), x.sum(1)], axis=1)
    new = suggest(space, x, y, goals=["maximise", "bounded"], outcome_bounds={1: (None, 1.0)},
                  noise=0.0, q=2, key=4)  # fmt: skip
    assert np.all(new.sum(1) < 1.1)


def test_two_goals_and_missing_values() -> None:
    space = Space([Variable("a", low=0.0, high=1.0), Variable("b", low=0.0, high=1.0)])
    x = space.sample(14, 5)
    y = np.stack([x[:, 0], (1 + x[:, 1]) * (1 - np.sqrt(x[:, 0] / (1 + x[:, 1])))], axis=1)
    y[2, 1] = np.nan
    new = suggest(space, x, y, goals=["minimise", "minimise"], q=2, noise=0.0, key=5)
    assert new.shape == (2, 2)
    assert np.all(new[:, 1] < 0.2)


def test_a_right_prior_helps_and_a_wrong_one_is_ignored() -> None:
    space = Space([Variable("a", low=0.0, high=1.0), Variable("b", low=0.0, high=1.0)])

    def truth(x: np.ndarray) -> np.ndarray:
        return (3.0 * (x - [0.2, 0.9]) ** 2).sum(1, keepdims=True)

    x = space.sample(6, 6)
    right = suggest(space, x, truth(x), goals=["minimise"], prior=lambda p: 2 * truth(p) + 1,
                    noise=0.0, key=6)  # fmt: skip
    assert truth(right)[0, 0] < 0.02
    x = space.sample(14, 6)
    wrong = suggest(space, x, truth(x), goals=["minimise"], prior=lambda p: -truth(p[:, ::-1]),
                    noise=0.0, key=6)  # fmt: skip
    assert truth(wrong)[0, 0] < 0.1


def test_few_data_give_points_that_fill_the_space() -> None:
    space = _space()
    first = suggest(space, np.zeros((0, 3)), np.zeros((0, 1)), goals=["maximise"], q=4, key=1)
    assert first.shape == (4, 3)
    assert len(np.unique(first, axis=0)) == 4
    line = Space([Variable("a", low=0.0, high=1.0)])
    far = fill(line, 1, np.array([[0.0], [0.1]]), 3)
    assert far[0, 0] > 0.8


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"goals": ["bounded"]}, "nothing is to be maximised"),
        ({"q": 0}, "0 points"),
        ({"data_y": np.ones((3, 1))}, "4 points but 3 rows"),
        ({"data_y": np.array([[np.inf]] * 4)}, "infinite"),
    ],
)
def test_nonsense_is_refused(change: dict[str, object], why: str) -> None:
    space = Space([Variable("a", low=0.0, high=1.0)])
    given: dict[str, object] = {"data_x": np.arange(4.0)[:, None] / 4, "data_y": np.ones((4, 1)),
                                "goals": ["maximise"], **change}  # fmt: skip
    with pytest.raises(InputError) as error:
        suggest(space, **given)  # type: ignore[arg-type]
    assert why in error.value.why
