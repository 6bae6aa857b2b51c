"""The transparency log and the stamps in the console: auditors look, prove and check; two officers begin anew."""

import json

import pytest

from ca.jobs import handlers
from ca.transparency import offline
from ca.transparency.model import Fault
from kernel.identity.model import Role
from kernel.store.listing import Ask
from tests.unit.ca.office import OFFICER, SECOND
from tests.unit.ca.test_pages import Office, founded, office, send

__all__ = ["founded", "office"]  # fixtures


def test_an_auditor_finds_a_certificate_and_sees_its_way_to_the_signed_root(office: Office) -> None:
    auditor = office.at(Role.AUDITOR)
    heads = auditor.get("/ca/tree-heads")
    assert heads.status_code == 200
    listed = auditor.get(f"/ca/log-entries?q={office.certificate.serial}")
    assert office.certificate.serial in listed.text
    (entry,) = office.console.app.ca.log.told_of(OFFICER, office.certificate.serial)
    page = auditor.get(f"/ca/log-entries/{entry.entry.number}")
    assert page.status_code == 200
    assert "证明成立" in page.text
    for step in entry.steps:
        assert step.above.hex() in page.text
    assert entry.head.head.root in page.text
    assert auditor.get("/ca/log-entries/999").status_code == 404
    assert auditor.get("/ca/log-entries/x").status_code == 404


def test_what_an_auditor_downloads_is_checked_without_the_log(office: Office) -> None:
    auditor = office.at(Role.AUDITOR)
    head = auditor.get("/ca/tree-heads/1/download/head")
    entries = auditor.get("/ca/tree-heads/-/download/entries")
    proof = auditor.get("/ca/log-entries/0/download/proof")
    anchors, _ = office.console.app.ca.seal_certificates()
    found = offline.verify_head(offline.read_head_file(head.data), anchors)
    offline.verify_entries(entries.data.splitlines(keepends=True), found)
    leaf, path = offline.read_inclusion(proof.data)
    offline.verify_inclusion(leaf, found, path)
    assert json.loads(leaf)["type"] == "issued"


def test_the_certificates_page_tells_what_the_log_says_of_it(office: Office) -> None:
    page = office.at(Role.SECURITY_OFFICER).get(f"/ca/certificates/{office.certificate.serial}")
    assert "透明日志中的记录" in page.text
    assert "证明成立" in page.text


def test_an_auditor_has_the_log_checked(office: Office) -> None:
    auditor = office.at(Role.AUDITOR)
    assert send(auditor, "/ca/tree-heads/-/check").status_code in (200, 202, 303)
    app = office.console.app
    app.floor.jobs.register(handlers(app.ca))
    assert app.floor.jobs.run_next("worker")
    (job,) = app.floor.jobs.page(OFFICER, Ask(filters={"kind": ("ca.log-check",)})).items
    assert job.result == {"entries": app.ca.log.head().head.size, "heads": 1, "findings": []}


def test_two_officers_begin_a_faulty_log_anew_and_nobody_else(office: Office) -> None:
    ca = office.console.app.ca
    ca.log.sequencer.alarm(Fault.ROLLED_BACK)
    assert office.at(Role.AUDITOR).get("/ca/log-restarts/-/propose").status_code == 403
    officer = office.at(Role.SECURITY_OFFICER)
    page = officer.get("/ca/tree-heads/1").text
    assert "数据库被回退" in page
    assert 'href="/ca/log-restarts"' in page
    assert send(officer, "/ca/log-restarts/-/propose", reason="数据库已从备份恢复").status_code in (200, 303)
    (proposed,) = ca.log.restarts.page(OFFICER, Ask()).items
    assert ca.log.state(OFFICER).fault is Fault.ROLLED_BACK
    assert office.at(Role.AUDITOR).get(f"/ca/log-restarts/{proposed.id}").status_code == 200
    ca.log.restarts.perform(SECOND, proposed.id)
    assert ca.log.state(OFFICER).fault is Fault.NONE


def test_the_register_of_stamps_is_looked_through(office: Office) -> None:
    auditor = office.at(Role.AUDITOR)
    (stamp,) = office.console.app.ca.timestamps.page(OFFICER, Ask()).items
    assert stamp.serial in auditor.get(f"/ca/timestamps?q={stamp.imprint}").text
    assert auditor.get(f"/ca/timestamps/{stamp.serial}").status_code == 200
    assert auditor.get("/ca/timestamps/none").status_code == 404


@pytest.mark.parametrize("role", [Role.SYSTEM_ADMINISTRATOR, Role.REGISTRAR, Role.SOC_ANALYST])
def test_others_see_neither_log_nor_stamps(office: Office, role: Role) -> None:
    browser = office.at(role)
    for path in ("/ca/tree-heads", "/ca/log-entries", "/ca/timestamps"):
        assert browser.get(path).status_code in (403, 404), path
