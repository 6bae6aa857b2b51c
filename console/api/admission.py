"""Who asks, how often, and in which language: what every server of the API goes by, whatever carries its requests."""

from functools import lru_cache

from werkzeug.datastructures import LanguageAccept
from werkzeug.http import parse_accept_header

from console.api.problems import TooOften
from kernel.edges.limits import Buckets
from kernel.i18n import N_, normalise_language
from kernel.identity.model import Principal

FAILURES = 30  # a minute that an origin may ask without a valid token or session
MEND = N_("Send Authorization: Bearer and a token.")


class Admission:
    """How often a token, a session, and an origin without either may ask this process; TooOften beyond."""

    def __init__(self, per_minute: int) -> None:
        self._asked, self._failed = Buckets(per_minute), Buckets(FAILURES)

    def look(self, origin: str) -> None:
        """Before anybody looks who it is."""
        if seconds := self._failed.wait(origin, take=0):
            raise TooOften(seconds)

    def failed(self, origin: str) -> None:
        """Count that it was nobody."""
        self._failed.wait(origin)

    def count(self, principal: Principal) -> None:
        """Count a request of somebody."""
        if seconds := self._asked.wait(principal.via or principal.id):
            raise TooOften(seconds)


def bearer(authorization: str) -> str | None:
    """The token of an Authorization header (RFC 6750 section 2.1); None when there is none in it."""
    scheme, _, raw = authorization.partition(" ")
    return raw.strip() if scheme.lower() == "bearer" else None


@lru_cache(maxsize=256)
def language_of(accepted: str, default: str) -> str:
    """What the client accepts (Accept-Language), else ``default``."""
    for tag in parse_accept_header(accepted, LanguageAccept).values():
        if tag.lower().startswith(("zh", "en")):
            return normalise_language(tag)
    return default
