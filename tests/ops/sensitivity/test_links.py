"""Links of a chain: what each carries of the variance, by exchange and by slopes."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from catena.core.chain import Chain
from catena.core.errors import InputError
from catena.core.function import model
from catena.ops.sensitivity import sensitivity
from catena.ops.sensitivity.edges import Exchange
from tests.core.chain_toys import sellar


@model(id="toy.split", inputs="a, b", outputs="s, t", backend="jax")
def split(a, b):
    return {"s": a, "t": 2.0 * b}


@model(id="toy.join", inputs="s, t, c", outputs="y", backend="jax")
def join(s, t, c):
    return {"y": s + t + 3.0 * c}


@model(id="toy.curve", inputs="a", outputs="curve (time)", backend="jax")
def curve(a):
    return {"curve": a[:, None] * jnp.arange(1.0, 4.0)}


@model(id="toy.area", inputs="curve (time), c", outputs="area", backend="jax")
def area(curve, c):
    return {"area": curve.sum(axis=1) + c}


OVER = dict.fromkeys("abc", "normal(0, 1)")


def joined() -> Chain:
    return Chain({"split": split, "join": join}, ["split.s -> join.s", "split.t -> join.t"],
                 outputs={"y": "join.y"}, id="toy.joined")  # fmt: skip


def test_links_carry_what_their_inputs_bring() -> None:
    found = sensitivity(joined(), over=OVER, n=1024)
    links = found.parts["links"]
    shares = dict(zip(links["link"], links["total"], strict=True))
    alone = dict(zip(links["link"], links["alone"], strict=True))
    slopes = dict(zip(links["link"], links["slope_share"], strict=True))
    exact = {"split.s -> join.s": 1 / 14, "split.t -> join.t": 4 / 14, "c -> join.c": 9 / 14}
    for link, share in exact.items():
        assert shares[link] == pytest.approx(share, abs=0.03)
        assert alone[link] == pytest.approx(share, abs=0.03)
        # The model is linear: slopes say it exactly.
        assert slopes[link] == pytest.approx(share, rel=1e-4)
    assert found.summary["leading_link"] == "c -> join.c"
    assert found.plot("links").data


def test_a_curve_between_nodes_is_one_link() -> None:
    chain = Chain({"curve": curve, "area": area}, ["curve.curve -> area.curve"],
                  outputs={"area": "area.area"}, id="toy.curved")  # fmt: skip
    over = {"a": "normal(0, 1)", "c": "normal(0, 8)"}
    links = sensitivity(chain, "area", over, n=256).parts["links"]
    shares = dict(zip(links["link"], links["slope_share"], strict=True))
    assert shares["curve.curve -> area.curve"] == pytest.approx(0.36, rel=1e-4)
    assert shares["c -> area.c"] == pytest.approx(0.64, rel=1e-4)


def test_an_exchange_of_everything_is_the_other_run() -> None:
    chain = joined()
    exchange = Exchange(chain)
    random = np.random.default_rng(0)
    runs = []
    for _ in range(2):
        batch = chain.inputs.validate({name: random.normal(size=5) for name in "abc"})
        runs.append(exchange.run(batch, 0))
    links = exchange.differing(*runs)
    assert len(links) == 5
    for on, run in ((False, runs[0]), (True, runs[1])):
        values = exchange.outputs(*runs, links, np.full((5, 5), on), 1)
        assert np.allclose(values["y"], run.runs["join"].values["y"])


def test_feedback_groups_are_kept_whole() -> None:
    over = {"z1": "1..3", "x": "0.5..1.5"}
    chain = sellar("newton")
    output = next(name for name in chain.outputs.names if name.endswith("y1"))
    links = list(sensitivity(chain, output, over, n=16).parts["links"]["link"])
    group = next(step.nodes for step in chain.steps if len(step.nodes) > 1)
    inside = [link for link in links
              if all(end.strip().split(".")[0] in group for end in link.split("->"))]  # fmt: skip
    assert links
    assert not inside


def test_only_chains_have_links() -> None:
    with pytest.raises(InputError, match="No links"):
        sensitivity(split, "s", {"a": "0..1", "b": "0..1"}, n=16, links=True)
