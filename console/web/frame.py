"""What the frame of every page needs: the bell, the person's own pages, and a way to stay signed in."""

from flask import Blueprint, Flask, g
from flask.typing import ResponseReturnValue

from console.web.context import the_app, the_principal
from kernel.errors import WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import APPROVING, permissions_of

pages = Blueprint("frame", __name__)

APPROVALS = "/identity/approvals"
OWN_PAGES = (
    (N_("My sessions"), "/identity/sessions"),
    (N_("My API tokens"), "/identity/tokens"),
)


def install(flask: Flask) -> None:
    """Teach templates what the frame shows."""
    app = flask.extensions["weicheng"]
    flask.jinja_env.globals.update(
        own_pages=OWN_PAGES,
        approvals_url=APPROVALS,
        idle_seconds=app.settings.web.idle_minutes * 60,
        now=app.clock.now,
    )
    flask.register_blueprint(pages)


@pages.get("/stay")
def stay() -> ResponseReturnValue:
    """Nothing but a sign of life: the session's idle time begins anew."""
    the_principal()
    return "", 204


@pages.app_context_processor
def bell() -> dict[str, int | None]:
    """How many approvals wait for the person; None for who never approves."""
    principal: Principal | None = g.get("principal")
    if principal is None or not permissions_of(principal.roles) & APPROVING:
        return {"waiting": None}
    floor = the_app().floor
    try:
        with floor.database.read() as connection:
            return {"waiting": len(floor.approvals.waiting_for(connection, principal))}
    except WeichengError:  # the page itself tells what is wrong; its frame must not hide that
        return {"waiting": None}
