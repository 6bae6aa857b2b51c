"""A new installation with its people signed in: measurements are taken in it, in this very process."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from console.commands.db import upgrade_database
from console.compose.app import App
from console.compose.tables import import_all_tables
from console.demo.people import OTHERS, THREE
from console.web.app import create_app
from console.web.security import COOKIE
from kernel.config import Settings
from kernel.identity.model import Role
from kernel.identity.passwords import totp_code
from kernel.log import configure_logging

BASE = "https://127.0.0.1:8443"


@dataclass
class Visitor:
    """A signed-in browser of one role."""

    client: FlaskClient

    def get(self, path: str) -> TestResponse:
        return self.client.get(path, base_url=BASE)


@dataclass
class Bench:
    """The application over an installation that is being filled."""

    app: App
    flask: Flask
    tokens: Mapping[Role, str]
    visitors: dict[str, Visitor] = field(default_factory=dict)

    def browser(self, role: str) -> Visitor:
        if role not in self.visitors:
            client = self.flask.test_client()
            client.set_cookie(COOKIE, self.tokens[Role(role)], domain="127.0.0.1", secure=True)
            self.visitors[role] = Visitor(client)
        return self.visitors[role]


@contextmanager
def bench(folder: Path) -> Iterator[Bench]:
    """A new installation on SQLite with one signed-in person of each role, all of the topmost unit."""
    folder.chmod(0o700)
    configure_logging("ERROR")
    import_all_tables()
    app = App(Settings(data_dir=folder))
    upgrade_database(app.settings.database)
    tokens = _people(app)
    try:
        yield Bench(app, create_app(app), tokens)
    finally:
        app.floor.database.close()


def _people(app: App) -> dict[Role, str]:
    made = app.identity.set_up("卫城市大数据局", {one.role: (one.login, one.name) for one in THREE})
    accounts = {role: account for account in made for role in account.user.roles}
    tokens, principals = {}, {}

    def enter(role: Role) -> None:
        account = accounts[role]
        code = totp_code(account.totp_secret, app.clock.now().timestamp())
        signed_in = app.floor.sign_in.with_password(account.user.login, account.password, code)
        app.floor.sign_in.change_password(signed_in.principal, account.password, f"Bench-{role}-2026!")
        tokens[role], principals[role] = signed_in.token, app.floor.sign_in.principal(signed_in.token)

    for person in THREE:
        enter(person.role)
    for person in OTHERS:
        if person.role not in accounts:
            account = app.identity.create_user(
                principals[Role.SYSTEM_ADMINISTRATOR], person.login, person.name, "u_city"
            )
            app.identity.grant_roles(principals[Role.SECURITY_OFFICER], person.login, [person.role])
            accounts[person.role] = account
            enter(person.role)
    return tokens
