"""The two tables that turn an error's code into what an edge answers, and nothing else does; what a status is called."""

from kernel.errors import ErrorCode, Unavailable
from kernel.i18n import N_

HTTP_STATUS: dict[ErrorCode, int] = {
    ErrorCode.INVALID: 422,
    ErrorCode.NOT_FOUND: 404,
    ErrorCode.NOT_PERMITTED: 403,
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.CONFLICT: 409,
    ErrorCode.NEEDS_APPROVAL: 409,
    ErrorCode.INTEGRITY: 500,
    ErrorCode.UNAVAILABLE: 503,
    ErrorCode.LIMIT: 429,
    ErrorCode.PARTIAL: 207,
    ErrorCode.INTERNAL: 500,
}

TITLES: dict[int, str] = {
    400: N_("The request is not right"),
    401: N_("You are not signed in"),
    403: N_("You may not do this"),
    404: N_("There is no such page"),
    405: N_("This can not be done here"),
    409: N_("Something stands in the way"),
    413: N_("This is too large"),
    422: N_("The input is not right"),
    429: N_("Too many requests"),
    500: N_("Something went wrong inside"),
    503: N_("A part of the suite does not answer"),
}
INTERNAL = N_("The error was recorded. Tell the system administrator the number of the request.")

EXIT_STATUS: dict[ErrorCode, int] = {
    ErrorCode.INVALID: 1,
    ErrorCode.NOT_FOUND: 4,
    ErrorCode.NOT_PERMITTED: 5,
    ErrorCode.UNAUTHENTICATED: 5,
    ErrorCode.CONFLICT: 6,
    ErrorCode.NEEDS_APPROVAL: 6,
    ErrorCode.INTEGRITY: 7,
    ErrorCode.UNAVAILABLE: 1,
    ErrorCode.LIMIT: 1,
    ErrorCode.PARTIAL: 3,
    ErrorCode.INTERNAL: 1,
}
EXIT_USAGE = 2
EXIT_CANCELLED = 130


def no_database(error: Exception) -> Unavailable | None:
    """What is told when no connection to the database is to be had; None for any other error."""
    from kernel.store.database import no_connection, unreachable

    return unreachable() if no_connection(error) else None
