from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.core.spec import Field
from catena.ops.likelihood.noise import Noise, noises_of

C = Field("c", unit="mg/L")
D = Field("d")


def one(text: str | None, loss: str = "linear", with_sd: bool = False) -> Noise:
    return noises_of((C,), text, loss, (with_sd,))[0]


def test_texts() -> None:
    assert one(None).name == "additive"
    assert one(None, with_sd=True).name == "given"
    assert one("additive(500 ug/L)").fixed == {"sd": pytest.approx(0.5)}
    assert one("proportional(20 %)").fixed == {"cv": pytest.approx(0.2)}
    assert one("combined(0.1 mg/L, 10 %)").free == ()
    assert one("combined").free == ("sd", "cv")
    assert one("student(3)").density.shape == 3.0
    assert one("student(3, 0.5)").fixed == {"sd": 0.5}
    assert one("lognormal", "huber").density.name == "huber"
    assert [n.name for n in noises_of((C, D), {"d": "proportional"}, "linear", (False, False))] == [
        "additive", "proportional"]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["additve", "additive(0)", "proportional(5 mg)", "additive(1, 2)", "given", "combined(1)", "((", "student(x)"]
)  # fmt: skip
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(InputError):
        one(text)


def test_noise_of_something_not_measured() -> None:
    with pytest.raises(InputError, match="not measured"):
        noises_of((C,), {"cc": "additive"}, "linear", (False,))


@pytest.mark.parametrize("text", ["additive", "proportional", "combined", "combined1", "lognormal"])
def test_slopes_of_the_scale(text: str) -> None:
    noise = one(text)
    mean, numbers = np.array([[0.5, -2.0, 7.0]]), {"sd": np.array([[0.3]]), "cv": np.array([[0.2]])}
    scale = noise.scale(mean, numbers, np.nan)
    to_mean, to_numbers = noise.slopes(mean, numbers, scale)
    step = 1e-7
    moved = (
        noise.scale(mean + step, numbers, np.nan) - noise.scale(mean - step, numbers, np.nan)
    ) / (2 * step)
    np.testing.assert_allclose(to_mean, moved, atol=1e-7)
    for name in noise.free:
        up, down = ({**numbers, name: numbers[name] + s} for s in (step, -step))
        moved = (noise.scale(mean, up, np.nan) - noise.scale(mean, down, np.nan)) / (2 * step)
        np.testing.assert_allclose(to_numbers[name], moved, atol=1e-7)


def test_closed_form_scales() -> None:
    assert one("additive").closed
    assert not one("combined").closed
    assert not one("student(4)").closed
    np.testing.assert_allclose(one("lognormal").closed_number(np.log1p(0.3**2)), 0.3)
