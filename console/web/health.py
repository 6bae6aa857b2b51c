"""Whether the suite works: for people, and for the programs that watch it."""

from flask import Blueprint, jsonify, render_template
from flask.typing import ResponseReturnValue

from console.health import Probe, check_database, check_parts
from console.web.context import public, the_app, the_principal
from kernel.errors import WeichengError
from kernel.identity.permissions import Permission

pages = Blueprint("health", __name__)


@pages.get("/healthz")
@public
def alive() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@pages.get("/readyz")
@public
def ready() -> ResponseReturnValue:
    """It can do its work: the database answers. Says no more than that, for anyone may ask."""
    try:
        check_database(_probe())
    except WeichengError:
        return jsonify(status="unavailable"), 503
    return jsonify(status="ok")


@pages.get("/health")
def health() -> ResponseReturnValue:
    """Every part, with what is wrong and how to mend it. This page itself shows that the web part works."""
    app = the_app()
    app.floor.access.require(the_principal(), Permission.HEALTH_READ)
    parts = check_parts(_probe(), without=frozenset({"web"}))
    return render_template("health.html", parts=parts, at=app.clock.now())


def _probe() -> Probe:
    app = the_app()
    return Probe(app.settings, app.clock, lambda: app.floor.database)
