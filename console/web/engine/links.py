"""Addresses of the pages that are made of declarations."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from kernel.edges.resources import Column


def list_url(name: str, filters: Mapping[str, str] | None = None, **arguments: str) -> str:
    """The list of "room.plural", narrowed by filters."""
    pairs = [(f"filter[{key}]", value) for key, value in (filters or {}).items()]
    pairs += [(key, value) for key, value in arguments.items() if value]
    path = "/" + name.replace(".", "/")
    return f"{path}?{urlencode(pairs)}" if pairs else path


def item_url(name: str, object_id: str, *more: str) -> str:
    """The detail page of one object, or what lies below it."""
    return "/".join([list_url(name), quote(object_id, safe=""), *more])


def act_url(name: str, verb: str) -> str:
    """The form of a verb that is done to no single object."""
    return f"{list_url(name)}/-/{verb}"


def cell_url(column: Column, record: Any) -> str:
    """Where the column's value leads; "" for nowhere."""
    if column.link is None:
        return ""
    target = getattr(record, column.link.field or column.name)
    resource = column.link.resource or getattr(record, column.link.of)
    return item_url(resource, str(target)) if target and resource else ""
