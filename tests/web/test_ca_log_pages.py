"""An auditor looks into the transparency log at the browser: finds a certificate, sees its proof, takes the head home."""

import json
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from ca.transparency import offline
from kernel.identity.model import Role
from tests.unit.ca.office import OFFICER
from tests.web.test_ca_pages import Served, enter, served

__all__ = ["enter", "served"]  # fixtures
pytestmark = pytest.mark.web
Enter = Callable[..., Page]


@pytest.fixture
def accessible() -> Callable[[Page], None]:
    def check(page: Page) -> None:
        found = Axe().run(page).response["violations"]
        assert found == [], json.dumps(found, ensure_ascii=False)[:2000]

    return check


def test_an_auditor_finds_a_certificate_and_its_way_to_the_root(
    enter: Enter, served: Served, accessible: Callable[[Page], None]
) -> None:
    serial = served.office.certificate.serial
    page = enter(Role.AUDITOR)
    page.goto(f"{served.url}/ca/log-entries?q={serial}")
    accessible(page)
    number = served.office.app.ca.log.told_of(OFFICER, serial)[0].entry.number
    page.goto(f"{served.url}/ca/log-entries/{number}")
    expect(page.get_by_text("证明成立")).to_be_visible()
    expect(page.get_by_role("columnheader", name="上级散列")).to_be_visible()
    accessible(page)
    page.goto(f"{served.url}/ca/tree-heads/1")
    expect(page.get_by_text("日志正常")).to_be_visible()
    accessible(page)
    link = page.locator("a[href$='/download/head']").first.get_attribute("href")
    taken = page.request.get(f"{served.url}{link}").body()
    anchors, _ = served.office.app.ca.seal_certificates()
    head = offline.verify_head(offline.read_head_file(taken), anchors)
    assert head == served.office.app.ca.log.head().head


def test_the_proof_on_a_certificates_page_needs_no_script(enter: Enter, served: Served) -> None:
    page = enter(Role.SECURITY_OFFICER, script=False)
    page.goto(f"{served.url}/ca/certificates/{served.office.certificate.serial}")
    expect(page.get_by_role("heading", name="透明日志中的记录")).to_be_visible()
    expect(page.get_by_text("证明成立").first).to_be_visible()
