"""Who asks, and how often they may: a token, or a browser's session. Everything here needs one of them."""

from flask import Flask, g, request
from flask_wtf.csrf import validate_csrf

from console.api.problems import TooOften
from console.compose.app import App
from console.web.language import COOKIE as LANGUAGE_COOKIE
from console.web.security import COOKIE
from kernel.edges.limits import Buckets
from kernel.errors import NotPermitted, Unauthenticated
from kernel.i18n import LANGUAGES, N_, normalise_language, set_language
from kernel.identity.model import Principal

FAILURES = 30  # a minute that an origin may ask without a valid token or session
READING = ("GET", "HEAD", "OPTIONS")
NOBODY = N_("This needs a token or a session.")
FORGED = N_("A browser's session changes something only with the X-CSRFToken header of its page.")
MEND = N_("Send Authorization: Bearer and a token.")


def install(flask: Flask, app: App) -> None:
    """Find out language and principal before anything else, the path included: nobody learns what there is."""
    asked, failed = Buckets(app.settings.web.api_per_minute), Buckets(FAILURES)

    @flask.before_request
    def language() -> None:
        set_language(_language(app.settings.language))

    @flask.before_request
    def authenticate() -> None:
        origin = request.remote_addr or ""
        if seconds := failed.wait(origin, take=0):
            raise TooOften(seconds)
        try:
            g.principal = _principal(app)
        except Unauthenticated:
            failed.wait(origin)
            raise
        if seconds := asked.wait(g.principal.via or g.principal.id):
            raise TooOften(seconds)


def _principal(app: App) -> Principal:
    """A session's unsafe requests need the token of a page of ours besides: other sites' pages do not have it."""
    scheme, _, raw = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return app.floor.tokens.principal(raw.strip())
    session = request.cookies.get(COOKIE)
    if scheme or not session:
        raise Unauthenticated(NOBODY, mend=MEND)
    principal = app.floor.sign_in.principal(session)
    if request.method not in READING:
        try:
            validate_csrf(request.headers.get("X-CSRFToken"))
        except ValueError:  # WTForms' ValidationError is one
            raise NotPermitted(FORGED, place="X-CSRFToken") from None
    return principal


def _language(default: str) -> str:
    """What the page of the session shows, else what the client accepts, else the installation's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    for tag in request.accept_languages.values():
        if tag.lower().startswith(("zh", "en")):
            return normalise_language(tag)
    return default
