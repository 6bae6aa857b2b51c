"""Language and colours, kept by the browser."""

from datetime import timedelta

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from console.web import language
from console.web.context import local_path, public
from kernel.i18n import LANGUAGES

pages = Blueprint("preferences", __name__)
THEME_COOKIE = "__Host-weicheng-theme"
CHOICES = {"language": (language.COOKIE, LANGUAGES), "theme": (THEME_COOKIE, ("light", "dark", "auto"))}


@pages.post("/preferences")
@public
def choose() -> Response:
    """Remember what was chosen and go back to where it was chosen."""
    response = redirect(local_path(request.form.get("next")), 303)
    for name, (cookie, allowed) in CHOICES.items():
        if request.form.get(name) in allowed:
            year = timedelta(days=365)
            response.set_cookie(
                cookie,
                request.form[name],
                max_age=year,
                secure=True,
                httponly=True,
                samesite="Strict",
                path="/",
            )
    return response


@pages.app_context_processor
def theme() -> dict[str, str]:
    """The colours that the page begins with; "auto" follows the system."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return {"theme": chosen if chosen in CHOICES["theme"][1] else "auto"}
