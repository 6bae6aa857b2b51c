"""The API over notes and the people of a small city; programs that talk to it with a token."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from console.api.app import create_api
from kernel.audit.model import AuditRecord
from kernel.identity.model import Principal, Role
from kernel.identity.passwords import totp_code
from kernel.identity.permissions import APPROVING, Permission, permissions_of
from kernel.store.listing import Ask
from tests.unit.console.api.notes import RESOURCE, Notes, notes
from tests.unit.console.conftest import BASE, Console

NOTES = "/api/v1/desk/notes"


@dataclass
class Program:
    """A client of the API that holds somebody's token."""

    flask: Flask
    token: str

    def get(self, path: str, **headers: str) -> TestResponse:
        return self.ask("GET", path, None, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.ask("POST", path, body, **headers)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> TestResponse:
        """Octets are sent as they are, other bodies as JSON."""
        named = {"Accept-Language": "en", "Content-Type": "application/json"}
        named |= {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            named.setdefault("Authorization", f"Bearer {self.token}")
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return self.flask.test_client(use_cookies=False).open(
            path, method=method, base_url=BASE, headers=named, data=data, buffered=True
        )


@dataclass
class Desk:
    """The API of notes."""

    console: Console
    flask: Flask
    notes: Notes
    people: dict[Role, Principal] = field(default_factory=dict)

    def principal(self, role: Role) -> Principal:
        """The person of that role, signed in."""
        if role not in self.people:
            account = self.console.accounts[role]
            code = totp_code(account.totp_secret, self.console.clock.now().timestamp())
            signed_in = self.console.app.floor.sign_in.with_password(
                account.user.login, account.password, code
            )
            self.people[role] = signed_in.principal
        return self.people[role]

    def program(self, role: Role, scope: frozenset[Permission] | None = None) -> Program:
        """One that may do all that the role allows to programs, unless ``scope`` bounds it."""
        person = self.principal(role)
        until = self.console.clock.now() + timedelta(days=30)
        scope = scope or permissions_of(person.roles) - APPROVING
        made = self.console.app.floor.tokens.create(person, "test", scope, person.unit, until)
        return Program(self.flask, made.secret)

    def audited(self, **filters: str) -> AuditRecord:
        """The newest record of the trail that the filters let through."""
        ask = Ask(filters={name: (value,) for name, value in filters.items()}, limit=1)
        return self.console.app.audit.page(self.principal(Role.AUDITOR), ask).items[0]


@pytest.fixture
def desk(console: Console) -> Desk:
    database = console.app.floor.database
    notes.create(database.engine, checkfirst=True)
    return Desk(console, create_api(console.app, {RESOURCE.name: RESOURCE}), Notes(database))


@pytest.fixture
def admin(desk: Desk) -> Program:
    """The network administrator's: reads and writes notes."""
    return desk.program(Role.NETWORK_ADMINISTRATOR)


@pytest.fixture
def write(admin: Program) -> Callable[[str], dict[str, Any]]:
    """Write a note and give its record."""

    def written(title: str) -> dict[str, Any]:
        answer = admin.post(NOTES, {"title": title})
        assert answer.status_code == 201, answer.text
        record: dict[str, Any] = answer.get_json()["record"]
        return record

    return written
