"""What handlers ask for: the application, and who is signed in."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Request, current_app, g, request

from console.compose.app import App
from kernel.identity.model import Principal

F = TypeVar("F", bound=Callable[..., Any])


def public(function: F) -> F:
    """Mark an endpoint that needs no session."""
    function.__dict__["public"] = True
    return function


def the_app() -> App:
    """The App that this web application was created over."""
    found: App = current_app.extensions["weicheng"]
    return found


def the_principal() -> Principal:
    """Who is signed in; only for endpoints that are not public."""
    found: Principal = g.principal
    return found


def peer_certificate(asked: Request = request) -> bytes | None:
    """The client certificate (DER) that TLS has proven possession of; None when the browser gave none."""
    connection: Any = asked.environ.get("gunicorn.socket")
    found: bytes | None = connection.getpeercert(True) if connection is not None else None
    return found


def local_path(wanted: str | None) -> str:
    """``wanted`` if it is a path on this very site, else the home page: a sign-in must not send anyone elsewhere."""
    inside = wanted is not None and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    clean = inside and wanted is not None and wanted.isprintable() and "\\" not in wanted
    return wanted if clean and wanted is not None else "/"
