"""The console over a fresh installation with its people, without the rooms."""

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from console.compose.app import App
from console.compose.floor import build_floor
from console.compose.tables import import_all_tables
from console.demo.people import OTHERS, THREE, enter_first
from console.web.app import create_app
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.evidence.ports import NullSealer
from kernel.identity.model import Role
from kernel.identity.passwords import totp_code
from kernel.identity.service import NewAccount

START = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
BASE = "https://127.0.0.1:8443"


@dataclass
class Issued:
    """Stands where the CA does: good are the certificates that were issued and not revoked."""

    certificates: set[bytes] = field(default_factory=set)

    def good(self, certificate: bytes) -> bool:
        return certificate in self.certificates


@dataclass
class Console:
    """The web application, and what tests need to walk in."""

    app: App
    flask: Flask
    clock: FixedClock
    issued: Issued
    accounts: dict[Role, NewAccount]

    def browser(self, certificate: bytes | None = None) -> "Browser":
        return Browser(self, certificate)


class _Connection:
    """A TLS connection on which the client showed this certificate."""

    def __init__(self, certificate: bytes | None) -> None:
        self._certificate = certificate

    def getpeercert(self, _binary: bool) -> bytes | None:
        return self._certificate


class Browser:
    """Walks like a person: loads the form, sends it back with its token, follows redirects."""

    def __init__(self, console: Console, certificate: bytes | None) -> None:
        self.console = console
        self.client: FlaskClient = console.flask.test_client()
        self._environ = {"gunicorn.socket": _Connection(certificate), "REMOTE_ADDR": "127.0.0.9"}

    def get(self, path: str, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.client.get(
            path, base_url=BASE, environ_overrides=self._environ, headers=named, buffered=True
        )

    def post(self, path: str, token: str | None = None, **fields: str) -> TestResponse:
        if token is None:
            token = self.token()
        return self.client.post(
            path,
            data={**fields, "csrf_token": token},
            base_url=BASE,
            environ_overrides=self._environ,
            headers={"Referer": f"{BASE}/"},
        )

    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/sign-in").text)
        assert found is not None
        return found[1]

    def sign_in(self, role: Role, next_path: str = "/") -> TestResponse:
        account = self.console.accounts[role]
        code = totp_code(account.totp_secret, self.console.clock.now().timestamp())
        fields = {"login": account.user.login, "password": account.password, "code": code}
        return self.post("/sign-in", None, next=next_path, **fields)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Role, NewAccount]]:
    """A data folder with one person of each role, made once; each test gets a copy."""
    folder = tmp_path_factory.mktemp("console") / "data"
    folder.mkdir(mode=0o700)
    import_all_tables()
    app, _issued = _app(folder, FixedClock(START - timedelta(minutes=1)))  # a one-time code works once
    app.floor.database.create_all()
    accounts = make_accounts(app)
    app.floor.database.close()
    return folder, accounts


@pytest.fixture
def console(installation: tuple[Path, dict[Role, NewAccount]], tmp_path: Path) -> Iterator[Console]:
    folder, accounts = installation
    shutil.copytree(folder, tmp_path / "data")
    clock = FixedClock(START)
    app, issued = _app(tmp_path / "data", clock)
    yield Console(app, create_app(app), clock, issued, accounts)
    app.floor.database.close()


def _app(folder: Path, clock: FixedClock) -> tuple[App, Issued]:
    settings, issued = Settings(data_dir=folder), Issued()
    app = App(settings, clock)
    app.__dict__["floor"] = build_floor(settings, clock, issued, NullSealer())
    return app, issued


def make_accounts(app: App) -> dict[Role, NewAccount]:
    """One person of each role."""
    identity = app.identity
    made = identity.set_up("卫城市大数据局", {person.role: (person.login, person.name) for person in THREE})
    people = {account.user.login: enter_first(app.floor.sign_in, app.clock, account) for account in made}
    sysadmin, officer = (people[person.login][1] for person in THREE[:2])
    accounts = {person.role: people[person.login][0] for person in THREE}
    identity.create_unit(sysadmin, "u_county", "u_city", "临江县大数据中心")
    for person in OTHERS:
        if person.role not in accounts:
            account = identity.create_user(sysadmin, person.login, person.name, person.unit)
            identity.grant_roles(officer, person.login, [person.role])
            accounts[person.role], _principal = enter_first(app.floor.sign_in, app.clock, account)
    return accounts


@pytest.fixture
def signed_in(console: Console) -> Callable[[Role], Browser]:
    def walk_in(role: Role) -> Browser:
        browser = console.browser()
        assert browser.sign_in(role).status_code == 303
        return browser

    return walk_in
