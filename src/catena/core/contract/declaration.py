"""Checks of what a model says about itself."""

from __future__ import annotations

import json
import re

from catena.core.contract.inputs import is_coordinate
from catena.core.contract.report import Failed, NotApplicable
from catena.core.contract.subject import Subject
from catena.core.errors import CatenaError
from catena.core.spec import NUMERIC, Schema

_ID = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?([a-z.+-].*)?")


def identity(subject: Subject) -> None:
    """C01."""
    info = subject.model.info
    faults = []
    if not _ID.fullmatch(info.id):
        faults.append(f"id {info.id!r} is not shelf.topic in small letters")
    if not _VERSION.fullmatch(info.version):
        faults.append(f"version {info.version!r} is not like 1.2.0")
    # The sources of a chain are those of its models (``catena citations`` lists them).
    sources = () if hasattr(subject.model, "nodes") else ("citation",)
    parts = ("title", "doc", *sources, "licence")
    faults += [f"no {part}" for part in parts if not getattr(info, part)]
    if faults:
        raise Failed("; ".join(faults))


def round_trip(subject: Subject) -> None:
    """C02."""
    for name in ("inputs", "outputs", "params"):
        schema: Schema = getattr(subject.model, name)
        plain = json.loads(json.dumps(schema.to_json_schema()))
        if Schema.from_json_schema(plain).to_json_schema() != schema.to_json_schema():
            raise Failed(f"{name} change on the way through JSON schema")
        if Schema.from_dict(json.loads(json.dumps(schema.to_dict()))).key != schema.key:
            raise Failed(f"{name} change on the way through to_dict")
        schema.to_arrow()


def units_and_bounds(subject: Subject) -> None:
    """C03."""
    from catena.core.units import check_unit

    model = subject.model
    for schema in (model.inputs, model.outputs, model.params):
        for field in schema:
            check_unit(field.unit)
    # The coordinate of a dimension (a time grid) may lie anywhere.
    numeric = [
        f
        for f in model.inputs
        if (f.kind in NUMERIC or f.kind == "integer") and not is_coordinate(f)
    ]
    open_ends = [f.name for f in numeric if f.bounds == (None, None) and f.distribution is None]
    if open_ends:
        raise Failed(f"no bounds on {', '.join(open_ends)}")
    if not len(model.outputs):
        raise Failed("no outputs are declared")


def defaults(subject: Subject) -> None:
    """C04."""
    model = subject.model
    try:
        model.inputs.validate({}, partial=True, where="defaults of the inputs")
        model.params.validate({}, where="values of the parameters")
    except CatenaError as error:
        raise Failed(f"{error.where}: {error.why}") from error


def claims(subject: Subject) -> str:
    """C29."""
    from catena.core.claims import read_claims
    from catena.core.index import claims_path
    from catena.core.registry import sources

    source = sources().get(subject.model.info.id)
    if source is None:
        raise NotApplicable("the model is not registered")
    path = claims_path(source.module)
    if path is None:
        if source.distribution != "catena":
            raise NotApplicable(f"{source.distribution} states no claims")
        raise Failed("there is no validation.yaml beside the model")
    try:
        topic = ".".join(source.id.split(".")[:2])
        mine = [c for c in read_claims(path).claims if c.model in (source.id, topic)]
        for claim in mine:
            claim.function()
    except CatenaError as error:
        raise Failed(f"{error.where}: {error.why}") from error
    if not mine:
        raise Failed(f"no claim of {path.name} is about {topic}")
    return f"{len(mine)} claims"
