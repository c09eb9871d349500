"""Reference chains: YAML files that couple registered Models into one Model.

    >>> from catena.chains import load_chain              # doctest: +SKIP
    >>> chain = load_chain("oral_drug")                   # the same as catena.load("chain.oral_drug")

Each chain is registered as ``chain.<name>`` and has a test of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from catena.core.chain import Chain

__all__ = ["chains", "load_chain", "oral_drug"]

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
    return load_chain("oral_drug")
