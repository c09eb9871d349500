"""Draws are reproducible and correlated as asked; samples keep one axis through a chain."""

from __future__ import annotations

import numpy as np
import pandas as pd_
import pytest
from chain_toys import Counted, three
from scipy.stats import kstest, norm, spearmanr

from catena.core.chain import Chain
from catena.core.distribution import Distribution
from catena.core.errors import InputError
from catena.core.function import model
from catena.core.sampling import draw, sample
from catena.core.spec import Field, Schema

NORMAL = Distribution(name="normal", parameters=(10.0, 2.0))
LOGNORMAL = Distribution(name="lognormal", parameters=(12.0, 0.3))
FIELDS = Schema(
    [Field("a", distribution=NORMAL), Field("b", unit="L/h", distribution=LOGNORMAL), Field("c")]
)


def test_draws_follow_their_distributions():
    drawn = draw(FIELDS, 4000, key=1)
    assert set(drawn) == {"a", "b"}
    assert kstest((drawn["a"] - 10) / 2, norm.cdf).pvalue > 0.2
    sd = np.sqrt(np.log1p(0.09))
    assert kstest(np.log(drawn["b"] / 12) / sd, norm.cdf).pvalue > 0.2
    assert abs(spearmanr(drawn["a"], drawn["b"]).statistic) < 0.05


def test_latin_hypercube_has_one_draw_in_each_stratum():
    u = norm.cdf((draw(FIELDS, 100, key=3, correlation={("a", "b"): 0.6})["a"] - 10) / 2)
    assert sorted(np.floor(u * 100).astype(int)) == list(range(100))


def test_plain_draws_have_a_reproducible_prefix_and_fields_their_own_streams():
    long, short = draw(FIELDS, 50, 7, method="plain"), draw(FIELDS, 20, 7, method="plain")
    np.testing.assert_array_equal(long["a"][:20], short["a"])
    alone = draw(FIELDS.select(["b"]), 50, 7, method="plain")
    np.testing.assert_array_equal(long["b"], alone["b"])
    assert not np.array_equal(long["a"], draw(FIELDS, 50, 8, method="plain")["a"])
    coupled = [draw(FIELDS, n, 7, {("a", "b"): 0.5}, method="plain")["b"] for n in (50, 20)]
    np.testing.assert_array_equal(coupled[0][:20], coupled[1])


@pytest.mark.parametrize("rho", [-0.9, 0.5, 1.0])
@pytest.mark.parametrize("method", ["latin", "plain"])
def test_correlation_is_that_of_normal_scores(rho, method):
    drawn = draw(FIELDS, 20_000, 5, {("a", "b"): rho}, method=method)
    logs = np.log(drawn["b"])
    assert np.corrcoef(drawn["a"], logs)[0, 1] == pytest.approx(rho, abs=0.02)
    table = pd_.DataFrame([[1.0, rho], [rho, 1.0]], index=["a", "b"], columns=["a", "b"])
    same = draw(FIELDS, 20_000, 5, table, method=method)
    np.testing.assert_array_equal(same["b"], drawn["b"])


@pytest.mark.parametrize(
    ("correlation", "why"),
    [
        ({("a", "x"): 0.5}, "'x' is not drawn"),
        ({("a", "b"): 1.5}, "is 1.5"),
        ({("a", "a"): 0.5}, "is 0.5"),
        (pd_.DataFrame([[1.0, 0.2], [0.3, 1.0]], columns=["a", "b"]), "not symmetric"),
    ],
)
def test_impossible_correlations_are_refused(correlation, why):
    with pytest.raises(InputError, match="Bad correlation") as caught:
        draw(FIELDS, 10, 1, correlation)
    assert why in caught.value.why
    three_fields = Schema([Field(n, distribution=NORMAL) for n in "abc"])
    with pytest.raises(InputError) as caught:
        draw(three_fields, 10, 1, {("a", "b"): 0.9, ("b", "c"): 0.9, ("a", "c"): -0.9})
    assert "no joint distribution" in caught.value.why


def test_draws_are_truncated_to_bounds_without_piling_up():
    field = Field(
        "x", distribution=Distribution(name="normal", parameters=(0.0, 1.0)), bounds=(0.0, 1.0)
    )
    values = draw(Schema([field]), 2000, 1)["x"]
    low, high = norm.cdf([0.0, 1.0])
    assert kstest(values, lambda x: (norm.cdf(x) - low) / (high - low)).pvalue > 0.2
    assert len(np.unique(values)) == 2000
    with pytest.raises(InputError, match="Nothing to draw"):
        draw(Schema([field.with_(bounds=(50.0, 60.0))]), 5, 1)
    wide = field.with_(bounds=(-50.0, 50.0))
    assert np.abs(draw(Schema([wide]), 100, 1)["x"]).max() < 5
    with pytest.raises(InputError, match="Cannot draw"):
        draw(Schema([field]), 5, 1, method="sobol")
    assert draw(Schema([field]), 0, 1)["x"].shape == (0,)
    assert draw(Schema(), 3, 1) == {}


def uncertain() -> Chain:
    return three()


OVER = {
    "dose": "normal(100 mg, 10 mg)",
    "clearance": "lognormal(10 L/h, 30 %)",
    "ec50": "uniform(3, 7)",
}


def test_samples_keep_their_correlation_through_the_chain():
    result = uncertain().sample(
        draws=4000, key=3, over=OVER, correlation={("dose", "clearance"): 0.5}
    )
    # The monolithic script, with draws of its own.
    fields = [
        Field(name, unit=unit, distribution=Distribution.parse(OVER[name], unit))
        for name, unit in (("dose", "mg"), ("clearance", "L/h"), ("ec50", ""))
    ]
    free = draw(Schema(fields), 4000, 99, {("dose", "clearance"): 0.5})
    auc = free["dose"] / free["clearance"]
    signal = 2 * auc / (free["ec50"] + auc) * np.sqrt(20)
    along = spearmanr(result.samples["pk.auc"][:, 0], result.samples["signal"][:, 0]).statistic
    assert along == pytest.approx(spearmanr(auc, signal).statistic, abs=0.02)
    for name, script in (("signal", signal), ("pk.auc", auc)):
        assert result.lower[name][0] == pytest.approx(np.quantile(script, 0.05), rel=0.02)
        assert result.upper[name][0] == pytest.approx(np.quantile(script, 0.95), rel=0.02)
        assert result[name][0] == pytest.approx(np.median(script), rel=0.02)
    # Draw by draw, the chain does what a script does with the same draws.
    mine = result.diagnostics["drawn"]
    auc = mine["dose"] / mine["clearance"]
    np.testing.assert_allclose(result.samples["pk.auc"][:, 0], auc, rtol=1e-12)
    np.testing.assert_allclose(
        result.samples["signal"][:, 0], 2 * auc / (mine["ec50"] + auc) * np.sqrt(20), rtol=1e-12
    )


def test_rows_and_draws_combine_and_declared_distributions_are_the_default():
    field = Field("x", distribution=NORMAL)

    @model(id="toy.rows", inputs=Schema([field, Field("z"), Field("n", kind="integer", default=2)]),
           outputs=Schema([Field("y"), Field("c", kind="category", choices=("low", "high"))]))  # fmt: skip
    def rows(x, z, n):
        return {"y": x * n + z, "c": (z > 1).astype(int)}

    result = sample(rows, {"z": [0.0, 100.0, 200.0]}, draws=200, key=1)
    assert result.samples["y"].shape == (200, 3)
    np.testing.assert_allclose(result.samples["y"][:, 2] - result.samples["y"][:, 0], 200.0)
    assert result["y"].tolist() == pytest.approx([20.0, 120.0, 220.0], abs=0.5)
    assert result["c"].tolist() == ["low", "high", "high"]
    assert "c" not in result.lower
    fixed = sample(rows, {"z": 0.0, "x": 1.0}, draws=50, over={"n": "discrete(1, 3)"})
    assert set(fixed.samples["y"][:, 0]) == {1.0, 3.0}
    assert "lower" in " ".join(result.table().columns)


def test_constant_nodes_run_once_and_blocks_agree(monkeypatch):
    from catena.core import sampling

    first, second = Counted(2.0), Counted(3.0, inputs="x, z = 1")
    chain = Chain({"molecule": first, "person": second}, ["molecule.y -> person.x"])
    over = {"z": "normal(1, 0.1)"}
    whole = chain.sample({"x": 4.0}, draws=300, over=over)
    assert first.calls == [1]
    monkeypatch.setattr(sampling, "_BLOCK", 100)
    parts = chain.sample({"x": 4.0}, draws=300, over=over)
    np.testing.assert_array_equal(parts.samples["person.y"], whole.samples["person.y"])


def test_draws_that_fail_are_left_out_when_asked():
    @model(id="toy.fragile", inputs="x = 1, z = 1", outputs="y")
    def fragile(x, z):
        return {"y": np.where(x < 0, np.nan, x + z)}

    over = {"x": "normal(1, 1)"}
    from catena.core.errors import SolverError

    with pytest.raises(SolverError):
        sample(fragile, draws=100, over=over)
    result = sample(fragile, {"z": [1.0, 2.0]}, draws=100, over=over, on_error="skip")
    left = result.diagnostics["draws"]
    assert 70 < left < 95
    assert result.samples["y"].shape == (left, 2)
    np.testing.assert_allclose(result.samples["y"][:, 0], result.diagnostics["drawn"]["x"] + 1)
    with pytest.raises(InputError, match="No draw is left"):
        sample(fragile, draws=20, over={"x": "normal(-50, 1)"}, on_error="skip")


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(InputError, match="Nothing to draw"):
        three().sample(draws=5)
    with pytest.raises(InputError, match="No input 'dosis'"):
        three().sample(draws=5, over={"dosis": "normal(1, 1)"})
    with pytest.raises(InputError, match="Cannot draw dose"):
        three().sample(draws=5, over="dose")
    series = Counted(1.0, inputs="x (time)", outputs="y (time)")
    with pytest.raises(InputError, match="Cannot draw x"):
        sample(series, draws=5, over={"x": NORMAL})
