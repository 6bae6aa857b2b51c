"""The paths that docs/capabilities.md names are served: pages and API by the console, the others by the public service."""

import re

from werkzeug.exceptions import NotFound
from werkzeug.routing import RequestRedirect

from ca.web import ROUTES, StatusSite
from console.api.operations import PREFIX
from kernel.edges.public import Asked
from tests.unit.console.conftest import Console
from tests.unit.repo.test_documents import CAPABILITIES

NAMED = {row[0]: re.findall(r"`(/[^`]+)`", row[3]) for row in CAPABILITIES}


def served(console: Console, path: str) -> bool:
    """Words in capitals stand for any name, numbers among them."""
    public = StatusSite(console.app.ca)
    for name in ("x", "1"):
        tried = re.sub(r"\b[A-Z]+\b", name, path)
        if tried == PREFIX or public.together(Asked("GET", tried)):
            return True
        if any(route.fullmatch(tried) for _, route, _ in ROUTES):
            return True
        try:
            console.flask.url_map.bind("127.0.0.1").match(tried)
        except RequestRedirect:
            return True
        except NotFound:
            continue
        return True
    return False


def test_what_is_named_is_served(console: Console) -> None:
    assert [(row, path) for row, paths in NAMED.items() for path in paths if not served(console, path)] == []
