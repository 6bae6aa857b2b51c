"""A request's body and parameters, checked against what the verb takes."""

from collections.abc import Iterable
from typing import TypeVar

from pydantic import ValidationError
from werkzeug.http import parse_options_header

from console.api.problems import Malformed, NotJson, WrongInput
from kernel.edges.resources import Input
from kernel.errors import Invalid
from kernel.i18n import N_

I = TypeVar("I", bound=Input)  # noqa: E741 - the input's type


def parsed(model: type[I], data: bytes, content_type: str) -> I:
    """The JSON as ``model``; an empty body is an empty object. NotJson, Malformed, WrongInput."""
    if data and not _is_json(content_type):
        raise NotJson
    try:
        return model.model_validate_json(data or b"{}")
    except ValidationError as error:
        if any(one["type"] == "json_invalid" for one in error.errors(include_url=False, include_input=False)):
            raise Malformed from None
        raise WrongInput(error, model) from None


def refuse_arguments(names: Iterable[str]) -> None:
    """Refuse parameters where there are none: a misspelt one must not go unnoticed."""
    for name in names:
        raise Invalid(N_("The parameter %(name)s is not known here."), name=name[:60])


def _is_json(content_type: str) -> bool:
    kind = parse_options_header(content_type)[0].lower()
    return kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
