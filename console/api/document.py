"""The OpenAPI 3.1 document: made of the declarations, in Chinese or English."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from flask import Flask, Response, request

from console.api.operations import PREFIX, Kind, Operation, operations
from console.api.parameters import parameters_of, shared_parameters
from console.api.problems import ALL_TITLES
from console.api.schemas import Schemas, example
from kernel.edges.resources import Resource
from kernel.i18n import LANGUAGES, N_, current_language, speaking, translate

JSON = "application/json"
PROBLEM = "application/problem+json"
REFUSED = (401, 403, 404, 405, 422, 429, 500, 503)
REFUSED_ACTS = (400, 409, 413, 415)
ABOUT = N_(
    "The verbs of the console for programs, by the same rules: permissions, units and the four-eyes principle hold here too. "
    "Every request carries a token (Authorization: Bearer). Times are UTC, ISO 8601."
)


def install(flask: Flask, resources: Mapping[str, Resource]) -> None:
    """``/openapi.json``; ``lang`` asks for a language."""

    @lru_cache(maxsize=len(LANGUAGES))
    def octets(_language: str) -> bytes:
        return json.dumps(openapi(resources), ensure_ascii=False, separators=(",", ":")).encode()

    @flask.get(f"{PREFIX}/openapi.json")
    def openapi_json() -> Response:
        with speaking(request.args.get("lang") or current_language()):
            return Response(octets(current_language()), content_type=JSON)


def openapi(resources: Mapping[str, Resource]) -> dict[str, Any]:
    """The document in the current language; its objects are JSON values."""
    found = [operation for resource in resources.values() for operation in operations(resource)]
    schemas = Schemas(found)
    paths: dict[str, dict[str, Any]] = {}
    for operation in found:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": translate(N_("Weicheng API")), "version": "1", "description": translate(ABOUT)},
        "servers": [{"url": PREFIX}],
        "tags": [_tag(resource) for resource in resources.values()],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "parameters": shared_parameters(),
            "responses": {f"problem{status}": _problem(status, schemas) for status in _statuses(found)},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": translate(TOKEN)}
            },
        },
    }


TOKEN = N_("A token of the form wct_…; weicheng token create makes one.")


def _tag(resource: Resource) -> dict[str, Any]:
    return {"name": resource.name, "description": translate(resource.title)}


def _operation(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.resource.name],
        "summary": _summary(operation),
        "description": "\n\n".join(_description(operation)),
        "parameters": parameters_of(operation),
        "responses": _responses(operation, schemas),
    }
    if operation.input is not None:
        schema = schemas.of(operation.input)
        needed = bool(schemas.component(schema).get("required"))
        media = {"schema": schema, "example": example(schema, schemas.components)}
        made["requestBody"] = {"required": needed, "content": {JSON: media}}
    return made


def _summary(operation: Operation) -> str:
    resource = operation.resource
    match operation.kind:
        case Kind.LIST:
            return translate(resource.title)
        case Kind.ITEM:
            return translate(resource.one)
        case Kind.FILE if operation.download:
            return translate(operation.download.label)
        case Kind.MANY if operation.verb:
            return translate(N_("%(verb)s: many at once"), verb=translate(operation.verb.label))
    return translate(operation.verb.label) if operation.verb else ""


def _description(operation: Operation) -> Iterable[str]:
    verb = operation.verb
    if verb and verb.explain:
        yield translate(verb.explain)
    if verb and verb.danger:
        yield translate(N_("This can not be undone."))
    if verb and verb.second:
        yield translate(N_("A second person approves it, who holds %(permission)s."), permission=verb.second)
    if operation.kind is Kind.MANY:
        yield translate(N_("Each object is answered for itself; one that fails stops no other."))
    permission = operation.permission
    if permission is not None:
        yield translate(N_("Needs %(permission)s."), permission=permission)


def _responses(operation: Operation, schemas: Schemas) -> dict[str, Any]:
    good = {
        Kind.LIST: {"200": N_("A page of the list.")},
        Kind.ITEM: {"200": N_("The object."), "304": N_("It is as If-None-Match says.")},
        Kind.NEW: {"201": N_("It was made."), "202": N_("A job carries on the work.")},
        Kind.WHOLE: {"200": N_("It was done."), "202": N_("A job carries on the work.")},
        Kind.ACT: {"200": N_("It was done."), "202": N_("A job carries on the work.")},
        Kind.MANY: {"207": N_("What became of each object.")},
        Kind.FILE: {"200": N_("The file.")},
    }[operation.kind]
    made = {status: _good(operation, status, text, schemas) for status, text in good.items()}
    for status in _refusals(operation):
        made[str(status)] = {"$ref": f"#/components/responses/problem{status}"}
    return made


def _good(operation: Operation, status: str, text: str, schemas: Schemas) -> dict[str, Any]:
    response: dict[str, Any] = {"description": translate(text)}
    headers = []
    if operation.kind in (Kind.ITEM, Kind.NEW, Kind.ACT):
        headers.append(("ETag", N_("The state of the object, for If-Match and If-None-Match.")))
    if status in ("201", "202"):
        headers.append(("Location", N_("Where the new object or the job is.")))
    if headers:
        response["headers"] = {
            name: {"description": translate(about), "schema": {"type": "string"}} for name, about in headers
        }
    if operation.output is not None and status != "304":
        response["content"] = {JSON: {"schema": schemas.of(operation.output)}}
    elif operation.kind is Kind.FILE:
        response["content"] = {"*/*": {}}  # octets of whatever kind
    return response


def _refusals(operation: Operation) -> list[int]:
    acts = REFUSED_ACTS if operation.method == "POST" else ()
    # a file may not be made yet (409); an act may be on what has changed meanwhile (412)
    more = {Kind.ACT: (412,), Kind.FILE: (409,)}.get(operation.kind, ())
    return sorted({*REFUSED, *acts, *more})


def _statuses(found: Iterable[Operation]) -> list[int]:
    return sorted({status for operation in found for status in _refusals(operation)})


def _problem(status: int, schemas: Schemas) -> dict[str, Any]:
    return {
        "description": translate(ALL_TITLES[status]),
        "content": {PROBLEM: {"schema": schemas.problem}},
    }
