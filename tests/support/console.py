"""The console served over TLS from this very process, so that a test holds its clock and its services."""

import threading
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page, expect
from werkzeug.serving import BaseWSGIServer, make_server

from console.compose.app import App
from console.web.app import create_app
from kernel.clock import FixedClock
from kernel.identity.model import Role
from kernel.identity.passwords import totp_code
from kernel.identity.service import NewAccount
from tests.support.certificates import TestCa
from tests.support.postgres import free_port


@dataclass
class ServedConsole:
    """A console that is served from this process, its clock and its people."""

    app: App
    url: str
    clock: FixedClock
    accounts: dict[Role, NewAccount]

    def token(self, role: Role) -> str:
        """A session of the person of that role; one-time codes work once, so time goes on."""
        self.clock.advance(seconds=30)
        account = self.accounts[role]
        code = totp_code(account.totp_secret, self.clock.now().timestamp())
        return self.app.floor.sign_in.with_password(account.user.login, account.password, code).token

    def work(self) -> None:
        """What the worker would do now."""
        while self.app.jobs.run_next("worker"):
            continue


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


def answered(page: Page) -> None:
    """Wait until what was sent from a dialog is answered: by another page, or in the dialog by what is wrong."""
    expect(page.locator("#dialog[open]:not(:has(.alert-danger))")).to_have_count(0)
    page.wait_for_load_state()
