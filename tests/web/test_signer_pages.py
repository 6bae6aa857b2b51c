"""Officers look after the signer at the browser: its state and keys, new shares, deactivation."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import select

from console.web.security import COOKIE
from kernel.identity.model import Role
from kernel.identity.store import user_roles, users
from tests.support.console import ServedConsole, serve
from tests.unit.ca.office import Office, opened

pytestmark = pytest.mark.web
SECOND = "second.officer"


class Served(ServedConsole):
    """The office at its address, and a second officer in it."""

    office: Office


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("signer")
    with opened(folder / "data") as office:
        with office.app.floor.database.begin() as uow:
            officer = office.accounts[Role.SECURITY_OFFICER].user.id
            row = uow.connection.execute(select(users).where(users.c.id == officer)).one()._asdict()
            uow.execute(users.insert().values(row | {"id": "usr_second", "login": SECOND, "name": "赵敏"}))
            uow.execute(user_roles.insert().values(user="usr_second", role=str(Role.SECURITY_OFFICER)))
        server, url = serve(office.app, folder)
        made = Served(office.app, url, office.clock, office.accounts)
        made.office = office
        yield made
        server.shutdown()


@pytest.fixture
def page(chromium: Browser, served: Served) -> Iterator[Page]:
    """An officer's page; at the end no script may have complained."""
    context = chromium.new_context(ignore_https_errors=True, locale="zh-CN")
    token = served.token(Role.SECURITY_OFFICER)
    context.add_cookies([{"name": COOKIE, "value": token, "url": served.url, "secure": True}])
    complaints: list[str] = []
    opened_page = context.new_page()
    opened_page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened_page.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened_page
    context.close()
    assert complaints == []


def test_an_officer_hands_out_shares_and_deactivates(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/ca/signers/signer")
    expect(page.get_by_text("可签名").first).to_be_visible()
    page.get_by_role("link", name="换发份额").first.click()
    form = page.locator("form", has=page.locator("[name=threshold]")).last
    form.locator("[name=threshold]").fill("2")
    form.get_by_label("赵敏").check()
    own = served.accounts[Role.SECURITY_OFFICER].user.name
    form.get_by_label(own).check()
    form.locator("[name=reason]").fill("第一次分发")
    form.get_by_role("button", name="换发份额").click()
    expect(page.get_by_text("新份额已备好").first).to_be_visible()
    activation = served.office.signer.activation
    for account in (served.accounts[Role.SECURITY_OFFICER].user.id, "usr_second"):
        activation.confirm(account, activation.collect(account))

    page.goto(f"{served.url}/ca/signers/signer")
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("link", name="停用").first.click()
    form = page.locator("form", has=page.locator("[name=reason]")).last
    expect(page.get_by_text("签名机立即清除密钥").first).to_be_visible()
    form.locator("[name=reason]").fill("检修")
    form.get_by_role("button", name="停用").click()
    expect(page.get_by_text("等待份额").first).to_be_visible()
    page.goto(f"{served.url}/ca/keys")
    expect(page.get_by_text("没有已开启的密钥")).to_be_visible()
