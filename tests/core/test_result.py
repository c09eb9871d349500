"""Results open in pandas, xarray and Plotly with their units."""

from __future__ import annotations

import numpy as np
import pytest

from catena.core.errors import InputError
from catena.core.result import Result
from catena.core.spec import Field, Schema

FIELDS = Schema(
    [
        Field("cmax", unit="mg/L"),
        Field("plasma", unit="mg/L", shape=("time",)),
        Field("kp", shape=("organ",), labels=("liver", "kidney")),
        Field("group", kind="category", choices=("low", "high")),
    ]
)
INPUTS = Schema.parse("time [h] (time)")


def result(rows: int = 2) -> Result:
    return Result(
        FIELDS,
        {
            "cmax": np.arange(rows) + 1.0,
            "plasma": np.ones((rows, 3)),
            "kp": np.ones((rows, 2)),
            "group": np.arange(rows) % 2,
        },
        rows,
        inputs=INPUTS.validate({"time": [0.0, 1.0, 2.0]}),
        lower={"cmax": np.zeros(rows)},
        in_domain=np.ones(rows, bool),
        provenance={"model": "test.result", "warnings": ["careful"]},
    )


def test_table_has_units_intervals_and_domain() -> None:
    table = result().table()
    assert list(table.columns) == ["cmax [mg/L]", "group", "cmax lower [mg/L]", "in_domain"]
    assert table["group"].tolist() == ["low", "high"]


def test_curves_alone_become_a_long_table() -> None:
    curves = Result(FIELDS.select(["plasma"]), {"plasma": np.arange(6.0).reshape(2, 3)}, 2)
    table = curves.table()
    assert table.index.names == ["row", "time"]
    assert table.loc[(1, 2), "plasma [mg/L]"] == 5.0
    assert Result(Schema(), {}, 3).table().shape == (3, 0)


def test_xarray_keeps_dimensions_labels_and_units() -> None:
    data = result().to_xarray()
    assert data["plasma"].dims == ("row", "time")
    assert data["plasma"].attrs["units"] == "mg/L"
    assert data["kp"].coords["organ"].values.tolist() == ["liver", "kidney"]


def test_access_by_name_and_unit() -> None:
    r = result()
    assert r["group"].tolist() == ["low", "high"]
    assert r.to("cmax", "ug/L").tolist() == [1000.0, 2000.0]
    assert "cmax" in r
    assert "nothing" not in r
    assert len(r) == 4
    assert set(r) == set(FIELDS.names)
    assert r.warnings == ["careful"]
    assert "test.result" in repr(r)
    assert "<table" in r._repr_html_()
    with pytest.raises(InputError, match="did you mean cmax"):
        r["cmx"]


def test_plots_carry_names_and_units() -> None:
    figure = result().plot()
    assert figure.layout.yaxis.title.text == "plasma [mg/L]"
    assert figure.layout.xaxis.title.text == "time [h]"
    assert len(figure.data) == 2
    assert len(result(40).plot("plasma").data) == 3
    assert result().plot("cmax").layout.xaxis.title.text == "cmax [mg/L]"
    assert result(1).plot("cmax").data[0].type == "bar"
    assert result().plot("kp").data[0].x == ("liver", "kidney")
    with pytest.raises(InputError, match="Cannot draw"):
        result().plot("group")
    bare = Result(FIELDS.select(["plasma"]), {"plasma": np.ones((1, 3))}, 1)
    assert bare.plot().layout.xaxis.title.text == "time"


def test_results_without_a_model_cannot_explain() -> None:
    with pytest.raises(InputError, match="Nothing to explain"):
        result().explain("cmax")
