"""Who may come in and what browsers are told: sessions, headers, the access log."""

import secrets
import time
from datetime import timedelta
from typing import Any

import structlog
from flask import Flask, Response, current_app, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from console.web.context import the_app
from kernel.config import Settings
from kernel.errors import NotPermitted, Unauthenticated
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.ids import new_id
from kernel.secrets import make_private_once

BACKGROUND = "X-Background"  # header of what a page asks for by itself: it keeps no session alive
FIRST = frozenset(
    {"me.password", "me.change_password", "frame.stay"}
)  # open before the first password is changed
UPLOAD = 12 * 2**20  # octets that somebody signed in may send at once: registers, photographs of papers
TYPED = 4 * 2**20  # octets of its fields that are no files: a pasted configuration
COOKIE = "__Host-weicheng"  # __Host-: Secure, this host only, whole site (RFC 6265bis, 4.1.3.2)

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Strict-Transport-Security": "max-age=31536000",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
}


def form_key(settings: Settings) -> bytes:
    """The key that signs the form cookie: made once, the same for all processes and starts."""
    return make_private_once(settings.data_dir / "secrets" / "web.key", secrets.token_bytes(32))


def form_session(settings: Settings) -> dict[str, Any]:
    """Flask's settings of the cookie that holds the CSRF token only; sign-in has a cookie of its own."""
    return {
        "SECRET_KEY": form_key(settings),
        "SESSION_COOKIE_NAME": "__Host-weicheng-form",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Strict",
        "WTF_CSRF_TIME_LIMIT": None,  # as long as the browser's session
    }


def install(flask: Flask) -> None:
    """Guard every request and dress every answer."""
    observe(flask)
    flask.before_request(_require_session)
    flask.context_processor(_session_end)


def observe(flask: Flask) -> None:
    """Number and log every request, dress every answer; whoever uses this alone guards by itself."""
    flask.before_request(_begin)
    flask.teardown_request(lambda _error: request.close())  # uploads rest in temporary files
    flask.after_request(_dress)
    flask.after_request(_log)


def set_session(response: AnyResponse, token: str, lasts: timedelta) -> None:
    """Give the browser the session's token; scripts can't read it and other sites can't have it sent."""
    response.set_cookie(COOKIE, token, max_age=lasts, secure=True, httponly=True, samesite="Strict", path="/")


def who_asks() -> Principal | None:
    """Who is signed in, on a page that needs nobody to be."""
    try:
        return the_app().floor.sign_in.principal(request.cookies.get(COOKIE, ""))
    except Unauthenticated:
        return None


def end_session(response: AnyResponse) -> None:
    """Forget the session's token, and what the browser keeps of its pages for the way back."""
    response.headers["Clear-Site-Data"] = '"cache"'
    response.delete_cookie(COOKIE, secure=True, httponly=True, samesite="Strict", path="/")


def _begin() -> None:
    g.started = time.monotonic()
    g.request_id = new_id("req")
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _require_session() -> AnyResponse | None:
    """Find out who asks. Pages for nobody go to the sign-in page; the answer to a form or a script is a plain 401."""
    view = current_app.view_functions.get(request.endpoint or "")
    if view is None or request.endpoint == "static" or getattr(view, "public", False):
        return None
    token, active = request.cookies.get(COOKIE, ""), BACKGROUND not in request.headers
    try:
        signed_in = the_app().floor.sign_in.resume(token, active=active)
    except Unauthenticated:
        if request.method not in ("GET", "HEAD") or request.headers.get("HX-Request"):
            raise
        wanted = request.full_path if request.query_string else request.path
        return redirect(url_for("sign_in.page", next=wanted if wanted != "/" else None), 303)
    g.principal, g.session = signed_in.principal, signed_in.session
    request.max_content_length, request.max_form_memory_size = UPLOAD, TYPED
    return _first_password() if signed_in.principal.must_change else None


def _first_password() -> AnyResponse | None:
    """Who still has the password that somebody else set goes to change it, and nowhere else."""
    if request.endpoint in FIRST:
        return None
    if request.method in ("GET", "HEAD") and "HX-Request" not in request.headers:
        return redirect(url_for("me.password"), 303)
    raise NotPermitted(
        N_("The first password is known to somebody else."), mend=N_("Set your own password first.")
    )


def _session_end() -> dict[str, int]:
    """For the page to warn in time: seconds until the session ends unless its holder does something."""
    session = g.get("session")
    if session is None:
        return {"idle_seconds": 0}
    app = the_app()
    left = app.floor.sign_in.rules.ends_at(session) - app.clock.now()
    return {"idle_seconds": max(0, int(left.total_seconds()))}


def _dress(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers[name] = value
    if request.endpoint != "static" or response.status_code >= 400:  # a problem page holds a form's token
        response.headers["Cache-Control"] = "no-store"
    response.headers["X-Request-Id"] = g.get("request_id", "")
    return response


def _log(response: Response) -> Response:
    if request.endpoint == "static":
        return response
    principal = g.get("principal")
    structlog.get_logger("web").info(
        "request",
        method=request.method,
        path=request.path,
        status=response.status_code,
        milliseconds=round((time.monotonic() - g.started) * 1000, 1) if "started" in g else None,
        who=principal.id if principal else None,
        origin=request.remote_addr,
    )
    return response
