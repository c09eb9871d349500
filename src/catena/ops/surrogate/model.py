"""The surrogate: a Model with its parent's ports, intervals, a domain and exact derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

import numpy as np

from catena.core.backend import backend_of, differentiable
from catena.core.errors import RowFault
from catena.core.identity import content_key
from catena.core.model import Capabilities, Model, ModelInfo
from catena.core.result import Result
from catena.core.spec import Schema
from catena.core.trainable import TrainingRecord
from catena.core.values import Padded, broadcast, rows_of, take
from catena.learn.domain import Domain
from catena.learn.emulator import Emulator
from catena.learn.scaling import Features
from catena.ops.surrogate.reading import Reading, points

#: Rows computed in one piece; pieces have few sizes, so that few are compiled.
_PIECE = 2048
#: Relative change of a fixed input that counts as none.
_SAME = 1e-9


@final
class SurrogateModel(Model):
    """A fitted, fast stand-in for a model.

    Args:
        info: Who it is.
        inputs: Inputs of the parent; what did not vary has the value it had as default.
        outputs: Outputs learned.
        where: How points are read off the inputs.
        emulators: A learned function per output.
        features: Points to the features of the domain.
        domain: Where it may be trusted.
        fixed: Values (one row) of inputs that did not vary; NaN at positions that did. What is not
            made of numbers is held as its content key.
        training: What it knows about its training.
    """

    def __init__(
        self,
        info: ModelInfo,
        inputs: Schema,
        outputs: Schema,
        where: Sequence[Reading],
        emulators: Mapping[str, Emulator],
        features: Features,
        domain: Domain,
        fixed: Mapping[str, np.ndarray | str],
        training: TrainingRecord,
    ) -> None:
        self.info, self.inputs, self.outputs = info, inputs, outputs
        self.where, self.emulators = tuple(where), dict(emulators)
        self.features, self.domain_of, self.fixed = features, domain, dict(fixed)
        self.training = training
        self.capabilities = Capabilities(gradient=True, uncertainty=True)

    # What is computed ---------------------------------------------------------------------

    def _predict(
        self, batch: Mapping[str, Any], params: Mapping[str, Any], key: Any
    ) -> Mapping[str, Any]:
        import jax.numpy as jnp

        size = max(len(batch[reading.port]) for reading in self.where)
        x = points(self.where, batch, size, jnp)
        return {name: emulator.value(x, jnp) for name, emulator in self.emulators.items()}

    def evaluate(self, batch: Mapping[str, Any], size: int, key: int = 0) -> dict[str, Any]:
        """Compute without checks; sizes are padded to few, so any number of rows is fast."""
        found = self._in_pieces("values", points(self.where, batch, size))
        return {name: found[name] for name in self.outputs.names}

    def predict(
        self,
        batch: Any = None,
        /,
        *,
        key: int = 0,
        on_error: Literal["raise", "skip"] = "raise",
        **inputs: Any,
    ) -> Result:
        """Predict values with 90 % intervals and a domain flag; see ``Model.predict``.

        Outside its domain the surrogate answers with widened intervals, ``in_domain`` false and a
        warning in the provenance.
        """
        checked = self._checked(batch, inputs, on_error)
        x = points(self.where, checked, checked.size)
        found = self._in_pieces("bands", x, self._departure(checked, checked.size))
        bad = np.zeros(checked.size, bool)
        for name in self.outputs.names:
            for part in (name, f"{name} lower", f"{name} upper"):
                numbers = np.isfinite(found[part])
                bad |= ~numbers.all(axis=tuple(range(1, numbers.ndim)))
        if bad.any():
            faults = [
                RowFault(int(row), "", "too far outside the domain to be computed")
                for row in np.flatnonzero(bad)
            ]
            checked, found = self._drop(checked, found, faults, on_error)
        status = ["ok"] * checked.given
        for fault in checked.faults:
            status[fault.row] = f"{fault.field}: {fault.why}" if fault.field else fault.why
        inside = found["excess"] <= 0.0
        warnings = self._warnings(inside)
        return Result(
            self.outputs,
            {name: found[name] for name in self.outputs.names},
            checked.size,
            inputs=checked,
            lower={name: found[f"{name} lower"] for name in self.outputs.names},
            upper={name: found[f"{name} upper"] for name in self.outputs.names},
            in_domain=inside,
            status=status,
            diagnostics={"warnings": warnings} if warnings else {},
            provenance=self._provenance(checked, key, warnings),
            model=self,
        )

    def jvp(
        self, batch: Mapping[str, Any], tangents: Mapping[str, Any], size: int, key: int = 0
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return outputs and directional derivatives; what was fixed has no effect."""
        ports = {reading.port for reading in self.where}
        moving = {name: value for name, value in tangents.items() if name in ports}
        if not moving:
            values = self.evaluate(batch, size, key)
            return values, {name: np.zeros_like(value) for name, value in values.items()}
        own = {name: batch[name] for name in ports}
        return backend_of(self.info.backend).jvp(self, own, moving, size, key)

    def vjp(
        self, batch: Mapping[str, Any], cotangents: Mapping[str, Any], size: int, key: int = 0
    ) -> dict[str, Any]:
        """Return gradients to all real inputs; those that were fixed have none."""
        own = {reading.port: batch[reading.port] for reading in self.where}
        found = backend_of(self.info.backend).vjp(self, own, cotangents, size, key)
        rest = [name for name in differentiable(self, batch) if name not in found]
        return {
            **{name: np.zeros((size, *np.shape(batch[name])[1:])) for name in rest},
            **found,
        }

    # Where it may be used -----------------------------------------------------------------

    def _check(self, batch: Mapping[str, Any]) -> list[RowFault]:
        faults = []
        for name, value in self.fixed.items():
            if name not in batch or isinstance(value, str) or isinstance(batch[name], Padded):
                continue
            shape = np.shape(batch[name])[1:]
            if shape != value.shape[1:]:
                why = f"the surrogate was trained with {value.shape[1:]} numbers, got {shape}"
                faults.append(RowFault(-1, name, why))
        return faults

    def _domain(self, batch: Mapping[str, Any]) -> np.ndarray:
        size = max((rows_of(value) for value in batch.values()), default=1)
        found = self._in_pieces(
            "excess", points(self.where, batch, size), self._departure(batch, size)
        )
        return np.asarray(found["excess"] <= 0.0)

    def _diagnose(
        self, batch: Mapping[str, Any], values: dict[str, Any]
    ) -> tuple[dict[str, Any], list[RowFault]]:
        warnings = self._warnings(self._domain(batch))
        return ({"warnings": warnings} if warnings else {}), []

    def _warnings(self, inside: np.ndarray) -> list[str]:
        outside = int((~inside).sum())
        if not outside:
            return []
        return [f"{outside} of {len(inside)} rows are outside the domain of {self.info.id}: "
                "their intervals are widened and carry no guarantee"]  # fmt: skip

    def _departure(self, batch: Mapping[str, Any], size: int) -> np.ndarray:
        """Return how far rows (size,) are from what did not vary in training, relatively."""
        far = np.zeros(size)
        for name, value in self.fixed.items():
            if name not in batch:
                continue
            now = batch[name]
            if isinstance(value, str):
                apart: Any = _other_content(now, value)
            else:
                now = np.asarray(now, float).reshape(len(now), -1)
                usual = value.reshape(1, -1)
                scale = np.where(np.abs(usual) > 0, np.abs(usual), 1.0)
                gap = np.abs(now - usual) / scale
                # A value that is NaN in training stands for any; what cannot be compared is far.
                open_ = np.isnan(usual)
                apart = np.where(open_, 0.0, np.where(np.isnan(gap), np.inf, gap))
                apart = apart.max(axis=1, initial=0.0)
                apart = np.where(apart > _SAME, apart, 0.0)
            far = np.maximum(far, broadcast(np.asarray(apart, float), size))
        for reading in self.where:
            if reading.places:
                places = np.asarray(reading.places)[np.asarray(batch[reading.port])]
                far = np.maximum(far, broadcast(np.where(places < 0, 1.0, 0.0), size))
        return far

    # How ----------------------------------------------------------------------------------

    def _in_pieces(
        self, what: str, x: np.ndarray, departure: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Run a compiled function over pieces of the points and join what it gives."""
        run = self._compiled_function(what)
        far = np.zeros(len(x)) if departure is None else departure
        parts: list[dict[str, np.ndarray]] = []
        for start in range(0, max(len(x), 1), _PIECE):
            some, near = x[start : start + _PIECE], far[start : start + _PIECE]
            padded = min(_PIECE, 16 << max(0, (max(len(some), 1) - 1) // 16).bit_length())
            filler = np.full((padded - len(some), x.shape[1]), 0.0) + (
                some[:1] if len(some) else 0.0
            )
            given = np.concatenate([some, filler]), np.append(near, np.zeros(len(filler)))
            parts.append({n: np.asarray(v)[: len(some)] for n, v in run(*given).items()})
        if len(parts) == 1:
            return parts[0]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _compiled_function(self, what: str) -> Any:
        """Return a jitted function of points and departures; compiled code does not travel."""
        from catena.core.jaxconfig import enable_x64

        enable_x64()
        import jax
        import jax.numpy as jnp

        def values(x: Any, far: Any) -> dict[str, Any]:
            return {name: emulator.value(x, jnp) for name, emulator in self.emulators.items()}

        def excess(x: Any, far: Any) -> dict[str, Any]:
            return {
                "excess": jnp.maximum(
                    self.domain_of.excess(self.features.forward(x, jnp), jnp), far
                )
            }

        def bands(x: Any, far: Any) -> dict[str, Any]:
            out = excess(x, far)
            for name, emulator in self.emulators.items():
                ends = emulator.band(x, out["excess"], jnp)
                out |= {name: ends[0], f"{name} lower": ends[1], f"{name} upper": ends[2]}
            return out

        memory = self.__dict__.setdefault("_compiled", {})
        if what not in memory:
            memory[what] = jax.jit({"values": values, "excess": excess, "bands": bands}[what])
        return memory[what]

    def _identity(self) -> dict[str, Any]:
        return {
            **super()._identity(),
            "training": self.training.model_dump(),
            "fitted": content_key(
                {name: [e.facts(), e.arrays()] for name, e in self.emulators.items()}
            ),
            "fixed": self.fixed,
        }


def _other_content(value: Any, known: str) -> np.ndarray:
    """Return 1 for every row (n,) whose content is not the known one, else 0."""
    rows = rows_of(value)
    keys = [content_key(take(value, np.array([row])) if rows > 1 else value) for row in range(rows)]
    return np.array([0.0 if key == known else 1.0 for key in keys])
