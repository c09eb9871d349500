"""Finds models by id. Listing reads indices; only loading imports.

A model is registered by an entry point of the group ``catena.models``: its name is the model id,
its value ``module:attribute``, where the attribute is a Model or a callable that returns one.
Catena's own models are registered in the same way as those of any plug-in.
"""

from __future__ import annotations

import functools
import importlib
import importlib.util
import json
import threading
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catena.core.catalogue import ModelEntry, ModelList, search
from catena.core.errors import CatenaError, ModelNotFound, PluginError, did_you_mean

if TYPE_CHECKING:
    from catena.core.model import Model

GROUP = "catena.models"
#: The index of Catena's own models, committed and compared with the models by a test.
INDEX = Path(__file__).parents[1] / "models.index.json"
#: The index a plug-in may ship in its top package, so that listing it imports nothing.
PLUGIN_INDEX = "catena.index.json"

_loaded: dict[str, Model] = {}
_lock = threading.RLock()


@dataclass(frozen=True)
class Source:
    """Where a registered model is: its id, ``module:attribute`` and distribution."""

    id: str
    target: str
    distribution: str

    @property
    def module(self) -> str:
        """The module part of the target."""
        return self.target.partition(":")[0]


def load(model: str | Model) -> Model:
    """Return a registered model; a Model is returned as it is.

    Args:
        model: Model id such as ``body.pbpk``, or a Model.

    Raises:
        ModelNotFound: no entry point has this id.
        PluginError: the entry point cannot be imported or holds no such model.
    """
    from catena.core.model import Model

    if isinstance(model, Model):
        return model
    source = sources().get(model) if isinstance(model, str) else None
    if source is None:
        raise ModelNotFound(
            f"No model {str(model)[:120]!r}",
            where="registry",
            why="no installed package registers this id",
            fix=did_you_mean(str(model)[:120], sources(), "list all with: catena models"),
        )
    with _lock:
        if source.id not in _loaded:
            _loaded[source.id] = _registered(source)
        return _loaded[source.id]


def load_target(target: str) -> Model:
    """Import ``module:attribute`` and return the Model it names or makes.

    Not for text from files: importing runs code.

    Raises:
        PluginError: the import fails or the attribute is no Model.
    """
    from catena.core.model import Model

    module, _, attribute = target.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for part in attribute.split("."):
            found = getattr(found, part)
        if not isinstance(found, Model) and callable(found):
            found = found()
    except (Exception, SystemExit) as error:
        raise _cannot_import(target, error) from error
    if not isinstance(found, Model):
        raise PluginError(
            f"{target} is not a model",
            where=f"entry point {target}",
            why=f"it holds a {type(found).__name__}",
            fix="let the entry point name a Model, or a callable without arguments returning one",
        )
    return found


def models(query: str = "") -> ModelList:
    """List registered models, importing none that has an index.

    Args:
        query: Words that must all occur in the id, title, tags, ports or documentation.

    Returns:
        Entries sorted by relevance, then id; shown as a table. Broken plug-ins are left out
        (see ``broken``).
    """
    return search([entry for entry in _catalogue() if entry.error is None], query)


def broken() -> ModelList:
    """List registered models that cannot be imported or described, with the reason."""
    return ModelList(entry for entry in _catalogue() if entry.error is not None)


def entry(model_id: str) -> ModelEntry:
    """Return what is known about a model without importing it, where an index has it.

    Raises:
        ModelNotFound: no entry point has this id.
        PluginError: the entry point is broken.
    """
    source = sources().get(model_id)
    if source is None:
        load(model_id)
        raise AssertionError("load() refuses unknown ids")
    found = _described(source)
    if found.error is not None:
        raise found.error
    return found


@functools.cache
def sources() -> Mapping[str, Source]:
    """Return the registered models by id, Catena's own first."""
    table = {name: Source(name, target, "catena") for name, target in own_targets().items()}
    for name, source in _plugin_sources():
        table.setdefault(name, source)
    return table


def refresh() -> None:
    """Forget what was found, so that a package installed meanwhile is seen."""
    importlib.invalidate_caches()
    for cached in (sources, own_index, _plugin_index, _catalogue):
        cached.cache_clear()
    with _lock:
        _loaded.clear()


def own_targets() -> dict[str, str]:
    """Return ``module:attribute`` of Catena's own models by id.

    In a source checkout ``pyproject.toml`` is read, because the metadata of an editable install
    only knows the models of the day it was installed.
    """
    project = INDEX.parents[2] / "pyproject.toml"
    if project.is_file():
        declared = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        if declared.get("name") == "catena":
            return dict(declared.get("entry-points", {}).get(GROUP, {}))
    return {
        point.name: point.value
        for point in metadata.entry_points(group=GROUP)
        if _distribution(point) == "catena"
    }


@functools.cache
def own_index() -> Mapping[str, dict[str, Any]]:
    """Return the committed descriptions of Catena's own models by id."""
    return _read_index(INDEX) if INDEX.is_file() else {}


def _plugin_sources() -> list[tuple[str, Source]]:
    found = {}
    for point in metadata.entry_points(group=GROUP):
        distribution = _distribution(point)
        if distribution != "catena":
            found[(point.name, point.value)] = Source(point.name, point.value, distribution)
    return sorted((name, source) for (name, _), source in found.items())


def _distribution(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist is not None else "unknown"


@functools.cache
def _catalogue() -> tuple[ModelEntry, ...]:
    listed = [_described(source) for source in sources().values()]
    # A plug-in cannot take over an id; it is told so instead of being dropped in silence.
    for name, source in _plugin_sources():
        owner = sources()[name]
        if owner != source:
            listed.append(ModelEntry(source, {"id": name}, error=_taken(source, owner)))
    return tuple(sorted(listed, key=lambda item: item.id))


def _described(source: Source) -> ModelEntry:
    try:
        index = own_index() if source.distribution == "catena" else _plugin_index(source.module)
        card = index.get(source.id) or describe(load(source.id))
    except CatenaError as error:
        return ModelEntry(source, {"id": source.id}, error=error)
    return ModelEntry(source, card)


def describe(model: Model) -> dict[str, Any]:
    """Return ``model.describe()`` reduced to JSON types, as an index holds it."""
    from catena.core.identity import canonical

    data: dict[str, Any] = json.loads(canonical(model.describe()))
    return data


@functools.cache
def _plugin_index(module: str) -> Mapping[str, dict[str, Any]]:
    """Read the index in a plug-in's top package; finding a top package does not import it."""
    try:
        spec = importlib.util.find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return {}
    for folder in (spec.submodule_search_locations if spec else None) or ():
        path = Path(folder) / PLUGIN_INDEX
        if path.is_file():
            return _read_index(path)
    return {}


def _read_index(path: Path) -> Mapping[str, dict[str, Any]]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): dict(card) for name, card in data["models"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PluginError(
            "Cannot read a model index",
            where=str(path),
            why=f"{type(error).__name__}: {error}",
            fix="write it anew with: catena index --write",
        ) from error


def _registered(source: Source) -> Model:
    model = load_target(source.target)
    if model.info.id != source.id:
        raise PluginError(
            f"{source.target} is registered as {source.id!r}",
            where=f"entry point of {source.distribution}",
            why=f"the model calls itself {model.info.id!r}",
            fix="give both the same id",
        )
    return model


def _cannot_import(target: str, error: BaseException) -> PluginError:
    return PluginError(
        f"Cannot import {target}",
        where=f"entry point {target}",
        why=f"{type(error).__name__}: {error}".splitlines()[0][:300],
        fix="install what is missing, or repair or remove the package that registers it",
    )


def _taken(source: Source, owner: Source) -> PluginError:
    return PluginError(
        f"The id {source.id!r} is taken",
        where=f"entry point of {source.distribution} ({source.target})",
        why=f"{owner.distribution} already registers it ({owner.target})",
        fix="rename the model of the plug-in",
    )
