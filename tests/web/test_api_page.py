"""The API's pages in a real browser: nothing comes from elsewhere, the policy refuses nothing, a phone shows all of it."""

import json
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from console.compose.app import App
from console.compose.floor import build_floor
from console.compose.tables import import_all_tables
from console.web.security import COOKIE
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.evidence.ports import NullSealer
from kernel.identity.model import Principal, Role
from kernel.identity.passwords import totp_code
from kernel.identity.permissions import Permission
from tests.support.console import serve
from tests.unit.console.conftest import START, Issued, make_accounts
from tests.web.conftest import Served

pytestmark = pytest.mark.web
DESK, PHONE = (1280, 720), (375, 812)
Open = Callable[[tuple[int, int]], Page]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The console's address and a session of the assessor's."""
    folder = tmp_path_factory.mktemp("api-page")
    (folder / "data").mkdir(mode=0o700)
    import_all_tables()
    clock = FixedClock(START - timedelta(minutes=1))
    app = App(Settings(data_dir=folder / "data"), clock)
    app.__dict__["floor"] = build_floor(app.settings, clock, Issued(), NullSealer())
    app.floor.database.create_all()
    account = make_accounts(app)[Role.ASSESSOR]
    clock.advance(minutes=1)
    code = totp_code(account.totp_secret, clock.now().timestamp())
    session = app.floor.sign_in.with_password(account.user.login, account.password, code)
    server, url = serve(app, folder)
    try:
        yield url, session.token
    finally:
        server.shutdown()
        app.floor.database.close()


@pytest.fixture
def opened(chromium: Browser, site: tuple[str, str]) -> Iterator[Open]:
    url, token = site
    contexts, faults = [], []

    def start(size: tuple[int, int]) -> Page:
        viewport = {"width": size[0], "height": size[1]}
        context = chromium.new_context(
            ignore_https_errors=True, locale="zh-CN", viewport=viewport, base_url=url
        )  # type: ignore[arg-type]
        context.add_cookies([{"name": COOKIE, "value": token, "url": url, "secure": True}])
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda one: None if one.url.startswith((url, "data:")) else faults.append(one.url))
        page.on("console", lambda one: faults.append(one.text) if one.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        return page

    yield start
    for context in contexts:
        context.close()
    assert faults == []


def test_one_reads_in_chinese_how_an_object_is_asked_for(opened: Open, tmp_path: Path) -> None:
    page = opened(DESK)
    page.goto("/api/docs")
    expect(page.get_by_role("heading", level=1)).to_have_text("卫城接口")
    page.screenshot(path=tmp_path / "contents.png")
    page.get_by_role("main").get_by_role("link", name="已签发证书", exact=True).click()
    expect(page.get_by_text("/api/v1/ca/certificates/{id}/revoke").first).to_be_visible()
    page.get_by_role("link", name="POST /api/v1/ca/certificates/{id}/revoke").click()
    section = page.locator("#ca_certificates_revoke")
    expect(section).to_be_in_viewport()
    section.get_by_text("应答", exact=True).click()
    expect(section.get_by_text("对象已被他人更改")).to_be_visible()
    page.screenshot(path=tmp_path / "revoke.png")
    serious = [
        one for one in Axe().run(page).response["violations"] if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_a_phone_shows_the_whole_of_it(opened: Open, tmp_path: Path) -> None:
    page = opened(PHONE)
    for path in ("/api/docs", "/api/docs/ca/certificates"):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], path
        page.screenshot(path=tmp_path / f"phone{path.count('/')}.png")


def test_the_session_of_the_page_reads_the_document_but_changes_nothing(opened: Open) -> None:
    page = opened(DESK)
    page.goto("/api/docs")
    asked = "([path, method]) => fetch(path, {method}).then(answer => answer.status)"
    assert page.evaluate(asked, ["/api/v1/openapi.json", "GET"]) == 200
    answer = page.request.post("/api/v1/jobs/jobs/job_1/cancel", data={"reason": "x"})
    assert (answer.status, answer.json()["place"]) == (403, "X-CSRFToken")


def test_curl_asks_the_served_console_with_a_token(served: Served) -> None:
    app, user = (
        App(Settings(data_dir=served.folder / "data")),
        served.accounts[Role.NETWORK_ADMINISTRATOR].user,
    )
    person = Principal(user.id, user.name, frozenset({Role.NETWORK_ADMINISTRATOR}), user.unit, "password")
    until = app.clock.now() + timedelta(days=1)
    scope = frozenset({Permission.ASSET_READ, Permission.ASSET_WRITE})
    token = app.floor.tokens.create(person, "curl", scope, person.unit, until).secret
    app.floor.database.close()
    entry = json.dumps({"kind": "device", "name": "curl-sw-1", "unit": person.unit})
    wanted = ["-H", "Content-Type: application/json", "-H", "Idempotency-Key: 1", "-d", entry]
    for replayed in (False, True):
        head, _, body = _curl(served, token, "/api/v1/assets/assets", *wanted).partition("\n\n")
        assert head.startswith("HTTP/1.1 201"), head + body
        assert ("Idempotency-Replayed: true" in head) == replayed
    found = _curl(served, token, "/api/v1/assets/assets?q=curl-sw&limit=5").partition("\n\n")[2]
    assert [item["name"] for item in json.loads(found)["items"]] == ["curl-sw-1"]


def _curl(served: Served, token: str, path: str, *more: str) -> str:
    command = ["curl", "--silent", "--show-error", "--globoff", "--include", "--cacert", str(served.ca.root)]
    bearer = ["-H", f"Authorization: Bearer {token}"]
    done = subprocess.run(
        [*command, *bearer, *more, served.url + path], capture_output=True, text=True, check=True
    )
    return done.stdout
