"""One's own pages: who one is to the suite, and a password that nobody else knows."""

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from console.problems import HTTP_STATUS
from console.resources.permission_names import PERMISSION_NAMES
from console.web.context import the_app, the_principal
from kernel.edges.shared import unit_names
from kernel.errors import Invalid
from kernel.i18n import N_, translate

pages = Blueprint("me", __name__)
DIFFERENT = N_("The two new passwords are not the same.")


@pages.get("/me")
def profile() -> ResponseReturnValue:
    """Who is signed in, what they may do, and where they are signed in."""
    app, principal = the_app(), the_principal()
    units = unit_names(app, principal)
    return render_template(
        "me/profile.html",
        principal=principal,
        unit=units.get(principal.unit, principal.unit),
        permissions=[
            name for one, name in PERMISSION_NAMES.items() if app.floor.access.allows(principal, one)
        ],
        session=g.session,
        ends=app.floor.sign_in.rules.ends_at(g.session),
    )


@pages.get("/me/password")
def password() -> ResponseReturnValue:
    return _form()


@pages.post("/me/password")
def change_password() -> ResponseReturnValue:
    old, new, again = (request.form.get(name, "") for name in ("old", "new", "again"))
    try:
        if new != again:
            raise Invalid(DIFFERENT)
        the_app().floor.sign_in.change_password(the_principal(), old, new)
    except Invalid as error:
        return _form(translate(error.message, **error.params)), HTTP_STATUS[error.code]
    flash(translate(N_("Your password is changed; your other sessions have ended.")))
    return redirect(url_for("home.home" if the_principal().must_change else "me.profile"), 303)


def _form(problem: str = "") -> str:
    rules = the_app().settings.identity
    return render_template(
        "me/password.html", problem=problem, first=the_principal().must_change, shortest=rules.password_length
    )
