"""Errors as problem details (RFC 9457), in the caller's language; of internal errors only their number."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from pydantic import ValidationError

from console.api.answers import Fault, Problem
from console.exchange.validation import explain
from console.problems import HTTP_STATUS, INTERNAL, TITLES
from kernel.edges.resources import Input
from kernel.errors import ErrorCode, Invalid, LimitExceeded, WeichengError
from kernel.i18n import N_, translate

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


@dataclass(frozen=True)
class About:
    """The request that a problem is told of: its path, and its number in the log."""

    path: str
    number: str


class Refused(Exception):
    """What HTTP itself refuses, before any service is asked: a status of REFUSALS, and headers that go with it."""

    status = 400

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(self.status)
        self.headers = headers or {}


class Malformed(Refused):
    """The body is no JSON."""


class Stale(Refused):
    """``If-Match`` names another state of the object."""

    status = 412


class NotJson(Refused):
    """The body is of another kind than JSON."""

    status = 415


class Nowhere(Refused):
    """There is nothing under the path."""

    status = 404


class NoMethod(Refused):
    """The path does not know the method."""

    status = 405


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


def problem_of(error: WeichengError | Refused, about: About) -> Problem:
    """The error in the current language."""
    if isinstance(error, Refused):
        return refusal(error.status, about)
    return _problem(
        HTTP_STATUS[error.code],
        str(error.code),
        about,
        translate(error.message, **error.params),
        translate(error.mend, **error.params),
        error.place,
        getattr(error, "faults", ()),
    )


def refusal(status: int, about: About) -> Problem:
    """What HTTP refuses with that status."""
    kind, detail, mend = REFUSALS.get(status, ("refused", ALL_TITLES.get(status, TITLES[400]), ""))
    return _problem(status, kind, about, translate(detail), translate(mend))


def internal(error: Exception, about: About) -> Problem:
    """Recorded whole, told without detail."""
    record(error, about)
    return fault(about)


def record(error: Exception, *ended: About) -> None:
    """Write the error down with the requests that it ended."""
    numbers = " ".join(one.number for one in ended)
    structlog.get_logger("api").error(
        "request failed", path=ended[0].path, request_id=numbers, exc_info=error
    )


def fault(about: About) -> Problem:
    """What is told of a recorded error."""
    return _problem(500, str(ErrorCode.INTERNAL), about, translate(INTERNAL))


def headers_of(error: WeichengError | Refused, *, authorized: bool) -> dict[str, str]:
    """The header fields that go with the error; ``authorized``: the request had an Authorization of its own."""
    if isinstance(error, Refused):
        return dict(error.headers)
    if error.code is ErrorCode.UNAUTHENTICATED:
        known = ', error="invalid_token"' if authorized else ""
        return {"WWW-Authenticate": f'Bearer realm="weicheng"{known}'}
    if isinstance(error, TooOften):
        return {"Retry-After": str(error.params["seconds"])}
    return {}


def _problem(
    status: int,
    kind: str,
    about: About,
    detail: str,
    mend: str = "",
    place: str = "",
    errors: tuple[Fault, ...] = (),
) -> Problem:
    title = ALL_TITLES.get(status) or TITLES[500 if status >= 500 else 400]
    return Problem(
        type=f"urn:weicheng:problem:{kind}",
        title=translate(title),
        status=status,
        detail=detail,
        mend=mend,
        place=place,
        instance=about.path,
        request_id=about.number,
        errors=errors,
    )
