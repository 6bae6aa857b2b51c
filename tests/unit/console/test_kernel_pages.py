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
from tests.unit.console.conftest import Browser, Console


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
    assert "identity:role:grant" in listed.text
    assert "identity:unit:create" not in listed.text.partition("<tbody")[2]
    history = auditor.get("/audit/records?filter[target]=u_county")
    assert "unit:u_county" in history.text
    one = auditor.get("/audit/records/2")
    assert one.status_code == 200
    assert console.app.audit.get(person(console, auditor), "2").hash in one.text
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
        assert "3/20" in browser.get(f"/suite/jobs/{job}/progress").text
        assert "every 2s" in browser.get(f"/suite/jobs/{job}/progress").text
        with context.finish({"devices": 20}):
            pass

    browser = enter(console, Role.NETWORK_ADMINISTRATOR)
    console.app.jobs.register({"test.work": work})
    job = console.app.jobs.enqueue(person(console, browser), JobRequest("test.work", {"site": "一号机房"}))
    assert console.app.jobs.run_next("worker-1")
    shown = browser.get(f"/jobs/jobs/{job}").text
    for said in ("worker-1", "nw-core-01 &lt;b&gt;", "一号机房", "&#34;devices&#34;: 20"):
        assert said in shown, said
    assert "every 2s" not in shown, "what has ended is not asked for again"
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
