"""The CA in the console: each person's work by its pages, with hostile names shown as text."""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from ca.model import Certificate, Request
from console.compose import ca as composition
from console.web.app import create_app
from kernel.clock import FixedClock
from kernel.identity.model import Role
from tests.unit.ca.office import Office as Founded
from tests.unit.ca.office import opened
from tests.unit.console.conftest import START, Browser, Console, _app


@dataclass
class Office:
    """A copy of the founded office behind the console, for one test."""

    console: Console
    waiting: Request
    issued: Request
    certificate: Certificate
    issuing: str

    def at(self, role: Role) -> Browser:
        self.console.clock.advance(seconds=30)  # a one-time code works once
        browser = self.console.browser()
        assert browser.sign_in(role).status_code == 303
        return browser


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Founded]]:
    folder = tmp_path_factory.mktemp("office") / "data"
    with opened(folder) as office:
        yield folder, office


@pytest.fixture
def office(founded: tuple[Path, Founded], tmp_path: Path) -> Iterator[Office]:
    folder, office = founded
    shutil.copytree(folder, tmp_path / "data")
    clock = FixedClock(START)
    app, issued = _app(tmp_path / "data", clock)
    app.__dict__["ca"] = _over(app, office)
    console = Console(app, create_app(app), clock, issued, office.accounts)
    yield Office(console, office.waiting, office.granted, office.certificate, office.issuing)
    app.floor.database.close()


def _over(app: Any, office: Founded) -> Any:
    """A CA over that floor with the founded one's keys."""
    signer = office.app.ca.issuance._signer
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(composition, "SocketSigner", lambda *_: signer)
        return composition.build(app.floor)


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found is not None, name
    return found[1]


def send(browser: Browser, path: str, **fields: str) -> Any:
    """Fill the form that stands there and send it."""
    form = browser.get(path)
    assert form.status_code == 200, form.text
    hidden = {name: field(form.text, name) for name in ("number", "tag") if f'name="{name}"' in form.text}
    return browser.post(path, field(form.text, "csrf_token"), **hidden, **fields)


PAGES = (
    "/ca/requests",
    "/ca/requests?q=陈晓&filter[state]=requested",
    "/ca/requests?filter[requested_by]=liu.yang&filter[waiting]=me",
    "/ca/requests/{waiting}",
    "/ca/requests/{waiting}/approve",
    "/ca/requests/{waiting}/reject",
    "/ca/requests/{issued}",
    "/ca/certificates",
    "/ca/certificates?q=陈晓东",
    "/ca/certificates/{serial}",
    "/ca/certificates/{serial}/revoke",
    "/ca/certificates/{serial}/hold",
    "/ca/certificates/{issuing}",
    "/ca/certificates/{issuing}/propose-revocation",
    "/ca/chain/{serial}.svg",
    "/ca/status",
    "/ca/status/ending.svg",
    "/ca/crls",
    "/ca/crls/issuing",
    "/ca/crls/issuing/publish",
    "/ca/authorities",
    "/ca/authorities/issuing",
    "/ca/services",
    "/ca/services/ocsp-issuing",
    "/ca/services/ocsp-issuing/provision",
    "/ca/revocations",
    "/ca/ceremonies",
    "/ca/ceremonies/-/propose",
    "/ca/ceremonies/-/extend",
    "/ca/ceremonies/-/certify",
    "/ca/authorities/issuing/renew",
    "/ca/authorities/issuing/roll-over",
    "/ca/authorities/issuing/assign",
    "/ca/authorities/issuing/adopt",
    "/ca/hierarchy.svg",
    "/ca/offline",
    "/ca/offline/-/order-list",
    "/ca/offline/-/take",
    "/ca/profiles",
    "/ca/signers",
    "/ca/signers/signer",
    "/ca/signers/signer/begin-shares",
    "/ca/keys",
    "/ca/keys?filter[place]=file&q=root",
    "/ca/profiles/tls-server",
    "/ca/profile-versions",
    "/ca/validations",
    "/ca/validations/-/certificate",
    "/ca/validations/-/document",
    "/ca/validations/-/timestamp",
    "/ca/anchors",
    "/ca/anchors/-/propose",
    "/ca/foreign-crls",
    "/ca/foreign-crls/-/hand-in",
    "/ca/inventory",
    "/ca/inventory/ages.svg",
    "/ca/inventory/issuers.svg",
    "/ca/endpoints",
    "/ca/inventory-findings",
    "/ca/ranges",
    "/ca/ranges/-/add",
    "/ca/bulk-revocations",
    "/ca/bulk-revocations/-/look",
    "/ca/bulk-revocations/-/propose",
    "/ca/bulk-rows",
    "/ca/profile-versions/tls-server@1",
)


def test_every_page_of_the_officer_is_there_and_shows_hostile_names_as_text(office: Office) -> None:
    ids = {
        "waiting": office.waiting.id,
        "issued": office.issued.id,
        "serial": office.certificate.serial,
        "issuing": office.issuing,
    }
    officer = office.at(Role.SECURITY_OFFICER)
    for path in PAGES:
        answer = officer.get(path.format(**ids))
        assert answer.status_code == 200, path
        assert "<img src=x" not in answer.text, path
        if path.endswith(".svg"):
            ElementTree.fromstring(answer.data)


def test_from_the_registrars_form_to_the_officers_approval(office: Office) -> None:
    registrar = office.at(Role.REGISTRAR)
    first = registrar.get("/ca/requests/-/file").text
    assert "人员证书" in first
    assert 'name="common_name"' not in first
    form = registrar.get("/ca/requests/-/file?profile=person").text
    assert 'name="email"' in form
    assert 'name="dns"' not in form
    assert 'name="serial_number"' not in form
    assert registrar.get("/ca/requests/-/file?profile=none").status_code == 404
    unit = office.waiting.unit
    filed = send(
        registrar,
        "/ca/requests/-/file?profile=person",
        common_name="赵敏",
        organisation="卫城市大数据局",
        email="zhao@city.gov.cn",
        unit=unit,
        evidence="身份证原件",
    )
    assert filed.status_code == 303, filed.text
    path = filed.headers["Location"].removeprefix("https://127.0.0.1:8443")
    assert "待审批" in registrar.get(path).text
    assert registrar.get(f"{path}/approve").status_code == 403
    officer = office.at(Role.SECURITY_OFFICER)
    assert send(officer, f"{path}/approve").status_code == 303
    shown = officer.get(path).text
    assert "已签发证书" in shown
    assert officer.get("/ca/certificates?q=zhao@city").text.count("赵敏") >= 1


def test_a_form_that_breaks_the_profile_keeps_what_was_typed_and_says_where(office: Office) -> None:
    registrar = office.at(Role.REGISTRAR)
    refused = send(
        registrar,
        "/ca/requests/-/file?profile=tls-server",
        common_name="www.gov.internal",
        organisation="卫城市大数据局",
        dns="www.example.com",
        unit=office.waiting.unit,
        evidence="来函核对 2026-77 号",
    )
    assert refused.status_code == 422
    assert "dns:www.example.com" in refused.text
    assert "来函核对 2026-77 号" in refused.text


def test_the_key_is_handed_over_with_a_file_that_is_kept_nowhere(office: Office) -> None:
    registrar = office.at(Role.REGISTRAR)
    path = f"/ca/requests/{office.issued.id}/deliver"
    done = send(registrar, path)
    assert done.status_code == 200
    assert f'download="{office.issued.id}.p12"' in done.text
    assert 'href="data:application/x-pkcs12;base64,' in done.text
    assert "请同事向申请人告知文件口令" in done.text
    assert "<dt>文件口令" not in done.text
    assert registrar.get(path).status_code == 409
    told = send(office.at(Role.SECURITY_OFFICER), f"/ca/requests/{office.issued.id}/password")
    assert "文件口令" in told.text


def test_revocation_shows_its_consequences_and_then_what_relying_parties_see(office: Office) -> None:
    officer = office.at(Role.SECURITY_OFFICER)
    path = f"/ca/certificates/{office.certificate.serial}"
    before = officer.get(path).text
    assert "OCSP 答复：有效" in before
    assert "未列入最新 CRL" in before
    assert "陈晓东" in officer.get(f"{path}/revoke").text
    done = send(officer, f"{path}/revoke", code="key_compromise", reason="遗失")
    assert done.status_code == 303
    after = officer.get(path).text
    assert "OCSP 答复：已吊销" in after
    assert "已列入最新 CRL" in after
    assert "密钥泄露" in after
    assert officer.get(f"{path}/revoke").status_code == 409


def test_the_cas_certificate_waits_for_the_second_officer(office: Office) -> None:
    officer = office.at(Role.SECURITY_OFFICER)
    page = officer.get(f"/ca/certificates/{office.issuing}").text
    assert f"/ca/certificates/{office.issuing}/propose-revocation" in page
    assert f'/ca/certificates/{office.issuing}/revoke"' not in page
    path = f"/ca/certificates/{office.issuing}/propose-revocation"
    assert send(officer, path, code="ca_compromise", reason="泄露").status_code == 303
    assert "等待第二名安全保密管理员" in officer.get("/ca/revocations").text
    assert "有效" in officer.get("/ca/authorities/issuing").text


def test_many_at_once_tell_what_became_of_each(office: Office) -> None:
    officer = office.at(Role.SECURITY_OFFICER)
    ids = [office.certificate.serial, office.issuing]
    token = field(officer.get("/ca/certificates").text, "csrf_token")
    form = officer.client.post(
        "/ca/certificates/-/bulk/revoke",
        data={"id": ids, "csrf_token": token},
        base_url="https://127.0.0.1:8443",
        headers={"Referer": "https://127.0.0.1:8443/"},
        environ_overrides=officer._environ,
    )
    assert form.status_code == 200, form.text
    done = officer.client.post(
        "/ca/certificates/-/bulk/revoke",
        data={
            "id": ids,
            "csrf_token": token,
            "number": field(form.text, "number"),
            "code": "superseded",
            "reason": "批量更换",
        },
        base_url="https://127.0.0.1:8443",
        headers={"Referer": "https://127.0.0.1:8443/"},
        environ_overrides=officer._environ,
    )
    assert done.status_code == 200
    assert "已吊销，新的 CRL 已载明" in done.text
    assert officer.get(f"/ca/certificates/{office.certificate.serial}").text.count("已吊销") >= 1
    assert "有效" in officer.get("/ca/authorities/issuing").text


@pytest.mark.parametrize(
    "role", [Role.AUDITOR, Role.SYSTEM_ADMINISTRATOR, Role.SOC_ANALYST, Role.DR_ADMINISTRATOR]
)
def test_who_has_no_business_here_sees_no_page(office: Office, role: Role) -> None:
    browser = office.at(role)
    for path in (
        "/ca/requests",
        "/ca/certificates",
        "/ca/status",
        f"/ca/chain/{office.certificate.serial}.svg",
    ):
        assert browser.get(path).status_code == 403
    assert "/ca/certificates" not in browser.get("/").text


def test_the_state_of_publication_warns_when_the_worker_does_not(office: Office) -> None:
    office.console.clock.advance(days=3)
    page = office.at(Role.SECURITY_OFFICER).get("/ca/status").text
    assert "应更新未更新" in page
    assert "尚未生成" in page  # the services without a key


def test_requests_are_found_by_who_filed_them(office: Office) -> None:
    login = office.console.accounts[Role.REGISTRAR].user.login
    officer = office.at(Role.SECURITY_OFFICER)
    assert "陈晓明" in officer.get(f"/ca/requests?filter[requested_by]={login}").text
    assert "陈晓明" not in officer.get("/ca/requests?filter[requested_by]=nobody").text


def test_the_hierarchys_pages_show_chain_steps_and_what_is_signed(office: Office) -> None:
    officer = office.at(Role.SECURITY_OFFICER)
    ElementTree.fromstring(officer.get("/ca/hierarchy.svg").data)
    assert "自身证书" in officer.get("/ca/authorities/issuing").text
    path = re.findall(r'href="(/ca/ceremonies/cer_[0-9a-f]+)"', officer.get("/ca/ceremonies").text)[0]
    page = officer.get(path).text
    assert "产生根密钥与根证书" in page
    files = re.findall(rf'href="({path}/[^"]*(?:text|html))"', page)
    assert len(files) == 2
    for found in map(officer.get, files):
        assert found.status_code == 200
        assert "测试" in found.text or "根 CA" in found.text
    assert send(officer, "/ca/authorities/issuing/renew", years="9").status_code == 303
    assert "换发 CA 证书" in officer.get("/ca/ceremonies?filter[state]=proposed").text
