"""Derivatives of a chain come from its nodes, whatever library each is written in."""

from __future__ import annotations

import numpy as np
import pytest
from chain_toys import Counted, pd, pk, sellar, three, trial

from catena.core.chain import Chain
from catena.core.function import model
from catena.core.gradient import jacobian
from catena.core.model import Capabilities
from catena.core.spec import Field, Schema

INPUTS = {
    "dose": np.array([50.0, 100.0, 400.0]),
    "clearance": np.array([5.0, 10.0, 15.0]),
    "ec50": np.array([2.0, 5.0, 9.0]),
}


def central(chain, name, of, inputs, step=1e-6):
    up = {**inputs, name: inputs[name] * (1 + step)}
    down = {**inputs, name: inputs[name] * (1 - step)}
    return (chain.predict(up)[of] - chain.predict(down)[of]) / (2 * step * inputs[name])


@pytest.mark.parametrize("mode", ["auto", "forward", "reverse", "difference"])
def test_a_chain_of_jax_numpy_and_torch_has_an_exact_gradient(mode):
    chain = three()
    slopes = chain.jacobian(INPUTS, of="signal", wrt=tuple(INPUTS), mode=mode)
    for name in INPUTS:
        expected = central(chain, name, "signal", INPUTS)
        np.testing.assert_allclose(slopes["signal", name], expected, rtol=1e-5)
    # The closed form is met far closer: numpy's differences are of fourth order.
    exposure = INPUTS["dose"] / INPUTS["clearance"]
    closed = 2 * INPUTS["ec50"] / (INPUTS["ec50"] + exposure) ** 2 * np.sqrt(20.0)
    np.testing.assert_allclose(slopes["signal", "dose"], closed / INPUTS["clearance"], rtol=1e-9)


def test_the_direction_is_chosen_by_cost_and_differences_are_declared():
    wide = model(id="toy.sum", inputs="v (k)", outputs="s", backend="jax")(
        lambda v: {"s": v.sum(axis=1)}
    )
    last = model(id="toy.spread", inputs="s", outputs="w (k)", backend="jax")(
        lambda s: {"w": s[:, None] * np.arange(6.0)}
    )
    chain = Chain({"a": wide, "b": last}, ["a.s -> b.s"])
    into = chain.jacobian(v=np.ones(40), of="a.s")
    out = chain.jacobian(v=np.ones(3), of="b.w")
    assert (into.mode, out.mode) == ("reverse", "forward")
    assert into["a.s", "v"].shape == (1, 40)
    assert out["b.w", "v"].shape == (1, 6, 3)
    np.testing.assert_allclose(out["b.w", "v"][0], np.arange(6.0)[:, None] * np.ones(3))
    assert "node 'pd' has no exact gradient" in three().jacobian().warnings[0]
    assert not three().capabilities.gradient
    assert chain.capabilities.gradient


def test_named_outputs_are_derived_by_default():
    slopes = three().jacobian()
    assert {of for of, _ in slopes} == {"signal"}
    plain = Chain({"pk": pk, "pd": pd}, ["pk.auc -> pd.exposure"]).jacobian()
    assert {of for of, _ in plain} == {"pk.auc", "pd.effect"}
    assert plain["pk.auc", "ec50"].tolist() == [0.0]


def test_derivatives_to_parameters_of_nodes():
    chain = three()
    slopes = chain.jacobian(INPUTS, of="signal", wrt=("pd.emax", "dose"))
    np.testing.assert_allclose(
        slopes["signal", "pd.emax"], chain.predict(INPUTS)["signal"] / 2.0, rtol=1e-9
    )
    loop = sellar("newton", goal=Counted(1.0, inputs="y1, y2, x = 1, z2 = 1", outputs="f"))
    assert loop.params.names == ()


def test_derivatives_pass_unit_conversions():
    chain = Chain({"pk": pk, "pd": pd}, ["pk.auc -> pd.exposure"], inputs={"dose": "pk.dose"})
    grams = model(id="toy.grams", inputs="m [g] = 0.1", outputs="m [g]", backend="jax")(
        lambda m: {"m": m}
    )
    chain = Chain({"g": grams, "pk": pk}, ["g.m -> pk.dose"])
    for mode in ("forward", "reverse"):
        slope = chain.jacobian(m=0.1, clearance=10.0, of="pk.auc", wrt="m", mode=mode)
        assert slope["pk.auc", "m"][0] == pytest.approx(100.0)


def test_an_input_shared_by_branches_adds_their_slopes():
    branches = Chain(
        {"u": Counted(2.0), "v": Counted(3.0), "w": trial},
        ["u.y -> w.effect", "v.y -> w.size"],
        inputs={"x": ["u.x", "v.x"]},
    )
    for mode in ("forward", "reverse"):
        slope = branches.jacobian(x=3.0, of="w.signal", wrt="x", mode=mode)["w.signal", "x"][0]
        assert slope == pytest.approx(2 * np.sqrt(3.0) * 1.5 * np.sqrt(3.0), rel=1e-8)


def test_jvp_and_vjp_agree_and_serve_the_general_jacobian():
    chain = three()
    checked = chain.inputs.validate(INPUTS)
    tangents = {"dose": np.array([1.0, 2.0, 3.0]), "ec50": np.array([0.5, -1.0, 0.0])}
    values, slopes = chain.jvp(checked.values_, tangents, 3)
    pulled = chain.vjp(checked.values_, {"signal": np.ones(3)}, 3)
    np.testing.assert_allclose(
        slopes["signal"], sum(pulled[n] * t for n, t in tangents.items()), rtol=1e-8
    )
    np.testing.assert_array_equal(values["signal"], chain.predict(INPUTS)["signal"])
    general = jacobian(chain, checked, "signal", ("dose",), "forward", 0)
    np.testing.assert_allclose(general["signal", "dose"], pulled["dose"], rtol=1e-8)
    _, with_param = chain.jvp(checked.values_, {"pd.emax": np.ones(3)}, 3)
    np.testing.assert_allclose(with_param["signal"], values["signal"] / 2, rtol=1e-8)


def test_constants_stay_constants_in_derivatives():
    first, second = Counted(2.0), Counted(3.0, inputs="x, z = 1")
    chain = Chain({"a": first, "b": second}, ["a.y -> b.x"])
    chain.jacobian(x=4.0, z=np.arange(100.0), of="b.y", wrt="x", mode="forward")
    assert max(first.calls) == 1


def test_texts_and_integers_carry_no_slope():
    @model(
        id="toy.count",
        inputs="n: integer = 3, x = 1",
        outputs=Schema([Field("k", kind="integer"), Field("y")]),
    )
    def count(n, x):
        return {"k": n * 2, "y": n * x}

    last = Counted(2.0, inputs="x, z")
    chain = Chain({"a": count, "b": last}, ["a.k -> b.x", "a.y -> b.z"])
    slopes = chain.jacobian(x=5.0, of="b.y", wrt="x")
    assert slopes["b.y", "x"][0] == pytest.approx(0.0, abs=1e-9)


def test_explain_ranks_inputs_and_says_what_each_link_carries():
    spread = {
        "dose": "normal(100 mg, 10 mg)",
        "clearance": "normal(10 L/h, 1 L/h)",
        "ec50": "normal(5, 1)",
    }
    from catena.core.distribution import Distribution

    units = {"dose": "mg", "clearance": "L/h", "ec50": ""}
    nodes = {}
    for name, node in (("pk", pk), ("pd", pd)):
        fields = [
            f.with_(distribution=Distribution.parse(spread[f.name], units[f.name]))
            if f.name in spread else f for f in node.inputs
        ]  # fmt: skip
        new = node.at()
        new.inputs = Schema(fields)
        nodes[name] = new
    chain = three(**nodes)
    table = chain.predict().explain("signal").set_index("input")
    exposure, ec50 = 10.0, 5.0
    d_exposure, d_ec50 = ec50 / exposure, -1.0  # up to a common factor
    parts = {"dose": d_exposure * 1.0, "clearance": d_exposure * 1.0, "ec50": d_ec50 * 1.0}
    total = sum(v**2 for v in parts.values())
    for name, part in parts.items():
        assert table.loc[name, "share"] == pytest.approx(part**2 / total, rel=1e-6)
    assert table.loc["dose", "elasticity"] == pytest.approx(ec50 / (ec50 + exposure), rel=1e-6)
    link = table.loc["pk.auc -> pd.exposure"]
    assert link["kind"] == "link"
    assert link["share"] == pytest.approx(
        (parts["dose"] ** 2 + parts["clearance"] ** 2) / total, rel=1e-6
    )
    assert table.loc["pd.effect -> trial.effect", "share"] == pytest.approx(1.0)
    assert table.index[0] == "ec50"
    from catena.core.errors import InputError

    with pytest.raises(InputError, match="Cannot explain"):
        chain.predict().explain("signals")


def test_dynamic_nodes_get_one_set_of_moving_ports_for_all_seeds():
    seen = []

    node = Counted(2.0, inputs="x [mg*h/L] = 1, z = 1, w = 1")
    node.capabilities = Capabilities(dynamic=True, gradient=True)
    original = node.jvp
    node.jvp = lambda *args: (seen.append(frozenset(args[1])), original(*args))[1]
    chain = Chain({"pk": pk, "ode": node}, ["pk.auc -> ode.x"])
    slopes = chain.jacobian(of="ode.y", wrt=("dose", "z"), mode="forward")
    assert set(seen) == {frozenset({"x", "z"})}
    assert slopes["ode.y", "dose"][0] == pytest.approx(0.2)
    assert slopes["ode.y", "z"][0] == pytest.approx(0.0, abs=1e-9)
    # An adjoint solve costs much more than a push, so few inputs go forward.
    assert chain.jacobian(of="ode.y", wrt=("dose", "z")).mode == "forward"
