"""A registrar files a spreadsheet at the browser, an officer decides on all of it, and the keys go two ways."""

import base64
import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12
from playwright.sync_api import Browser, Page, expect

from ca import jobs
from ca.registration.batchstore import BatchState
from console.web.security import COOKIE
from kernel.identity.model import Role
from kernel.jobs.queue import JobQueue
from kernel.store.listing import Ask
from tests.support.console import ServedConsole, serve
from tests.unit.ca.office import OFFICER, Office, opened
from tests.unit.ca.test_batches import HEADS, people, workbook

pytestmark = pytest.mark.web


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Office, ServedConsole]]:
    folder = tmp_path_factory.mktemp("batches")
    with opened(folder / "data") as office:
        server, url = serve(office.app, folder)
        yield office, ServedConsole(office.app, url, office.clock, office.accounts)
        server.shutdown()


@pytest.fixture
def enter(chromium: Browser, office: tuple[Office, ServedConsole]) -> Iterator[Callable[[Role], Page]]:
    """Pages of somebody of a role; at the end no script may have complained."""
    complaints: list[str] = []
    contexts = []

    def walk_in(role: Role) -> Page:
        context = chromium.new_context(ignore_https_errors=True, locale="zh-CN")
        served = office[1]
        context.add_cookies(
            [{"name": COOKIE, "value": served.token(role), "url": served.url, "secure": True}]
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield walk_in
    for context in contexts:
        context.close()
    assert complaints == []


def work(office: Office) -> None:
    """What the worker does."""
    queue = JobQueue(office.app.floor.database, office.clock, office.app.floor.access)
    queue.register(jobs.handlers(office.app.ca))
    while queue.run_next("worker"):
        pass


def fill(page: Page, table: bytes, *, dry_run: bool) -> None:
    form = page.locator("form[enctype]").last
    form.locator("[name=profile]").select_option(label="人员证书")
    form.locator("[name=file]").set_input_files(
        {"name": "花名册.xlsx", "mimeType": "application/octet-stream", "buffer": table}
    )
    form.locator("[name=evidence]").fill("人事部门花名册核对")
    form.locator("[name=together]").check()
    form.locator("[name=dry_run]").set_checked(dry_run)
    form.get_by_role("button", name="批量提交申请").click()


def send(page: Page, button: str) -> None:
    page.locator("form[enctype]").last.get_by_role("button", name=button, exact=True).click()


def handed_over(page: Page) -> bytes:
    """The file of a page that is shown once."""
    saving = page.get_by_role("link", name="保存文件")
    expect(saving).to_be_visible()
    return base64.b64decode((saving.get_attribute("href") or "").partition("base64,")[2])


def test_from_a_spreadsheet_with_a_slip_to_keys_and_passwords(
    enter: Callable[[Role], Page], office: tuple[Office, ServedConsole], tmp_path: Path
) -> None:
    desk, served = office
    rows = people(8)
    registrar, officer = enter(Role.REGISTRAR), enter(Role.SECURITY_OFFICER)
    registrar.goto(f"{served.url}/ca/batches/-/file")
    fill(registrar, workbook(HEADS, [*rows, (*rows[0][:4], "nobody", "", "")]), dry_run=True)
    expect(registrar.get_by_text("8 行无误，1 处错误")).to_be_visible()
    told = registrar.get_by_role("row").filter(has_text="电子邮件")
    expect(told).to_contain_text("10")
    registrar.goto(f"{served.url}/ca/batches/-/file")
    fill(registrar, workbook(HEADS, rows), dry_run=False)
    work(desk)
    (batch,) = desk.app.ca.registration.batches.page(OFFICER, Ask()).items
    assert (batch.state, batch.filed) == (BatchState.WAITING, 8)
    address = f"{served.url}/ca/batches/{batch.id}"
    officer.goto(f"{address}/approve")
    expect(officer.get_by_text("签发 8 张证书")).to_be_visible()
    expect(officer.get_by_text("干部0001")).to_be_visible()
    send(officer, "整批批准")
    work(desk)
    registrar.goto(address)
    expect(registrar.get_by_text("整批已签发").first).to_be_visible()
    expect(registrar.get_by_role("link", name="干部0008").first).to_be_visible()
    registrar.goto(f"{address}/make-keys")
    send(registrar, "生成密钥文件")
    work(desk)
    registrar.goto(f"{address}/take-keys")
    send(registrar, "领取密钥文件")
    archive = zipfile.ZipFile(io.BytesIO(handed_over(registrar)))
    officer.goto(f"{address}/take-passwords")
    send(officer, "领取口令表")
    listed = list(csv.DictReader(io.StringIO(handed_over(officer).decode("utf-8-sig"))))
    assert len(listed) == 8
    for one in listed:
        key, _certificate, _chain = pkcs12.load_key_and_certificates(
            archive.read(one["file"]), one["password"].encode()
        )
        assert key is not None
