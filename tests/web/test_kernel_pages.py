"""The register, jobs, evidence and the audit trail at the browser, by the people who work with them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from console.compose.app import App
from console.compose.floor import build_floor
from console.compose.tables import import_all_tables
from console.web.security import COOKIE
from kernel.clock import FixedClock
from kernel.config import Settings
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.identity.model import Principal, Role
from kernel.identity.passwords import totp_code
from kernel.identity.service import NewAccount
from kernel.jobs.model import JobRequest
from kernel.jobs.queue import JobContext
from kernel.store.listing import Ask
from tests.support.console import serve
from tests.unit.console.conftest import START, Issued, make_accounts
from tests.unit.evidence.conftest import LocalSealer

pytestmark = pytest.mark.web

TABLE = "名称,类型,单位,管理地址\nnw-core-01,设备,u_city,10.1.0.1\nnw-core-02,交换机,u_city,10.1.0.2\n"


@dataclass
class Suite:
    """A console served over TLS from this process, with a sealer of real keys."""

    app: App
    url: str
    clock: FixedClock
    accounts: dict[Role, NewAccount]

    def sign_in(self, role: Role) -> tuple[str, Principal]:
        """Session token and person of that role; one-time codes work once, so time goes on."""
        self.clock.advance(seconds=30)
        account = self.accounts[role]
        code = totp_code(account.totp_secret, self.clock.now().timestamp())
        entered = self.app.floor.sign_in.with_password(account.user.login, account.password, code)
        return entered.token, entered.principal


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Suite]:
    folder = tmp_path_factory.mktemp("suite")
    (folder / "data").mkdir(mode=0o700)
    import_all_tables()
    clock = FixedClock(START - timedelta(minutes=1))
    settings = Settings(data_dir=folder / "data")
    app = App(settings, clock)
    app.__dict__["floor"] = build_floor(settings, clock, Issued(), LocalSealer(clock))
    app.floor.database.create_all()
    accounts = make_accounts(app)
    clock.advance(minutes=1)
    server, url = serve(app, folder)
    yield Suite(app, url, clock, accounts)
    server.shutdown()
    app.floor.database.close()


@pytest.fixture
def enter(chromium: Browser, suite: Suite) -> Iterator[Callable[..., Page]]:
    """Pages of somebody of a role; at the end no script may have complained, no other origin have been asked."""
    complaints: list[str] = []
    contexts = []

    def asked(url: str) -> None:
        if not url.startswith((f"{suite.url}/", "data:", "blob:")):
            complaints.append(url)

    def walk_in(role: Role, *, script: bool = True) -> Page:
        context = chromium.new_context(ignore_https_errors=True, locale="zh-CN", java_script_enabled=script)
        token, _principal = suite.sign_in(role)
        context.add_cookies([{"name": COOKIE, "value": token, "url": suite.url, "secure": True}])
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: asked(request.url))
        return page

    yield walk_in
    for context in contexts:
        context.close()
    assert complaints == []


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [one["id"] for one in found if one["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_a_table_is_tried_mended_and_taken_over(
    enter: Callable[..., Page], suite: Suite, tmp_path: Path, script: bool
) -> None:
    table = tmp_path / "设备.csv"
    said = TABLE.replace("nw-core", f"nw-{script}").replace("10.1.0", f"10.1.{int(script)}")
    table.write_text(said, encoding="utf-8")
    page = enter(Role.NETWORK_ADMINISTRATOR, script=script)

    def send(*, only_try: bool) -> None:
        page.goto(f"{suite.url}/assets/assets/-/import")
        page.set_input_files("input[type=file]", table)
        page.locator("[name=dry_run]").set_checked(only_try)
        page.get_by_role("button", name="导入表格").click()
        page.wait_for_load_state()

    send(only_try=True)
    row = page.locator("main tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("3类型交换机")
    assert (
        suite.app.assets.page(suite.sign_in(Role.NETWORK_ADMINISTRATOR)[1], Ask(text=f"nw-{script}")).total
        == 0
    )
    table.write_text(said.replace("交换机", "设备"), encoding="utf-8")
    send(only_try=False)
    page.goto(f"{suite.url}/assets/assets?q=nw-{script}")
    expect(page.locator("tr[data-row]")).to_have_count(2)


def test_a_jobs_progress_moves_while_one_looks_and_rests_at_its_end(
    enter: Callable[..., Page], suite: Suite
) -> None:
    _token, me = suite.sign_in(Role.NETWORK_ADMINISTRATOR)
    page = enter(Role.NETWORK_ADMINISTRATOR)

    def work(context: JobContext) -> None:
        context.progress(3, 10, "nw-core-01")
        page.goto(f"{suite.url}/jobs/jobs/{context.job.id}")
        shown = page.locator("#job-progress")
        expect(shown).to_contain_text("3/10 nw-core-01")
        context.progress(7, 10, "nw-core-05")
        expect(shown).to_contain_text("7/10 nw-core-05", timeout=10_000)
        assert serious(page) == []

    suite.app.jobs.register({"test.collect": work})
    suite.app.jobs.enqueue(me, JobRequest("test.collect", unit="u_city", max_attempts=1))
    assert suite.app.jobs.run_next("worker-1")
    expect(page.locator(".facts .state")).to_have_text("成功", timeout=10_000)
    expect(page.get_by_role("link", name="取消")).to_have_count(0)
    expect(page.locator("#job-progress")).to_contain_text("成功")


def test_an_assessor_sees_what_the_seal_proves(enter: Callable[..., Page], suite: Suite) -> None:
    with suite.app.floor.database.begin() as uow:
        found = suite.app.evidence.record(
            uow,
            kind=EvidenceKind.CONFIG_CHECKED,
            subject="nw-core-01",
            source="netops 1.0",
            summary={"rules": 42, "findings": []},
            attachments=[Attachment("配置.txt", b"sysname nw-core-01", "text/plain")],
        )
    page = enter(Role.ASSESSOR)
    page.goto(f"{suite.url}/evidence/records/{found}")
    expect(page.locator(".state", has_text="无法判断")).to_have_count(2)
    suite.app.evidence.seal_pending()
    page.reload()
    expect(page.locator(".state", has_text="成立")).to_have_count(5)
    expect(page.get_by_text("Evidence signer")).to_be_visible()
    expect(page.get_by_role("link", name="配置.txt")).to_have_attribute("download", "")
    assert serious(page) == []


def test_the_auditor_follows_one_object_and_verifies_everything(
    enter: Callable[..., Page], suite: Suite
) -> None:
    page = enter(Role.AUDITOR)
    page.goto(f"{suite.url}/audit/records?filter[target]=u_county")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page.locator("tr[data-row]")).to_contain_text("新建单位")
    page.locator("tr[data-row] a").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("新建单位")
    assert serious(page) == []
    page.goto(f"{suite.url}/audit/records")
    assert serious(page) == []
    page.get_by_role("link", name="校验链").click()
    page.locator("form[enctype]").last.get_by_role("button", name="校验链").click()
    expect(page.get_by_text(re.compile(r"全部 \d+ 条记录与写入时一致"))).to_be_visible()
