"""Who asks, and how often they may: a token, or a browser's session. Everything here needs one of them."""

from flask import Flask, g, request
from flask_wtf.csrf import validate_csrf

from console.api.admission import MEND, Admission, bearer, language_of
from console.compose.app import App
from console.web.language import COOKIE as LANGUAGE_COOKIE
from console.web.security import COOKIE
from kernel.errors import NotPermitted, Unauthenticated
from kernel.i18n import LANGUAGES, N_, set_language
from kernel.identity.model import Principal

READING = ("GET", "HEAD", "OPTIONS")
NOBODY = N_("This needs a token or a session.")
FORGED = N_("A browser's session changes something only with the X-CSRFToken header of its page.")


def install(flask: Flask, app: App) -> None:
    """Find out language and principal before anything else, the path included: nobody learns what there is."""
    admission = Admission(app.settings.web.api_per_minute)

    @flask.before_request
    def language() -> None:
        set_language(_language(app.settings.language))

    @flask.before_request
    def authenticate() -> None:
        origin = request.remote_addr or ""
        admission.look(origin)
        try:
            g.principal = _principal(app)
        except Unauthenticated:
            admission.failed(origin)
            raise
        admission.count(g.principal)


def _principal(app: App) -> Principal:
    """A session's unsafe requests need the token of a page of ours besides: other sites' pages do not have it."""
    authorization = request.headers.get("Authorization", "")
    raw = bearer(authorization)
    if raw is not None:
        return app.floor.tokens.principal(raw)
    session = request.cookies.get(COOKIE)
    if authorization or not session:
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
    return language_of(request.headers.get("Accept-Language", ""), default)
