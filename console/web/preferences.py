"""Language and colours: kept by the browser, and for who is signed in also by the suite, for their next browser."""

from datetime import timedelta

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from console.web import language, security
from console.web.context import local_path, public, the_app
from kernel.i18n import LANGUAGES
from kernel.identity.model import Principal

pages = Blueprint("preferences", __name__)
THEME_COOKIE = "__Host-weicheng-theme"
CHOICES = {"language": (language.COOKIE, LANGUAGES), "theme": (THEME_COOKIE, ("light", "dark", "auto"))}


@pages.post("/preferences")
@public
def choose() -> Response:
    """Remember what was chosen and go back to where it was chosen."""
    response = redirect(local_path(request.form.get("next")), 303)
    principal = security.who_asks()
    for name, (_cookie, allowed) in CHOICES.items():
        if request.form.get(name) in allowed:
            _tell_browser(response, name, request.form[name])
            if principal is not None:
                the_app().floor.preferences.put(principal, name, request.form[name])
    return response


def bring_along(response: Response, principal: Principal) -> None:
    """Give the browser of somebody who just signed in what they chose in another one."""
    chosen = the_app().floor.preferences.all(principal)
    for name, (_cookie, allowed) in CHOICES.items():
        if chosen.get(name) in allowed:
            _tell_browser(response, name, chosen[name])


def _tell_browser(response: Response, name: str, value: str) -> None:
    year = timedelta(days=365)
    response.set_cookie(
        CHOICES[name][0], value, max_age=year, secure=True, httponly=True, samesite="Strict", path="/"
    )


@pages.app_context_processor
def theme() -> dict[str, str]:
    """The colours that the page begins with; "auto" follows the system."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return {"theme": chosen if chosen in CHOICES["theme"][1] else "auto"}
