"""The signer in the console: how it stands, its keys, and what officers do there. No share ever passes through it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.web.app import create_app
from kernel.identity.model import Role
from tests.unit.ca.office import Office, opened
from tests.unit.ca.test_pages import send
from tests.unit.console.conftest import BASE, Browser, Console


class Room:
    """The office's console, and its officers."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.console = Console(
            office.app, create_app(office.app), office.clock, office.issued, office.accounts
        )
        officer = office.accounts[Role.SECURITY_OFFICER].user
        second = office.app.identity.create_user(
            _administrator(office), "second.officer", "第二位管理员", "u_city"
        )
        _grant(office, second.user.login)
        self.logins = (officer.login, second.user.login)
        self.accounts = (officer.id, second.user.id)

    def at(self, role: Role) -> Browser:
        self.office.clock.advance(seconds=30)  # a one-time code works once
        browser = self.console.browser()
        assert browser.sign_in(role).status_code == 303
        return browser

    def handed_out(self) -> None:
        activation = self.office.signer.activation
        for account in self.accounts:
            activation.confirm(account, activation.collect(account))


def _administrator(office: Office) -> Any:
    from kernel.identity.model import Principal

    user = office.accounts[Role.SYSTEM_ADMINISTRATOR].user
    return Principal(user.id, user.name, frozenset({Role.SYSTEM_ADMINISTRATOR}), user.unit, "password")


def _grant(office: Office, login: str) -> None:
    from sqlalchemy import select

    from kernel.identity.store import user_roles, users

    with office.app.floor.database.begin() as uow:
        account = uow.connection.execute(select(users.c.id).where(users.c.login == login)).scalar_one()
        uow.execute(user_roles.insert().values(user=account, role=str(Role.SECURITY_OFFICER)))


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One that is only looked at."""
    with opened(tmp_path_factory.mktemp("office") / "data") as office:
        yield Room(office)


@pytest.fixture
def own_room(tmp_path: Path) -> Iterator[Room]:
    with opened(tmp_path / "data") as office:
        yield Room(office)


def test_an_officer_sees_the_signer_and_its_keys(room: Room) -> None:
    officer = room.at(Role.SECURITY_OFFICER)
    page = officer.get("/ca/signers/signer").text
    assert "可签名" in page
    assert "密钥文件 memory" in page
    keys = officer.get("/ca/keys").text
    assert re.search(r"签发证书与 CRL", keys)
    assert "签发 CA（根）" in keys
    assert "/ca/signers/signer/deactivate" not in page  # nobody holds shares yet


@pytest.mark.parametrize("role", [Role.REGISTRAR, Role.AUDITOR, Role.SYSTEM_ADMINISTRATOR])
def test_nobody_else_sees_it(room: Room, role: Role) -> None:
    browser = room.at(role)
    for path in ("/ca/signers", "/ca/signers/signer", "/ca/keys"):
        assert browser.get(path).status_code in (403, 404)


def test_an_officer_begins_new_shares_and_deactivates_in_the_browser(own_room: Room) -> None:
    room = own_room
    officer = room.at(Role.SECURITY_OFFICER)
    form = officer.get("/ca/signers/signer/begin-shares").text
    assert "第二位管理员" in form
    begun = _send_many(officer, "/ca/signers/signer/begin-shares", room.logins)
    assert begun.status_code in (200, 303), begun.text
    page = officer.get("/ca/signers/signer").text
    assert "第二位管理员" in page
    assert "weicheng ca signer shares collect" in page
    assert "/ca/signers/signer/cancel-shares" in page
    room.handed_out()
    page = officer.get("/ca/signers/signer").text
    assert "管理员份额" in page
    assert "weicheng ca signer" not in page  # nothing to be done
    done = send(officer, "/ca/signers/signer/deactivate", reason="检修")
    assert done.status_code in (200, 303)
    page = officer.get("/ca/signers/signer").text
    assert "等待份额" in page
    assert "还差 2 份" in page
    assert "weicheng ca signer activate" in page
    assert "没有已开启的密钥" in officer.get("/ca/keys").text


def _send_many(browser: Browser, path: str, officers: tuple[str, ...]) -> Any:
    """The form with several officers ticked."""
    form = browser.get(path).text
    hidden = dict(re.findall(r'name="(number|tag|csrf_token)" value="([^"]*)"', form))
    return browser.client.post(
        path,
        data={**hidden, "threshold": "2", "officers": list(officers), "reason": "第一次分发"},
        base_url=BASE,
        environ_overrides=browser._environ,
        headers={"Referer": f"{BASE}/"},
    )


def test_shares_can_not_be_given_to_console_or_api(room: Room) -> None:
    officer = room.at(Role.SECURITY_OFFICER)
    for verb in ("present", "activate", "collect", "confirm"):
        assert officer.get(f"/ca/signers/signer/{verb}").status_code == 404


def test_programs_see_the_same_by_the_interface(room: Room) -> None:
    officer = room.at(Role.SECURITY_OFFICER)
    (signer,) = officer.get("/api/v1/ca/signers").get_json()["items"]
    assert (signer["id"], signer["state"], signer["opened_by"]) == ("signer", "active", "settings")
    keys = officer.get("/api/v1/ca/keys?filter[role]=root").get_json()["items"]
    assert [(key["role"], key["place"]) for key in keys] == [("root", "file")]
    assert set(keys[0]) == {"name", "role", "algorithm", "place", "fingerprint"}
    assert room.at(Role.REGISTRAR).get("/api/v1/ca/signers").status_code == 403
