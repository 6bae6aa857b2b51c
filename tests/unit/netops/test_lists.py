"""Devices, versions, findings and rules as people look through them; a version read beside its findings; comparisons."""

import pytest

from kernel.clock import FixedClock
from kernel.errors import Invalid, NotFound, NotPermitted
from kernel.identity.access import Access
from kernel.identity.model import Principal, Role
from kernel.jobs.model import JobState
from kernel.jobs.queue import JobQueue
from kernel.store.listing import Ask
from netops.archive.review import RowKind, counted, rows_of
from netops.collection.model import DeviceState
from netops.compliance.model import FindingState, Severity
from netops.jobs import handlers
from tests.conftest import person
from tests.support.statements import counting
from tests.unit.netops.conftest import Room

IOS = "ww-core-ios"
MOST_QUERIES = 12


@pytest.fixture
def county() -> Principal:
    return person("county-admin", Role.NETWORK_ADMINISTRATOR, "u_county")


def change(room: Room, old: str, new: str) -> None:
    assert old in room.collector.screens[IOS]
    room.collector.screens[IOS] = room.collector.screens[IOS].replace(old, new)


# --- devices
def test_every_device_stands_in_the_list_before_and_after_its_collection(
    any_room: Room, network_admin: Principal, clock: FixedClock
) -> None:
    devices = any_room.netops.devices
    before = devices.page(network_admin, Ask())
    assert {one.state for one in before.items} == {DeviceState.NEVER}
    any_room.netops.collection.collect(network_admin)
    page = devices.page(network_admin, Ask())
    assert page.total == before.total
    assert sum(page.facets["state"].values()) == page.total
    found = {one.name: one for one in page.items}
    assert found[IOS].state is DeviceState.FIRST
    assert found[IOS].version_at == clock.now()
    assert found[IOS].findings == {Severity.HIGH: 2}
    failed = devices.page(network_admin, Ask().narrowed(state="failed"))
    assert {one.name for one in failed.items} == {"nw-srv-linux", "ww-rtr-frr"}
    assert all(one.error and one.error.text("zh_CN") != one.error.text("en") for one in failed.items)


def test_a_failed_collection_keeps_the_newest_version_in_the_list(
    room: Room, network_admin: Principal, clock: FixedClock
) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    first = room.netops.devices.get(network_admin, IOS)
    del room.collector.screens[IOS]
    clock.advance(hours=1)
    room.netops.collection.collect(network_admin, [IOS])
    after = room.netops.devices.get(network_admin, first.id)
    assert (after.state, after.version, after.version_at) == (
        DeviceState.FAILED,
        first.version,
        first.version_at,
    )
    assert after.host_key is not None


def test_another_units_device_is_as_if_it_did_not_exist(
    any_room: Room, network_admin: Principal, county: Principal
) -> None:
    netops = any_room.netops
    netops.collection.collect(network_admin)
    assert [one.name for one in netops.devices.page(county, Ask()).items] == ["nw-acc-h3c"]
    assert {one.device for one in netops.versions.page(county, Ask()).items} == {"nw-acc-h3c"}
    assert {one.device for one in netops.findings.page(county, Ask()).items} == {"nw-acc-h3c"}
    version = any_room.versions(network_admin, IOS)[0]
    for look in (
        lambda: netops.devices.get(county, IOS),
        lambda: netops.versions.get(county, version.id),
        lambda: netops.versions.review(county, version.id),
        lambda: netops.versions.diff(county, version.id),
        lambda: netops.versions.compare(county, IOS),
        lambda: netops.archive.diff(county, IOS),
    ):
        with pytest.raises(NotFound):
            look()


def test_a_list_takes_few_queries(room: Room, network_admin: Principal) -> None:
    room.netops.collection.collect(network_admin)
    netops = room.netops
    for page in (netops.devices.page, netops.versions.page, netops.findings.page):
        with counting(room.database) as sent:
            page(
                network_admin,
                Ask(text="core", filters={"device": (IOS,)} if page != netops.devices.page else {}),
            )
        assert len(sent) <= MOST_QUERIES, sent


# --- versions
def test_a_version_tells_how_many_lines_changed(
    room: Room, network_admin: Principal, clock: FixedClock
) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    change(room, "logging trap informational", "logging trap warnings\nlogging buffered 4096")
    clock.advance(hours=1)
    room.netops.collection.collect(network_admin, [IOS])
    newest, first = room.versions(network_admin, IOS)
    assert (first.added, first.removed) == (None, None)
    assert (newest.added, newest.removed) == (2, 1)
    assert room.netops.versions.diff(network_admin, first.id) == ""
    assert "+logging trap warnings" in room.netops.versions.diff(network_admin, newest.id)


def test_the_kept_text_gives_the_findings_that_the_original_gave(
    any_room: Room, network_admin: Principal, dr_admin: Principal
) -> None:
    any_room.netops.collection.collect(network_admin)
    for version in any_room.netops.versions.page(network_admin, Ask()).items:
        kept = {finding.id: finding for finding in any_room.found(network_admin, device_id=version.device_id)}
        reviewed = any_room.netops.versions.review(network_admin, version.id)
        notes = {line: note for line, found in reviewed.notes.items() for note in found}
        assert {note.finding.id for note in notes.values() if note.finding} == set(kept)
        for line, note in notes.items():
            assert note.finding is not None
            assert kept[note.finding.id].line == line
            assert not line or note.finding.text.strip() in reviewed.lines[line - 1]
        assert any_room.netops.versions.review(dr_admin, version.id).notes == {}  # who may not read findings


def test_an_old_version_shows_what_was_wrong_with_it_then(
    room: Room, network_admin: Principal, clock: FixedClock
) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    change(room, "snmp-server community public RO 20\n", "")
    clock.advance(hours=1)
    room.netops.collection.collect(network_admin, [IOS])
    found = room.netops.versions.compare(network_admin, IOS)
    (row,) = [row for row in found.rows if row.first]
    assert (row.kind, row.old, row.new) == (RowKind.REMOVED, "snmp-server community public RO 20", "")
    (note,) = found.old.notes[row.old_line]
    assert note.finding is not None
    assert note.finding.state is FindingState.FIXED
    assert (found.added, found.removed, found.changes) == (0, 1, 1)


def test_versions_are_named_by_their_first_digits_and_nothing_else(
    room: Room, network_admin: Principal
) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    (version,) = room.versions(network_admin, IOS)
    versions = room.netops.versions
    assert versions.compare(network_admin, IOS, version.version[:8]).rows == ()
    with pytest.raises(Invalid):
        versions.compare(network_admin, IOS, "--output=/etc/passwd")
    with pytest.raises(NotFound):
        versions.compare(network_admin, IOS, "", "0000ffff")
    for wrong in ("", "x", f"{version.device_id}.", f"other.{version.version}"):
        with pytest.raises(NotFound):
            versions.get(network_admin, wrong)


DIFF = """--- a/x.cfg
+++ b/x.cfg
@@ -3,4 +3,5 @@
 same
-old one
-old two
+new one
 also same
+more
+most
@@ -20,2 +21,1 @@
 end
-last
"""


def test_a_unified_diff_becomes_rows_side_by_side() -> None:
    rows = list(rows_of(DIFF))
    assert [(row.kind.value, row.old_line, row.new_line, row.first) for row in rows] == [
        ("gap", 0, 2, False),
        ("same", 3, 3, False),
        ("changed", 4, 4, True),
        ("removed", 5, 0, False),
        ("same", 6, 5, False),
        ("added", 0, 6, True),
        ("added", 0, 7, False),
        ("gap", 0, 13, False),
        ("same", 20, 21, False),
        ("removed", 21, 0, True),
    ]
    assert counted(DIFF) == (3, 3)
    assert list(rows_of("")) == []
    assert counted("") == (0, 0)


# --- findings and rules
def test_what_is_there_comes_first_and_the_heaviest_of_it(
    any_room: Room, network_admin: Principal, officer: Principal, clock: FixedClock
) -> None:
    any_room.netops.collection.collect(network_admin)
    change(any_room, "snmp-server community public RO 20\n", "")
    clock.advance(hours=1)
    any_room.netops.collection.collect(network_admin, [IOS])
    listed = any_room.netops.findings.page(network_admin, Ask()).items
    assert listed[0].severity is Severity.CRITICAL
    assert [one.is_present for one in listed] == sorted((one.is_present for one in listed), reverse=True)
    assert listed[-1].state is FindingState.FIXED
    any_room.netops.findings.confirm_fix(officer, listed[-1].id, reason="seen to be gone")
    page = any_room.netops.findings.page(network_admin, Ask().narrowed(state="verified"))
    assert (page.total, page.facets["state"]["verified"]) == (1, 1)


def test_rules_are_found_by_platform_title_and_control(
    room: Room, assessor: Principal, auditor: Principal
) -> None:
    rules = room.netops.rules
    assert "gateway-bypass" in {
        rule.id for rule in rules.page(assessor, Ask().narrowed(platform="huawei_vrp")).items
    }
    assert rules.page(assessor, Ask().narrowed(platform="nothing")).total == 0
    assert rules.page(assessor, Ask(text="L3-8.1.4.3-c")).total >= 1
    assert rules.get(assessor, "gateway-bypass").severity is Severity.CRITICAL
    assert rules.title("gone-for-good") == "gone-for-good"
    with pytest.raises(NotPermitted):
        rules.page(auditor, Ask())


# --- work for the worker
def test_collecting_on_request_keeps_to_the_askers_units(
    room: Room, network_admin: Principal, county: Principal, clock: FixedClock, access: Access
) -> None:
    queue = JobQueue(room.database, clock, access)
    queue.register(handlers(room.netops))
    with pytest.raises(NotPermitted):
        room.netops.collection.request(county, [IOS])
    job = room.netops.collection.request(county)
    assert job == room.netops.collection.request(county)
    assert queue.run_next("worker")
    assert queue.get(county, job).state is JobState.SUCCEEDED
    tried = [one.name for one in room.netops.devices.page(network_admin, Ask()).items if one.at]
    assert tried == ["nw-acc-h3c"]
    nobody = person("nobody", Role.NETWORK_ADMINISTRATOR, "u_other")
    with pytest.raises(NotFound):
        room.netops.collection.request(nobody)


def test_verifying_the_archive_is_a_job(
    room: Room, network_admin: Principal, clock: FixedClock, access: Access
) -> None:
    queue = JobQueue(room.database, clock, access)
    queue.register(handlers(room.netops))
    room.netops.collection.collect(network_admin, [IOS])
    job = room.netops.archive.request_verify(network_admin)
    assert queue.run_next("worker")
    assert queue.get(network_admin, job).result == {"versions": 1, "faults": []}
