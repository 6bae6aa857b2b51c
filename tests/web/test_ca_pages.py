"""A registrar and a security officer work with certificates at the browser, by mouse and by keyboard."""

import base64
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.sync_api import Browser, Page, expect

from ca.model import State
from ca.profiles.reading import text_of
from console.web.security import COOKIE
from kernel.identity.model import Role
from kernel.store.listing import Ask
from policies.registry import load
from tests.support.console import ServedConsole, serve
from tests.unit.ca.office import OFFICER, SECOND, Office, opened
from tests.unit.ca.test_papers import PDF
from tests.unit.ca.test_registration import csr

pytestmark = pytest.mark.web


@dataclass
class Served(ServedConsole):
    """The office and the address at which its console is served from this process."""

    office: Office


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("certificates")
    with opened(folder / "data") as office:
        server, url = serve(office.app, folder)
        yield Served(office.app, url, office.clock, office.accounts, office)
        server.shutdown()


@pytest.fixture
def enter(chromium: Browser, served: Served) -> Iterator[Callable[..., Page]]:
    """Pages of somebody of a role; at the end no script may have complained, no other origin have been asked."""
    complaints: list[str] = []
    contexts = []

    def walk_in(role: Role, *, script: bool = True) -> Page:
        context = chromium.new_context(ignore_https_errors=True, locale="zh-CN", java_script_enabled=script)
        context.add_cookies(
            [{"name": COOKIE, "value": served.token(role), "url": served.url, "secure": True}]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda asked: None if _ours(asked.url, served) else complaints.append(asked.url))
        return page

    yield walk_in
    for context in contexts:
        context.close()
    assert complaints == []


def _ours(url: str, served: Served) -> bool:
    return url.startswith((f"{served.url}/", "data:", "blob:"))


def test_a_registrar_files_with_a_signing_request_and_sees_who_may_approve(
    enter: Callable[..., Page], served: Served, tmp_path: Path
) -> None:
    (tmp_path / "applicant.csr").write_bytes(csr(ec.generate_private_key(ec.SECP256R1())))
    page = enter(Role.REGISTRAR)
    page.goto(f"{served.url}/ca/requests")
    page.get_by_role("link", name="提交申请").first.click()
    page.get_by_role("dialog").locator("[name=profile]").select_option(label="设备证书")
    page.get_by_role("dialog").get_by_role("button", name="继续").click()
    form = page.locator("form[enctype]").last
    expect(page.get_by_text("此操作须由第二人审批")).to_be_visible()
    expect(form.locator("[name=email]")).to_have_count(0)
    form.locator("[name=common_name]").fill("ww-core-01")
    form.locator("[name=ip]").fill("10.20.30.40")
    form.locator("[name=dns]").fill("core.gov.internal")
    form.locator("[name=evidence]").fill("设备采购单与到货验收单")
    form.locator("[name=paper]").set_input_files(
        {"name": "采购单.pdf", "mimeType": "application/pdf", "buffer": PDF}
    )
    form.locator("[name=csr]").set_input_files(tmp_path / "applicant.csr")
    form.get_by_role("button", name="提交申请").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ww-core-01")
    expect(page.get_by_text("待审批")).to_be_visible()
    filed = served.office.app.ca.registration.page(OFFICER, Ask("ww-core")).items[0]
    assert (filed.own_key, filed.names) == (True, ("dns:core.gov.internal", "ip:10.20.30.40"))
    page.get_by_role("link", name="采购单.pdf").first.click()
    page.locator("details.menu summary", has_text="导出").first.click()
    original = page.get_by_role("link", name="原件").first
    expect(original).to_be_visible()
    # over a certificate that it was told not to mind, the browser itself saves nothing
    answer = page.request.get(f"{served.url}{original.get_attribute('href')}")
    assert answer.body() == PDF
    assert answer.headers["content-disposition"].endswith(quote("采购单.pdf"))
    assert answer.headers["x-content-type-options"] == "nosniff"
    served.office.app.ca.registration.reject(OFFICER, filed.id, "重复提交")


def test_an_officer_approves_with_the_keyboard_alone(enter: Callable[..., Page], served: Served) -> None:
    served.office.file("周敏")
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/requests?filter[state]=requested&q=周敏")
    page.keyboard.press("j")
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("周敏").first).to_be_visible()
    expect(dialog.get_by_text("身份核验情况")).to_be_visible()
    dialog.get_by_role("button", name="批准并签发").click()
    expect(page.get_by_text(re.compile("已批准，证书 .* 已签发"))).to_be_visible()
    assert served.office.app.ca.lifecycle.page(OFFICER, Ask("周敏")).items[0].state is State.ISSUED


def test_several_are_turned_down_at_once(enter: Callable[..., Page], served: Served) -> None:
    filed = [served.office.file(name) for name in ("钱一", "钱二")]
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/requests?q=钱")
    for one in filed:
        page.locator(f"tr[data-id={one.id}] input[type=checkbox]").check()
    page.locator(".bulk-bar").get_by_role("button", name="否决").click()
    page.locator("[name=reason]").fill("单位未盖章")
    page.locator("form[enctype]").last.get_by_role("button", name="否决").click()
    expect(page.get_by_text("申请已否决。")).to_have_count(2)
    states = {served.office.app.ca.registration.show(OFFICER, one.id).state for one in filed}
    assert states == {State.REJECTED}


def test_the_key_is_saved_from_the_page_that_is_shown_once(
    enter: Callable[..., Page], served: Served
) -> None:
    page = enter(Role.REGISTRAR)
    page.goto(f"{served.url}/ca/requests/{served.office.granted.id}/deliver")
    page.locator("form[enctype]").last.get_by_role("button", name="交付密钥").click()
    saving = page.get_by_role("link", name="保存文件")
    expect(saving).to_be_visible()
    data = base64.b64decode((saving.get_attribute("href") or "").partition("base64,")[2])
    officer = enter(Role.SECURITY_OFFICER)
    officer.goto(f"{served.url}/ca/requests/{served.office.granted.id}/password")
    officer.locator("form[enctype]").last.get_by_role("button", name="告知口令").click()
    password = officer.locator("dl.facts code").first.inner_text()
    key, certificate, _chain = pkcs12.load_key_and_certificates(data, password.encode())
    assert key is not None
    assert certificate is not None
    assert f"{certificate.serial_number:032x}" == served.office.certificate.serial


def test_an_officer_proposes_a_profile_and_decides_on_anothers(
    enter: Callable[..., Page], served: Served
) -> None:
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/profiles/software/propose")
    expect(page.get_by_text("此操作须由第二人审批")).to_be_visible()
    form = page.locator("form[enctype]").last
    document = form.locator("[name=document]")
    document.fill(document.input_value().replace("validity_days: 730", "validity_days: 365"))
    form.locator("[name=reason]").fill("一年一换")
    form.get_by_role("button", name="提请变更").click()
    expect(page.get_by_text("须由第二人审批").first).to_be_visible()
    changes = served.office.app.ca.profile_changes
    changes.approve(SECOND, "software@2")
    key = changes.propose(OFFICER, document_with("software", 500), "放宽").key
    page.goto(f"{served.url}/ca/profile-versions/{key}")
    expect(page.locator("del", has_text="365")).to_be_visible()
    expect(page.locator("ins", has_text="500")).to_be_visible()
    page.keyboard.press("a")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("365 → 500")).to_be_visible()
    dialog.get_by_role("button", name="批准并施行").click()
    expect(page.get_by_text("现行版本").first).to_be_visible()
    assert served.office.app.ca.profiles.get("software").validity.days == 500


def document_with(profile: str, days: int) -> bytes:
    """The shipped document of a profile with other days of validity."""
    documents = {document.value["id"]: document.value for document in load(part="cert_profiles").documents}
    return text_of({**documents[profile], "validity_days": days}).encode()


def test_a_certificate_tells_its_chain_and_what_a_revocation_changed(
    enter: Callable[..., Page], served: Served
) -> None:
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/certificates/{served.office.certificate.serial}")
    expect(page.get_by_text("OCSP 答复：有效")).to_be_visible()
    expect(page.locator("#chain canvas").first).to_be_visible()
    assert page.request.get(f"{served.url}/ca/chain/{served.office.certificate.serial}.svg").ok
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("不可撤回")).to_be_visible()
    dialog.locator("[name=code]").select_option(label="密钥泄露")
    dialog.locator("[name=reason]").fill("令牌遗失")
    dialog.get_by_role("button", name="吊销证书").click()
    expect(page.get_by_text("OCSP 答复：已吊销")).to_be_visible()
    expect(page.get_by_text("已列入最新 CRL")).to_be_visible()


def test_the_second_officer_performs_what_the_first_proposed(
    enter: Callable[..., Page], served: Served
) -> None:
    from ca.model import Reason

    proposed = served.office.app.ca.revocations.propose(
        SECOND, served.office.issuing, Reason.CESSATION_OF_OPERATION, "换代"
    )
    page = enter(Role.SECURITY_OFFICER)
    page.goto(f"{served.url}/ca/revocations/{proposed.id}")
    page.get_by_role("link", name="否决").first.click()
    page.locator("[name=reason]").fill("尚未到期")
    page.locator("form[enctype]").last.get_by_role("button", name="否决").click()
    expect(page.get_by_text("提案已否决，该 CA 继续运行。")).to_be_visible()


def test_without_script_pictures_stand_as_files_and_forms_work(
    enter: Callable[..., Page], served: Served
) -> None:
    page = enter(Role.SECURITY_OFFICER, script=False)
    page.goto(f"{served.url}/ca/status")
    drawn = page.locator("#ending img.picture-still")
    expect(drawn).to_be_visible()
    assert drawn.evaluate("one => one.naturalWidth") > 0
    page.goto(f"{served.url}/ca/crls/issuing/publish")
    page.get_by_role("button", name="立即发布新列表").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("签发 CA")


@pytest.mark.parametrize("path", ["/ca/status", "/ca/certificates", "/ca/requests/-/file"])
def test_nothing_on_these_pages_is_hard_to_read_or_name(
    enter: Callable[..., Page], served: Served, path: str
) -> None:
    role = Role.REGISTRAR if path.endswith("/file") else Role.SECURITY_OFFICER
    page = enter(role)
    page.goto(served.url + path)
    found = Axe().run(page).response["violations"]
    assert [
        (one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")
    ] == []
