"""A CellML file as components, variables, connections, units and equations."""

from __future__ import annotations

from pathlib import Path

from catena.core.errors import DataError
from catena.numerics.ode.cellml.declared import CellmlFile, Variable
from catena.numerics.ode.cellml.document import Element, read_document
from catena.numerics.ode.cellml.imports import Imports, encapsulated
from catena.numerics.ode.cellml.mathml import MATHML, MathReader
from catena.numerics.ode.cellml.units import Definition, Part, UnitTable

_VERSIONS = {
    "http://www.cellml.org/cellml/1.0#": "1.0",
    "http://www.cellml.org/cellml/1.1#": "1.1",
    "http://www.cellml.org/cellml/2.0#": "2.0",
}
_REFUSED = {
    "reaction": "write the rates as equations",
    "reset": "declare a Crossing on the system instead",
}


def read_cellml(path: str | Path) -> CellmlFile:
    """Read a CellML 1.0, 1.1 or 2.0 file (plain, .xz or .gz).

    Args:
        path: The file. Imports are followed to files beside it, never over a network.

    Returns:
        Its declarations. Metadata and documentation are skipped.

    Raises:
        DataError: the file is not CellML or uses reactions or resets; an equation cannot be
            read; a connection or an import names what does not exist.
        UnitError: a unit is not defined.
    """
    return _read(Path(path), ())


def _read(path: Path, importing: tuple[Path, ...]) -> CellmlFile:
    root = read_document(path)
    version = _VERSIONS.get(root.space)
    if root.tag != "model" or version is None:
        raise DataError("Not a CellML file", where=path.name,
                        why=f"its root is <{root.tag}> in namespace {root.space!r}",
                        fix="give a CellML 1.0, 1.1 or 2.0 model")  # fmt: skip
    imports = Imports(root, path, importing, _read)
    shared = UnitTable({**_definitions(root), **imports.units()}, None, path.name)
    model = CellmlFile(root.get("name") or path.name.split(".")[0], path.name, version, shared)
    imports.bring(model)
    for component in root.inside("component"):
        _component(model, component)
    for connection in root.inside("connection"):
        _connection(model, connection)
    for outer, inner in encapsulated(root):
        model.inside.setdefault(outer, []).append(inner)
    return model


def _component(model: CellmlFile, element: Element) -> None:
    name = element.need("name")
    if name in model.units:
        element.refuse(f"component {name!r} is declared twice", "rename one")
    for child in element.children:
        if child.space == element.space and child.tag in _REFUSED:
            child.refuse(f"<{child.tag}> is not supported", _REFUSED[child.tag])
    table = UnitTable(_definitions(element), model.shared, model.file)
    model.units[name] = table
    for child in element.inside("variable"):
        variable = _variable(name, child)
        if variable.path in model.variables:
            child.refuse(f"{variable.path} is declared twice", "rename one")
        table.find(variable.units, child.place)
        model.variables[variable.path] = variable
    reader = MathReader(name, table.find)
    for child in element.inside("math", MATHML):
        model.equations += reader.equations(child)


def _variable(component: str, element: Element) -> Variable:
    text = element.get("initial_value")
    try:
        initial: float | str | None = float(text) if text else None
    except ValueError:
        initial = text
    given = "in" in (element.get("public_interface"), element.get("private_interface"))
    return Variable(component, element.need("name"), element.need("units"), initial, given,
                    element.place)  # fmt: skip


def _connection(model: CellmlFile, element: Element) -> None:
    ends = element
    if model.version != "2.0":
        pairs = list(element.inside("map_components"))
        if len(pairs) != 1:
            element.refuse("a connection needs one <map_components>", "add it")
        ends = pairs[0]
    first, second = ends.need("component_1"), ends.need("component_2")
    for pair in element.inside("map_variables"):
        one = f"{first}.{pair.need('variable_1')}"
        two = f"{second}.{pair.need('variable_2')}"
        place = pair.place
        model.links.append((model.known(one, place), model.known(two, place), place))


def _definitions(parent: Element) -> dict[str, Definition]:
    found: dict[str, Definition] = {}
    for element in parent.inside("units"):
        parts = tuple(_part(part) for part in element.inside("unit"))
        # CellML 2.0 marks a base unit by an empty definition.
        base = element.get("base_units") == "yes" or not parts
        found[element.need("name")] = None if base else parts
    return found


def _part(element: Element) -> Part:
    try:
        exponent, multiplier, offset = (
            float(element.get(key) or default)
            for key, default in (("exponent", 1.0), ("multiplier", 1.0), ("offset", 0.0))
        )
    except ValueError as error:
        element.refuse(f"bad number in <unit>: {error}", "write plain numbers")
    return Part(element.need("units"), element.get("prefix") or "0", exponent, multiplier, offset)
