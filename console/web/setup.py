"""First run: while nobody exists every page leads here, and the three administrators are named."""

from base64 import b64encode
from io import BytesIO

from flask import Blueprint, Flask, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.wrappers import Response

from console.problems import HTTP_STATUS
from console.web.context import public, the_app
from kernel.errors import ErrorCode, NotFound, WeichengError
from kernel.i18n import N_
from kernel.identity.model import Role
from kernel.identity.service import THREE_ADMINISTRATORS

pages = Blueprint("setup", __name__)
OPEN = frozenset(
    {"setup.page", "setup.perform", "preferences.choose", "static", "health.alive", "health.ready"}
)
TASKS = {
    Role.SYSTEM_ADMINISTRATOR: N_("Makes accounts and units, keeps the suite running; grants nothing."),
    Role.SECURITY_OFFICER: N_("Grants roles and decides on certificates; makes no accounts."),
    Role.AUDITOR: N_("Reads what the other two did; changes nothing."),
}


def install(flask: Flask) -> None:
    """Lead everybody to the set-up while it is needed; teach templates ``qr``."""
    flask.before_request(_lead_here)
    flask.jinja_env.globals["qr"] = qr


def _lead_here() -> Response | None:
    if request.endpoint in OPEN or not the_app().floor.first_run.needed():
        return None
    return redirect(url_for("setup.page"), 303)


@pages.get("/setup")
@public
def page() -> ResponseReturnValue:
    return _form()


@pages.post("/setup")
@public
def perform() -> ResponseReturnValue:
    """Make the three; their first passwords and keys are on this one page and nowhere else."""
    _while_needed()
    logins = {role: (_field(f"login-{role}"), _field(f"name-{role}")) for role in THREE_ADMINISTRATORS}
    try:
        made = the_app().floor.first_run.set_up(
            _field("code"), _field("organisation"), logins, request.remote_addr or ""
        )
    except WeichengError as error:
        if error.code is ErrorCode.INTERNAL:
            raise
        return _form(error.text()), HTTP_STATUS[error.code]
    return render_template("setup_done.html", accounts=made)


def _form(problem: str = "") -> str:
    _while_needed()
    return render_template(
        "setup.html",
        problem=problem,
        file=the_app().floor.first_run.offer(),
        roles=[(role, TASKS[role]) for role in THREE_ADMINISTRATORS],
        organisation=_field("organisation") or the_app().settings.organisation,
    )


def _while_needed() -> None:
    if not the_app().floor.first_run.needed():
        raise NotFound(N_("There is no such page."))


def _field(name: str) -> str:
    return request.form.get(name, "").strip()


def qr(text: str) -> str:
    """A QR code (ISO/IEC 18004) as a data URI of an SVG picture, dark on white in any colours of the page."""
    import segno

    drawn = BytesIO()
    segno.make(text, micro=False).save(drawn, kind="svg", scale=4, border=4, light="white", xmldecl=False)
    return f"data:image/svg+xml;base64,{b64encode(drawn.getvalue()).decode()}"
