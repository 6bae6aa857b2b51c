"""What a request carries, checked before anything is done."""

from typing import TypeVar

from flask import request
from pydantic import ValidationError

from console.api.problems import Malformed, NotJson, Stale, WrongInput
from console.compose.app import App
from console.exchange.records import matches
from kernel.edges.resources import Input, Resource
from kernel.errors import Invalid
from kernel.i18n import N_
from kernel.identity.model import Principal

I = TypeVar("I", bound=Input)  # noqa: E741 - the input's type


def arguments() -> dict[str, list[str]]:
    """The query's parameters, each with all its values."""
    return dict(request.args.lists())


def no_arguments() -> None:
    """Refuse parameters where there are none: a misspelt one must not go unnoticed."""
    for name in request.args:
        raise Invalid(N_("The parameter %(name)s is not known here."), name=name[:60])


def body(model: type[I]) -> I:
    """The request's JSON as ``model``; an empty body is an empty object."""
    data = request.get_data()
    if data and not request.is_json:
        raise NotJson
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        if any(one["type"] == "json_invalid" for one in error.errors(include_url=False, include_input=False)):
            raise Malformed from None
        raise WrongInput(error, model) from None


def require_unchanged(app: App, principal: Principal, resource: Resource, object_id: str) -> None:
    """Refuse when ``If-Match`` names another state than the object's (RFC 9110, section 13.1.1)."""
    wanted = request.headers.get("If-Match")
    if wanted is None or resource.item is None:
        return
    if not matches(resource.item(app, principal, object_id), wanted):
        raise Stale
