"""What the frame of every page needs: the bell, the person's own pages, and a way to stay signed in."""

from flask import Blueprint, Flask, g, jsonify
from flask.typing import ResponseReturnValue

from console.web.context import the_app
from kernel.errors import WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import APPROVING

pages = Blueprint("frame", __name__)

APPROVALS = "/identity/approvals?filter[mine]=decide"
OWN_PAGES = (
    (N_("My profile"), "/me"),
    (N_("My sessions"), "/identity/sessions"),
    (N_("My API tokens"), "/identity/tokens"),
)


def install(flask: Flask) -> None:
    """Teach templates what the frame shows."""
    app = flask.extensions["weicheng"]
    flask.jinja_env.globals.update(
        own_pages=OWN_PAGES,
        approvals_url=APPROVALS,
        now=app.clock.now,
    )
    flask.register_blueprint(pages)


@pages.get("/stay")
def stay() -> ResponseReturnValue:
    """A sign of life: the session's idle time begins anew; tells how many seconds are left now."""
    left = the_app().floor.sign_in.rules.ends_at(g.session) - the_app().clock.now()
    return jsonify(seconds=int(left.total_seconds()))


@pages.app_context_processor
def bell() -> dict[str, int | None]:
    """How many approvals wait for the person; None for who never approves."""
    principal: Principal | None = g.get("principal")
    floor = the_app().floor
    if principal is None or not floor.access.permissions(principal) & APPROVING:
        return {"waiting": None}
    try:
        return {"waiting": floor.four_eyes.waiting(principal)}
    except WeichengError:  # the page itself tells what is wrong; its frame must not hide that
        return {"waiting": None}
