"""Errors as pages: what is wrong and how to mend it, in the reader's language; of internal errors only their number."""

import structlog
from flask import Flask, g, make_response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from console.problems import HTTP_STATUS, INTERNAL, TITLES, no_database
from console.unread import BROKEN_BODY, UNREAD
from kernel.errors import ErrorCode, WeichengError
from kernel.i18n import N_, translate

STALE_FORM = N_("This form has expired or was not sent from this site. Open the page again and repeat it.")
TOO_LARGE = N_(
    "At most %(most)s MiB are taken at once. Go back, your input is still there; larger files go by the command line."
)


def install(flask: Flask) -> None:
    """Answer every error with a page."""
    flask.register_error_handler(WeichengError, _known)
    flask.register_error_handler(CSRFError, lambda _error: page(400, translate(STALE_FORM)))
    flask.register_error_handler(HTTPException, _http)
    for broken in BROKEN_BODY:
        flask.register_error_handler(broken, lambda _error: page(400, translate(UNREAD)))
    flask.register_error_handler(Exception, _internal)


def page(status: int, detail: str = "") -> ResponseReturnValue:
    """The problem page. A script without a session is sent to the sign-in page as a whole."""
    title = TITLES.get(status, TITLES[500] if status >= 500 else TITLES[400])
    text = render_template(
        "problem.html",
        status=status,
        title=title,
        detail=detail,
        number=g.get("request_id"),
        item=_item() if status == HTTP_STATUS[ErrorCode.CONFLICT] else "",
    )
    response = make_response(text, status)
    if status == HTTP_STATUS[ErrorCode.UNAUTHENTICATED] and request.headers.get("HX-Request"):
        response.headers["HX-Redirect"] = url_for("sign_in.page")
    return response


def _item() -> str:
    """Where the object is that the act was meant for; "" when it was for a list."""
    return request.path.rpartition("/")[0] if (request.endpoint or "").endswith(":item-act") else ""


def _known(error: WeichengError) -> ResponseReturnValue:
    if error.code is ErrorCode.INTERNAL:
        return _internal(error)
    return page(HTTP_STATUS[error.code], error.text())


def _http(error: HTTPException) -> ResponseReturnValue:
    status = error.code or 500
    most = (request.max_content_length or 0) // 2**20
    return page(status, translate(TOO_LARGE, most=most) if status == RequestEntityTooLarge.code else "")


def _internal(error: Exception) -> ResponseReturnValue:
    structlog.get_logger("web").error("request failed", path=request.path, exc_info=error)
    gone = no_database(error)
    return page(500, translate(INTERNAL)) if gone is None else _known(gone)
