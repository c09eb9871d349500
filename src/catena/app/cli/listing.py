"""``catena models``, ``describe``, ``citations`` and ``index``: what is there, without computing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catena.app.cli import terminal
from catena.core import registry
from catena.core.errors import DataError, InputError, closest


def show_models(query: str, broken: bool) -> None:
    """List models that match, or the broken ones with their reasons."""
    entries = registry.broken() if broken else registry.models(query)
    if terminal.as_json():
        terminal.emit({"query": query, "models": [entry.to_dict() for entry in entries]})
        return
    if broken:
        rows = [(e.id, e.source.distribution, e.error.why, e.error.fix) for e in entries if e.error]
        if not rows:
            terminal.show("every registered model can be imported")
            return
        terminal.show(terminal.grid("broken models", ["id", "package", "why", "fix"], rows))
        return
    if not entries:
        near = closest(query, [entry.id for entry in registry.models()])
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        terminal.show(f"no model matches {query!r}{hint}")
        return
    lines: list[tuple[str, ...]] = [
        (e.id, e.title, ", ".join(e.inputs[:4]) + _more(e.inputs), ", ".join(e.outputs[:4]) + _more(e.outputs), e.grade or "-")
        for e in entries
    ]  # fmt: skip
    heads = ["id", "title", "inputs", "outputs", "validated"]
    if terminal.is_narrow():
        heads, lines = [heads[0], heads[1], heads[4]], [(*line[:2], line[4]) for line in lines]
    count = "1 model" if len(entries) == 1 else f"{len(entries)} models"
    terminal.show(terminal.grid(count, heads, lines))
    terminal.show("validated: A on data with a named peer, B on data, C against exact solutions")
    broken_ones = len(registry.broken())
    if broken_ones:
        terminal.note(f"{broken_ones} registered models are broken: catena models --broken")


def _more(names: tuple[str, ...]) -> str:
    return f", +{len(names) - 4}" if len(names) > 4 else ""


def show_model(model_id: str) -> None:
    """Show one model: ports with units, bounds and defaults, source and validation."""
    entry = registry.entry(model_id)
    if terminal.as_json():
        terminal.emit(entry.to_dict())
        return
    card = entry.card
    able = [name for name, on in (card.get("capabilities") or {}).items() if on]
    terminal.show(f"{entry.id} {entry.version}  {entry.title}", "")
    if card.get("doc"):
        terminal.show(str(card["doc"]), "")
    terminal.show(f"backend {entry.backend}; {', '.join(able)}; licence {card.get('licence', '')}")
    if card.get("citation"):
        terminal.show(f"source: {card['citation']}")
    for part in ("inputs", "params", "outputs"):
        if card.get(part):
            terminal.show(ports(part, card[part], defaults=part != "outputs"))
    if entry.validation:
        rows = [_claim(claim) for claim in entry.validation]
        heads = ["claim", "metric", "found", "90 % interval", "target", "peer", "holds"]
        terminal.show(terminal.grid("validation", heads, rows))


def ports(title: str, fields: list[Mapping[str, Any]], defaults: bool = True) -> Any:
    """Return a table of the fields of a schema given as plain data; outputs have no defaults."""
    rows = []
    for field in fields:
        kind = "|".join(field["choices"]) if field.get("choices") else field.get("kind", "real")
        shape = f" ({', '.join(field['shape'])})" if field.get("shape") else ""
        row = [field["name"], field.get("unit", ""), kind + shape, _bounds(field)]
        rows.append([*row, *([_default(field)] if defaults else []), field.get("doc", "")])
    heads = ["name", "unit", "kind", "bounds", *(["default"] if defaults else []), "meaning"]
    return terminal.grid(title, heads, rows)


def _bounds(field: Mapping[str, Any]) -> str:
    low, high = field.get("bounds") or (None, None)
    if low is None and high is None:
        return ""
    left = "" if low is None else f"{low:g}{' <' if field.get('low_open') else ' <='}"
    right = "" if high is None else f"{'<' if field.get('high_open') else '<='} {high:g}"
    return " .. ".join(part for part in (left, right) if part)


def _default(field: Mapping[str, Any]) -> str:
    value = field.get("default")
    if value is None:
        return "may be absent" if field.get("optional") else "required"
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _claim(claim: Mapping[str, Any]) -> list[str]:
    def number(name: str) -> str:
        return f"{claim[name]:.3g}" if claim.get(name) is not None else ""

    interval = f"{number('low')} to {number('high')}" if claim.get("low") is not None else ""
    holds = {True: "yes", False: "NO", None: "not run"}[claim.get("holds")]
    return [claim["id"], claim["metric"], number("value"), interval, claim["target"],
            str(claim.get("peer") or ""), holds]  # fmt: skip


def show_citations(what: str) -> None:
    """Print the sources to cite for a model, a chain with its parts, or a study."""
    start = (
        _card_of_study(Path(what))
        if what.endswith((".yaml", ".yml"))
        else registry.entry(what).card
    )
    parts = ("id", "version", "citation", "licence")
    found = [{name: card.get(name, "") for name in parts} for card in _with_parts(start)]
    if terminal.as_json():
        terminal.emit({"citations": found})
        return
    for item in found:
        whole = len(found) > 1 and item is found[0]
        nothing = "a chain of the models below" if whole else "no source declared"
        sources = [part.strip() for part in (item["citation"] or nothing).split(";")]
        terminal.show(f"{item['id']} {item['version']}", *(f"  {part}" for part in sources))


def _card_of_study(path: Path) -> Mapping[str, Any]:
    from catena.study import load_study

    study = load_study(path)
    if study.model is not None:
        return registry.entry(study.model).card
    if isinstance(study.chain, str):
        return registry.entry(f"chain.{study.chain.removeprefix('chain.')}").card
    from catena.core.chain import Chain

    return Chain.from_dict(study.chain or {}).describe()


def _with_parts(card: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a card and, for a chain, those of its nodes' models."""
    nodes = (card.get("graph") or {}).get("nodes", ())
    ids = sorted({str(node["model"]) for node in nodes if node.get("model")})
    parts = [registry.entry(name).card for name in ids if name in registry.sources()]
    return [card, *parts]


def write_index(package: str | None, write: bool) -> None:
    """Write, or compare, the index of Catena or of a plug-in."""
    from catena.core import index

    path, chosen = registry.INDEX, None
    if package is not None:
        chosen = [s for s in registry.sources().values() if s.distribution == package]
        if not chosen:
            names = {s.distribution for s in registry.sources().values()}
            raise InputError(f"No models of {package!r}", where="catena index",
                             why=f"packages with models are {', '.join(sorted(names))}",
                             fix="give the name of an installed distribution")  # fmt: skip
        path = _plugin_index_path(chosen[0].module)
    fresh = index.dump(index.build(chosen))
    current = path.read_text(encoding="utf-8") if path.is_file() else ""
    if write and fresh != current:
        path.write_text(fresh, encoding="utf-8")
        registry.refresh()
    stale = fresh != current
    if stale and not write:
        raise DataError("The index is stale", where=str(path), why="the models changed since it was written",
                        fix=f"{index.REGENERATE}{f' --package {package}' if package else ''}")  # fmt: skip
    state = "written" if stale else "current"
    if terminal.as_json():
        terminal.emit({"path": str(path), "state": state})
    else:
        terminal.show(f"{path}: {state}")


def _plugin_index_path(module: str) -> Path:
    import importlib.util

    spec = importlib.util.find_spec(module.partition(".")[0])
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    if not places:
        raise InputError(f"{module} has no package folder", where="catena index",
                         why="an index lies in the top package", fix="make the plug-in a package")  # fmt: skip
    return Path(places[0]) / registry.PLUGIN_INDEX
