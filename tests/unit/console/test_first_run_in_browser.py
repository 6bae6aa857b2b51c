"""From an empty installation to three administrators in the browser: guarded by a code, once."""

import base64
import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from werkzeug.test import TestResponse

from console.commands.db import is_empty, upgrade_database
from console.compose.app import App
from console.web.app import create_app
from console.web.setup import qr
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.identity.model import Role
from kernel.identity.passwords import totp_code
from tests.unit.console.conftest import START, Browser, Console, Issued

PEOPLE = {
    "organisation": "卫城市大数据局",
    "login-system_administrator": "wang.wei",
    "name-system_administrator": "王伟",
    "login-security_officer": "li.na",
    "name-security_officer": "李娜",
    "login-auditor": "zhang.min",
    "name-auditor": "张敏",
}


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Console]:
    settings, clock = Settings(data_dir=tmp_path / "data"), FixedClock(START)
    assert is_empty(settings.database)
    upgrade_database(settings.database)
    assert not is_empty(settings.database)
    app = App(settings, clock)
    yield Console(app, create_app(app), clock, Issued(), {})
    app.floor.database.close()


def set_up(browser: Browser, code: str, **changed: str) -> TestResponse:
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/setup").text)
    assert found is not None
    return browser.post("/setup", found[1], code=code, **{**PEOPLE, **changed})


def code_of(console: Console) -> str:
    return (console.app.settings.data_dir / "secrets" / "setup.code").read_text()


def test_while_nobody_exists_every_page_leads_to_the_set_up(empty: Console) -> None:
    browser = empty.browser()
    for path in ("/", "/sign-in", "/health", "/me", "/identity/accounts"):
        assert browser.get(path).location == "/setup"
    assert browser.get("/healthz").status_code == 200
    assert browser.get("/setup").status_code == 200


def test_the_code_is_named_nowhere_but_in_its_private_file(empty: Console) -> None:
    with structlog.testing.capture_logs() as logged:
        page = empty.browser().get("/setup").text
    file = empty.app.settings.data_dir / "secrets" / "setup.code"
    assert file.stat().st_mode & 0o077 == 0
    assert str(file) in page
    assert str(file) in str(logged)
    for told in (page, str(logged)):
        assert code_of(empty) not in told


def test_the_three_are_made_once_and_walk_in_with_what_they_were_handed(empty: Console) -> None:
    browser = empty.browser()
    browser.get("/setup")
    done = set_up(browser, code_of(empty))
    assert done.status_code == 200
    assert done.headers["Cache-Control"] == "no-store"
    shown = [
        html.unescape(text) for text in re.findall(r'<code class="mono whole">([^<]+)</code>', done.text)
    ]
    for number, login in enumerate(("wang.wei", "li.na", "zhang.min")):
        handed_login, password, secret, uri = shown[4 * number : 4 * number + 4]
        assert handed_login == login
        assert secret in uri
        code = totp_code(secret, empty.clock.now().timestamp())
        visitor = empty.browser()
        assert visitor.post("/sign-in", None, login=login, password=password, code=code).status_code == 303
        assert visitor.get("/").location == "/me/password"
    assert done.text.count("data:image/svg+xml;base64,") == 3
    assert not (empty.app.settings.data_dir / "secrets" / "setup.code").exists()
    assert empty.browser().get("/setup").status_code == 404
    assert browser.post("/setup", None, code="x", **PEOPLE).status_code == 404


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"login-auditor": "wang.wei"}, 409),
        ({"login-auditor": ""}, 422),
        ({"login-auditor": "张 敏"}, 422),
        ({"name-auditor": ""}, 422),
        ({"name-auditor": "名" * 201}, 422),
        ({"organisation": ""}, 422),
    ],
)
def test_a_wrong_field_makes_nobody_and_loses_nothing(
    empty: Console, changed: dict[str, str], status: int
) -> None:
    browser = empty.browser()
    browser.get("/setup")
    refused = set_up(browser, code_of(empty), **changed)
    assert refused.status_code == status
    assert 'role="alert"' in refused.text
    assert 'value="li.na"' in refused.text
    assert empty.app.floor.first_run.needed()
    assert set_up(browser, code_of(empty)).status_code == 200


def test_a_wrong_code_is_refused_and_many_close_the_address(empty: Console) -> None:
    browser = empty.browser()
    for _ in range(empty.app.settings.identity.origin_failures):
        refused = set_up(browser, "guess")
        assert refused.status_code == 403
        assert "guess" not in refused.text
    assert set_up(browser, code_of(empty)).status_code == 429
    empty.clock.advance(minutes=16)
    assert set_up(browser, code_of(empty)).status_code == 200


def test_an_installation_in_use_has_no_set_up(console: Console) -> None:
    assert console.browser().get("/setup").status_code == 404
    assert console.browser().sign_in(Role.AUDITOR).status_code == 303
    assert not (console.app.settings.data_dir / "secrets" / "setup.code").exists()


def test_a_qr_code_is_a_picture_of_the_page_itself() -> None:
    head, _, data = qr("otpauth://totp/x?secret=ABC").partition(",")
    assert head == "data:image/svg+xml;base64"
    drawn = base64.b64decode(data).decode()
    assert drawn.startswith("<svg")
    assert "script" not in drawn
