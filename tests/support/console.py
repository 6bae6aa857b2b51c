"""The console served over TLS from this very process, so that a test holds its clock and its services."""

import threading
from pathlib import Path

from playwright.sync_api import Page, expect
from werkzeug.serving import BaseWSGIServer, make_server

from console.compose.app import App
from console.web.app import create_app
from tests.support.certificates import TestCa
from tests.support.postgres import free_port


def serve(app: App, folder: Path) -> tuple[BaseWSGIServer, str]:
    """A running server and its address; ``shutdown()`` ends it."""
    pair, port = TestCa(folder).server(), free_port()
    tls = (str(pair.certificate), str(pair.key))
    server = make_server("127.0.0.1", port, create_app(app), threaded=True, ssl_context=tls)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, f"https://127.0.0.1:{port}"


def drawn(page: Page) -> None:
    """Wait until every picture of the page is drawn."""
    expect(page.locator("[data-picture]:not(.picture-ready)")).to_have_count(0)
