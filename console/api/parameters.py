"""The parameters of an operation, for the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from console.api.operations import Kind, Operation
from console.exchange.asking import VALUES
from kernel.edges.resources import Filter, FilterKind, Resource
from kernel.i18n import N_, translate
from kernel.store.listing import LONGEST, MOST

Spec = dict[str, Any]


def shared_parameters() -> dict[str, Spec]:
    """Those that many operations have, by their names in components.parameters."""
    return {
        "id": _path("id", N_("The object's id.")),
        "q": _query("q", N_("Text to find in the list."), {"type": "string", "maxLength": LONGEST}),
        "cursor": _query("cursor", N_("next_cursor of the page before."), {"type": "string"}),
        "limit": _query(
            "limit", N_("Rows a page."), {"type": "integer", "minimum": 1, "maximum": MOST, "default": 50}
        ),
        "if-match": _header("If-Match", N_("Do it only if the object still has this ETag."), 1000),
        "if-none-match": _header("If-None-Match", N_("Answer 304 if the object still has this ETag."), 1000),
        "idempotency-key": {
            **_header(
                "Idempotency-Key", N_("The same key and request again: the same answer, done once."), 200
            ),
            "example": "5d0e0f3c-8c0a-4e0b-9a6b-0f6f2f4f9d10",
        },
        "accept-language": {
            **_header("Accept-Language", N_("Language of messages: zh-CN or en."), 100),
            "example": "zh-CN",
        },
    }


def parameters_of(operation: Operation) -> list[Spec]:
    """All parameters of the operation."""
    shared = ["accept-language"]
    if "{id}" in operation.path:
        shared.append("id")
    if operation.method == "POST":
        shared.append("idempotency-key")
    if operation.kind is Kind.ACT and operation.resource.item is not None:
        shared.append("if-match")
    if operation.kind is Kind.ITEM:
        shared.append("if-none-match")
    made: list[Spec] = [{"$ref": f"#/components/parameters/{name}"} for name in shared]
    return made + list(_of_list(operation.resource)) if operation.kind is Kind.LIST else made


def _of_list(resource: Resource) -> Iterator[Spec]:
    for name in ("q", "cursor", "limit"):
        yield {"$ref": f"#/components/parameters/{name}"}
    orders = sorted({column.sort for column in resource.columns if column.sort})
    if orders:
        choices = [f"{sign}{name}" for name in orders for sign in ("", "-")]
        yield _query("sort", N_("The order; - before it: descending."), {"type": "string", "enum": choices})
    for one in resource.filters:
        yield _filter(one)


def _filter(one: Filter) -> Spec:
    """Several values: any of them."""
    value: Spec = {"type": "string", "maxLength": LONGEST}
    if one.kind is FilterKind.CHOICE and one.labels:
        value = {"type": "string", "enum": list(one.labels)}
    elif one.kind is FilterKind.TIME:
        value = {"type": "string", "format": "date-time"}
    made = _query(f"filter[{one.name}]", one.label, {"type": "array", "items": value, "maxItems": VALUES})
    return {**made, "style": "form", "explode": True}


def _path(name: str, text: str) -> Spec:
    schema = {"type": "string", "minLength": 1, "maxLength": 200, "pattern": r"^[^/\\]+$"}
    return {"name": name, "in": "path", "required": True, "description": translate(text), "schema": schema}


def _query(name: str, text: str, schema: Spec) -> Spec:
    return {"name": name, "in": "query", "description": translate(text), "schema": schema}


def _header(name: str, text: str, longest: int) -> Spec:
    schema = {"type": "string", "minLength": 1, "maxLength": longest, "pattern": "^[!-~]+$"}
    return {"name": name, "in": "header", "description": translate(text), "schema": schema}
