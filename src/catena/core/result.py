"""The one result type: what models, chains and operations return."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, cast, final

import numpy as np

from catena.core.errors import InputError, did_you_mean
from catena.core.spec import Schema
from catena.core.values import Batch, Padded

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    import plotly.graph_objects as go
    import xarray as xr


@final
class Result(Mapping[str, Any]):
    """Outputs of a call, with units, intervals, domain, diagnostics and provenance.

    Args:
        fields: Schema of the outputs.
        values: Output arrays (n, *shape) by name; categories are decoded to text on access.
        size: Number of rows.
        inputs: The checked inputs the outputs came from.
        lower: Lower ends of 90 % intervals by output name, where known.
        upper: Upper ends of 90 % intervals.
        samples: Arrays (draw, n, *shape) by output name, where uncertainty was sampled.
        in_domain: Per row, whether the model was used inside its domain (None: not stated).
        status: Per given row, "ok" or what was wrong with it.
        diagnostics: What the solver or model reports about the call.
        provenance: Model id, version, content key, input key, seed, backend, warnings.
        model: The model, for ``explain``; of an operation that makes a model, the new one.
        summary: What an operation found as plain data; ``headline`` is the sentence to read first.
        parts: Further tables by name.
        figures: Functions that draw, by name; drawn when asked for.
        artefacts: Functions that write a file or folder (a fitted model, a state), by its name.
    """

    def __init__(
        self,
        fields: Schema,
        values: Mapping[str, Any],
        size: int,
        *,
        inputs: Batch | None = None,
        lower: Mapping[str, Any] | None = None,
        upper: Mapping[str, Any] | None = None,
        samples: Mapping[str, Any] | None = None,
        in_domain: np.ndarray | None = None,
        status: list[str] | None = None,
        diagnostics: Mapping[str, Any] | None = None,
        provenance: Mapping[str, Any] | None = None,
        model: Any = None,
        summary: Mapping[str, Any] | None = None,
        parts: Mapping[str, Result] | None = None,
        figures: Mapping[str, Callable[[], go.Figure]] | None = None,
        artefacts: Mapping[str, Callable[[Path], None]] | None = None,
    ) -> None:
        self.fields = fields
        self.values_ = dict(values)
        self.size = size
        self.inputs = inputs
        self.lower = dict(lower or {})
        self.upper = dict(upper or {})
        self.samples = dict(samples or {})
        self.in_domain = in_domain
        self.status = status if status is not None else ["ok"] * size
        self.diagnostics = dict(diagnostics or {})
        self.provenance = dict(provenance or {})
        self.model = model
        self.summary = dict(summary or {})
        self.parts = dict(parts or {})
        self.figures = dict(figures or {})
        self.artefacts = dict(artefacts or {})

    def __getitem__(self, name: str) -> Any:
        if name not in self.values_:
            raise InputError(
                f"No output {name!r}",
                where=str(self.provenance.get("model", "result")),
                why=f"the outputs are {', '.join(list(self.values_)[:12])}",
                fix=did_you_mean(name, self.values_, "use one of these"),
            )
        from catena.core.tables import decode

        return decode(self.fields[name], self.values_[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)

    def __contains__(self, name: object) -> bool:
        return name in self.values_

    @property
    def units(self) -> dict[str, str]:
        """Unit text by output name."""
        return {name: self.fields[name].unit for name in self.values_}

    @property
    def warnings(self) -> list[str]:
        """Warnings recorded during the call."""
        return list(self.provenance.get("warnings", []))

    def to(self, name: str, unit: str) -> Any:
        """Return one output in another unit of the same dimension."""
        from catena.core.units import conversion

        return conversion(self.fields[name].unit, unit).apply(self[name])

    def table(self) -> pd.DataFrame:
        """Return a DataFrame with units in the heads; intervals, domain and status as columns."""
        from catena.core.tables import to_frame

        frame = to_frame(self.fields, self.values_, self.size)
        good = [row for row, text in enumerate(self.status) if text == "ok"]
        if frame.index.nlevels > 1:  # points of the rows that could be computed, by their number
            if self.in_domain is not None and self.size:
                frame["in_domain"] = np.repeat(self.in_domain, len(frame) // self.size)
            points = cast("pd.MultiIndex", frame.index)
            frame.index = points.set_levels(good[: self.size], level=0)
            return frame
        for label, ends in (("lower", self.lower), ("upper", self.upper)):
            for name, array in ends.items():
                if np.ndim(array) == 1:
                    unit = self.fields[name].unit
                    frame[f"{name} {label}" + (f" [{unit}]" if unit else "")] = array
        if self.in_domain is not None:
            frame["in_domain"] = self.in_domain
        if any(text != "ok" for text in self.status):
            frame.index = good
            frame = frame.reindex(range(len(self.status)))
            frame["status"] = self.status
            frame.index.name = "row"
        return frame

    def to_xarray(self) -> xr.Dataset:
        """Return an xarray Dataset: dimensions row and the fields' own, units as attributes."""
        import xarray as xr

        data, coords = {}, {}
        for name, array in self.values_.items():
            field = self.fields[name]
            if isinstance(array, Padded) or field.kind == "table":
                continue
            data[name] = (
                ("row", *field.shape),
                np.asarray(self[name]),
                {"units": field.unit, "description": field.doc},
            )
            if field.labels:
                coords[field.shape[0]] = list(field.labels)
        return xr.Dataset(data, coords=coords, attrs={"model": self.provenance.get("model", "")})

    def plot(self, name: str | None = None) -> go.Figure:
        """Return a Plotly figure: one that an operation offers by this name, else of an output.

        Args:
            name: Figure or output; the first figure, else the first numeric output by default.
        """
        if self.figures and (name is None or name in self.figures):
            return self.figures[name or next(iter(self.figures))]()
        from catena.core.plot import plot_result

        return plot_result(self, name)

    def explain(self, of: str, rows: Literal["first"] | int = "first") -> pd.DataFrame:
        """Tell which inputs drive an output; see ``Model.explain``."""
        if self.model is None or self.inputs is None:
            raise InputError("Nothing to explain", where=f"output {of!r}",
                             why="this result does not know the model it came from",
                             fix="explain the result of predict()")  # fmt: skip
        table: pd.DataFrame = self.model.explain(self.inputs, of, 0 if rows == "first" else rows)
        return table

    def __repr__(self) -> str:
        if "headline" in self.summary:
            return f"Result({self.provenance.get('operation', '')}: {self.summary['headline']})"
        parts = [f"{name}{list(np.shape(v))}" for name, v in list(self.values_.items())[:6]]
        return f"Result({self.provenance.get('model', '')}, {self.size} rows: {', '.join(parts)})"

    def _repr_html_(self) -> str:
        return str(self.table().head(20).to_html())
