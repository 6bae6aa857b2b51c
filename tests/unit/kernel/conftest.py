"""A suite just set up, with its three administrators, for the tests of people, sign-in and tokens."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import text, update

from kernel.clock import FixedClock
from kernel.identity.access import Access
from kernel.identity.accounts import SqlAccounts
from kernel.identity.model import Principal, Role
from kernel.identity.origins import Origins
from kernel.identity.passwords import Passwords, totp_code
from kernel.identity.service import THREE_ADMINISTRATORS, IdentityService, NewAccount
from kernel.identity.sessions import Sessions
from kernel.identity.sign_in import SignIn, SignInRules
from kernel.identity.store import users
from kernel.identity.tokens import Tokens
from kernel.secrets import SecretBox
from kernel.store import Database
from tests.conftest import fresh


class Certificates:
    """The CA's word on client certificates."""

    def __init__(self) -> None:
        self.revoked: set[bytes] = set()

    def good(self, certificate: bytes) -> bool:
        return certificate not in self.revoked


@dataclass
class World:
    database: Database
    clock: FixedClock
    service: IdentityService
    sign_in: SignIn
    sessions: Sessions
    tokens: Tokens
    certificates: Certificates

    def enter(self, account: NewAccount, *, password: str | None = None, settled: bool = True) -> Principal:
        """Sign in; somebody ``settled`` has made the first password their own before."""
        if settled:
            with self.database.begin() as uow:
                mine = users.c.login == account.user.login
                uow.execute(update(users).where(mine).values(must_change=False))
        code = totp_code(account.totp_secret, self.clock.now().timestamp())
        signed_in = self.sign_in.with_password(account.user.login, password or account.password, code)
        self.clock.advance(seconds=31)
        return signed_in.principal


# for tests whose statements both databases have to understand alike; the others need only one
on_both = pytest.mark.parametrize(
    "world", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


@pytest.fixture
def world(request: pytest.FixtureRequest, clock: FixedClock, tmp_path: Path) -> Iterator[World]:
    grown = getattr(request, "param", "sqlite") == "postgresql"
    if grown:
        database = Database(request.getfixturevalue("postgres_city"), clock)
    else:
        database = fresh(tmp_path / "weicheng.sqlite", clock)
    access, accounts = Access(database), SqlAccounts()
    box, passwords = SecretBox(tmp_path / "box.key"), Passwords()
    certificates, rules = Certificates(), SignInRules()
    origins = Origins(clock, rules.origin_failures, rules.lock_for)
    yield World(
        database,
        clock,
        IdentityService(database, clock, access, accounts, passwords, box),
        SignIn(database, clock, access, accounts, passwords, box, certificates, rules, origins),
        Sessions(database, access, accounts),
        Tokens(database, clock, access, accounts),
        certificates,
    )
    database.close()


@pytest.fixture
def three(world: World) -> dict[Role, NewAccount]:
    with world.database.begin() as uow:  # the fixtures' units stand in the way of a first run
        uow.execute(text("DELETE FROM identity_units WHERE parent IS NOT NULL"))
        uow.execute(text("DELETE FROM identity_units"))
    logins = {role: (f"admin{n}", f"管理员{n}") for n, role in enumerate(THREE_ADMINISTRATORS)}
    made = world.service.set_up("卫城市大数据局", logins)
    return dict(zip(THREE_ADMINISTRATORS, made, strict=True))
