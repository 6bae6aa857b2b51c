"""The kernel's objects for programs: the register, jobs, evidence and the audit trail by token."""

import base64
import json
from typing import Any

import pytest

from console.api.app import create_api
from console.resources import audit, evidence, jobs
from console.resources.register import entries, links, zones
from kernel.evidence.model import EvidenceKind
from kernel.identity.model import Role
from kernel.jobs.model import JobRequest, JobState
from tests.unit.console.api.conftest import Desk, Program
from tests.unit.console.conftest import Console

API = "/api/v1"
DECLARED = (audit.RECORDS, jobs.JOBS, evidence.RECORDS, entries.ASSETS, zones.ZONES, links.LINKS)
ENTRY = {"name": "nw-core-01", "kind": "device", "unit": "u_city", "address": "10.1.0.1", "ssh_port": 22}


@pytest.fixture
def suite(console: Console, desk: Desk) -> Desk:
    desk.flask = create_api(console.app, {one.name: one for one in DECLARED})
    return desk


@pytest.fixture
def network(suite: Desk) -> Program:
    return suite.program(Role.NETWORK_ADMINISTRATOR)


def made(program: Program, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = program.post(path, body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.get_json()["record"]
    return record


def test_an_entry_is_made_read_changed_and_retired(network: Program) -> None:
    record = made(network, f"{API}/assets/assets", ENTRY)
    path = f"{API}/assets/assets/{record['id']}"
    assert network.get(path).get_json()["attributes"] == {"ssh_port": 22}
    listed = network.get(f"{API}/assets/assets?filter[kind]=device&q=core").get_json()
    assert [one["name"] for one in listed["items"]] == ["nw-core-01"]
    change = {**ENTRY, "level": 3, "reason": "graded"}
    assert network.post(f"{path}/change", {**change, "version": 1}).get_json()["record"]["level"] == 3
    stale = network.post(f"{path}/change", {**change, "version": 1})
    assert (stale.status_code, stale.mimetype) == (409, "application/problem+json")
    assert network.post(f"{path}/retire", {"reason": "scrapped"}).get_json()["record"]["state"] == "retired"


def test_a_table_comes_in_and_each_bad_row_is_told(network: Program) -> None:
    table = b"name,kind,unit\nsw1,device,u_city\nsw2,thing,u_city\n"
    sent = {"file": base64.b64encode(table).decode(), "file_name": "devices.csv"}
    tried = network.post(f"{API}/assets/assets/import", sent).get_json()
    assert [(row["row"], row["column"]) for row in tried["rows"]] == [(3, "kind")]
    assert network.get(f"{API}/assets/assets").get_json()["items"] == []
    network.post(f"{API}/assets/assets/import", {**sent, "dry_run": False})
    assert [one["name"] for one in network.get(f"{API}/assets/assets").get_json()["items"]] == ["sw1"]
    broken = network.post(f"{API}/assets/assets/import", {"file": "UEsDBAAAAAA=", "file_name": "cut.xlsx"})
    assert broken.status_code in (400, 422)
    assert "cut.xlsx" in broken.text
    assert network.post(f"{API}/assets/assets/import", {"file": "no base64!"}).status_code == 422


def test_zones_and_links(network: Program) -> None:
    zone = {"id": "core", "name": "核心区", "network": "intranet", "prefixes": ["10.1.0.0/24"], "level": 3}
    made(network, f"{API}/assets/zones", zone)
    for number in (1, 2):
        made(network, f"{API}/assets/assets", ENTRY | {"name": f"sw{number}", "address": f"10.1.0.{number}"})
    ends = {"a": "sw1", "a_port": "GE0/0/1", "b": "sw2", "b_port": "GE0/0/2"}
    link = made(network, f"{API}/assets/links", ends)
    assert network.post(f"{API}/assets/links", ends).status_code == 409
    assert network.get(f"{API}/assets/links/{link['id']}").get_json()["b_port"] in ("GE0/0/1", "GE0/0/2")
    assert network.post(f"{API}/assets/links/{link['id']}/remove", {"reason": "gone"}).status_code == 200
    assert network.get(f"{API}/assets/links/{link['id']}").status_code == 404


def test_a_job_is_followed_cancelled_and_done_again(suite: Desk, network: Program) -> None:
    me = suite.principal(Role.NETWORK_ADMINISTRATOR)
    queue = suite.console.app.jobs
    job = queue.enqueue(me, JobRequest("test.work", {"n": 1}, max_attempts=1))
    path = f"{API}/jobs/jobs/{job}"
    assert network.get(path).get_json()["state"] == "queued"
    assert network.post(f"{path}/retry", {"reason": "too early"}).status_code == 409
    assert network.post(f"{path}/cancel", {}).status_code == 422, "an act needs its reason"
    assert (
        network.post(f"{path}/cancel", {"reason": "not needed"}).get_json()["record"]["state"] == "cancelled"
    )
    queue.register({"test.fail": lambda _context: 1 / 0})
    failed = queue.enqueue(me, JobRequest("test.fail", max_attempts=1))
    queue.run_next("w")
    again = network.post(f"{API}/jobs/jobs/{failed}/retry", {"reason": "mended"})
    assert again.status_code == 202
    assert queue.get(me, again.headers["Location"].rpartition("/")[2]).state is JobState.QUEUED


def test_an_outsider_takes_the_trail_and_the_evidence_away(suite: Desk) -> None:
    with suite.console.app.floor.database.begin() as uow:
        found = suite.console.app.evidence.record(
            uow, kind=EvidenceKind.CA_STATUS, subject="ca", source="ca 1.0", summary={"crl_current": True}
        )
    assessor, auditor = suite.program(Role.ASSESSOR), suite.program(Role.AUDITOR)
    path = f"{API}/evidence/records/{found}"
    assert assessor.get(path).get_json()["summary"] == {"crl_current": True}
    checks = assessor.post(f"{path}/verify").get_json()["rows"]
    assert len(checks) == 5
    assert json.loads(assessor.get(f"{path}/body").data)["id"] == found
    assert auditor.get(path).status_code == 403
    lines = auditor.get(f"{API}/audit/records/-/export").text.splitlines()
    assert json.loads(json.loads(lines[0])["body"])["seq"] == 1
    assert auditor.post(f"{API}/audit/records/verify").get_json()["rows"] == []
    assert assessor.get(f"{API}/audit/records").status_code == 403
    assert auditor.get(f"{API}/audit/records/999999").status_code == 404


@pytest.mark.parametrize("said", ["\\ud842", "a\\udfffb"])
def test_half_a_character_is_refused(network: Program, said: str) -> None:
    body = json.dumps(ENTRY).replace("nw-core-01", said).encode()
    refused = network.post(f"{API}/assets/assets", body)
    assert (refused.status_code, refused.mimetype) == (400, "application/problem+json")
    assert network.get(f"{API}/assets/assets").get_json()["items"] == []
