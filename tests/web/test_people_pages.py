"""From an empty installation in a real browser: set-up, the first password, a token, signing out for good."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from console.commands.db import upgrade_database
from console.compose.app import App
from console.compose.floor import build_floor
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.evidence.ports import NullSealer
from kernel.identity.passwords import totp_code
from tests.support.console import serve
from tests.unit.console.conftest import START, Issued

pytestmark = pytest.mark.web

OWN = "Wan-li-chang-cheng-2026"
THREE = {
    "system_administrator": ("wang.wei", "王伟"),
    "security_officer": ("li.na", "李娜"),
    "auditor": ("zhang.min", "张敏"),
}


@dataclass
class Empty:
    """A running console in which nobody exists."""

    app: App
    url: str
    clock: FixedClock

    def code(self, secret: str) -> str:
        self.clock.advance(seconds=31)
        return totp_code(secret, self.clock.now().timestamp())


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Empty]:
    settings, clock = Settings(data_dir=tmp_path / "data"), FixedClock(START)
    upgrade_database(settings.database)
    app = App(settings, clock)
    app.__dict__["floor"] = build_floor(settings, clock, Issued(), NullSealer())
    server, url = serve(app, tmp_path)
    yield Empty(app, url, clock)
    server.shutdown()
    app.floor.database.close()


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def page(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(
        ignore_https_errors=True, locale="zh-CN", java_script_enabled=request.param
    )
    opened = context.new_page()
    complaints: list[str] = []
    opened.on(
        "console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None
    )
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def set_up(page: Page, empty: Empty) -> tuple[str, str]:
    """Name the three; returns first password and key of the system administrator."""
    page.goto(empty.url)
    expect(page.get_by_role("heading", level=1)).to_have_text("初始化卫城")
    page.get_by_label("设置码").fill((empty.app.settings.data_dir / "secrets" / "setup.code").read_text())
    for role, (login, name) in THREE.items():
        page.locator(f"#f-login-{role}").fill(login)
        page.locator(f"#f-name-{role}").fill(name)
    page.get_by_role("button", name="初始化").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("卫城已完成初始化")
    assert page.locator("img.qr").count() == 3
    shown = page.locator("section").first.locator("code.mono").all_text_contents()
    return shown[1], shown[2]


def sign_in(page: Page, empty: Empty, password: str, secret: str) -> None:
    page.goto(f"{empty.url}/sign-in")
    page.get_by_label("登录名").fill("wang.wei")
    page.get_by_label("口令", exact=True).fill(password)
    page.get_by_label("一次性口令").fill(empty.code(secret))
    page.get_by_role("button", name="登录", exact=True).click()


def own_password(page: Page, first: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("设置本人口令")
    page.get_by_label("初始口令").fill(first)
    page.get_by_label("新口令", exact=True).fill(OWN)
    page.get_by_label("再次输入新口令").fill(OWN)
    page.get_by_role("button", name="修改口令").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("您好")


def test_from_nobody_to_work_and_out_again(page: Page, empty: Empty) -> None:
    first, secret = set_up(page, empty)
    sign_in(page, empty, first, secret)
    own_password(page, first)
    page.goto(f"{empty.url}/identity/tokens/-/create")
    page.get_by_label("名称").fill("夜间报表")
    page.get_by_label("查看账号和单位").check()
    page.get_by_role("button", name="创建令牌").click()
    raw = page.get_by_text(re.compile("^wct_")).text_content() or ""
    assert empty.app.floor.tokens.principal(raw).name == "王伟"
    page.goto(f"{empty.url}/identity/accounts")
    expect(page.get_by_role("link", name="li.na")).to_be_visible()
    page.goto(f"{empty.url}/me")
    leave(page, empty)
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("登录")
    assert "王伟" not in page.content()


def leave(page: Page, empty: Empty) -> None:
    page.locator("summary", has_text="王伟").click()
    page.get_by_role("button", name="退出登录").click()
    expect(page).to_have_url(f"{empty.url}/sign-in")


def test_nothing_on_these_pages_is_hard_to_read_or_name(chromium: Browser, empty: Empty) -> None:
    context = chromium.new_context(ignore_https_errors=True, locale="zh-CN")
    page = context.new_page()
    page.goto(empty.url)
    serious(page)
    first, secret = set_up(page, empty)
    serious(page)
    sign_in(page, empty, first, secret)
    serious(page)
    own_password(page, first)
    for path in ("/me", "/identity/tokens/-/create", "/identity/accounts/li.na", "/identity/sessions"):
        page.goto(f"{empty.url}{path}")
        serious(page)
    context.close()


def serious(page: Page) -> None:
    found = Axe().run(page).response["violations"]
    grave = [one for one in found if one["impact"] in ("serious", "critical")]
    assert grave == [], [(one["id"], one["nodes"][0]["html"][:200]) for one in grave]
