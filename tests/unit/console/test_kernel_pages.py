"""The kernel's objects in the console: the audit trail, jobs, evidence and the register, by the roles that work with them."""

import hashlib
import io
import json
import re
import zipfile

import pytest
from werkzeug.test import TestResponse

from console.web.security import COOKIE
from kernel.edges.resources import Resource
from kernel.evidence import jobs as evidence_jobs
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.identity.model import Principal, Role
from kernel.jobs.model import JobRequest, JobState
from kernel.jobs.queue import JobContext
from kernel.store.listing import Ask
from tests.unit.console.conftest import BASE, Browser, Console


def enter(console: Console, role: Role) -> Browser:
    browser = console.browser()
    browser.sign_in(role)
    return browser


def person(console: Console, browser: Browser) -> Principal:
    cookie = browser.client.get_cookie(COOKIE, "127.0.0.1")
    assert cookie is not None
    return console.app.floor.sign_in.principal(cookie.value)


def send(browser: Browser, path: str, **fields: str) -> TestResponse:
    """Open a verb's form and send it back filled in; where it leads."""
    form = browser.get(path)
    assert form.status_code == 200, form.text
    told = dict(re.findall(r'name="(csrf_token|number|tag)" value="([^"]*)"', form.text))
    done = browser.post(path, told.pop("csrf_token"), **told, **fields)
    return done if done.status_code != 303 else browser.get(done.location)


# --- the audit trail
def test_the_auditor_reads_one_objects_history_and_verifies_the_chain(console: Console) -> None:
    auditor = enter(console, Role.AUDITOR)
    listed = auditor.get("/audit/records?filter[action]=identity:role:grant")
    assert listed.status_code == 200
    assert "授予角色" in listed.text.partition("<tbody")[2]
    assert "新建单位" not in listed.text.partition("<tbody")[2]
    history = auditor.get("/audit/records?filter[target]=u_county")
    assert "unit:u_county" in history.text
    one = auditor.get("/audit/records/2")
    assert one.status_code == 200
    assert console.app.audit.get(person(console, auditor), "2").hash in one.text
    assert "此对象的全部审计记录" in one.text
    head = console.app.audit.head()[1]
    assert head in send(auditor, "/audit/records/-/verify").text


def test_the_whole_trail_is_downloaded_line_by_line(console: Console) -> None:
    auditor = enter(console, Role.AUDITOR)
    told = auditor.get("/audit/records/-/download/export")
    assert told.headers["Content-Disposition"].startswith("attachment")
    lines = [json.loads(line) for line in told.text.splitlines()]
    assert len(lines) == console.app.audit.head()[0] - 1, (
        "the download itself is recorded after what it holds"
    )
    assert {"body", "previous", "hash"} == set(lines[0])


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.AUDITOR])
def test_the_trail_is_the_auditors_alone(console: Console, role: Role) -> None:
    browser = enter(console, role)
    for path in ("/audit/records", "/audit/records/1", "/audit/records/-/download/export"):
        assert browser.get(path).status_code in (403, 404), path


# --- jobs
def test_a_job_tells_how_far_it_is_and_what_became_of_it(console: Console) -> None:
    def work(context: JobContext) -> None:
        context.progress(3, 20, "nw-core-01 <b>")
        assert "3/20" in browser.get(f"/jobs/jobs/{job}").text
        assert "every 2s" in browser.get(f"/jobs/jobs/{job}").text
        with context.finish({"devices": 20, "run": "run_1"}):
            pass

    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    console.app.jobs.register({"test.work": work})
    job = console.app.jobs.enqueue(person(console, browser), JobRequest("test.work", {"site": "一号机房"}))
    assert console.app.jobs.run_next("worker-1")
    shown = browser.get(f"/jobs/jobs/{job}").text
    for said in ("worker-1", "nw-core-01 &lt;b&gt;", "一号机房", "&#34;devices&#34;: 20"):
        assert said in shown, said
    assert "every 2s" not in shown, "what has ended is not asked for again"
    assert "/backup/runs/run_1" not in shown, "who may not read it is led nowhere"
    assert job in browser.get("/jobs/jobs?filter[state]=succeeded").text
    assert job not in browser.get("/jobs/jobs?filter[state]=failed").text


def test_a_failed_job_is_done_again_and_a_queued_one_cancelled(console: Console) -> None:
    def fail(_context: JobContext) -> None:
        raise RuntimeError

    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    me = person(console, browser)
    console.app.jobs.register({"test.fail": fail})
    job = console.app.jobs.enqueue(me, JobRequest("test.fail", {"n": 1}, max_attempts=1))
    console.app.jobs.run_next("w")
    send(browser, f"/jobs/jobs/{job}/retry", reason="the disk has room again")
    again, failed = console.app.jobs.page(me, Ask().narrowed(kind="test.fail")).items
    assert (failed.state, again.state, again.payload) == (JobState.FAILED, JobState.QUEUED, {"n": 1})
    send(browser, f"/jobs/jobs/{again.id}/cancel", reason="not needed")
    assert console.app.jobs.get(me, again.id).state is JobState.CANCELLED
    log = browser.get(f"/jobs/jobs/{again.id}").text
    assert job in log
    assert "not needed" in log


def test_every_declaration_of_the_kernels_objects_is_whole() -> None:
    """Columns, filters and headlines name what is there; a mistake shows here and not on a page."""
    from console.resources import resources

    for resource in resources().values():
        if resource.name.partition(".")[0] in ("audit", "jobs", "evidence", "assets"):
            _whole(resource)


def _whole(resource: Resource) -> None:
    fields = resource.record.model_fields
    named = {column.name for column in resource.columns} | {resource.key, resource.headline or resource.key}
    assert named <= set(fields), resource.name
    assert resource.facet in {"", *(one.name for one in resource.filters)}, resource.name


# --- evidence
def put_evidence(console: Console) -> str:
    with console.app.floor.database.begin() as uow:
        return console.app.evidence.record(
            uow,
            kind=EvidenceKind.CONFIG_CHECKED,
            subject="nw-core-01",
            source="netops 1.0",
            summary={"findings": [{"rule": "telnet", "severity": "high"}], "rules": 42},
            attachments=[Attachment("页面.html", b"<script>alert(1)</script>", "text/html")],
            unit="u_city",
        )


def test_evidence_shows_what_was_found_and_whether_it_holds(console: Console) -> None:
    evidence = put_evidence(console)
    assessor = enter(console, Role.ASSESSOR)
    assert evidence in assessor.get("/evidence/records?filter[state]=waiting&q=nw-core").text
    page = assessor.get(f"/evidence/records/{evidence}").text
    for said in ("telnet", "页面.html", console.app.evidence.item(person(console, assessor), evidence).sm3):
        assert said in page, said
    told = send(assessor, f"/evidence/records/{evidence}/verify").text
    assert "RFC 3161" in told
    assert assessor.get("/evidence/records/-/seal").status_code == 403


def test_an_attachment_is_a_file_and_never_a_page_of_ours(console: Console) -> None:
    evidence = put_evidence(console)
    assessor = enter(console, Role.ASSESSOR)
    file = assessor.get(f"/suite/evidence/{evidence}/attachments/页面.html")
    assert file.data == b"<script>alert(1)</script>"
    assert file.mimetype == "application/octet-stream"
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert assessor.get(f"/suite/evidence/{evidence}/attachments/../../secrets").status_code == 404
    assert assessor.get(f"/suite/evidence/{evidence}/attachments/other").status_code == 404


def test_everything_of_a_record_is_one_archive_and_taking_it_is_audited(console: Console) -> None:
    evidence = put_evidence(console)
    assessor = enter(console, Role.ASSESSOR)
    data = assessor.get(f"/evidence/records/{evidence}/download/bundle").data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == [f"{evidence}.json", "attachments/页面.html"]
        body = archive.read(f"{evidence}.json")
    me = person(console, assessor)
    assert hashlib.sha256(body).hexdigest() == console.app.evidence.item(me, evidence).sha256
    assert assessor.get(f"/evidence/records/{evidence}/download/signature").status_code == 404, (
        "not sealed yet"
    )
    auditor = person(console, enter(console, Role.AUDITOR))
    (taken,) = console.app.audit.page(auditor, Ask().narrowed(action="evidence:record:export")).items
    assert (taken.target, taken.details["sha256"]) == (evidence, hashlib.sha256(data).hexdigest())


def test_all_evidence_is_verified_and_sealed_by_the_worker(console: Console) -> None:
    put_evidence(console)
    console.app.jobs.register(evidence_jobs.handlers(console.app.evidence))
    officer = enter(console, Role.SECURITY_OFFICER)
    for verb in ("verify-all", "seal"):
        assert send(officer, f"/evidence/records/-/{verb}").status_code == 200
    while console.app.jobs.run_next("w"):
        pass
    found = {job.kind: job for job in console.app.jobs.page(person(console, officer), Ask()).items}
    assert (found["evidence.seal"].state, found["evidence.verify"].state) == (JobState.SUCCEEDED,) * 2
    result = found["evidence.verify"].result
    assert result is not None
    assert [fault["kind"] for fault in result["faults"]] == ["unsealed"]


# --- the register
ENTRY = {"name": "nw-core-01", "kind": "device", "unit": "u_city", "address": "10.1.0.1", "level": "3"}


def test_an_entry_is_registered_changed_and_retired(console: Console) -> None:
    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    made = send(browser, "/assets/assets/-/add", **ENTRY, ssh_port="2222", attributes="rack=A 07")
    assert "nw-core-01" in made.text
    asset = console.app.assets.asset("nw-core-01")
    assert asset.attributes == {"ssh_port": 2222, "rack": "A 07"}
    form = browser.get(f"/assets/assets/{asset.id}/change").text
    assert 'value="2222"' in form
    assert "rack=A 07" in form
    changed = {**ENTRY, "level": "2", "reason": "定级变更", "attributes": ""}
    send(browser, f"/assets/assets/{asset.id}/change", version="1", **changed)
    assert console.app.assets.asset("nw-core-01").version == 2
    assert console.app.assets.asset("nw-core-01").attributes == {}
    stale = send(browser, f"/assets/assets/{asset.id}/change", version="1", **changed)
    assert stale.status_code == 409, "what somebody else changed is not overwritten"
    assert "定级变更" in stale.text, "what was typed is not lost"
    assert "0" in browser.get(f"/assets/assets/{asset.id}/retire").text
    send(browser, f"/assets/assets/{asset.id}/retire", reason="报废")
    assert "nw-core-01" not in browser.get("/assets/assets").text
    assert "nw-core-01" in browser.get("/assets/assets?filter[state]=retired").text


def test_a_table_is_tried_first_and_every_bad_row_told(console: Console) -> None:
    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    table = "名称,类型,单位,管理地址\nsw1,设备,u_city,10.1.0.1\nsw2,设备,u_none,10.1.0.2\n".encode()

    def upload(name: str, data: bytes, **fields: str) -> str:
        path = "/assets/assets/-/import"
        found = dict(re.findall(r'name="(csrf_token|number|tag)" value="([^"]*)"', browser.get(path).text))
        form = {**found, **fields, "file": (io.BytesIO(data), name)}
        answer = browser.client.post(path, data=form, base_url=BASE, headers={"Referer": f"{BASE}/"})
        return (browser.get(answer.location) if answer.status_code == 303 else answer).text

    tried = upload("设备.csv", table, dry_run="true")
    assert "u_none" in tried
    assert ">3<" in tried, "the row as a spreadsheet numbers it"
    assert console.app.assets.assets() == []
    upload("设备.csv", table)
    assert [asset.name for asset in console.app.assets.assets()] == ["sw1"]
    assert "old.xls" in upload("old.xls", bytes.fromhex("d0cf11e0a1b11ae1") + bytes(500))


def test_zones_and_links_by_hand(console: Console) -> None:
    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    send(
        browser,
        "/assets/zones/-/add",
        id="core",
        name="核心区",
        network="intranet",
        prefixes="10.1.0.0/24\n10.1.1.0/24",
        level="3",
    )
    for number in (1, 2):
        entry = ENTRY | {"name": f"sw{number}", "address": f"10.1.0.{number}"}
        send(browser, "/assets/assets/-/add", **entry, zone="core")
    refused = send(browser, "/assets/zones/core/remove", reason="并区")
    assert refused.status_code == 409
    send(browser, "/assets/links/-/add", a="sw1", a_port="GE0/0/1", b="sw2", b_port="GE0/0/1")
    me = person(console, browser)
    (link,) = console.app.assets.links_page(me, Ask()).items
    assert "sw2" in browser.get(f"/assets/links/{link.id}").text
    assert "GE0/0/1" in browser.get(f"/assets/assets/{link.a}").text, "its links stand on the entry's page"
    send(browser, f"/assets/links/{link.id}/remove", reason="拆除")
    assert console.app.assets.links() == []


@pytest.mark.parametrize("form", ["csv", "xlsx", "json", "template"])
def test_the_register_is_taken_away_as_a_file(console: Console, form: str) -> None:
    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    send(browser, "/assets/assets/-/add", **ENTRY)
    file = browser.get(f"/assets/assets/-/download/{form}")
    assert file.status_code == 200
    assert file.headers["Content-Disposition"].startswith("attachment")
    assert file.data.startswith(b"PK") if form == "xlsx" else len(file.data) > 20


def test_who_reads_the_register_does_not_write_it(console: Console) -> None:
    browser = enter(console, Role.REGISTRAR)
    assert browser.get("/assets/assets").status_code == 200
    for path in ("/assets/assets/-/add", "/assets/zones/-/add", "/assets/links/-/import"):
        assert browser.get(path).status_code == 403, path
