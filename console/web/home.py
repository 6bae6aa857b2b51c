"""The home page: what waits for you, how things stand, what your roles do."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from console.web.context import the_app, the_principal
from console.web.overview import figures, posture, tasks, waiting
from kernel.edges.shared import unit_names

pages = Blueprint("home", __name__)


@pages.get("/")
def home() -> ResponseReturnValue:
    app, principal = the_app(), the_principal()
    units = unit_names(app, principal)
    return render_template(
        "home.html",
        principal=principal,
        unit=units.get(principal.unit, principal.unit),
        waiting_for_me=waiting(app, principal),
        figures=figures(app, principal),
        tasks=tasks(principal),
        posture=posture(app, principal),
    )
