"""The README's tour of each role in a real browser, in Chinese: from sign-in to the work done, on the main job's results."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from console.commands.session import demo_secrets

pytestmark = pytest.mark.web
HOME = "https://127.0.0.1:8443"
Enter = Callable[[str], Page]
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64) + b"IEND\xaeB`\x82"  # a scan's beginning and end


@pytest.fixture
def enter(serving: Path, chromium: Browser) -> Iterator[Enter]:
    """Sign in as somebody of the demo; at the end no page may have complained or asked anybody else."""
    complaints: list[str] = []
    pages: list[Page] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(message.text)

    def walk_in(login: str) -> Page:
        context = chromium.new_context(
            ignore_https_errors=True, locale="zh-CN", viewport={"width": 1440, "height": 900}
        )
        page = context.new_page()
        pages.append(page)
        sign_in(
            page, serving, login
        )  # a code that was used a moment ago is refused, which browsers complain of
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda asked: None if asked.url.startswith((HOME, "data:")) else complaints.append(asked.url),
        )
        return page

    yield walk_in
    for page in pages:
        page.context.close()
    assert complaints == []


def sign_in(page: Page, demo: Path, login: str) -> None:
    """A code works once: whoever signed in a moment ago waits for the next one."""
    for _attempt in range(2):
        page.goto(f"{HOME}/sign-in")
        password, code = demo_secrets(demo / "data", login)
        page.locator("[name=login]").fill(login)
        page.locator("[name=password]").fill(password)
        page.locator("[name=code]").fill(code)
        page.get_by_role("button", name="登录", exact=True).click()
        page.wait_for_load_state()
        if page.url == f"{HOME}/":
            return
        time.sleep(31 - time.time() % 30)
    raise AssertionError(page.locator("main").inner_text())


def go(page: Page, group: str, entry: str) -> None:
    """Open a page by the menu."""
    menu = page.get_by_role("navigation", name="主菜单")
    link = menu.get_by_role("link", name=entry, exact=True)
    if not link.is_visible():
        menu.get_by_text(group, exact=True).click()
    link.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(entry)


def dialog(page: Page, label: str) -> None:
    """Send the open form by its button."""
    page.get_by_role("dialog").get_by_role("button", name=label, exact=True).click()


def done(page: Page, text: str) -> None:
    """What was done is said."""
    expect(page.locator("[role=status]").filter(has_text=re.compile(text)).first).to_be_visible(
        timeout=15_000
    )


def test_the_registrar_files_a_request_and_the_officer_issues_and_revokes(enter: Enter) -> None:
    page = enter("liu.yang")
    go(page, "证书", "证书申请")
    page.get_by_role("link", name="提交申请").click()
    form = page.get_by_role("dialog")
    form.get_by_label("证书模板").select_option(label="人员证书")
    form.get_by_role("button", name="继续").click()
    form = page.locator("form[enctype]")
    form.get_by_label("通用名称（CN）").fill("王小明")
    form.get_by_label("组织（O）").fill("临江县大数据中心")
    form.get_by_label("电子邮件地址").fill("wang.xm@city.gov.cn")
    form.get_by_label("申请人身份核验情况").fill("身份证原件核对无误")
    form.locator("[name=paper]").set_input_files(
        {"name": "身份证.png", "mimeType": "image/png", "buffer": PICTURE}
    )
    form.get_by_role("button", name="提交申请", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("王小明")
    expect(page.get_by_role("main")).to_contain_text("身份证.png")
    request = page.url.rsplit("/", 1)[1]

    officer = enter("li.na")
    expect(officer.get_by_role("main")).to_contain_text("刘洋")  # the home page begins with what waits
    officer.goto(f"{HOME}/ca/requests/{request}")
    officer.get_by_role("link", name="批准并签发").click()
    dialog(officer, "批准并签发")
    done(officer, "签发")
    go(officer, "证书", "已签发证书")
    officer.get_by_role("row").filter(has_text="王小明").get_by_role("link").first.click()
    expect(officer.get_by_role("main")).to_contain_text("OCSP 答复：有效")
    officer.get_by_role("link", name="吊销证书").click()
    form = officer.get_by_role("dialog")
    form.locator("[name=code]").select_option("cessation_of_operation")
    form.locator("[name=reason]").fill("人员离职")
    dialog(officer, "吊销证书")
    done(officer, "吊销")
    expect(officer.get_by_role("main")).to_contain_text("已吊销")


def test_the_registrar_tries_a_spreadsheet_and_the_officer_validates_a_certificate(
    enter: Enter, serving: Path
) -> None:
    page = enter("liu.yang")
    go(page, "证书", "批量申请")
    page.get_by_role("link", name="批量提交申请").first.click()
    form = page.get_by_role("dialog")
    form.get_by_label("证书模板").select_option(label="人员证书")
    rows = (
        "组织,通用名称,电子邮件\n临江县大数据中心,赵一,zhao@city.gov.cn\n临江县大数据中心,,qian@city.gov.cn\n"
    )
    form.locator("[name=file]").set_input_files(
        {"name": "花名册.csv", "mimeType": "text/csv", "buffer": rows.encode()}
    )
    form.get_by_label("申请人身份核验情况").fill("花名册经人事部门核对")
    dialog(page, "批量提交申请")
    expect(page.get_by_role("main")).to_contain_text("1 行无误，1 处错误")

    officer = enter("li.na")
    go(officer, "机构、模板与密钥", "证书认证机构")
    officer.get_by_role("link", name=re.compile("根 CA$")).first.click()
    expect(officer.get_by_role("main")).to_contain_text("CA 层次")
    go(officer, "存证与验证", "验证证书与文件")
    officer.get_by_role("link", name="验证证书", exact=True).first.click()
    officer.get_by_role("dialog").locator("[name=file]").set_input_files(serving / "tls" / "console.pem")
    dialog(officer, "验证证书")
    expect(officer.get_by_role("main")).to_contain_text("吊销状态")


def test_the_network_administrator_takes_on_a_finding_and_sees_the_network(enter: Enter) -> None:
    page = enter("huang.qiang")
    go(page, "配置", "配置问题")
    page.locator("tr[data-row]").first.get_by_role("link").first.click()
    page.get_by_role("link", name="受理").click()
    page.get_by_role("dialog").locator("textarea, input[type=text]").last.fill("安排今晚整改")
    dialog(page, "受理")
    done(page, "受理")
    go(page, "配置", "设备与配置")
    page.get_by_role("link", name="ww-core-ios", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("已采集")
    go(page, "监测", "设备实时状态")
    page.get_by_role("link", name="nw-core-vrp", exact=True).first.click()
    expect(page.locator("canvas").first).to_be_visible()
    go(page, "监测", "网络拓扑图")
    expect(page.get_by_role("main")).to_contain_text("绕过网闸")
    go(page, "资产与证据", "资产台账")
    expect(page.get_by_role("main")).to_contain_text("exit-fw-topsec")


def test_the_analyst_works_by_keyboard_searches_and_carries_a_case_on(enter: Enter) -> None:
    page = enter("zhou.fang")
    go(page, "安全事件", "告警")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("暴力破解")
    expect(page.get_by_role("main")).to_contain_text("127.10.20.50")
    go(page, "安全事件", "事件检索")
    page.get_by_label("检索条件").fill("source.ip:127.10.20.50")
    page.get_by_role("button", name="搜索").click()
    expect(page.locator("tr[data-row]").first).to_contain_text("127.10.20.50")
    go(page, "安全事件", "案件")
    page.locator("tr[data-row]").first.get_by_role("link").first.click()
    page.get_by_role("link", name="记录").click()
    page.get_by_role("dialog").locator("textarea, input[type=text]").last.fill("已通知用户单位修改口令")
    dialog(page, "记录")
    expect(page.get_by_role("main")).to_contain_text("已通知用户单位修改口令")


def test_the_dr_administrator_verifies_a_replica_and_follows_the_job(enter: Enter) -> None:
    page = enter("wu.jing")
    go(page, "备份与恢复", "备份状态矩阵")
    expect(page.get_by_role("main")).to_contain_text("损坏或无法恢复")
    page.get_by_role("link", name="同城").first.click()
    page.get_by_role("link", name="校验副本").click()
    dialog(page, "校验副本")
    expect(page).to_have_url(re.compile("/jobs/jobs/"))
    expect(page.locator(".facts .state").first).to_have_text("成功", timeout=90_000)
    go(page, "备份与恢复", "副本校验")
    newest = page.locator("tr[data-row]").first
    expect(newest).to_contain_text("same-city")
    expect(newest).to_contain_text("通过")


def test_the_assessor_reads_results_opens_evidence_and_takes_a_package_away(
    enter: Enter, tmp_path: Path
) -> None:
    page = enter("xu.tao")
    go(page, "等级保护", "控制项结果")
    page.get_by_role("link", name=re.compile("^不符合")).first.click()
    page.locator("tr[data-row]").first.get_by_role("link").first.click()
    expect(page.get_by_role("main")).to_contain_text("证据")
    go(page, "等级保护", "证据包")
    page.get_by_role("link", name="导出证据包").first.click()
    form = page.get_by_role("dialog")
    form.locator("[name=assessment]").select_option(index=0)
    dialog(page, "导出证据包")
    expect(page.locator(".facts .state")).to_have_text("可下载", timeout=90_000)
    page.get_by_text("导出", exact=True).click()
    with page.expect_download() as taken:
        page.get_by_role("link", name="证据包（ZIP）").click()
    taken.value.save_as(tmp_path / "package.zip")
    assert (tmp_path / "package.zip").read_bytes().startswith(b"PK")


def test_the_auditor_verifies_follows_an_object_and_exports(enter: Enter, tmp_path: Path) -> None:
    page = enter("zhang.min")
    go(page, "人员与平台", "审计记录")
    page.get_by_role("link", name="校验链").click()
    dialog(page, "校验链")
    expect(page.get_by_role("main")).to_contain_text("记录与写入时一致")
    go(page, "人员与平台", "审计记录")
    page.locator("tr[data-row]").nth(1).get_by_role("link").first.click()
    page.goto(f"{HOME}/audit/records")
    page.get_by_text("导出", exact=True).click()
    with page.expect_download() as taken:
        page.get_by_role("link", name="全部审计记录（JSON 行）").click()
    taken.value.save_as(tmp_path / "audit.jsonl")
    first = (tmp_path / "audit.jsonl").read_text(encoding="utf-8").splitlines()[0]
    assert {"body", "previous", "hash"} <= set(json.loads(first))
    go(page, "存证与验证", "透明日志：树头")
    page.get_by_role("link", name="核对日志").click()
    dialog(page, "核对日志")
    done(page, "核对")
    expect(page.get_by_role("heading", level=1)).to_contain_text("透明日志")


def test_the_system_administrator_makes_an_account_whose_password_is_shown_once(enter: Enter) -> None:
    page = enter("wang.wei")
    go(page, "人员与平台", "账号")
    page.get_by_role("link", name="新建账号").click()
    form = page.get_by_role("dialog")
    form.get_by_label("登录名").fill("sun.lan")
    form.get_by_label("人员姓名").fill("孙兰")
    form.get_by_role("combobox").first.select_option(label="临江县大数据中心")
    dialog(page, "新建账号")
    expect(page.get_by_text("仅显示这一次", exact=False)).to_be_visible()
    go(page, "人员与平台", "账号")
    expect(page.get_by_role("main")).to_contain_text("孙兰")
    go(page, "人员与平台", "运行状态")
    expect(page.get_by_role("main")).to_contain_text("正常")


def test_after_signing_out_the_back_button_shows_nothing(enter: Enter) -> None:
    page = enter("wang.wei")
    go(page, "人员与平台", "账号")
    with closing(page):
        page.get_by_text("王伟", exact=True).first.click()
        page.get_by_role("button", name="退出登录").click()
        expect(page).to_have_url(re.compile("/sign-in"))
        page.go_back()
        expect(page).to_have_url(re.compile("/sign-in"))
