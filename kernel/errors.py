"""The one internal error type.

An error says what is wrong, where (``place``) and how to mend it, as messages for translation. Edges turn its code into an
HTTP problem or an exit status; anything that is not a WeichengError is an internal error whose detail never leaves.
"""

from enum import StrEnum
from typing import Any

from kernel.i18n import translate


class ErrorCode(StrEnum):
    """What kind of error it is; console maps each to an HTTP status and an exit status."""

    INVALID = "invalid"
    NOT_FOUND = "not_found"
    NOT_PERMITTED = "not_permitted"
    UNAUTHENTICATED = "unauthenticated"
    CONFLICT = "conflict"
    NEEDS_APPROVAL = "needs_approval"
    INTEGRITY = "integrity"
    UNAVAILABLE = "unavailable"
    LIMIT = "limit"
    PARTIAL = "partial"
    INTERNAL = "internal"


class WeichengError(Exception):
    """An error a user can act on.

    ``message`` and ``mend`` are English message ids (marked with N_), ``place`` names where the fault is (file:line, field,
    host), ``params`` fill the placeholders of both messages. Never put a secret into any of them.
    """

    def __init__(
        self, code: ErrorCode, message: str, *, mend: str = "", place: str = "", **params: Any
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.mend = mend
        self.place = place
        self.params = params

    def text(self, language: str | None = None) -> str:
        """One line in the reader's language: place, message, mend."""
        place = f"{self.place}: " if self.place else ""
        return place + self.sentence(language)

    def sentence(self, language: str | None = None) -> str:
        """What is wrong and how to mend it, for whoever sees the place anyway."""
        message = translate(self.message, language, **self.params)
        mend = translate(self.mend, language, **self.params)
        gap = " " if mend and not message.endswith("。") else ""  # Chinese sentences stand without a blank
        return message + gap + mend

    def __str__(self) -> str:
        return self.text("en")


class Invalid(WeichengError):
    """Input that breaks a rule."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: Any) -> None:
        super().__init__(ErrorCode.INVALID, message, mend=mend, place=place, **params)


class NotFound(WeichengError):
    """The named object does not exist, or the asker may not know that it does."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: Any) -> None:
        super().__init__(ErrorCode.NOT_FOUND, message, mend=mend, place=place, **params)


class NotPermitted(WeichengError):
    """The principal lacks the permission, or the object lies outside its units."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: Any) -> None:
        super().__init__(ErrorCode.NOT_PERMITTED, message, mend=mend, place=place, **params)


class Unauthenticated(WeichengError):
    """Nobody is signed in, or the sign-in failed."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: Any) -> None:
        super().__init__(ErrorCode.UNAUTHENTICATED, message, mend=mend, place=place, **params)


class Conflict(WeichengError):
    """The object is not in a state that allows this, or somebody else changed it first."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: Any) -> None:
        super().__init__(ErrorCode.CONFLICT, message, mend=mend, place=place, **params)


class NeedsApproval(WeichengError):
    """A second person must approve first."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: Any) -> None:
        super().__init__(ErrorCode.NEEDS_APPROVAL, message, mend=mend, place=place, **params)


class IntegrityFailed(WeichengError):
    """A digest, signature or chain does not hold."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: Any) -> None:
        super().__init__(ErrorCode.INTEGRITY, message, mend=mend, place=place, **params)


class Unavailable(WeichengError):
    """A device, program or service that is needed does not answer or is not installed."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: Any) -> None:
        super().__init__(ErrorCode.UNAVAILABLE, message, mend=mend, place=place, **params)


class LimitExceeded(WeichengError):
    """Input or use beyond a stated limit."""

    def __init__(self, message: str, *, mend: str = "", place: str = "", **params: Any) -> None:
        super().__init__(ErrorCode.LIMIT, message, mend=mend, place=place, **params)


BY_CODE: dict[ErrorCode, type[Any]] = {
    ErrorCode.INVALID: Invalid,
    ErrorCode.NOT_FOUND: NotFound,
    ErrorCode.NOT_PERMITTED: NotPermitted,
    ErrorCode.UNAUTHENTICATED: Unauthenticated,
    ErrorCode.CONFLICT: Conflict,
    ErrorCode.NEEDS_APPROVAL: NeedsApproval,
    ErrorCode.INTEGRITY: IntegrityFailed,
    ErrorCode.UNAVAILABLE: Unavailable,
    ErrorCode.LIMIT: LimitExceeded,
}


def rebuild(
    code: ErrorCode, message: str, *, mend: str = "", place: str = "", **params: Any
) -> WeichengError:
    """The error another process reported, as the type that stands for its code."""
    kind = BY_CODE.get(code)
    if kind is None:
        return WeichengError(code, message, mend=mend, place=place, **params)
    made: WeichengError = kind(message, mend=mend, place=place, **params)
    return made
