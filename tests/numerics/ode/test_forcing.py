from __future__ import annotations

import numpy as np
import pytest
from systems import driven

from catena.core.errors import InputError

T = np.linspace(0.0, 6.0, 25)


@pytest.mark.parametrize("linear", [False, True])
def test_constant_pieces(linear: bool) -> None:
    system = driven("constant", linear=linear)
    result = system.predict(time=T, feed={"time": [0, 2.1, 4.3], "value": [1, 0, 3]})
    k, x, want = 0.5, 1.0, []
    edges, values = [0, 2.1, 4.3, 6.0], [1.0, 0.0, 3.0]
    for a, b, q in zip(edges, edges[1:], values, strict=False):
        t = T[(a <= T) & ((b > T) | (b == 6.0))]
        want += list(q / k + (x - q / k) * np.exp(-k * (t - a)))
        x = q / k + (x - q / k) * np.exp(-k * (b - a))
    np.testing.assert_allclose(result["x"][0], want, rtol=1e-7)
    np.testing.assert_allclose(result["feed"][0], np.select([T < 2.1, T < 4.3], [1, 0], 3))


def test_linear_pieces_hold_the_end_values() -> None:
    result = driven("linear").predict(time=T, feed={"time": [1, 3], "value": [0, 4]})
    np.testing.assert_allclose(result["feed"][0], np.interp(T, [1, 3], [0, 4]), atol=1e-12)
    # On the ramp from x(1): x' = 2 (t - 1) - x / 2.
    x1 = np.exp(-0.5)
    s = T[(T >= 1) & (T <= 3)] - 1
    want = 4 * s - 8 + (x1 + 8) * np.exp(-0.5 * s)
    np.testing.assert_allclose(result["x"][0][(T >= 1) & (T <= 3)], want, rtol=1e-7)


def test_one_table_per_row() -> None:
    tables = [{"time": [0.0], "value": [1.0]}, {"time": [0.0, 1.0], "value": [1.0, 5.0]}]
    result = driven("constant").predict(time=T, feed=tables)
    assert result["x"][1, -1] > result["x"][0, -1]
    alone = driven("constant").predict(time=T, feed=tables[0])
    np.testing.assert_allclose(result["x"][0], alone["x"][0], rtol=1e-8)


@pytest.mark.parametrize(
    "table",
    [{"time": [0, 2, 1], "value": [1, 2, 3]}, {"time": [0, 0], "value": [1, 2]},
     {"time": [], "value": []}, {"time": [0], "value": [float("nan")]}],
)  # fmt: skip
def test_bad_tables(table: dict[str, list[float]]) -> None:
    with pytest.raises(InputError):
        driven("linear").predict(time=T, feed=table)


@pytest.mark.parametrize("kind", ["constant", "linear", "cubic"])
def test_pieces_and_their_sensitivities(kind: str) -> None:
    """Against SciPy on random tables of different lengths; sensitivities against differences."""
    from scipy.interpolate import PchipInterpolator

    from catena.core.values import Padded
    from catena.numerics.ode.forcing import Curves

    rng = np.random.default_rng(3)
    times, values = np.sort(rng.uniform(0, 10, (4, 7)), axis=1), rng.normal(size=(4, 7))
    mask = np.arange(7) < np.array([7, 1, 2, 4])[:, None]
    curves = Curves.of(Padded({"time": times, "value": values}, mask), kind)  # type: ignore[arg-type]
    moments = np.sort(np.concatenate([times, rng.uniform(-1, 11, (4, 5))], axis=1), axis=1)
    found = curves.coefficients(values, moments, np)
    for row in range(4):
        t, v = times[row][mask[row]], values[row][mask[row]]
        for place, since in enumerate(moments[row, :-1]):
            x = np.linspace(since, moments[row, place + 1], 5)[:-1]
            inside = np.clip(x, t[0], t[-1])
            if kind == "constant" or len(t) == 1:
                want = v[np.maximum(np.searchsorted(t, x + 1e-9, side="right") - 1, 0)]
            elif kind == "linear":
                want = np.interp(inside, t, v)
            else:
                want = PchipInterpolator(t, v)(inside)
            got = np.polynomial.polynomial.polyval(x - since, found[row, place])
            np.testing.assert_allclose(got, want, atol=1e-11)
    slopes, step = curves.sensitivities(values, moments), 1e-7
    for point in range(7):
        unit = np.eye(7)[point] * step
        up, down = (curves.coefficients(values + s * unit, moments, np) for s in (1, -1))
        np.testing.assert_allclose(slopes[:, point], (up - down) / (2 * step), atol=1e-5)
