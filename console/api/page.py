"""The OpenAPI document as pages, made by the server: they need no script and ask no other host for anything."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue

from console.api.document import JSON, openapi
from console.api.operations import PREFIX
from console.api.schemas import REFERENCE, Schema
from console.resources import resources
from kernel.i18n import current_language, speaking

pages = Blueprint("api", __name__, url_prefix="/api/docs")


@dataclass(frozen=True)
class FieldView:
    """A parameter, or a field of a body."""

    name: str
    where: str
    kind: str
    required: bool
    text: str


@dataclass(frozen=True)
class OperationView:
    """An operation as it is read."""

    id: str
    method: str
    path: str
    summary: str
    description: tuple[str, ...]
    parameters: tuple[FieldView, ...]
    body: tuple[FieldView, ...]
    answers: tuple[tuple[str, str], ...]
    example: str


@pages.get("")
def contents() -> ResponseReturnValue:
    """What there is, and how one asks."""
    return render_template("api/contents.html", tags=_document(current_language())["tags"], prefix=PREFIX)


@pages.get("/<room>/<plural>")
def operations(room: str, plural: str) -> ResponseReturnValue:
    """All that one can ask of an object."""
    resource = resources().get(f"{room}.{plural}")
    if resource is None:
        abort(404)
    document = _document(current_language())
    return render_template(
        "api/operations.html",
        resource=resource,
        operations=list(operations_of(document, resource.name)),
        record=_fields(document, _record(document, resource.name), writing=False),
    )


@cache
def _document(language: str) -> dict[str, Any]:
    with speaking(language):
        return openapi(resources())


def operations_of(document: Mapping[str, Any], tag: str) -> Iterator[OperationView]:
    """The operations with this tag, in the document's order."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if tag in operation["tags"]:
                yield _operation(document, f"{PREFIX}{path}", method.upper(), operation)


def _operation(
    document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]
) -> OperationView:
    media = operation.get("requestBody", {}).get("content", {}).get(JSON)
    answers = (
        (status, _resolved(document, answer)["description"])
        for status, answer in operation["responses"].items()
    )
    return OperationView(
        id=operation["operationId"],
        method=method,
        path=path,
        summary=operation["summary"],
        description=tuple(part for part in operation["description"].split("\n\n") if part),
        parameters=tuple(_parameter(_resolved(document, one)) for one in operation["parameters"]),
        body=_fields(document, media["schema"], writing=True) if media else (),
        answers=tuple(answers),
        example=_example(path, method, media),
    )


def _example(path: str, method: str, media: Mapping[str, Any] | None) -> str:
    parts = ["curl -H 'Authorization: Bearer wct_…'"]
    if media is not None:
        text = json.dumps(media["example"], ensure_ascii=False).replace("'", "'\\''")
        parts += ["-H 'Content-Type: application/json'", f"-d '{text}'"]
    elif method == "POST":
        parts.append("-X POST")
    return " ".join([*parts, f"https://HOST:8443{path}"])


def _parameter(spec: Mapping[str, Any]) -> FieldView:
    kind = kind_of(spec["schema"], {})
    return FieldView(spec["name"], spec["in"], kind, bool(spec.get("required")), spec.get("description", ""))


def _fields(document: Mapping[str, Any], reference: Schema, *, writing: bool) -> tuple[FieldView, ...]:
    """The fields of an object's schema; records have all of theirs, so only of inputs it is told which are needed."""
    schema, components = _resolved(document, reference), document["components"]["schemas"]
    needed = schema.get("required", ()) if writing else ()
    return tuple(
        FieldView(name, "", kind_of(part, components), name in needed, _meaning(part))
        for name, part in schema.get("properties", {}).items()
    )


def _meaning(schema: Mapping[str, Any]) -> str:
    return " · ".join(schema[name] for name in ("title", "description") if name in schema)


def _record(document: Mapping[str, Any], tag: str) -> Schema:
    room, plural = tag.split(".")
    listed = document["paths"][f"/{room}/{plural}"]["get"]["responses"]["200"]["content"][JSON]["schema"]
    items: Schema = _resolved(document, listed)["properties"]["items"]["items"]
    return items


def _resolved(document: Mapping[str, Any], part: Mapping[str, Any]) -> Any:
    found: Any = part
    while "$ref" in found:
        path, found = found["$ref"].removeprefix("#/").split("/"), document
        for name in path:
            found = found[name]
    return found


def kind_of(schema: Mapping[str, Any], components: Mapping[str, Schema]) -> str:
    """A schema in a few words: ``string (date-time)``, ``open | closed``, ``array of string``; objects by their names."""
    if "$ref" in schema:
        name = str(schema["$ref"]).removeprefix(REFERENCE)
        return kind_of(components[name], components) if "enum" in components.get(name, {}) else name
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "const" in schema:
        return str(schema["const"])
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return " | ".join(dict.fromkeys(kind_of(part, components) for part in schema[choice]))
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"array of {kind_of(schema.get('items', {}), components)}"
    bounds = ", ".join(_bounds(schema))
    return f"{kind} ({bounds})" if bounds else kind


def _bounds(schema: Mapping[str, Any]) -> Iterator[str]:
    if "format" in schema:
        yield schema["format"]
    for least, most in (("minLength", "maxLength"), ("minimum", "maximum")):
        if least in schema or most in schema:
            yield f"{schema.get(least, '')}–{schema.get(most, '')}"
