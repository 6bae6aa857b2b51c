"""In the console an officer takes what is approved, signs it with a program of their own, and hands the signature in."""

import io
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ca import jobs
from ca.model import Certificate
from ca.registration import sheets
from ca.registration.batches import Asked
from console.web.app import create_app
from kernel.assets.tables import TableFile
from kernel.identity.model import Principal, Role
from kernel.jobs.queue import JobQueue
from kernel.pki.pem import certificate_pem
from tests.unit.ca.office import OFFICER, Office, opened
from tests.unit.ca.signatures import csr_of
from tests.unit.ca.test_batches import HEADS, people, workbook
from tests.unit.console.conftest import BASE, Browser, Console

_ROLE = Role.SECURITY_OFFICER


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with opened(tmp_path_factory.mktemp("office") / "data") as made:
        yield made


@pytest.fixture
def officer(office: Office, tmp_path: Path) -> Path:
    """The folder with key and certificate of the officer of the console, whose account it is bound to."""
    user = office.accounts[_ROLE].user
    csr = csr_of(tmp_path)
    subject = {"O": "市大数据局", "CN": user.name.ljust(2, "."), "UID": user.login}
    registration = office.app.ca.registration
    filed = registration.file(
        office.registrar,
        profile="officer",
        subject=subject,
        names=(),
        unit=office.registrar.unit,
        evidence="来函",
        csr=csr,
    )
    certificate = registration.approve(OFFICER, filed.id)
    assert isinstance(certificate, Certificate)
    (tmp_path / "certificate.pem").write_bytes(certificate_pem(certificate.der))
    admin = office.accounts[Role.SYSTEM_ADMINISTRATOR].user
    who = Principal(admin.id, admin.name, frozenset({Role.SYSTEM_ADMINISTRATOR}), admin.unit, "password")
    office.app.identity.bind_certificate(who, user.login, certificate.der)
    return tmp_path


def send(browser: Browser, path: str, page: str, signature: bytes | None) -> Any:
    hidden = re.findall(r'type="hidden"[^>]* name="([a-z_]+)" value="([^"]*)"', page)
    fields: dict[str, Any] = dict(hidden)
    fields["csrf_token"] = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]  # type: ignore[index]
    if signature is not None:
        fields["signature"] = (io.BytesIO(signature), "approval.p7s")
    return browser.client.post(
        path,
        data=fields,
        base_url=BASE,
        environ_overrides=browser._environ,
        headers={"Referer": f"{BASE}/"},
        content_type="multipart/form-data",
    )


@pytest.fixture
def browser(office: Office, officer: Path) -> Browser:
    """The officer's browser, signed in."""
    console = Console(office.app, create_app(office.app), office.clock, office.issued, office.accounts)
    office.clock.advance(seconds=60)
    browser = console.browser()
    assert browser.sign_in(_ROLE).status_code == 303
    return browser


def approved(browser: Browser, officer: Path, place: str) -> None:
    """The officer takes what the page offers, signs it with OpenSSL, and hands the signature in; without it nothing happens."""
    assert f"{place}/download/approval" in browser.get(place).text
    (officer / "document").write_bytes(browser.get(f"{place}/download/approval").data)
    form = browser.get(f"{place}/approve").text
    assert 'name="signature"' in form
    refused = send(browser, f"{place}/approve", form, None)
    assert refused.status_code == 422, refused.text
    command = ["openssl", "cms", "-sign", "-binary", "-in", "document", "-outform", "DER"]
    command += ["-signer", "certificate.pem", "-inkey", "key.pem"]
    signature = subprocess.run(command, cwd=officer, capture_output=True, check=True).stdout
    done = send(browser, f"{place}/approve", browser.get(f"{place}/approve").text, signature)
    assert done.status_code == 303, done.text


def test_the_officer_signs_what_the_page_offers(office: Office, officer: Path, browser: Browser) -> None:
    request = office.file("王小明")
    approved(browser, officer, f"/ca/requests/{request.id}")
    assert office.app.ca.registration.show(OFFICER, request.id).state == "issued"


def test_a_whole_batch_is_signed_once(office: Office, officer: Path, browser: Browser) -> None:
    service = office.app.ca.registration.batches
    table = TableFile("花名册.xlsx", workbook(HEADS, people(5)), sheets.MOST + 1)
    filed, _job = service.file(
        office.registrar, Asked(table, "person", office.registrar.unit, "花名册", together=True)
    )
    queue = JobQueue(office.app.floor.database, office.clock, office.app.floor.access)
    queue.register({kind: one for kind, one in jobs.handlers(office.app.ca).items() if "batch" in kind})
    while queue.run_next("worker"):
        pass
    place = f"/ca/batches/{filed.id}"
    lines = browser.get(f"{place}/download/rows").data.splitlines()
    assert [json.loads(line)["row"] for line in lines] == [2, 3, 4, 5, 6]
    approved(browser, officer, place)
    while queue.run_next("worker"):
        pass
    assert {one.state for one in service.results(office.registrar, filed.id)} == {"issued"}
