"""Fields and schemas: declarations are checked, round trips are exact."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catena.core.distribution import Distribution
from catena.core.errors import CatenaError, SchemaError
from catena.core.spec import KINDS, Field, Schema

EVENTS = Field(
    "events",
    kind="table",
    shape=("event",),
    ragged=True,
    columns=Schema.parse("time [h] = 0, amt [mg] >= 0, cmt: iv|oral = iv"),
)


@pytest.mark.parametrize(
    ("declaration", "why"),
    [
        ({"name": "1x"}, "letters"),
        ({"name": "x" * 200}, "letters"),
        ({"name": "x", "unit": "foo"}, "Unknown unit"),
        ({"name": "x", "bounds": (2, 1)}, "wrong way round"),
        ({"name": "x", "bounds": (float("nan"), 1)}, "NaN"),
        ({"name": "x", "kind": "category"}, "choices"),
        ({"name": "x", "choices": ("a",)}, "choices"),
        ({"name": "x", "kind": "table"}, "columns"),
        ({"name": "x", "kind": "table", "columns": Schema()}, "row dimension"),
        ({"name": "x", "ragged": True}, "ragged"),
        ({"name": "x", "labels": ("a",)}, "labels"),
        ({"name": "x", "shape": ("t", "t")}, "repeat"),
        ({"name": "x", "kind": "number"}, "Input should be"),
        ({"name": "x", "colour": "red"}, "Extra inputs"),
    ],
)
def test_contradictory_fields_are_refused(declaration: dict[str, object], why: str) -> None:
    with pytest.raises(SchemaError, match=why) as caught:
        Field(**declaration)
    assert "field" in caught.value.where


def test_fields_are_immutable_and_copies_are_checked() -> None:
    field = Field("dose", unit="mg", bounds=(0, None), default=5.0)
    with pytest.raises(Exception, match="frozen"):
        field.unit = "g"  # type: ignore[misc]
    assert field.with_(unit="g").unit == "g"
    with pytest.raises(SchemaError):
        field.with_(unit="foo")
    assert not field.required
    assert Field("dose").required
    assert field.label == "dose [mg]"
    assert Field("n", title="Count").label == "Count"


def test_short_form_reads_every_part() -> None:
    schema = Schema.parse(
        "mu [1/h] in 0..2 = 0.3, x0 [g/L] > 0, time [h] (time), sex: male|female = male, "
        "n: integer >= 1 = 3, f in -inf..1, flag: boolean = true, smiles: molecule, c < 5"
    )
    assert schema["mu"].bounds == (0.0, 2.0)
    assert schema["mu"].default == 0.3
    assert schema["x0"].low_open
    assert schema["time"].shape == ("time",)
    assert schema["sex"].choices == ("male", "female")
    assert schema["n"].default == 3
    assert schema["n"].kind == "integer"
    assert schema["f"].bounds == (None, 1.0)
    assert schema["flag"].default is True
    assert schema["smiles"].kind == "molecule"
    assert schema["c"].high_open
    assert Schema.parse(schema) is schema


@pytest.mark.parametrize(
    "text",
    ["x [", "x y", "x in 1", "x = a", "x: numberr", "x, x", "x in a..b", "x: integer = 1.5x", 5],
)
def test_short_form_refuses_what_it_cannot_read(text: str) -> None:
    with pytest.raises(SchemaError) as caught:
        Schema.parse(text)
    assert caught.value.fix


def test_schema_is_an_ordered_set_of_fields() -> None:
    schema = Schema.parse("a [mg], b [L]")
    assert schema.names == ("a", "b")
    assert schema.units == {"a": "mg", "b": "L"}
    assert "a" in schema
    assert "z" not in schema
    assert schema.select(["b"]).names == ("b",)
    assert schema.with_defaults({"a": 2.0})["a"].default == 2.0
    assert hash(schema) == hash(Schema.parse("a [mg], b [L]"))
    assert repr(schema) == "Schema(a [mg], b [L])"
    with pytest.raises(SchemaError, match="No field"):
        schema["aa"]
    with pytest.raises(SchemaError, match="declared twice"):
        Schema([Field("a"), Field("a")])
    with pytest.raises(SchemaError, match="holds fields"):
        Schema(["a"])  # type: ignore[list-item]


def test_round_trips_are_exact() -> None:
    schema = Schema(
        [
            Field("cl", unit="L/h", bounds=(0, None), low_open=True, scale="log",
                  distribution=Distribution.parse("lognormal(12 L/h, 30 %)", "L/h"),
                  doc="Clearance", ontology="SBO:0000331"),
            Field("kp", shape=("organ",), labels=("liver", "kidney"), default=[1.0, 2.0]),
            EVENTS,
        ]
    )  # fmt: skip
    assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema
    assert Schema.from_json_schema(json.loads(json.dumps(schema.to_json_schema()))) == schema
    document = schema.to_json_schema()
    assert document["properties"]["cl"]["exclusiveMinimum"] == 0
    assert document["required"] == ["cl", "events"]
    arrow = schema.to_arrow()
    assert arrow.field("cl").metadata[b"unit"] == b"L/h"
    assert str(arrow.field("kp").type).startswith("list")
    assert str(arrow.field("events").type).startswith("list<")


@pytest.mark.parametrize("data", [None, 5, "x", {}, [5], [{"name": 1}], [{"nam": "x"}]])
def test_bad_plain_data_is_refused(data: object) -> None:
    with pytest.raises(SchemaError):
        Schema.from_dict(data)  # type: ignore[arg-type]


def test_foreign_json_schema_is_refused() -> None:
    for data in ({}, {"properties": {"a": {"type": "number"}}}, {"properties": []}):
        with pytest.raises(SchemaError):
            Schema.from_json_schema(data)


_scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.binary(max_size=5),
)
_anything = st.recursive(
    _scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=8), inner, max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(
    st.dictionaries(st.sampled_from([*Field.model_fields, "colour", "Name"]), _anything, max_size=5)
)
def test_no_declaration_lets_a_foreign_exception_escape(data: dict[str, object]) -> None:
    try:
        schema = Schema.from_dict([data])
    except CatenaError:
        return
    assert Schema.from_dict(schema.to_dict()).names == schema.names


_MIXED = Schema(
    [
        Field("dose", unit="mg", bounds=(0, 1e4), default=1.0),
        Field("temp", unit="K", optional=True),
        Field("n", kind="integer", default=1),
        Field("sex", kind="category", choices=("male", "female"), default="male"),
        Field("flag", kind="boolean", default=False),
        Field("smiles", kind="molecule", default="C"),
        Field("time", unit="h", shape=("time",), default=[0.0, 1.0]),
        Field("profile", shape=("point",), ragged=True, optional=True),
        EVENTS.with_(optional=True),
    ]
)


@settings(max_examples=1000, deadline=None)
@given(
    st.one_of(
        _anything,
        st.dictionaries(st.sampled_from([*_MIXED.names, "dose [g]", "bad"]), _anything, max_size=5),
    ),
    st.sampled_from(["raise", "skip"]),
)
def test_no_input_lets_a_foreign_exception_escape(values: object, on_error: str) -> None:
    try:
        batch = _MIXED.validate(values, on_error=on_error)  # type: ignore[arg-type]
    except CatenaError as error:
        assert error.what
        return
    assert batch.size <= batch.given
    assert batch.key


def test_every_kind_has_a_json_type() -> None:
    for kind in KINDS:
        extra = {
            "category": {"choices": ("a",)},
            "table": {"columns": Schema.parse("a"), "shape": ("row",)},
        }.get(kind, {})
        field = Field("x", kind=kind, **extra)  # type: ignore[arg-type]
        assert Schema([field]).to_json_schema()["properties"]["x"]["type"]
