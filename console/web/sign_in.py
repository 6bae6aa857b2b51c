"""Signing in by password and one-time code or by client certificate, and signing out (ID-2)."""

from datetime import timedelta

from flask import Blueprint, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from console.problems import HTTP_STATUS
from console.web import preferences, security
from console.web.context import local_path, peer_certificate, public, the_app
from kernel.errors import LimitExceeded, Unauthenticated, WeichengError
from kernel.i18n import N_
from kernel.identity.sign_in import SignedIn

pages = Blueprint("sign_in", __name__)
NO_CERTIFICATE = N_(
    "Your browser gave no certificate. Insert the USB token or import the certificate, then open the page again."
)


@pages.get("/sign-in")
@public
def page() -> ResponseReturnValue:
    return _form()


@pages.post("/sign-in")
@public
def with_password() -> ResponseReturnValue:
    login, password, code = (request.form.get(name, "") for name in ("login", "password", "code"))
    try:
        signed_in = the_app().floor.sign_in.with_password(login, password, code, request.remote_addr or "")
    except (Unauthenticated, LimitExceeded) as error:
        return _refused(error)
    return _welcome(signed_in)


@pages.post("/sign-in/certificate")
@public
def with_certificate() -> ResponseReturnValue:
    certificate = peer_certificate()
    try:
        if certificate is None:
            raise Unauthenticated(NO_CERTIFICATE)
        signed_in = the_app().floor.sign_in.with_certificate(certificate, request.remote_addr or "")
    except (Unauthenticated, LimitExceeded) as error:
        return _refused(error)
    return _welcome(signed_in)


@pages.post("/sign-out")
@public
def sign_out() -> ResponseReturnValue:
    """Works without a session too: whoever signs out wants none."""
    the_app().floor.sign_in.sign_out(request.cookies.get(security.COOKIE, ""))
    response = redirect(url_for("sign_in.page"), 303)
    security.end_session(response)
    return response


def _form(problem: str = "") -> str:
    return render_template(
        "sign_in.html",
        problem=problem,
        next=local_path(request.values.get("next")),
        login=request.form.get("login", ""),
        has_certificate=peer_certificate() is not None,
    )


def _refused(error: WeichengError) -> ResponseReturnValue:
    """The form again, with what was wrong; who tried too often learns when to try again (RFC 9110, 10.2.3)."""
    response = make_response(_form(error.text()), HTTP_STATUS[error.code])
    if "seconds" in error.params:
        response.headers["Retry-After"] = str(error.params["seconds"])
    return response


def _welcome(signed_in: SignedIn) -> ResponseReturnValue:
    session.clear()  # forms of before the sign-in are of no use after it
    the_app().floor.sign_in.sign_out(request.cookies.get(security.COOKIE, ""))  # nobody holds it any longer
    response = make_response(redirect(local_path(request.form.get("next")), 303))
    security.set_session(response, signed_in.token, timedelta(hours=the_app().settings.web.session_hours))
    preferences.bring_along(response, signed_in.principal)
    return response
