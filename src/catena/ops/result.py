"""Puts what an operation found into the one result type."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.core.result import Result
from catena.core.spec import NUMERIC, Schema

if TYPE_CHECKING:
    from pathlib import Path

    import plotly.graph_objects as go

    from catena.core.model import Model


def answer(
    model: Model | None,
    fields: Schema,
    values: Mapping[str, Any],
    *,
    operation: str,
    key: int = 0,
    lower: Mapping[str, Any] | None = None,
    upper: Mapping[str, Any] | None = None,
    samples: Mapping[str, Any] | None = None,
    in_domain: np.ndarray | None = None,
    summary: Mapping[str, Any] | None = None,
    parts: Mapping[str, Result] | None = None,
    figures: Mapping[str, Callable[[], go.Figure]] | None = None,
    artefacts: Mapping[str, Callable[[Path], None]] | None = None,
    new_model: Model | None = None,
    diagnostics: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
) -> Result:
    """Return the result of an operation, with provenance.

    Args:
        model: The model that was asked, if there was one.
        fields: Columns of the main table.
        values: Arrays (rows, *shape) by column; texts as lists or object arrays.
        operation: Name of the operation.
        key: Seed it ran with.
        lower: Lower ends of 90 % intervals by column.
        upper: Upper ends.
        samples: Draws (draw, rows, *shape) by column.
        in_domain: Per row, whether the model was used inside its domain.
        summary: Plain data; ``headline`` is the sentence to read first.
        parts: Further tables by name.
        figures: Functions that draw, by name.
        artefacts: Functions that write a file or folder.
        new_model: The model an operation made.
        diagnostics: What solvers or samplers report.
        warnings: What the reader must know.
    """
    provenance: dict[str, Any] = {
        "operation": operation,
        "model": model.info.id if model is not None else "",
        "seed": key,
        "warnings": list(dict.fromkeys(warnings)),
    }
    if model is not None:
        provenance |= {
            "version": model.info.version,
            "model_key": model.key,
            "backend": model.info.backend,
        }
    columns, size = _columns(fields, values)
    return Result(
        fields,
        columns,
        size,
        lower=_floats(lower),
        upper=_floats(upper),
        samples=samples,
        in_domain=in_domain,
        diagnostics=diagnostics,
        provenance=provenance,
        model=new_model if new_model is not None else model,
        summary=summary,
        parts=parts,
        figures=figures,
        artefacts=artefacts,
    )


def table(
    fields: Schema,
    values: Mapping[str, Any],
    *,
    lower: Mapping[str, Any] | None = None,
    upper: Mapping[str, Any] | None = None,
) -> Result:
    """Return a further table of a result (a part): columns with units, intervals where known."""
    columns, size = _columns(fields, values)
    return Result(fields, columns, size, lower=_floats(lower), upper=_floats(upper))


def _columns(fields: Schema, values: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    columns = {field.name: _column(field.kind, values[field.name]) for field in fields}
    lengths = {len(column) for column in columns.values()}
    if len(lengths) > 1:
        raise ValueError(f"columns differ in length: {sorted(lengths)}")
    return columns, lengths.pop() if lengths else 0


def _column(kind: str, values: Any) -> np.ndarray:
    if kind in NUMERIC:
        return np.asarray(values, dtype=float)
    if kind in ("integer", "boolean", "category"):
        return np.asarray(values)
    column = np.empty(len(values), dtype=object)
    column[:] = list(values)
    return column


def _floats(ends: Mapping[str, Any] | None) -> dict[str, np.ndarray] | None:
    if ends is None:
        return None
    return {name: np.asarray(column, dtype=float) for name, column in ends.items()}
