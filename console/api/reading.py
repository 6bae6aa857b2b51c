"""What a request of the Flask application carries, checked before anything is done."""

from typing import TypeVar

from flask import request

from console.api.inputs import parsed, refuse_arguments
from console.api.problems import Stale
from console.compose.app import App
from console.exchange.records import matches
from kernel.edges.resources import Input, Resource
from kernel.identity.model import Principal

I = TypeVar("I", bound=Input)  # noqa: E741 - the input's type


def arguments() -> dict[str, list[str]]:
    """The query's parameters, each with all its values."""
    return dict(request.args.lists())


def no_arguments() -> None:
    """Refuse parameters where there are none."""
    refuse_arguments(request.args)


def body(model: type[I]) -> I:
    """The request's JSON as ``model``."""
    return parsed(model, request.get_data(), request.headers.get("Content-Type", ""))


def require_unchanged(app: App, principal: Principal, resource: Resource, object_id: str) -> None:
    """Refuse when ``If-Match`` names another state than the object's (RFC 9110, section 13.1.1)."""
    wanted = request.headers.get("If-Match")
    if wanted is None or resource.item is None:
        return
    if not matches(resource.item(app, principal, object_id), wanted):
        raise Stale
