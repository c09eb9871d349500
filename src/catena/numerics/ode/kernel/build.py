"""From a declared system to machine code, by way of the cache.

The key of a compiled system is a hash of the traced functions, their constants, the method, the
number of lanes, the compiler, the processor and this folder's source; only on a miss is the graph
built at all.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache as once
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from catena.numerics.ode.kernel import cache, machine
from catena.numerics.ode.kernel.tableau import Tableau

if TYPE_CHECKING:
    from catena.numerics.ode.flat import Flat

#: Names of the functions that compiled systems export.
ENTRY = "drive"
_ADDRESS = re.compile(r"0x[0-9a-f]+")


def trace_all(flat: Flat) -> dict[str, Any]:
    """Trace the functions of a system; the names are those ``parts`` expects."""
    from catena.numerics.ode.kernel.primitives import trace

    t, y, p, s = (), (flat.n,), (flat.np,), (flat.ns,)
    jaxprs = {
        "rhs": trace(flat.rhs, t, y, p, s),
        "outputs": trace(flat.outputs, t, y, p, s),
        "initial": trace(flat.initial, p),
    }
    if flat.crossings is not None:
        jaxprs["crossings"] = trace(flat.crossings, t, y, p, s)
    for k, action in enumerate(flat.actions):
        jaxprs[f"action{k}"] = trace(action, t, y, p, s, ())
    return jaxprs


def fingerprint(
    flat: Flat, jaxprs: dict[str, Any], tableau: Tableau, lanes: int, tangents: bool
) -> str:
    """Return the cache key of a system."""
    digest = hashlib.sha256()
    for name in sorted(jaxprs):
        text: list[str] = [name]
        _describe(jaxprs[name], text)
        # Objects print with their address, which is another in every process.
        digest.update(_ADDRESS.sub("", "\n".join(text)).encode())
        for value in jaxprs[name].consts:
            array = np.asarray(value)
            digest.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
    mass = None if flat.mass is None else np.asarray(flat.mass, dtype=float).tolist()
    facts = (mass, flat.on_crossing, tableau, lanes, tangents, machine.cpu_key(), _source())
    digest.update(repr(facts).encode())
    return digest.hexdigest()


def _describe(code: Any, text: list[str]) -> None:
    """Append everything that makes a traced function, a line per equation.

    JAX's own printing says the same and takes five times longer.
    """
    inner = getattr(code, "jaxpr", code)
    if inner is not code and code.consts and text[1:]:
        text.append(repr([np.asarray(value).tolist() for value in code.consts]))
    names = {variable: str(k) for k, variable in enumerate((*inner.invars, *inner.constvars))}

    def atom(value: Any) -> str:
        if hasattr(value, "val"):
            return f"{np.asarray(value.val).tolist()!r}:{value.aval}"
        return names[value]

    for equation in inner.eqns:
        given = " ".join(atom(value) for value in equation.invars)
        for variable in equation.outvars:
            names[variable] = f"{len(names)}:{variable.aval}"
        text.append(f"{equation.primitive.name} {given}")
        for name, value in equation.params.items():
            parts = value if isinstance(value, (tuple, list)) else (value,)
            if any(hasattr(part, "eqns") or hasattr(part, "jaxpr") for part in parts):
                for part in parts:
                    text.append(name)
                    _describe(part, text)
            else:
                text.append(f"{name}={value}")
    text.append(" ".join(atom(value) for value in inner.outvars))


@once
def _source() -> str:
    """Return a hash of this folder: other generators make other code."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def compiled(
    flat: Flat, tableau: Tableau, lanes: int, tangents: bool
) -> tuple[dict[str, Any], machine.Library]:
    """Return the constants of the workspace and the loaded machine code of a system.

    Raises:
        KernelUnsupported: a function holds something that has no scalar form.
        SolverError: the step's matrix is structurally singular.
    """
    jaxprs = trace_all(flat)
    key = fingerprint(flat, jaxprs, tableau, lanes, tangents)
    found = cache.fetch(key)
    if found is None:
        sizes, code = _compile(flat, jaxprs, tableau, lanes, tangents)
        found = {"sizes": sizes}, code
        cache.put(key, *found)
    metadata, code = found
    return metadata["sizes"], machine.load(code)


def _compile(
    flat: Flat, jaxprs: dict[str, Any], tableau: Tableau, lanes: int, tangents: bool
) -> tuple[dict[str, Any], bytes]:
    from catena.numerics.ode.kernel.driver import drive
    from catena.numerics.ode.kernel.emit import emit_function
    from catena.numerics.ode.kernel.lang import Extern, Unit
    from catena.numerics.ode.kernel.parts import build_parts
    from catena.numerics.ode.kernel.workspace import constants

    made = build_parts(flat, jaxprs, tangents)
    names = constants(made.sizes, {**made.flags, "tangents": tangents}, tableau, lanes)
    unit = Unit(lanes)
    for part in made.parts:
        emit_function(unit, part.name, made.graph, part.stores(),
                      {group: group for group in part.inputs}, part.parameters)  # fmt: skip
        names[part.name] = Extern(*["PF"] * len(part.parameters), symbol=part.name)
    mass = np.ones(flat.n) if flat.mass is None else np.diag(np.asarray(flat.mass, dtype=float))
    algebraic = tuple(float(m == 0.0) for m in mass)
    names.update(
        ALGEBRAIC=algebraic, ALGEBRAIC_STATES=int(sum(algebraic)),
        ON_CROSSING=tuple(flat.on_crossing),
        ACTIONS=tuple(names[f"action{k}"] for k in range(len(flat.actions))),
        ACTION_TANGENTS=tuple(names.get(f"action{k}_tangent") for k in range(len(flat.actions))),
    )  # fmt: skip
    unit.add(drive, constants=names)
    kept = {"workspace": names["T_BASE"], "block": names["T_STRIDE"]}
    return kept, machine.compile_unit(unit.text())
