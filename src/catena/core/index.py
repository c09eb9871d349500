"""Writes the model index: what ``catena models`` shows without importing a model."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from catena.core.claims import CLAIMS, read_claims, summary
from catena.core.registry import INDEX, Source, describe, load, own_targets, sources

#: How to bring the committed index up to date; tests print it.
REGENERATE = "catena index --write"


def build(chosen: Iterable[Source] | None = None) -> dict[str, Any]:
    """Import models and describe them, with the validation figures recorded beside them.

    Args:
        chosen: The models; Catena's own by default.

    Returns:
        The content of an index file.

    Raises:
        PluginError: one of them cannot be imported.
    """
    if chosen is None:
        registered = sources()
        chosen = [registered[name] for name in own_targets()]
    cards = {}
    for source in sorted(chosen, key=lambda item: item.id):
        card = describe(load(source.id))
        cards[source.id] = {**card, "target": source.target, "validation": figures(source)}
    return {"format": 1, "models": cards}


def figures(source: Source) -> list[dict[str, Any]]:
    """Return the recorded validation figures of a model's claims."""
    path = claims_path(source.module)
    if path is None:
        return []
    file = read_claims(path)
    return [
        summary(claim, file.recorded(claim)) for claim in file.claims if claim.model == source.id
    ]


def claims_path(module: str) -> Path | None:
    """Return the ``validation.yaml`` in the folder of a module, if there is one."""
    try:
        spec = importlib.util.find_spec(module)
    except Exception:
        # Finding a module imports its parent packages; a broken plug-in claims nothing.
        return None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name(CLAIMS)
    return path if path.is_file() else None


def dump(index: dict[str, Any]) -> str:
    """Return the text of an index file: sorted and one item per line, so that changes read well."""
    return json.dumps(index, indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False) + "\n"


def write(path: Path = INDEX, chosen: Iterable[Source] | None = None) -> Path:
    """Write an index file and return its path."""
    path.write_text(dump(build(chosen)), encoding="utf-8")
    return path


def refresh_figures(path: Path = INDEX) -> Path:
    """Bring the validation figures of an index up to date without importing a model."""
    index = json.loads(path.read_text(encoding="utf-8"))
    registered = sources()
    for name, card in index["models"].items():
        if name in registered:
            card["validation"] = figures(registered[name])
    path.write_text(dump(index), encoding="utf-8")
    return path
