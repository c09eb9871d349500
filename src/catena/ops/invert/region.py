"""The region found, as a Model: it tells of any point whether it is inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from catena.core.model import Model, ModelInfo
from catena.core.spec import Field, Schema
from catena.ops.invert.boxes import IN, MAYBE, Boxes
from catena.ops.space import Space

Floats = NDArray[np.float64]
STATUS = ("outside", "maybe", "inside")
#: Points looked up at a time.
_BLOCK = 4096


@final
class Region(Model):
    """Points of a space that are inside, outside or undecided.

    Args:
        asked: Model whose outcome was wanted.
        space: Inputs that were chosen.
        combos: Unit coordinates of every combination of discrete inputs (c, d).
        boxes: Judged boxes.
    """

    def __init__(self, asked: Model, space: Space, combos: Floats, boxes: Boxes) -> None:
        self.info = ModelInfo(
            id=f"{asked.info.id}.region", title=f"Region of {asked.info.title or asked.info.id}",
            doc="Whether inputs give the wanted outcome, as judged by set inversion.",
        )  # fmt: skip
        self.space, self.combos, self.boxes = space, combos, boxes
        self._real = np.flatnonzero(~space.discrete)
        self.inputs = Schema([
            Field(v.field().name, unit=v.unit, kind=v.kind, title=v.name,
                  **({"choices": v.choices} if v.kind == "category" else {}))
            for v in space.variables
        ])  # fmt: skip
        self.outputs = Schema([Field("status", kind="category", choices=STATUS)])

    def contains(self, x: Floats, undecided: bool = False) -> NDArray[np.bool_]:
        """Return per point (n, d), in the variables' units, whether it is inside.

        Args:
            x: Points.
            undecided: Count undecided points too.
        """
        status = self.status(np.atleast_2d(np.asarray(x, dtype=float)))
        return np.asarray(status >= (MAYBE if undecided else IN))

    def status(self, x: Floats) -> NDArray[np.intp]:
        """Return per point (n, d) the position of its status; outside the ranges is outside."""
        out = np.zeros(len(x), dtype=np.intp)
        good = np.flatnonzero(self.space.inside(x))
        if not len(good):
            return out
        u = self.space.to_unit(x[good])
        fixed = np.flatnonzero(self.space.discrete)
        gap = np.abs(u[:, None, fixed] - self.combos[None][:, :, fixed]).sum(axis=2)
        combo = np.argmin(gap, axis=1)
        for start in range(0, len(good), _BLOCK):
            part = slice(start, start + _BLOCK)
            point = u[part][:, None, self._real]
            within = (point >= self.boxes.low - 1e-12) & (point <= self.boxes.high + 1e-12)
            held = within.all(axis=2) & (combo[part, None] == self.boxes.combo)
            out[good[part]] = np.where(held, self.boxes.status, 0).max(axis=1)
        return out

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        return {"status": self.status(self._points(batch))}

    def _domain(self, batch: Mapping[str, Any]) -> NDArray[np.bool_]:
        return self.space.inside(self._points(batch))

    def _points(self, batch: Mapping[str, Any]) -> Floats:
        columns = [np.asarray(batch[name], dtype=float) for name in self.inputs.names]
        return np.stack(np.broadcast_arrays(*columns), axis=-1)

    def _identity(self) -> dict[str, Any]:
        return {
            **super()._identity(), "space": self.space.key, "low": self.boxes.low,
            "high": self.boxes.high, "status": self.boxes.status, "combo": self.boxes.combo,
        }  # fmt: skip
