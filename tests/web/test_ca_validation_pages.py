"""Anybody who relies on certificates verifies one at the browser, and reads why another is refused."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from console.web.security import COOKIE
from kernel.identity.model import Role
from kernel.pki.pem import certificate_pem
from tests.support.console import ServedConsole, serve
from tests.unit.ca.foreign import Foreign
from tests.unit.ca.office import Office, opened

pytestmark = pytest.mark.web


@dataclass
class Served(ServedConsole):
    """The office and the address at which its console is served from this process."""

    office: Office


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("relying")
    with opened(folder / "data") as office:
        server, url = serve(office.app, folder)
        yield Served(office.app, url, office.clock, office.accounts, office)
        server.shutdown()


@pytest.fixture
def enter(chromium: Browser, served: Served) -> Iterator[Callable[[Role], Page]]:
    """Pages of somebody of a role; at the end no script may have complained."""
    complaints: list[str] = []
    contexts = []

    def walk_in(role: Role) -> Page:
        context = chromium.new_context(ignore_https_errors=True, locale="zh-CN")
        cookie = {"name": COOKIE, "value": served.token(role), "url": served.url, "secure": True}
        context.add_cookies([cookie])  # type: ignore[list-item]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield walk_in
    for context in contexts:
        context.close()
    assert [
        one for one in complaints if "(UNPROCESSABLE ENTITY)" not in one
    ] == []  # a refused form is told of


def verify(page: Page, served: Served, file: Path) -> None:
    """The form is filled in and sent."""
    page.goto(f"{served.url}/ca/validations/-/certificate")
    page.locator("input[type=file][name=file]").set_input_files(str(file))
    page.get_by_role("main").get_by_role("button", name="验证证书").click()


def test_a_certificate_of_ours_is_verified_and_every_check_can_be_read(
    enter: Callable[[Role], Page], served: Served, tmp_path: Path
) -> None:
    file = tmp_path / "person.pem"
    file.write_bytes(certificate_pem(served.office.certificate.der))
    page = enter(Role.SOC_ANALYST)
    page.goto(f"{served.url}/ca/validations")
    expect(page.get_by_role("heading", name="验证证书与文件").first).to_be_visible()
    verify(page, served, file)
    expect(page.get_by_text("有效").first).to_be_visible()
    page.goto(f"{served.url}/ca/validations")
    page.get_by_role("link", name="person.pem").first.click()
    page.locator("details summary").last.click()
    expect(page.get_by_role("cell", name="吊销状态").last).to_be_visible()
    expect(page.get_by_role("cell", name="依据本中心证书库").last).to_be_visible()
    assert Axe().run(page).response["violations"] == []


def test_a_strangers_certificate_is_refused_with_the_reason(
    enter: Callable[[Role], Page], served: Served, tmp_path: Path
) -> None:
    file = tmp_path / "stranger.cer"
    file.write_bytes(Foreign.make().leaf)
    page = enter(Role.REGISTRAR)
    verify(page, served, file)
    expect(page.get_by_text("没有到可信根的路径").first).to_be_visible()


def test_what_is_no_certificate_is_said_so_at_the_form(
    enter: Callable[[Role], Page], served: Served, tmp_path: Path
) -> None:
    file = tmp_path / "text.txt"
    file.write_text("no certificate", encoding="utf-8")
    page = enter(Role.ASSESSOR)
    page.goto(f"{served.url}/ca/validations/-/certificate")
    page.locator("input[type=file][name=file]").set_input_files(str(file))
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.get_by_role("main").get_by_role("button", name="验证证书").click()
    assert answered.value.status >= 400
    expect(page.get_by_text("这不是证书").first).to_be_visible()
