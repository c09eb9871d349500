"""Every wrong coupling is refused when the chain is built, with all faults and their fixes."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from chain_toys import discipline1, discipline2, pd, pk, sellar, three, trial

from catena.core.chain import Chain
from catena.core.chain.slot import Slot
from catena.core.errors import ChainError, UnitError
from catena.core.function import model
from catena.core.spec import Field, Schema


def port(name: str, inputs: str | Schema, outputs: str | Schema) -> Slot:
    """Return something with ports; wiring does not need a model to run."""
    return Slot(name, inputs, outputs)


def refused(*args, **kwargs) -> ChainError:
    with pytest.raises(ChainError) as caught:
        Chain(*args, **kwargs)
    return caught.value


# Units by dimension; a link within a group converts, a link between groups is refused.
_UNITS = (
    ("mg", "g", "kg", "ug", "ng"),
    ("mg/L", "ug/mL", "ng/mL", "g/L", "kg/m^3"),
    ("umol/L", "nmol/L", "mmol/L", "mol/L"),
    ("h", "min", "s", "day"),
    ("1/h", "1/min", "1/day"),
    ("L/h", "mL/min", "uL/min", "m^3/s"),
    ("cm", "m", "um", "nm"),
    ("", "percent"),
    ("degC", "K"),
    ("IU", "IU"),
    ("CFU", "CFU"),
    ("cells/mL", "1e6 cells/mL"),
)
_SHAPES = ((), ("time",), ("organ",), ("organ", "time"), ("residue",))
_KINDS = ("real", "integer", "boolean", "category", "text", "molecule", "sequence", "structure")
_CANNOT = [
    (a, b) for a in _KINDS for b in _KINDS
    if a != b
    and (a, b) not in {("integer", "real"), ("boolean", "real"), ("boolean", "integer"),
                       ("category", "text"), ("molecule", "text"), ("sequence", "text"),
                       ("structure", "text")}
]  # fmt: skip


def field(name: str, unit: str = "", shape: tuple[str, ...] = (), kind: str = "real") -> Field:
    choices = ("a", "b") if kind == "category" else ()
    return Field(
        name,
        unit=unit if kind in ("real", "integer", "series") else "",
        shape=shape,
        kind=kind,
        choices=choices,
    )


def coupled(left: Field, right: Field, edge: str = "a.out -> b.in_") -> Chain:
    a = port("a", Schema(), Schema([left]))
    b = port("b", Schema([right]), Schema([Field("y")]))
    return Chain({"a": a, "b": b}, [edge])


def wrong_link(rng: random.Random, case: int) -> tuple[ChainError, list[str]]:
    """Return a refusal of one wrong link and the texts its message must hold."""
    what = ("unit", "kind", "shape", "cycle", "missing")[case % 5]
    if what == "unit":
        first, second = rng.sample(_UNITS, 2)
        one, two = rng.choice(first), rng.choice(second)
        with pytest.raises(ChainError) as caught:
            coupled(field("out", one), field("in_", two))
        named = [f"[{unit}]" for unit in (one, two) if unit]
        return caught.value, ["a.out", "b.in_", "edge 1", *named]
    if what == "kind":
        one, two = rng.choice(_CANNOT)
        with pytest.raises(ChainError) as caught:
            coupled(field("out", kind=one), field("in_", kind=two))
        return caught.value, ["a.out", "b.in_", f"kind {one}", f"kind {two}"]
    if what == "shape":
        left, right = rng.sample(_SHAPES, 2)
        with pytest.raises(ChainError) as caught:
            coupled(field("out", "mg", left), field("in_", "mg", right))
        return caught.value, ["a.out", "b.in_", "dimensions", *left, *right]
    if what == "cycle":
        count = rng.randint(1, 5)
        names = [f"n{index}" for index in range(count)]
        nodes = {name: port(name, "x", "y") for name in names}
        edges = [f"{a}.y -> {b}.x" for a, b in zip(names, [*names[1:], names[0]], strict=True)]
        path = " -> ".join([*names, names[0]])
        return refused(nodes, edges), [path, "fixed_point", "newton", "anderson"]
    missing = rng.choice(["a.auc2 -> b.exposure", "a.auc -> b.exposures", "aa.auc -> b.exposure"])
    error = refused({"a": pk, "b": pd}, [missing])
    return error, [missing, "did you mean"]


def test_two_hundred_wrong_links_are_refused_with_the_right_message():
    rng = random.Random(20260101)
    for case in range(200):
        error, texts = wrong_link(rng, case)
        assert len(error.faults) == 1, str(error)
        fault = error.faults[0]
        assert fault.why or fault.what
        assert fault.fix
        for text in texts:
            assert text in str(error), f"{text!r} not in:\n{error}"


def test_two_hundred_right_links_are_accepted():
    rng = random.Random(7)
    for case in range(200):
        if case % 4 == 0:
            group = rng.choice(_UNITS)
            coupled(field("out", rng.choice(group)), field("in_", rng.choice(group)))
        elif case % 4 == 1:
            shape = rng.choice(_SHAPES)
            kind = rng.choice(["real", "series"])
            coupled(field("out", "mg", shape, kind), field("in_", "g", shape, "real"))
        elif case % 4 == 2:
            one, two = rng.choice([("integer", "real"), ("boolean", "real"), ("molecule", "text"),
                                   ("category", "category"), ("sequence", "sequence")])  # fmt: skip
            coupled(field("out", kind=one), field("in_", kind=two))
        else:
            names = [f"n{index}" for index in range(rng.randint(2, 6))]
            nodes = {name: port(name, "x", "y") for name in names}
            order = rng.sample(names, len(names))
            edges = [f"{a}.y -> {b}.x" for a, b in itertools.pairwise(order)]
            chain = Chain(nodes, edges)
            assert [step.name for step in chain.steps] == order


def test_all_faults_come_together():
    error = refused(
        {"pk": pk, "pd": pd, "ghost": "no.such.model", "trial": trial},
        [
            "pk.auc -> trial.effect",
            "pk.auc -> pd.exposures",
            "pk.auc -> pd.exposure",
            "pk.auc -> pd.exposure",
            "nonsense",
            "ghost.x -> pd.ec50",
        ],
        inputs={"w": ["pk.weight"]},
        outputs={"s": "trial.sig"},
        feedback="newtn",
    )
    text = str(error)
    for part in (
        "8 faults", "No model 'no.such.model'", "pd.exposures", "Two sources feed  pd.exposure",
        "Not an edge: 'nonsense'", "edge 5", "input 'w'", "trial.sig", "unknown method 'newtn'",
        "pk.auc [mg*h/L]  ->  trial.effect",
    ):  # fmt: skip
        assert part in text, part
    assert len(error.faults) == 8
    assert len(error.to_dict()["details"]["faults"]) == 8


def test_mass_into_molar_concentration_names_the_bridge_and_the_bridge_builds():
    @model(id="toy.plasma", inputs="dose [mg] = 10", outputs="c [mg/L]")
    def plasma(dose):
        return {"c": dose / 5}

    @model(id="toy.binding", inputs="c [umol/L], kd [umol/L] = 1", outputs="occupancy")
    def binding(c, kd):
        return {"occupancy": c / (c + kd)}

    nodes = {"pk": plasma, "target": binding}
    error = refused(nodes, ["pk.c -> target.c"], id="receptor")
    (fault,) = error.faults
    assert isinstance(fault, UnitError)
    assert str(fault).splitlines() == [
        "Cannot connect  pk.c [mg/L]  ->  target.c [umol/L]",
        "where  chain 'receptor', edge 1",
        "why    the left side is a mass concentration, the right side a molar one; "
        "no molar mass is known on this edge",
        "fix    insert bridge.molar_mass "
        "(ports: mass_concentration, molar_mass -> molar_concentration)",
    ]
    chain = Chain(
        {**nodes, "bridge": "bridge.molar_mass"},
        ["pk.c -> bridge.mass_concentration", "bridge.molar_concentration -> target.c"],
    )
    assert chain.predict(molar_mass=500.0)["target.occupancy"][0] == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("source", "target", "fix"),
    [
        ("umol/L", "mg/L", "bridge.molar_mass.to_mass"),
        ("mg/kg", "mg", "bridge.dose.per_kg"),
        ("uL/min/mg", "L/h", "bridge.ivive.hepatic"),
        ("uL/min/1e6 cells", "L/h", "body.clearance"),
        ("percent", "mg", "insert a node"),
    ],
)
def test_bridges_are_proposed_by_dimension(source, target, fix):
    with pytest.raises(ChainError) as caught:
        coupled(field("out", source), field("in_", target))
    assert fix in caught.value.faults[0].fix


def test_labels_are_reordered_by_name_and_missing_ones_refused():
    left = Field(
        "out", shape=("organ",), labels=("liver", "brain", "skin"), default=[1.0, 2.0, 3.0]
    )

    @model(
        id="toy.echo",
        inputs=Schema([left.with_(name="v")]),
        outputs=Schema([left.with_(default=None)]),
    )
    def echo(v):
        return {"out": v}

    right = Field("x", shape=("organ",), labels=("brain", "liver"))

    @model(id="toy.two", inputs=Schema([right]), outputs=Schema([right.with_(name="y")]))
    def two(x):
        return {"y": x}

    chain = Chain({"a": echo, "b": two}, ["a.out -> b.x"])
    assert chain.predict()["b.y"].tolist() == [[2.0, 1.0]]
    slopes = chain.jacobian(of="b.y", wrt="v", mode="forward")["b.y", "v"][0]
    assert slopes.tolist() == pytest.approx(np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]))
    back = chain.jacobian(of="b.y", wrt="v", mode="reverse")["b.y", "v"][0]
    np.testing.assert_allclose(back, slopes, atol=1e-12)
    with pytest.raises(ChainError) as caught:
        coupled(left.with_(default=None), right.with_(name="in_", labels=("heart",)))
    assert "no heart" in caught.value.faults[0].why


def test_a_right_side_that_names_positions_checks_their_number_at_run_time():
    @model(id="toy.free", inputs="v (organ)", outputs="out (organ)")
    def free(v):
        return {"out": v}

    @model(
        id="toy.named",
        inputs=Schema([Field("x", shape=("organ",), labels=("brain", "liver"))]),
        outputs="y (organ)",
    )
    def named(x):
        return {"y": x}

    chain = Chain({"a": free, "b": named}, ["a.out -> b.x"], inputs={"v": "a.v"})
    from catena.core.errors import CatenaError

    with pytest.raises(CatenaError, match=r"3|fails"):
        chain.predict(v=[1.0, 2.0, 3.0])


def test_choices_are_recoded_and_unknown_ones_refused():
    sexes = Field("sex", kind="category", choices=("female", "male"), default="male")

    @model(
        id="toy.person",
        inputs=Schema([sexes]),
        outputs=Schema([sexes.with_(name="out", default=None)]),
    )
    def person(sex):
        return {"out": sex}

    @model(
        id="toy.reader",
        inputs=Schema([sexes.with_(name="code", choices=("other", "male", "female"), default=None),
                       Field("word", kind="text")]),
        outputs=Schema([Field("n", kind="integer"), Field("t", kind="text")]),
    )  # fmt: skip
    def reader(code, word):
        return {"n": code, "t": word}

    chain = Chain({"a": person, "b": reader}, ["a.out -> b.code", "a.out -> b.word"])
    result = chain.predict(sex=["male", "female"])
    assert result["b.n"].tolist() == [1, 2]
    assert result["b.t"].tolist() == ["male", "female"]
    with pytest.raises(ChainError) as caught:
        coupled(sexes.with_(name="out", default=None), sexes.with_(name="in_", choices=("male",)))
    assert "'female'" in caught.value.faults[0].why


def test_tables_couple_by_columns():
    def table(name, columns, **parts):
        return Field(name, kind="table", shape=("event",), columns=Schema.parse(columns), **parts)

    @model(id="toy.doses", inputs=Schema([table("given", "time [h], amt [g], note: text")]),
           outputs=Schema([table("out", "time [h], amt [g], note: text")]))  # fmt: skip
    def doses(given):
        return {"out": given}

    @model(id="toy.total", inputs=Schema([table("events", "time [min], amt [mg], rate [mg/h] = 0")]),
           outputs="total [mg], last [min]")  # fmt: skip
    def total(events):
        columns = events.columns()
        return {
            "total": np.where(events.mask, columns["amt"], 0).sum(axis=1),
            "last": np.where(events.mask, columns["time"], 0).max(axis=1),
        }

    chain = Chain({"a": doses, "b": total}, ["a.out -> b.events"])
    rows = [{"time": 0.0, "amt": 1.0, "note": "x"}, {"time": 2.0, "amt": 0.5, "note": "y"}]
    result = chain.predict(given=rows)
    assert (result["b.total"][0], result["b.last"][0]) == (1500.0, 120.0)
    for columns, why in (("time [h]", "no column 'amt'"), ("time [mg], amt [mg]", "column 'time'")):
        with pytest.raises(ChainError) as caught:
            coupled(table("out", columns), table("in_", "time [h], amt [mg]"))
        assert why in caught.value.faults[0].why


@pytest.mark.parametrize(
    ("left", "right", "why"),
    [
        (Field("out", optional=True), Field("in_"), "may be absent"),
        (Field("out", shape=("t",), ragged=True), Field("in_", shape=("t",)), "differ in length"),
        (Field("out", kind="integer", unit="g"), Field("in_", kind="integer", unit="mg"), "whole"),
    ],
)
def test_other_mismatches_are_refused(left, right, why):
    with pytest.raises(ChainError) as caught:
        coupled(left, right)
    assert why in caught.value.faults[0].why


def test_shared_inputs_must_agree():
    a, b = port("a", "w [kg] in 0..10", "y"), port("b", "w [L]", "y")
    error = refused({"a": a, "b": b}, inputs={"w": ["a.w", "b.w"]})
    assert "Cannot share one input between  a.w [kg]  and  b.w [L]" in str(error)
    c = port("c", "w [kg] in 20..30", "y")
    assert "within the bounds of all ports" in str(
        refused({"a": a, "c": c}, inputs={"w": ["a.w", "c.w"]})
    )
    d, e = port("d", "s: x|y", "y"), port("e", "s: y|z = z", "y")
    shared = Chain({"d": d, "e": e}, inputs={"s": ["d.s", "e.s"]}).inputs["s"]
    assert (shared.choices, shared.default) == (("y",), None)
    f = port("f", "s: q|r", "y")
    assert "no choice in common" in str(refused({"d": d, "f": f}, inputs={"s": ["d.s", "f.s"]}))
    g, h = port("g", "n", "y"), port("h", "n: integer > 0 = 3", "y")
    merged = Chain({"g": g, "h": h}, inputs={"n": ["g.n", "h.n"]}).inputs["n"]
    assert (merged.kind, merged.low_open, merged.default) == ("integer", True, 3)


def test_names_are_checked():
    assert "Bad node name" in str(refused({"a-b": pk}))
    assert "Bad chain input" in str(refused({"a": pk}, inputs={"d": []}))
    assert "Bad output name" in str(refused({"a": pk}, outputs={"a.auc": "a.auc"}))
    assert "has no nodes" in str(refused({}))
    assert "is no model" in str(refused({"a": 3}))
    assert "no node 'dose'" in str(refused({"a": pk}, inputs={"d": ["dose"]}))
    error = refused({"a": pk, "b": pd}, ["a.dose -> b.exposure"])
    assert "is one of its inputs" in str(error)


def test_feedback_groups_are_named_and_cut_where_little_must_be_guessed():
    (loop, goal) = sellar("newton").steps
    assert (set(loop.nodes), goal.name) == ({"d1", "d2"}, "goal")
    assert len(loop.tears) == 1
    error = refused(
        {"d1": discipline1, "d2": discipline2},
        ["d1.y1 -> d2.y1", "d2.y2 -> d1.y2"],
        feedback={"d3": "newton"},
    )
    assert "No feedback group 'd3'" in str(error)
    by_node = Chain(
        {"d1": discipline1, "d2": discipline2},
        ["d1.y1 -> d2.y1", "d2.y2 -> d1.y2"],
        feedback={"d1": {"method": "anderson", "tol": 1e-8}},
    )
    assert by_node.steps[0].feedback.method == "anderson"
    text = port("text", "x: text", "y: text")
    error = refused({"t": text}, ["t.y -> t.x"], feedback="newton")
    assert "Cannot cut the cycle  t -> t" in str(error)


def test_large_groups_are_cut_too():
    names = [f"n{index}" for index in range(9)]
    nodes = {name: port(name, "x = 1, w = 1", "y") for name in names}
    edges = [f"{a}.y -> {b}.x" for a, b in zip(names, [*names[1:], names[0]], strict=True)]
    chain = Chain(nodes, [*edges, "n4.y -> n2.w"], feedback="newton")
    assert len(chain.steps[0].tears) <= 2


def test_the_right_chain_has_its_steps_in_order():
    assert [step.name for step in three().steps] == ["pk", "pd", "trial"]
    turned = Chain(
        {"trial": trial, "pd": pd, "pk": pk}, ["pd.effect -> trial.effect", "pk.auc -> pd.exposure"]
    )
    assert [step.name for step in turned.steps] == ["pk", "pd", "trial"]
