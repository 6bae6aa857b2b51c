"""An analyst at the browser: alerts worked through by keyboard, several put into one case, events searched and narrowed."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from console.compose.app import App
from console.demo.people import enter_first
from kernel.config import Settings
from kernel.identity.model import Principal, Role
from kernel.identity.passwords import totp_code
from kernel.store.listing import Ask
from siem.model import Alert, Verdict
from tests.unit.siem.conftest import failed
from tests.web.conftest import Served

pytestmark = pytest.mark.web
SYSTEM = Principal.system("test")
HOSTILE = "<13>evil: <script>window.hacked=1</script><img src=x onerror=window.hacked=1> \x1b[31m \u202egnp.exe 红队样本"


@dataclass(frozen=True)
class Desk:
    """A signed-in analyst's browser, and the same suite from inside."""

    page: Page
    app: App
    url: str

    def open(self, path: str) -> None:
        self.page.goto(f"{self.url}{path}")


@pytest.fixture(scope="module")
def desk(chromium: Browser, served: Served) -> Iterator[Desk]:
    app = App(Settings(data_dir=served.folder / "data"))
    made = app.identity.create_user(SYSTEM, "siem-desk", "林分析", "u_city")
    officer = served.accounts[Role.SECURITY_OFFICER].user
    app.identity.grant_roles(
        Principal(officer.id, officer.name, frozenset({Role.SECURITY_OFFICER}), "u_city", "password"),
        "siem-desk",
        [Role.SOC_ANALYST],
    )
    account, _principal = enter_first(app.floor.sign_in, app.clock, made)
    writer = app.siem.intake.writer()
    for number in range(1, 7):
        for line in failed(11, f"203.0.113.{number}"):
            writer.append("udp", "10.10.10.5", line.encode())
    writer.append("udp", "10.10.10.6", HOSTILE.encode())
    writer.close()
    app.siem.process()
    context = chromium.new_context(
        ignore_https_errors=True, locale="zh-CN", viewport={"width": 1440, "height": 900}
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type in ("error", "warning") else None,
    )
    page.goto(served.url)
    page.get_by_label("登录名").fill(account.user.login)
    page.get_by_label("口令", exact=True).fill(account.password)
    page.get_by_label("一次性口令").fill(totp_code(account.totp_secret, time.time() + 30))
    page.get_by_role("button", name="登录", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    yield Desk(page, app, served.url)
    context.close()
    app.siem.close()
    app.floor.database.close()
    # the browser itself reports the one question that was refused
    assert [text for text in complaints if "422" not in text] == []


def alerts_in(desk: Desk, state: str) -> list[Alert]:
    return list(desk.app.siem.triage.page(SYSTEM, Ask(filters={"state": (state,)})).items)


def test_alerts_are_worked_through_with_the_keyboard_alone(desk: Desk) -> None:
    page = desk.page
    desk.open("/siem/alerts")
    rows = page.locator("tr[data-row]")
    expect(rows).to_have_count(6)
    ids = [row.get_attribute("data-id") for row in rows.all()]
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(rows.nth(1)).to_be_focused()
    page.keyboard.press("k")
    expect(rows.nth(0)).to_be_focused()
    page.keyboard.press("a")  # take on
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("说明")).to_be_visible()
    dialog.get_by_role("button", name="受理").click()
    expect(page.get_by_text("已受理：")).to_be_visible()
    [taken] = alerts_in(desk, "acknowledged")
    assert (taken.id, taken.assignee_name) == (ids[0], "林分析")

    desk.open("/siem/alerts?filter[state]=new")
    page.keyboard.press("j")
    page.keyboard.press("x")  # close, with verdict and reason
    dialog.get_by_label("研判结论").select_option(label="误报")
    dialog.get_by_label("理由").fill("红队演练，已核实")
    dialog.get_by_role("button", name="关闭", exact=True).last.click()
    expect(rows).to_have_count(4)
    [closed] = alerts_in(desk, "closed")
    assert (closed.verdict, closed.id) == (Verdict.FALSE, ids[1])


def test_what_was_done_stands_with_the_alert(desk: Desk) -> None:
    [closed] = alerts_in(desk, "closed")
    desk.open("/siem/alerts")
    desk.page.keyboard.press("j")
    desk.page.keyboard.press("Enter")
    expect(desk.page.get_by_role("heading", name="命中规则")).to_be_visible()
    expect(desk.page.get_by_role("heading", name="原始事件")).to_be_visible()
    desk.open(f"/siem/alerts/{closed.id}")
    expect(desk.page.get_by_text("红队演练，已核实")).to_be_visible()
    expect(desk.page.get_by_role("link", name="重新打开")).to_be_visible()
    expect(desk.page.get_by_role("link", name="受理")).to_have_count(0)


def test_several_alerts_become_one_case_that_is_closed_with_them(desk: Desk) -> None:
    page = desk.page
    desk.open("/siem/alerts?filter[state]=new")
    rows = page.locator("tr[data-row]")
    for number in (0, 1):
        rows.nth(number).locator("[data-tick]").check()
    page.keyboard.press("c")
    page.get_by_label("新案件标题").fill("县区来源暴力破解")
    page.get_by_role("button", name="归入案件").last.click()
    page.wait_for_load_state()
    [case] = desk.app.siem.cases.page(SYSTEM, Ask()).items
    assert len(desk.app.siem.cases.case(SYSTEM, case.id).alerts) == 2
    desk.open(f"/siem/cases/{case.id}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("县区来源暴力破解")
    expect(page.get_by_role("heading", name="时间线")).to_be_visible()
    page.keyboard.press("x")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("将一并关闭的告警：2 个")).to_be_visible()
    dialog.get_by_label("研判结论").select_option(label="真实攻击或故障")
    dialog.get_by_label("理由").fill("来源已封堵，口令已更换")
    dialog.get_by_role("button", name="结案").last.click()
    expect(page.get_by_text("已结案").first).to_be_visible()
    assert len(alerts_in(desk, "closed")) == 3


def test_a_search_is_narrowed_by_clicks_and_opened_in_its_place(desk: Desk) -> None:
    page = desk.page
    desk.open("/siem/events")
    expect(page.get_by_text("67 个事件")).to_be_visible()
    page.get_by_role("link", name="linux.sshd", exact=True).click()
    expect(page.get_by_label("检索条件")).to_have_value('event.dataset:"linux.sshd"')
    expect(page.get_by_text("66 个事件")).to_be_visible()
    page.locator("svg a").first.click()  # a bar of the histogram
    expect(page).to_have_url(re.compile("filter%5Bsince%5D="))
    expect(page.get_by_text("66 个事件")).to_be_visible()
    page.locator("tr[data-row] details.event summary").first.click()
    expect(page.get_by_role("cell", name="event.original").or_(page.get_by_text("原始日志"))).to_be_visible()
    page.get_by_role("link", name="仅含 ssh_login").first.click()
    expect(page.get_by_label("检索条件")).to_have_value(
        'event.dataset:"linux.sshd" AND event.action:"ssh_login"'
    )
    desk.open("/siem/events?q=" + quote('source.ip:"'))
    expect(page.get_by_role("alert")).to_contain_text("请检查引号是否成对")
    expect(page.get_by_label("检索条件")).to_have_value('source.ip:"')  # nothing typed is lost


def test_events_that_no_rule_found_become_a_case(desk: Desk) -> None:
    page = desk.page
    desk.open("/siem/events?q=" + quote("红队样本 OR source.ip:203.0.113.5"))
    for number in (0, 1):
        page.locator("tr[data-row]").nth(number).locator("[data-tick]").check()
    page.keyboard.press("c")
    page.get_by_label("新案件标题").fill("可疑样本")
    page.get_by_role("button", name="归入案件").last.click()
    page.wait_for_load_state()
    [case] = desk.app.siem.cases.page(SYSTEM, Ask("可疑样本")).items
    assert len(desk.app.siem.cases.case(SYSTEM, case.id).events) == 2
    desk.open(f"/siem/cases/{case.id}")
    events = page.locator("section", has=page.get_by_role("heading", name="单独归入的事件"))
    expect(events.locator("tbody tr").first).to_be_visible()


def test_a_search_is_kept_under_a_name(desk: Desk) -> None:
    page = desk.page
    desk.open("/siem/events?q=" + quote("user.name:root") + "&filter%5Brange%5D=7d")
    page.get_by_text("已存筛选").click()
    page.get_by_label("筛选条件的名称").fill("root 登录")
    page.get_by_role("button", name="保存").click()
    desk.open("/siem/events")
    page.get_by_text("已存筛选").click()
    page.get_by_role("link", name="root 登录", exact=True).click()
    expect(page.get_by_label("检索条件")).to_have_value("user.name:root")
    expect(page.get_by_role("link", name="最近 7 天")).to_have_attribute("aria-current", "true")


def test_what_devices_write_does_nothing_on_the_page(desk: Desk) -> None:
    page = desk.page
    desk.open("/siem/events?q=" + quote("红队样本"))
    expect(page.get_by_text("1 个事件")).to_be_visible()
    row = page.locator("tr[data-row]").first
    expect(row).to_contain_text("<script>window.hacked=1</script>")
    expect(row).to_contain_text("\\x1b[31m \\u202egnp.exe")
    row.locator("details.event summary").click()
    expect(page.locator(".event-more").first.get_by_text("原始日志")).to_be_visible()
    page.goto(f"{desk.url}{row.get_attribute('data-href')}")
    expect(page.get_by_text("<img src=x onerror=window.hacked=1>").first).to_be_visible()
    assert page.evaluate("window.hacked") is None


def test_the_search_works_without_scripts(desk: Desk, chromium: Browser) -> None:
    context = chromium.new_context(
        ignore_https_errors=True, java_script_enabled=False, storage_state=desk.page.context.storage_state()
    )
    page = context.new_page()
    page.goto(f"{desk.url}/siem/events")
    page.get_by_label("检索条件").fill("event.outcome:failure AND source.ip:203.0.113.4")
    page.get_by_role("button", name="搜索").click()
    expect(page.get_by_text("11 个事件")).to_be_visible()
    page.locator("tr[data-row] details.event summary").first.click()
    page.get_by_role("link", name="全部字段").first.click()
    expect(page.get_by_role("heading", name="全部字段")).to_be_visible()
    context.close()
