"""How the console looks and is worked: contrast and names of things, narrow screens, the keyboard, live lists, no script."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import insert

from console.compose.app import App
from console.compose.floor import build_floor
from console.compose.tables import import_all_tables
from console.web.language import COOKIE as LANGUAGE
from console.web.preferences import THEME_COOKIE as THEME
from console.web.security import COOKIE
from kernel.assets.model import Asset, AssetKind, Network, Zone
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.evidence.ports import NullSealer
from kernel.identity.model import Principal, Role
from kernel.jobs.model import JobRequest
from siem.model import AlertState, urgency
from siem.store import alerts
from tests.support.console import ServedConsole, drawn, serve
from tests.unit.console.conftest import START, Issued, make_accounts

pytestmark = pytest.mark.web

LONG = "临江县政务服务数据管理局互联网出口边界防护设备" * 12
DESK, PHONE = (1280, 720), (375, 812)
PAGES: tuple[tuple[Role, str], ...] = (
    (Role.SECURITY_OFFICER, "/"),
    (Role.SECURITY_OFFICER, "/search?q=县"),
    (Role.SECURITY_OFFICER, "/ca/requests"),
    (Role.SECURITY_OFFICER, "/ca/status"),
    (Role.SECURITY_OFFICER, "/identity/accounts"),
    (Role.SECURITY_OFFICER, "/identity/accounts/zhou.fang/grant"),
    (Role.SECURITY_OFFICER, "/policies/systems/-/propose"),
    (Role.NETWORK_ADMINISTRATOR, "/assets/assets"),
    (Role.NETWORK_ADMINISTRATOR, "/netops/devices"),
    (Role.NETWORK_ADMINISTRATOR, "/monitor/topology"),
    (Role.SOC_ANALYST, "/siem/alerts"),
    (Role.SOC_ANALYST, "/siem/alerts/alr_001"),
    (Role.SOC_ANALYST, "/siem/alerts/alr_001/close"),
    (Role.SOC_ANALYST, "/siem/events"),
    (Role.DR_ADMINISTRATOR, "/backup/matrix"),
    (Role.AUDITOR, "/audit/records"),
    (Role.SYSTEM_ADMINISTRATOR, "/jobs/jobs"),
    (Role.SYSTEM_ADMINISTRATOR, "/health"),
    (Role.ASSESSOR, "/policies/posture"),
    (Role.ASSESSOR, "/me"),
)


@dataclass
class City(ServedConsole):
    """The console with something in its lists."""

    def raise_alert(self, number: int, title: str = "同一地址暴力破解登录口令") -> None:
        with self.app.floor.database.begin() as uow:
            uow.execute(insert(alerts).values(_alert(number, title, self.clock)))


def _alert(number: int, title: str, clock: FixedClock) -> dict[str, Any]:
    risk = 90 - number
    return {
        "id": f"alr_{number:03}",
        "key": f"{number:064}",
        "rule_id": "brute-force",
        "rule_name": title[:200],
        "titles": {"zh": title, "en": title},
        "level": "high",
        "risk": risk,
        "state": "new",
        "count": 16,
        "first_seen": clock.now() - timedelta(hours=1),
        "last_seen": clock.now(),
        "group_values": {"source.ip": "10.10.20.50"},
        "tags": ["attack.t1110"],
        "unit": "u_city",
        "asset": "",
        "assignee": "",
        "created_at": clock.now(),
        "version": 1,
        "urgency": urgency(AlertState.NEW, risk),
        "words": title,
    }


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("look")
    (folder / "data").mkdir(mode=0o700)
    import_all_tables()
    clock = FixedClock(START - timedelta(minutes=1))
    app = App(Settings(data_dir=folder / "data"), clock)
    app.__dict__["floor"] = build_floor(app.settings, clock, Issued(), NullSealer())
    app.floor.database.create_all()
    accounts = make_accounts(app)
    clock.advance(minutes=1)
    server, url = serve(app, folder)
    made = City(app, url, clock, accounts)
    _fill(made)
    try:
        yield made
    finally:
        server.shutdown()
        app.floor.database.close()


def _fill(city: City) -> None:
    admin = Principal("usr_net", "net", frozenset({Role.NETWORK_ADMINISTRATOR}), "u_city", "password")
    city.app.assets.put_zone(admin, Zone("intranet", "政务内网", Network.INTRANET, ("10.10.0.0/16",), 3))
    for name, address in (("nw-core", "10.10.0.1"), (LONG[:80], "10.10.0.2")):
        asset = Asset("", AssetKind.DEVICE, name, "u_city", "intranet", address, "huawei_vrp", 3)
        city.app.assets.put_asset(admin, asset)
    for number in range(12):
        city.raise_alert(number, LONG if number == 3 else "同一地址暴力破解登录口令")
    for kind in ("siem.detect", "netops.collect"):
        city.app.jobs.enqueue(admin, JobRequest(kind))


@pytest.fixture
def enter(chromium: Browser, city: City) -> Iterator[Callable[..., Page]]:
    """Pages of somebody of a role; in the end no script has complained and no other origin was asked."""
    complaints: list[str] = []
    contexts = []

    def walk_in(
        role: Role,
        *,
        theme: str = "light",
        language: str = "zh_CN",
        size: tuple[int, int] = DESK,
        script: bool = True,
    ) -> Page:
        context = chromium.new_context(
            ignore_https_errors=True,
            locale="zh-CN",
            java_script_enabled=script,
            viewport={"width": size[0], "height": size[1]},
        )
        cookies = {COOKIE: city.token(role), THEME: theme, LANGUAGE: language}
        context.add_cookies(
            [
                {"name": name, "value": value, "url": city.url, "secure": True}
                for name, value in cookies.items()
            ]
        )
        contexts.append(context)
        page = context.new_page()
        page.on(
            "console",
            lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: (
                None if asked.url.startswith((f"{city.url}/", "data:")) else complaints.append(asked.url)
            ),
        )
        return page

    yield walk_in
    for context in contexts:
        context.close()
    assert complaints == []


def serious(page: Page) -> list[str]:
    """What axe-core finds serious or critical: rule, and the first element."""
    found = Axe().run(page).response["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize(("role", "path"), PAGES, ids=lambda value: str(value))
def test_every_main_page_is_readable_in_light_and_dark_and_fits_a_phone(
    enter: Callable[..., Page], city: City, role: Role, path: str
) -> None:
    page = enter(role)
    for theme, size in (("light", DESK), ("dark", PHONE)):
        page.context.add_cookies([{"name": THEME, "value": theme, "url": city.url, "secure": True}])
        page.set_viewport_size({"width": size[0], "height": size[1]})
        answer = page.goto(f"{city.url}{path}")
        assert answer is not None
        assert answer.ok, path
        drawn(page)
        assert serious(page) == [], theme
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert page.locator("h1").count() == 1


@pytest.mark.parametrize(("role", "path"), PAGES[::6], ids=lambda value: str(value))
def test_english_pages_are_english(enter: Callable[..., Page], city: City, role: Role, path: str) -> None:
    page = enter(role, language="en")
    page.goto(f"{city.url}{path}")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("[A-Za-z]{3}"))
    assert serious(page) == []


def test_the_sign_in_page_is_readable(enter: Callable[..., Page], city: City) -> None:
    for theme in ("light", "dark"):
        page = enter(Role.AUDITOR, theme=theme)
        page.goto(f"{city.url}/sign-in")
        assert serious(page) == []


class TestKeys:
    """Alerts are worked through without a mouse."""

    def test_rows_are_walked_opened_and_acted_on(self, enter: Callable[..., Page], city: City) -> None:
        page = enter(Role.SOC_ANALYST)
        page.goto(f"{city.url}/siem/alerts")
        for key in ("j", "j", "k", "j"):
            page.keyboard.press(key)
        expect(page.locator("tr[data-row]").nth(1)).to_be_focused()
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{city.url}/siem/alerts/alr_001")

    def test_a_key_opens_the_verbs_dialog_and_the_list_comes_back_at_its_row(
        self, enter: Callable[..., Page], city: City
    ) -> None:
        city.raise_alert(50, "夜间异常登录")
        page = enter(Role.SOC_ANALYST)
        page.goto(f"{city.url}/siem/alerts?q=夜间")
        page.keyboard.press("j")
        page.keyboard.press("m")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        expect(dialog).to_contain_text("夜间异常登录")
        assert serious(page) == []
        reason = dialog.locator("textarea, input[type=text]")
        if reason.count():
            reason.first.fill("今晚由我值班")
        dialog.get_by_role("button", name="指派给我").click()
        expect(page.locator("main [role=status]").first).to_be_visible()
        expect(page.locator("tr[data-id=alr_050]")).to_be_focused()
        expect(page.locator("tr[data-id=alr_050]")).to_contain_text(city.accounts[Role.SOC_ANALYST].user.name)

    def test_selecting_shows_the_bulk_bar_and_escape_leaves_a_field(
        self, enter: Callable[..., Page], city: City
    ) -> None:
        page = enter(Role.SOC_ANALYST)
        page.goto(f"{city.url}/siem/alerts")
        bar = page.get_by_role("group", name="对所选各行的操作")
        expect(bar).to_be_hidden()
        page.keyboard.press("j")
        page.keyboard.press("Space")
        page.keyboard.press("j")
        page.keyboard.press("Space")
        expect(bar).to_contain_text("2")
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox", name="全局搜索")).to_be_focused()
        page.keyboard.type("jjj")  # letters in a field are letters
        expect(page.get_by_role("searchbox", name="全局搜索")).to_have_value("jjj")
        page.keyboard.press("Escape")
        expect(page.get_by_role("searchbox", name="全局搜索")).not_to_be_focused()
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="快捷键")).to_contain_text("关闭")
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()

    def test_everything_is_reached_by_the_tab_key(self, enter: Callable[..., Page], city: City) -> None:
        page = enter(Role.AUDITOR)
        page.goto(f"{city.url}/audit/records")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()


class TestLive:
    """Lists follow what happens, keep where one is, and stand still when told to."""

    def test_a_new_alert_appears_and_the_focus_stays(self, enter: Callable[..., Page], city: City) -> None:
        page = enter(Role.SOC_ANALYST)
        page.clock.install()
        page.goto(f"{city.url}/siem/alerts?sort=-last_seen")
        page.keyboard.press("j")
        page.keyboard.press("j")
        focused = page.evaluate("document.activeElement.dataset.id")
        city.clock.advance(seconds=5)
        city.raise_alert(60, "新发现的扫描行为")
        page.clock.fast_forward(11_000)
        expect(page.get_by_role("link", name="新发现的扫描行为")).to_be_visible()
        assert page.evaluate("document.activeElement.dataset.id") == focused
        page.keyboard.press("p")
        city.raise_alert(61, "暂停之后的告警")
        page.clock.fast_forward(31_000)
        page.wait_for_timeout(500)
        expect(page.get_by_role("link", name="暂停之后的告警")).to_be_hidden()
        page.keyboard.press("p")
        page.clock.fast_forward(11_000)
        expect(page.get_by_role("link", name="暂停之后的告警")).to_be_visible()

    def test_before_the_session_ends_the_page_asks(self, enter: Callable[..., Page], city: City) -> None:
        page = enter(Role.SOC_ANALYST)
        page.clock.install()
        page.goto(f"{city.url}/siem/alerts")
        page.clock.run_for(2_000)
        expect(page.get_by_role("dialog")).to_be_hidden()
        page.clock.fast_forward(13 * 60_000 + 30_000)
        dialog = page.get_by_role("dialog", name="您还在吗？")
        expect(dialog).to_contain_text("秒后结束")
        assert serious(page) == []
        with page.expect_response(f"{city.url}/stay") as answer:
            dialog.get_by_role("button", name="保持登录").click()
        assert answer.value.json()["seconds"] > 800
        expect(dialog).to_be_hidden()


def test_an_alert_is_acknowledged_on_a_phone_without_any_script(
    enter: Callable[..., Page], city: City
) -> None:
    city.raise_alert(70, "值班手机上的告警")
    page = enter(Role.SOC_ANALYST, size=PHONE, script=False)
    page.goto(f"{city.url}/siem/alerts?q=值班手机")
    page.get_by_role("link", name="值班手机上的告警").click()
    page.get_by_role("link", name="受理").click()
    for field in page.locator("form.card textarea").all():
        field.fill("已知悉，正在处理")
    page.locator("form.card button.btn-primary").click()
    expect(page.locator("main [role=status]").first).to_be_visible()
    page.goto(f"{city.url}/siem/alerts/alr_070")
    expect(page.get_by_text("已受理").first).to_be_visible()


def test_print_shows_whose_page_it_is_and_no_buttons(enter: Callable[..., Page], city: City) -> None:
    page = enter(Role.AUDITOR)
    page.goto(f"{city.url}/audit/records")
    page.emulate_media(media="print")
    head = page.locator(".print-head")
    expect(head).to_be_visible()
    expect(head).to_contain_text("打印时间")
    expect(head).to_contain_text("/audit/records")
    for hidden in (".side", ".top", ".btn", ".list-tools"):
        expect(page.locator(hidden).first).to_be_hidden()


def test_the_menu_of_a_phone_opens_and_closes(enter: Callable[..., Page], city: City) -> None:
    page = enter(Role.SECURITY_OFFICER, size=PHONE)
    page.goto(city.url)
    expect(page.get_by_role("link", name="首页").first).to_be_hidden()
    page.get_by_role("link", name="打开菜单").click()
    expect(page.locator("#side")).to_be_in_viewport()
    page.get_by_role("link", name="关闭菜单").click()
    expect(page.locator("#side")).not_to_be_in_viewport()


def test_the_colours_of_a_picture_follow_the_page(
    enter: Callable[..., Page], city: City, tmp_path: Path
) -> None:
    page = enter(Role.NETWORK_ADMINISTRATOR, theme="dark")
    page.goto(f"{city.url}/monitor/topology")
    expect(page.locator(".picture-ready canvas").first).to_be_visible()
    page.screenshot(path=tmp_path / "topology-dark.png")
