"""Errors as problem details (RFC 9457), in the caller's language; of internal errors only their number."""

import math
from collections.abc import Mapping

import structlog
from flask import Flask, Response, g, request
from pydantic import ValidationError
from werkzeug.exceptions import BadRequest, HTTPException, PreconditionFailed, UnsupportedMediaType

from console.api.answers import Fault, Problem
from console.exchange.validation import explain
from console.problems import HTTP_STATUS
from console.web.problems import INTERNAL, TITLES
from kernel.edges.resources import Input
from kernel.errors import ErrorCode, Invalid, LimitExceeded, WeichengError
from kernel.i18n import N_, current_language, translate

MEDIA_TYPE = "application/problem+json"
ALL_TITLES: Mapping[int, str] = {
    **TITLES,
    404: N_("There is no such object"),
    412: N_("It was changed meanwhile"),
    415: N_("This is the wrong kind of content"),
}
# status -> (the problem's kind, detail, mend): what HTTP itself refuses
REFUSALS: Mapping[int, tuple[str, str, str]] = {
    400: ("malformed", N_("The body is no JSON."), N_("Send one JSON object in UTF-8.")),
    404: ("not_found", N_("There is nothing under this path."), N_("See /api/docs for the paths.")),
    405: ("method_not_allowed", N_("This path does not know the method."), N_("See the Allow header.")),
    412: (
        "changed",
        N_("Somebody changed the object after you read it."),
        N_("Read it again and decide anew."),
    ),
    413: ("too_large", N_("The body is larger than is accepted."), N_("Send less at once.")),
    415: (
        "wrong_content_type",
        N_("The body is not sent as JSON."),
        N_("Send Content-Type: application/json."),
    ),
}


class Malformed(BadRequest):
    """The body is no JSON."""


class Stale(PreconditionFailed):
    """``If-Match`` names another state of the object."""


class NotJson(UnsupportedMediaType):
    """The body is of another kind than JSON."""


class WrongInput(Invalid):
    """The body does not fit the verb's input."""

    def __init__(self, error: ValidationError, model: type[Input]) -> None:
        super().__init__(N_("The input is not right."), mend=N_("See errors for each place."))
        self.faults = tuple(
            Fault(field=one.field, pointer=one.place, detail=one.message) for one in explain(error, model)
        )


class TooOften(LimitExceeded):
    """More requests than one may send."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            N_("You sent too many requests."),
            mend=N_("Wait for %(seconds)s s."),
            seconds=max(1, math.ceil(seconds)),
        )


def install(flask: Flask) -> None:
    """Answer every error with a problem."""
    flask.register_error_handler(WeichengError, _known)
    flask.register_error_handler(HTTPException, _http)
    flask.register_error_handler(Exception, _internal)


def problem_of(error: WeichengError) -> Problem:
    """The error in the current language."""
    language = current_language()
    return _problem(
        HTTP_STATUS[error.code],
        str(error.code),
        translate(error.message, language, **error.params),
        translate(error.mend, language, **error.params),
        error.place,
        getattr(error, "faults", ()),
    )


def internal(error: Exception) -> Problem:
    """Recorded whole, told without detail."""
    structlog.get_logger("api").error("request failed", path=request.path, exc_info=error)
    return _problem(500, str(ErrorCode.INTERNAL), translate(INTERNAL))


def _problem(
    status: int, kind: str, detail: str, mend: str = "", place: str = "", errors: tuple[Fault, ...] = ()
) -> Problem:
    title = ALL_TITLES.get(status) or TITLES[500 if status >= 500 else 400]
    return Problem(
        type=f"urn:weicheng:problem:{kind}",
        title=translate(title),
        status=status,
        detail=detail,
        mend=mend,
        place=place,
        instance=request.path,
        request_id=g.get("request_id", ""),
        errors=errors,
    )


def _known(error: WeichengError) -> Response:
    response = _response(internal(error) if error.code is ErrorCode.INTERNAL else problem_of(error))
    if error.code is ErrorCode.UNAUTHENTICATED:
        known = ', error="invalid_token"' if "Authorization" in request.headers else ""
        response.headers["WWW-Authenticate"] = f'Bearer realm="weicheng"{known}'
    if isinstance(error, TooOften):
        response.headers["Retry-After"] = str(error.params["seconds"])
    return response


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    kind, detail, mend = REFUSALS.get(status, ("refused", ALL_TITLES.get(status, TITLES[400]), ""))
    response = _response(_problem(status, kind, translate(detail), translate(mend)))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _internal(error: Exception) -> Response:
    return _response(internal(error))


def _response(problem: Problem) -> Response:
    return Response(problem.model_dump_json(), problem.status, content_type=MEDIA_TYPE)
