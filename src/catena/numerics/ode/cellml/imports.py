"""Imports of CellML 1.1 and 2.0: components and units taken from files beside the model's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, final

from catena.core.errors import did_you_mean
from catena.numerics.ode.cellml.declared import CellmlFile
from catena.numerics.ode.cellml.document import Element
from catena.numerics.ode.cellml.units import Definition

Reader: TypeAlias = Callable[[Path, tuple[Path, ...]], CellmlFile]


@final
class Imports:
    """The import elements of one file, with the files they name read.

    Args:
        root: The model element.
        path: Its file.
        importing: Files whose imports led here.
        read: Reads a file, given the files whose imports led to it.
    """

    def __init__(
        self, root: Element, path: Path, importing: tuple[Path, ...], read: Reader
    ) -> None:
        self._found = [
            (element, read(_target(element, path, importing), (*importing, path.resolve())))
            for element in root.inside("import")
        ]

    def units(self) -> dict[str, Definition]:
        """Return the imported units as definitions."""
        return {
            child.need("name"): (source.shared, child.need("units_ref"))
            for element, source in self._found
            for child in element.inside("units")
        }

    def bring(self, model: CellmlFile) -> None:
        """Add the imported components, and those they encapsulate, to a model.

        Raises:
            DataError: a component is not in its file, or its new name is taken.
        """
        for element, source in self._found:
            for child in element.inside("component"):
                _add(model, source, _names(model, source, child))


def encapsulated(root: Element) -> Iterator[tuple[str, str]]:
    """Yield pairs (outer, inner) of encapsulated components."""
    groups = [
        group
        for group in root.inside("group")
        if any(r.get("relationship") == "encapsulation" for r in group.inside("relationship_ref"))
    ]
    waiting = [
        reference
        for group in (*groups, *root.inside("encapsulation"))
        for reference in group.inside("component_ref")
    ]
    while waiting:
        outer = waiting.pop()
        for inner in outer.inside("component_ref"):
            yield outer.need("component"), inner.need("component")
            waiting.append(inner)


def _target(element: Element, path: Path, importing: tuple[Path, ...]) -> Path:
    place = element.need("href")
    if "://" in place or Path(place).is_absolute():
        element.refuse(f"it imports {place!r}, which is not a path beside the file",
                       "keep a copy of that file and name it by a relative path")  # fmt: skip
    target = (path.parent / place).resolve()
    if target in (*importing, path.resolve()):
        element.refuse(f"importing {place!r} leads back here", "break the circle")
    return target


def _names(model: CellmlFile, source: CellmlFile, element: Element) -> dict[str, str]:
    """Return the new names of an imported component and of those inside it."""
    name, there = element.need("name"), element.need("component_ref")
    if there not in source.units:
        element.refuse(f"{source.file} has no component {there!r}",
                       did_you_mean(there, source.units, "name one of its components"))  # fmt: skip
    names, waiting = {there: name}, [there]
    while waiting:
        for inner in source.inside.get(waiting.pop(), []):
            names[inner] = f"{name}_{inner}"
            waiting.append(inner)
    for new in names.values():
        if new in model.units:
            element.refuse(f"component {new!r} is declared twice", "rename one")
    return names


def _add(model: CellmlFile, source: CellmlFile, names: dict[str, str]) -> None:
    for old, new in names.items():
        model.units[new] = source.units[old]
        model.inside[new] = [names[inner] for inner in source.inside.get(old, [])]
    for variable in source.variables.values():
        if variable.component in names:
            moved = replace(variable, component=names[variable.component])
            model.variables[moved.path] = moved
    for equation in source.equations:
        if equation.component in names:
            model.equations.append(replace(equation, component=names[equation.component]))
    for one, two, place in source.links:
        (first, x), (second, y) = (path.split(".", 1) for path in (one, two))
        if first in names and second in names:
            model.links.append((f"{names[first]}.{x}", f"{names[second]}.{y}", place))
