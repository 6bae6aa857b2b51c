"""Every error of the Flask application answered as a problem."""

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from console.api.answers import Problem
from console.api.problems import MEDIA_TYPE, About, Refused, headers_of, internal, problem_of, refusal
from console.problems import no_database
from console.unread import BROKEN_BODY
from kernel.errors import ErrorCode, WeichengError


def install(flask: Flask) -> None:
    """Answer every error with a problem."""
    flask.register_error_handler(WeichengError, _known)
    flask.register_error_handler(Refused, _known)
    flask.register_error_handler(HTTPException, _http)
    for broken in BROKEN_BODY:
        flask.register_error_handler(broken, lambda _error: _response(refusal(400, about())))
    flask.register_error_handler(Exception, _unexpected)


def about() -> About:
    """The request that is being answered."""
    return About(request.path, g.get("request_id", ""))


def _known(error: WeichengError | Refused) -> Response:
    if isinstance(error, WeichengError) and error.code is ErrorCode.INTERNAL:
        return _response(internal(error, about()))
    response = _response(problem_of(error, about()))
    response.headers.update(headers_of(error, authorized="Authorization" in request.headers))
    return response


def _unexpected(error: Exception) -> Response:
    """Recorded whole in any case, also when all that is told is that the database is away."""
    told = internal(error, about())
    gone = no_database(error)
    return _response(told) if gone is None else _known(gone)


def _http(error: HTTPException) -> Response:
    response = _response(refusal(error.code or 500, about()))
    for name, value in error.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def _response(problem: Problem) -> Response:
    return Response(problem.model_dump_json(), problem.status, content_type=MEDIA_TYPE)
