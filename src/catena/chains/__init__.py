"""Reference chains: YAML files that couple registered Models into one Model.

    >>> from catena.chains import load_chain              # doctest: +SKIP
    >>> chain = load_chain("oral_drug")                   # the same as catena.load("chain.oral_drug")

Each chain is registered as ``chain.<name>`` and has a test of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from catena.core.chain import Chain

__all__ = ["chains", "example_oral_drug", "load_chain", "oral_drug"]

_FOLDER = Path(__file__).parent


def chains() -> tuple[str, ...]:
    """Return the names of the chains Catena ships."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.yaml")))


def load_chain(name: str) -> Chain:
    """Build a shipped chain by name.

    Args:
        name: Such as ``oral_drug``.

    Raises:
        ModelNotFound: there is no such chain.
        ChainError: a model it couples changed its ports; every fault is listed.
    """
    import yaml

    from catena.core.chain import Chain
    from catena.core.errors import ModelNotFound, did_you_mean

    if name not in chains():
        raise ModelNotFound(
            f"No chain {name[:60]!r}",
            where="catena.chains",
            why=f"shipped are {', '.join(chains())}",
            fix=did_you_mean(name[:60], chains(), "use one of these"),
        )
    text = (_FOLDER / f"{name}.yaml").read_text(encoding="utf-8")
    return Chain.from_dict(yaml.safe_load(text))


def oral_drug() -> Chain:
    """Return the chain from molecule and card to exposure after an oral dose."""
    chain = load_chain("oral_drug")
    chain.example_inputs = example_oral_drug
    return chain


def example_oral_drug() -> dict[str, Any]:
    """Return inputs of ``chain.oral_drug``: 7.5 mg midazolam in the reference man."""
    from catena.formats.compound import load_card

    card = load_card("midazolam")
    person = {"sex": "male", "age": 30.0, "height": 176.0, "weight": 73.0, "serum_creatinine": 0.9}
    dose = {"dose": 7.5, "events": [{"time": 0.0, "amt": 7.5, "cmt": "oral"}]}
    # The later points are dense enough for a terminal slope.
    time = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0]
    return {**_known(card.ports()), **person, **dose, "smiles": card.smiles, "time": time}


def _known(ports: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ports of a card that the chain takes; the structure gives the others."""
    taken = load_chain("oral_drug").inputs
    return {name: value for name, value in ports.items() if name in taken}
