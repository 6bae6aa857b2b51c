"""Forms of the CA at the browser: what they are for, what is wrong where, what was typed comes back, who is not asked."""

import re
from collections.abc import Callable, Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from ca.bulk.selection import Selection
from ca.jobs import handlers
from ca.model import Reason
from console.web.security import COOKIE
from kernel.identity.model import Role
from tests.unit.ca.office import OFFICER, SECOND
from tests.web.test_ca_pages import Served, document_with, served

__all__ = ["served"]  # a fixture
pytestmark = pytest.mark.web
Enter = Callable[..., Page]


@pytest.fixture
def enter(chromium: Browser, served: Served) -> Iterator[Enter]:
    """Pages of somebody of a role. A form that is refused is no fault of the page here, whatever the browser notes of it."""
    contexts = []

    def walk_in(role: Role, *, script: bool = True) -> Page:
        context = chromium.new_context(ignore_https_errors=True, locale="zh-CN", java_script_enabled=script)
        cookie = {"name": COOKIE, "value": served.token(role), "url": served.url, "secure": True}
        context.add_cookies([cookie])
        contexts.append(context)
        return context.new_page()

    yield walk_in
    for context in contexts:
        context.close()


@pytest.fixture(params=[True, False], ids=["with script", "without script"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_form_names_its_profile_and_tells_each_fault_at_its_field(
    enter: Enter, served: Served, script: bool
) -> None:
    page = enter(Role.REGISTRAR, script=script)
    page.goto(f"{served.url}/ca/requests/-/file?profile=person")
    expect(page.locator(".verb-object")).to_have_text("证书模板 人员证书")
    form = page.locator("form[enctype]").last
    form.locator("[name=common_name]").fill("王")
    form.locator("[name=email]").fill("wang@city.gov.cn\n不是邮箱")
    form.locator("[name=evidence]").fill("身份证原件\n核对无误")
    form.get_by_role("button", name="提交申请", exact=True).click()
    expect(page.locator("#h-common_name")).to_contain_text("须为 2 至 64 个字符")
    expect(page.get_by_text("表单不保留文件和口令")).to_be_visible()
    expect(page.locator("[name=evidence]")).to_have_value("身份证原件\n核对无误")
    page.locator("[name=common_name]").fill("王五")
    page.get_by_role("button", name="提交申请", exact=True).click()
    expect(page.locator("#h-email")).to_contain_text("email:不是邮箱")
    if script:
        found = Axe().run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == []


def test_a_document_with_a_slip_comes_back_as_it_was_typed_and_is_corrected_there(
    enter: Enter, served: Served, script: bool
) -> None:
    page = enter(Role.SECURITY_OFFICER, script=script)
    page.goto(f"{served.url}/ca/profiles/device/propose")
    document = page.locator("[name=document]")
    shipped = document.input_value()
    days = 300 if script else 200
    document.fill(shipped.replace("- p256", "- p257"))
    page.locator("[name=reason]").fill("缩短有效期")
    send = page.locator("form[enctype]").last.get_by_role("button", name="提请变更")
    send.click()
    expect(page.locator("#h-document")).to_contain_text("'p257' is not one of")
    assert document.input_value().strip() == shipped.replace("- p256", "- p257").strip()
    document.fill(document_with("device", days).decode())
    send.click()
    expect(page.get_by_text("待第二人审批").first).to_be_visible()
    newest = page.get_by_role("link", name="device@").first
    newest.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("证书模板版本 device@")
    expect(page.get_by_role("link", name="批准并施行")).to_have_count(0)  # who proposed is not asked
    key = page.url.rsplit("/", 1)[1].replace("%40", "@")
    served.office.app.ca.profile_changes.reject(SECOND, key, "仅作演练")


def test_the_second_officer_is_asked_and_reads_what_was_chosen(enter: Enter, served: Served) -> None:
    bulk = served.office.app.ca.bulk
    served.app.jobs.register(handlers(served.app.ca))
    theirs = bulk.propose(OFFICER, Selection(profile="person"), Reason.SUPERSEDED, "换发新证书")
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/bulk-revocations/{theirs.id}")
    expect(page.get_by_text("证书模板：人员证书")).to_be_visible()
    page.get_by_role("link", name="作为第二名安全保密管理员执行").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="作为第二名安全保密管理员执行").click()
    expect(page).to_have_url(re.compile("/jobs/jobs/"))
    served.work()
    page.reload()
    expect(page.locator("main")).to_contain_text("1/1")


def test_keys_services_and_tree_heads_are_called_by_their_names(enter: Enter, served: Served) -> None:
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/tree-heads/1")
    expect(page.get_by_role("heading", level=1)).to_have_text("树头 1")
    page.goto(f"{served.url}/ca/services")
    expect(page.get_by_role("link", name="签发 CA").first).to_be_visible()
    page.goto(f"{served.url}/ca/authorities/issuing/roll-over")
    expect(page.get_by_label("密钥算法")).to_contain_text("EC P-384")
    page.goto(f"{served.url}/ca/authorities/issuing/assign")
    expect(page.get_by_label("其他 CA 未指定的全部模板")).to_be_visible()
    page.goto(f"{served.url}/ca/status")
    expect(page.get_by_role("heading", name="按周签发证书数（自周一起）").first).to_be_visible()
