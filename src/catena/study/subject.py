"""What a study runs: its model or chain, filled from the compound card and the study's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catena.core.errors import CatenaError, StudyError, did_you_mean
from catena.core.identity import content_key
from catena.core.registry import load
from catena.study.schema import Study

if TYPE_CHECKING:
    from catena.core.model import Model
    from catena.formats.compound import Card

_CHAIN = "chain."


@dataclass(frozen=True)
class Subject:
    """A model made ready.

    Args:
        model: The model or chain; ports of the card and fixed inputs are its defaults.
        card: The compound card, if the study names one.
        from_card: Ports that the card filled, with their values.
    """

    model: Model
    card: Card | None
    from_card: Mapping[str, Any]

    @property
    def hashes(self) -> dict[str, str]:
        """Content keys of what goes in, for ``run.json``."""
        found = {"model": self.model.key}
        if self.card is not None:
            found["compound"] = content_key(self.card.model_dump(mode="json"))
        return found

    @property
    def unused(self) -> list[str]:
        """Numbers of the card that reach no port: neither an input nor made by a node."""
        if self.card is None:
            return []
        nodes = (getattr(self.model, "nodes", None) or {}).values()
        ports = {name for node in nodes for name in node.inputs.names} | set(
            self.model.inputs.names
        )
        return [name for name in self.card.ports() if name not in ports]


def subject(study: Study, *, rows: bool = False) -> Subject:
    """Load the study's model or chain and fill it.

    Args:
        study: The study.
        rows: Whether ``study.inputs`` may hold one value per row; they are then left to the kind.

    Raises:
        CatenaError: the model, chain, card or an input does not exist or fit.
    """
    model = _model(study)
    card = _card(study)
    ports = _from_card(card, model) if card is not None else {}
    ports = {name: value for name, value in ports.items() if name not in study.inputs}
    known = (*model.inputs.names, *model.params.names)
    for name in study.inputs:
        if name not in known:
            raise StudyError(
                f"{model.info.id} has no input {name[:60]!r}",
                where=f"study {study.name!r}, inputs",
                why=f"its inputs are {', '.join(known[:12])}{', ...' if len(known) > 12 else ''}",
                fix=did_you_mean(name[:60], known, f"see: catena describe {model.info.id}"),
            )
    for name in study.outputs:
        model.outputs[name]  # an unknown one is an error here, not after hours of computing
    changes = ports if rows else {**ports, **study.inputs}
    return Subject(_filled(model, changes, study), card, ports)


def shared_key(study: Study, *parts: Any) -> str:
    """Return the content key of what all tasks of a study share."""
    return content_key(study.study, study.seed, *parts)


def path_of(study: Study, text: str) -> Path:
    """Return a path named in a study; a relative one starts at the study's file."""
    path = Path(text)
    return path if path.is_absolute() else study.folder / path


def _model(study: Study) -> Model:
    if study.model is not None:
        return load(study.model)
    if isinstance(study.chain, str):
        return load(study.chain if study.chain.startswith(_CHAIN) else _CHAIN + study.chain)
    from catena.core.chain import Chain

    try:
        return Chain.from_dict(dict(study.chain or {}))
    except CatenaError:
        raise
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise StudyError(
            "Cannot read the chain",
            where=f"study {study.name!r}, chain",
            why=f"{type(error).__name__}: {error}"[:300],
            fix="write nodes: {name: model id} and edges: [a.port -> b.port]",
        ) from None


def _card(study: Study) -> Card | None:
    name = study.data.compound
    if name is None:
        return None
    from catena.formats.compound import load_card

    is_file = name.lower().endswith((".yaml", ".yml"))
    return load_card(path_of(study, name) if is_file else name)


def _from_card(card: Card, model: Model) -> dict[str, Any]:
    """Return the card's values for the model's ports of the same name, in the model's units."""
    given: dict[str, Any] = {"smiles": card.smiles, **card.ports()}
    return {name: value for name, value in given.items() if name in model.inputs}


def _filled(model: Model, changes: Mapping[str, Any], study: Study) -> Model:
    try:
        return model.at(**changes) if changes else model
    except CatenaError as error:
        error.where = f"study {study.name!r}: {error.where}"
        raise
