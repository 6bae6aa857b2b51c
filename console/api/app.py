"""The API as an application of its own beside the console's: no forms, no pages, every answer JSON."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from flask import Flask, Response

from console.api import document, endpoints, guard, refusing
from console.api.operations import PREFIX
from console.compose.app import App
from console.web import security
from kernel.edges.resources import Resource
from kernel.i18n import current_language

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

MOST_OCTETS = 8 * 2**20  # of a body: registers and configurations come as Base64


def create_api(app: App, resources: Mapping[str, Resource]) -> Flask:
    """The WSGI application; ``resources`` by their names. It knows the paths below ``PREFIX`` only."""
    flask = Flask("console.api", static_folder=None)
    flask.config.update(security.form_session(app.settings), MAX_CONTENT_LENGTH=MOST_OCTETS)
    security.observe(flask)
    guard.install(flask, app)
    refusing.install(flask)
    endpoints.install(flask, app, resources)
    document.install(flask, resources)
    flask.after_request(_speak)
    return flask


def beside(web: "WSGIApplication", api: "WSGIApplication") -> "WSGIApplication":
    """Both as one application: requests below ``PREFIX`` are the API's."""

    def both(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        chosen = api if path == PREFIX or path.startswith(f"{PREFIX}/") else web
        return chosen(environ, start)

    return both


def _speak(response: Response) -> Response:
    response.headers["Content-Language"] = "en" if current_language() == "en" else "zh-CN"
    response.headers["Vary"] = "Accept-Language, Authorization, Cookie"
    return response
