"""The two tables that turn an error's code into what an edge answers, and nothing else does."""

from kernel.errors import ErrorCode

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
