"""What waits for officers at the browser: certificates that are not signed, a clock that was ahead, ends of CAs; lists of
compromised keys; and a dry run whose conditions are what is then proposed."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography import x509
from playwright.sync_api import Browser, Page, expect

from ca.intents import Intent
from ca.signer.model import SigningRefused
from console.web.security import COOKIE
from kernel.identity.model import Role
from kernel.store.listing import Ask
from tests.support.console import serve
from tests.unit.ca.office import OFFICER, SECOND, opened
from tests.web.test_ca_pages import Served

pytestmark = pytest.mark.web
Enter = Callable[..., Page]
DEBIAN = Path(__file__).parents[1] / "data" / "ca" / "blacklist.RSA-2048"
AHEAD = timedelta(days=500)
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("waiting")
    with opened(folder / "data") as office:
        server, url = serve(office.app, folder)
        yield Served(office.app, url, office.clock, office.accounts, office)
        server.shutdown()


@pytest.fixture
def enter(chromium: Browser, served: Served) -> Iterator[Enter]:
    contexts = []

    def walk_in(role: Role, *, script: bool = True, dark: bool = False, phone: bool = False) -> Page:
        context = chromium.new_context(
            ignore_https_errors=True,
            locale="zh-CN",
            java_script_enabled=script,
            color_scheme="dark" if dark else "light",
            viewport=PHONE if phone else None,  # type: ignore[arg-type]
        )
        cookie = {"name": COOKIE, "value": served.token(role), "url": served.url, "secure": True}
        context.add_cookies([cookie])  # type: ignore[list-item]
        contexts.append(context)
        return context.new_page()

    yield walk_in
    for context in contexts:
        context.close()


def readable(page: Page) -> None:
    """Nothing on the page is hard to read or name, and nothing runs out of it sideways."""
    assert [(one["id"], one["nodes"][0]["html"]) for one in Axe().run(page).response["violations"]] == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


# --- certificates that are not signed
@pytest.fixture
def refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> Intent:
    """What was approved, and what the signer refuses."""

    def refuse(*_: object, **__: object) -> bytes:
        raise SigningRefused("An officer's approval does not hold.", mend="See docs/operate/signer.md.")

    app, office = served.office.app, served.office
    with monkeypatch.context() as patched:
        patched.setattr(office.signer, "sign", refuse)
        with pytest.raises(SigningRefused):
            app.ca.registration.approve(OFFICER, office.file("周敏").id)
        app.ca.issuance.recover()
    return next(one for one in app.ca.intents.page(OFFICER, Ask()).items if one.state == "refused")


def test_what_the_signer_refuses_is_given_up_with_its_words_before_ones_eyes(
    enter: Enter, served: Served, refused: Intent
) -> None:
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/intents?filter[state]=refused")
    page.get_by_role("link", name="周敏").first.click()
    expect(page.locator("main")).to_contain_text("请排除签名机所述原因")
    readable(page)
    page.get_by_role("link", name="放弃").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("临江县大数据中心 周敏 的人员证书")
    expect(dialog).to_contain_text(re.compile(r"已拒签 1 次，最近一次 .*UTC\+08:00：审批人员的批准无效"))
    dialog.locator("[name=reason]").fill("批准人证书已吊销")
    dialog.get_by_role("button", name="放弃").click()
    expect(page.get_by_text("未签发，已放弃").first).to_be_visible()
    theirs = enter(Role.REGISTRAR, phone=True)
    theirs.goto(f"{served.url}/ca/intents/{refused.serial}")
    expect(theirs.locator("main")).to_contain_text("请重新提交申请")
    expect(theirs.get_by_role("link", name="立即重签")).to_have_count(0)
    readable(theirs)


def test_what_is_mended_is_signed_at_once(enter: Enter, served: Served, refused: Intent) -> None:
    page = enter(Role.SECURITY_OFFICER, dark=True)
    page.goto(f"{served.url}/ca/intents/{refused.serial}")
    readable(page)
    page.get_by_role("link", name="立即重签").click()
    page.get_by_role("dialog").get_by_role("button", name="立即重签").click()
    expect(page.get_by_text(re.compile(f"{refused.serial}.*已签发"))).to_be_visible()


# --- lists of compromised keys
@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_a_list_is_loaded_and_a_slip_is_mended_where_it_was_made(
    enter: Enter, served: Served, script: bool
) -> None:
    page, name = enter(Role.SECURITY_OFFICER, script=script), f"debian-2048-{script}".lower()
    page.goto(f"{served.url}/ca/blocklists")
    page.get_by_role("link", name="装载清单").first.click()
    form = page.locator("form[enctype]").last
    form.locator("[name=name]").fill("Debian 2048")
    form.locator("[name=content]").set_input_files(DEBIAN)
    form.locator("[name=reason]").fill("CVE-2008-0166，光盘带入")
    form.get_by_role("button", name="装载清单").click()
    expect(page.get_by_role("alert")).to_contain_text("Debian 2048")
    if script:  # the list stays where it was, the form in its dialog
        expect(page.get_by_role("dialog").locator("[name=reason]")).to_have_value("CVE-2008-0166，光盘带入")
        assert page.url == f"{served.url}/ca/blocklists"
        readable(page)
    page.locator("[name=name]").last.fill(name)
    page.locator("[name=content]").last.set_input_files(DEBIAN)
    page.locator("form[enctype]").last.get_by_role("button", name="装载清单").click()
    expect(page.locator("main").get_by_role("heading", level=1)).to_contain_text(name)
    expect(page.get_by_text("个密钥今后一律不予签发")).to_be_visible()
    registrars = enter(Role.REGISTRAR)
    registrars.goto(f"{served.url}/ca/blocklists")
    expect(registrars.get_by_role("link", name=name)).to_be_visible()
    expect(registrars.get_by_role("link", name="装载清单")).to_have_count(0)


# --- many at once: what was tried is what is proposed
def test_what_the_dry_run_showed_is_what_is_proposed(enter: Enter, served: Served) -> None:
    office, bulk = served.office, served.office.app.ca.bulk
    issued = [
        office.app.ca.registration.approve(OFFICER, office.file(name).id).serial for name in ("孙一", "孙二")
    ]
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/bulk-revocations")
    page.get_by_role("link", name="提议批量吊销").first.click()
    dialog = page.get_by_role("dialog")
    dialog.locator("[name=numbers]").fill("\n".join(issued))
    dialog.locator("[name=profile]").select_option(label="人员证书")
    dialog.get_by_role("button", name="试运行批量吊销").click()
    expect(page.get_by_role("status").first).to_contain_text("将吊销 2 张证书")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.locator("main").get_by_role("button", name="提议批量吊销").click()
    expect(page.locator(".verb-object", has_text="试运行命中证书数")).to_contain_text("2")
    page.locator("[name=code]").select_option(label="已更换")
    page.locator("[name=reason]").fill("换发新证书")
    page.locator("form[enctype]").last.get_by_role("button", name="提议批量吊销").click()
    expect(page.get_by_text("等待第二名安全保密管理员").first).to_be_visible()
    (made,) = bulk.page(OFFICER, Ask("换发新证书")).items
    assert (made.total, made.selection["profile"]) == (2, "person")
    bulk.reject(SECOND, made.id, "仅作演练")


def test_who_proposes_is_told_when_other_certificates_fit_by_now(enter: Enter, served: Served) -> None:
    office = served.office
    page = enter(Role.SECURITY_OFFICER, script=False)
    page.goto(f"{served.url}/ca/bulk-revocations/-/look")
    page.locator("[name=profile]").select_option(label="人员证书")
    page.locator("form[enctype]").last.get_by_role("button").last.click()
    page.get_by_role("button", name="提议批量吊销").click()
    office.app.ca.registration.approve(OFFICER, office.file("孙三").id)
    page.locator("[name=code]").select_option(label="已更换")
    page.locator("[name=reason]").fill("换发")
    page.locator("form[enctype]").last.get_by_role("button", name="提议批量吊销").click()
    expect(page.get_by_role("alert")).to_contain_text("命中范围与试运行时不同")
    expect(page.locator("[name=profile]")).to_have_value("person")
    page.get_by_role("button", name="试运行批量吊销").click()
    expect(page.get_by_text("试运行摘要")).to_be_visible()


# --- the last ones: they move the clock
def test_after_a_clock_that_was_ahead_officers_see_what_they_decide_on(enter: Enter, served: Served) -> None:
    app, clock = served.office.app, served.clock
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/resumptions/-/propose")
    expect(page.get_by_text("没有 CA 签到此后的时间")).to_be_visible()
    clock.advance(seconds=AHEAD.total_seconds())
    app.ca.services.renew()
    app.ca.publication.publish("issuing", OFFICER)
    until = clock.now()
    clock.advance(seconds=-AHEAD.total_seconds())
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/resumptions")
    page.get_by_role("link", name="提请恢复签发").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"签发 CA 已签到 {(until + timedelta(hours=8)):%Y-%m-%d}")
    dialog.locator("[name=authority]").select_option(label="签发 CA")
    dialog.locator("[name=reason]").fill("时钟曾快 500 天")
    dialog.get_by_role("button", name="提请恢复签发").click()
    expect(page.get_by_text("等待第二名安全保密管理员").first).to_be_visible()
    expect(page.get_by_role("link", name="作为第二名安全保密管理员执行")).to_have_count(0)  # one's own
    readable(page)
    (mine,) = app.ca.resumptions.page(OFFICER, Ask()).items
    app.ca.resumptions.reject(SECOND, mine.id, "先查明原因")
    page.reload()
    expect(page.locator("main")).to_contain_text("先查明原因")
    theirs = app.ca.resumptions.propose(SECOND, "issuing", "已查明：授时源故障")
    page.goto(f"{served.url}/ca/resumptions?filter[state]=proposed")
    page.get_by_role("link", name="签发 CA").first.click()
    expect(page).to_have_url(f"{served.url}/ca/resumptions/{theirs.id}")
    page.get_by_role("link", name="作为第二名安全保密管理员执行").click()
    expect(page.get_by_role("dialog")).to_contain_text("此期间的时间一律视为错误")
    page.get_by_role("dialog").get_by_role("button", name="作为第二名安全保密管理员执行").click()
    expect(page.get_by_text("该 CA 已恢复签发。")).to_be_visible()


def test_ends_are_told_by_name_and_lead_to_where_they_are_renewed(enter: Enter, served: Served) -> None:
    own = x509.load_der_x509_certificate(served.office.app.ca.authority("issuing").certificate)
    before = own.not_valid_after_utc - timedelta(days=20) - served.clock.now()
    served.clock.advance(seconds=before.total_seconds())
    page = enter(Role.SECURITY_OFFICER, phone=True)
    page.goto(f"{served.url}/ca/ends")
    expect(page.get_by_text("OCSP 响应服务 · 签发 CA")).to_be_visible()
    readable(page)
    page.get_by_role("link", name="前往该 CA").first.click()
    expect(page).to_have_url(f"{served.url}/ca/authorities/issuing")
    expect(page.get_by_role("link", name="换发")).to_be_visible()
