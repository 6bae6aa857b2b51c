"""The home page: who you are, how things stand, what to do next."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from console.web.context import the_app, the_principal
from console.web.overview import figures, tasks

pages = Blueprint("home", __name__)


@pages.get("/")
def home() -> ResponseReturnValue:
    app, principal = the_app(), the_principal()
    units = {unit.id: unit.name for unit in app.identity.units(principal)}
    return render_template(
        "home.html",
        principal=principal,
        unit=units.get(principal.unit, principal.unit),
        figures=figures(app, principal),
        tasks=tasks(principal),
    )
