"""Builds the web application over one App. Deny by default: an endpoint not marked ``public`` needs a session."""

from flask import Flask
from flask_wtf import CSRFProtect

from console.api import page as api_page
from console.api.app import beside, create_api
from console.compose.app import App
from console.resources import resources
from console.web import (
    frame,
    health,
    home,
    language,
    me,
    menu,
    preferences,
    problems,
    rooms,
    search,
    security,
    setup,
    sign_in,
)
from console.web.engine import routes
from console.web.labels import role_name
from kernel.edges.plain import plain


def create_app(app: App) -> Flask:
    """The WSGI application; serve it over HTTPS only, its cookies are sent nowhere else."""
    flask = Flask("console.web", static_folder="../static", static_url_path="/static")
    flask.config.update(
        security.form_session(app.settings),
        MAX_CONTENT_LENGTH=2**20,  # of whoever is not signed in; security.UPLOAD of others
        WTF_CSRF_SSL_STRICT=True,
    )
    flask.extensions["weicheng"] = app
    language.install(flask, app.settings, app.clock)
    setup.install(flask)
    security.install(flask)
    CSRFProtect(flask)
    problems.install(flask)
    frame.install(flask)
    for blueprint in (
        setup.pages,
        sign_in.pages,
        me.pages,
        home.pages,
        health.pages,
        preferences.pages,
        search.pages,
    ):
        flask.register_blueprint(blueprint)
    flask.register_blueprint(api_page.pages)
    flask.jinja_env.finalize = _harmless
    panels, entries = rooms.install(flask)
    routes.install(flask, resources(), panels)
    menu.install(flask, resources(), entries)
    flask.jinja_env.globals.update(role_name=role_name, organisation=app.settings.organisation)
    api = create_api(app, resources())
    flask.wsgi_app = beside(flask.wsgi_app, api.wsgi_app)  # type: ignore[assignment,method-assign]
    return flask


def _harmless(value: object) -> object:
    """What a template writes: text of others steers neither the reading direction nor a terminal it is copied to."""
    return plain(value) if type(value) is str else value
