"""Requests that HTTP itself can not read: nothing is known of them, neither path nor language, so that all get the same answer.

It is a problem (RFC 9457) as the API's are, in both languages; what was sent is not echoed.
"""

from http import HTTPStatus

from gunicorn.http import errors

from console.api.answers import Problem
from console.api.problems import MEDIA_TYPE
from kernel.i18n import LANGUAGES, N_, speaking, translate

UNREAD = N_("The request can not be read as HTTP.")
BROKEN_BODY = (errors.ParseException, errors.NoMoreData)  # raised where an application reads the body
_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (errors.InvalidResponseHeader, 500),
    (errors.InvalidResponseHeaderName, 500),
    (errors.LimitRequestLine, 414),
    (errors.LimitRequestHeaders, 431),
    (errors.ExpectationFailed, 417),
    (errors.UnsupportedTransferCoding, 501),
    (errors.ParseException, 400),
    (OSError, 400),  # no TLS, for one
)
_DETAIL = {
    400: UNREAD,
    414: N_("The address is longer than is accepted."),
    417: N_("What the request expects can not be met."),
    431: N_("The head of the request is larger than is accepted."),
    500: N_("Something went wrong inside"),
    501: N_("The transfer coding is not known."),
}


def status_of(error: Exception) -> int:
    """What the error is to the client."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def answer(status: int) -> bytes:
    """The whole response; the connection ends with it."""
    body = _problem(status).model_dump_json().encode()
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Connection: close",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
    )
    return "\r\n".join((*head, "", "")).encode() + body


def _problem(status: int) -> Problem:
    return Problem(
        type="urn:weicheng:problem:unread" if status < 500 else "urn:weicheng:problem:internal",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=" ".join(_spoken(_DETAIL[status])),
        mend="",
        place="",
        instance="",
        request_id="",
    )


def _spoken(message: str) -> list[str]:
    spoken = []
    for language in LANGUAGES:
        with speaking(language):
            spoken.append(translate(message))
    return spoken
