"""A typed hole in a chain, to be filled by any model that offers what it asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from catena.core.chain.coupling import Mismatch, link
from catena.core.errors import CatenaError, ChainError, UnitError
from catena.core.model import Model
from catena.core.spec import Field, Schema


@final
class Slot:
    """A place for a model: what the chain offers it and what the chain needs from it.

    Args:
        name: What belongs here, for people (``"disease"``).
        inputs: Ports the chain can feed; a model may use some or all of them.
        outputs: Ports the chain reads; a model must offer all of them.
        doc: One sentence about the models that fit.
    """

    def __init__(
        self, name: str, inputs: str | Schema = "", outputs: str | Schema = "", doc: str = ""
    ) -> None:
        self.name = name
        self.inputs = Schema.parse(inputs)
        self.outputs = Schema.parse(outputs)
        self.doc = doc

    @property
    def key(self) -> str:
        """Content key of the declaration."""
        return f"slot {self.inputs.key} {self.outputs.key}"

    def misfits(self, model: Model, where: str) -> list[CatenaError]:
        """Return every reason why a model does not fit.

        Args:
            model: The candidate.
            where: Named in the faults.
        """
        faults: list[CatenaError] = []
        for wanted in self.outputs:
            if wanted.name not in model.outputs:
                faults.append(_missing(wanted, model, where))
                continue
            faults += _mismatch(model.outputs[wanted.name], wanted, where)
        for field in model.inputs:
            if field.name in self.inputs:
                faults += _mismatch(self.inputs[field.name], field, where)
            elif field.required:
                faults.append(ChainError(
                    f"{model.info.id} needs {field.label}, which the slot does not offer",
                    where=where, why=f"the slot offers {', '.join(self.inputs.names) or 'nothing'}",
                    fix=f"give it a default: model.at({field.name}=...), or add the port to the slot",
                ))  # fmt: skip
        return faults

    def to_dict(self) -> dict[str, Any]:
        """Return plain data from which ``from_dict`` rebuilds the slot."""
        data: dict[str, Any] = {
            "slot": self.name,
            "inputs": self.inputs.to_dict(),
            "outputs": self.outputs.to_dict(),
        }
        return {**data, "doc": self.doc} if self.doc else data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Slot:
        """Rebuild a slot; ports are lists of fields or the short form of a schema."""
        inputs, outputs = (
            Schema.parse(part) if isinstance(part, str) else Schema.from_dict(part)
            for part in (data.get("inputs", ""), data.get("outputs", ""))
        )
        return cls(str(data["slot"]), inputs, outputs, str(data.get("doc", "")))

    def __repr__(self) -> str:
        return f"Slot({self.name!r}: {', '.join(self.inputs.names)} -> {', '.join(self.outputs.names)})"


def _missing(wanted: Field, model: Model, where: str) -> ChainError:
    return ChainError(
        f"{model.info.id} does not offer {wanted.label}",
        where=where,
        why=f"its outputs are {', '.join(model.outputs.names[:12])}",
        fix="choose another model, or wrap it in a chain that offers the port",
    )


def _mismatch(source: Field, target: Field, where: str) -> list[CatenaError]:
    found = link(source, target)
    if not isinstance(found, Mismatch):
        return []
    kind = UnitError if found.is_unit else ChainError
    what = f"Cannot fill  {target.label}  with  {source.label}"
    return [kind(what, where=where, why=found.why, fix=found.fix)]
