"""Collecting as the network administrator, the analyst and the security officer see it."""

from dataclasses import replace
from datetime import timedelta

import pytest
import yaml
from sqlalchemy import select

from kernel.audit.chain import audit_records
from kernel.clock import FixedClock
from kernel.errors import Conflict, Invalid, NotFound, NotPermitted
from kernel.events import event_outbox
from kernel.evidence.model import EvidenceKind
from kernel.identity.model import Principal, Role
from netops.collection.model import DeviceState
from netops.compliance.model import Finding, FindingState
from tests.conftest import person
from tests.unit.netops.conftest import PASSWORD, RANGE, Room

IOS = "ww-core-ios"
PUBLIC = "snmp-server community public RO 20"


def planted() -> set[tuple[str, str]]:
    faults = yaml.safe_load((RANGE / "faults.yaml").read_text("utf-8"))["faults"]
    recorded = {path.parent.name for path in (RANGE / "hosts").glob("*/running-config")}
    expected = [entry for fault in faults for entry in fault["expected"] if entry["room"] == "netops"]
    return {(entry["host"], entry["rule"]) for entry in expected if entry["host"] in recorded}


def found(room: Room, who: Principal, **filters: object) -> dict[tuple[str, str], Finding]:
    return {(item.device, item.rule): item for item in room.found(who, **filters)}  # type: ignore[arg-type]


def change(room: Room, device: str, old: str, new: str) -> None:
    assert old in room.collector.screens[device]
    room.collector.screens[device] = room.collector.screens[device].replace(old, new)


def events(room: Room, kind: str) -> list[str]:
    with room.database.read() as connection:
        query = select(event_outbox.c.subject).where(event_outbox.c.kind == kind)
        return list(connection.execute(query).scalars())


def test_exactly_the_planted_faults_are_found_with_line_control_and_mend(
    any_room: Room, network_admin: Principal
) -> None:
    any_room.netops.collection.collect(network_admin)
    findings = found(any_room, network_admin)
    assert set(findings) == planted()
    one = findings[(IOS, "snmp-public")]
    shown = any_room.netops.archive.text(network_admin, IOS).splitlines()
    assert shown[one.line - 1] == PUBLIC == one.text
    assert one.file == f"{IOS}.cfg"
    assert "L3-8.1.4.2-b" in one.controls
    assert one.mend[0] == "no snmp-server community public"
    bypass = findings[("nw-core-vrp", "gateway-bypass")]
    assert bypass.path == ("interface GigabitEthernet0/0/23",)
    assert bypass.severity.value == "critical"


def test_a_device_that_fails_stops_no_other_and_is_told(room: Room, network_admin: Principal) -> None:
    report = room.netops.collection.collect(network_admin)
    failed = {result.device for result in report.failed}
    assert failed == {"nw-srv-linux", "ww-rtr-frr"}  # of these two there is no recording
    assert all(result.error is not None and result.error.place for result in report.failed)
    assert events(room, "netops:config:failed") == ["device:nw-srv-linux", "device:ww-rtr-frr"]


def test_no_secret_reaches_archive_findings_evidence_or_audit(room: Room, network_admin: Principal) -> None:
    change(
        room, IOS, "snmp-server location", f"username {PASSWORD} secret 0 Plain-Text-77\nsnmp-server location"
    )
    room.netops.collection.collect(network_admin)
    text = room.netops.archive.text(network_admin, IOS)
    evidence = room.evidence.find(EvidenceKind.CONFIG_CHECKED)
    kept = room.evidence.find(EvidenceKind.CONFIG_COLLECTED)
    attached = [
        room.evidence.attachment(item.sha256).decode() for record in kept for item in record.attachments
    ]
    with room.database.read() as connection:
        audit = list(connection.execute(select(audit_records.c.body)).scalars())
    findings = list(found(room, network_admin).values())
    everything = "\n".join([text, *attached, *audit, *map(str, evidence), *map(str, findings)])
    for secret in (PASSWORD, "Plain-Text-77", "0608002F495B0A1C0B1E", "$9$nhEmQVczB7dqsO$"):
        assert secret not in everything
    assert "<masked:" in text


def test_a_changed_secret_is_a_visible_change(room: Room, network_admin: Principal) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    change(room, IOS, "password 7 0608002F495B0A1C0B1E", "password 7 0608002F495B0A1C0B1F")
    result = room.netops.collection.collect(network_admin, [IOS]).results[0]
    assert result.state is DeviceState.CHANGED
    lines = [line for line in room.netops.archive.diff(network_admin, IOS).splitlines() if line[:1] in "+-"]
    assert [line[:50] for line in lines[2:]] == [
        "-username backup-op privilege 5 password 7 <masked",
        "+username backup-op privilege 5 password 7 <masked",
    ]


def test_the_same_configuration_makes_no_second_version(room: Room, network_admin: Principal) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    change(
        room, IOS, "09:12:44 CST Fri Nov 20", "10:00:00 CST Mon Nov 23"
    )  # only a comment that always changes
    result = room.netops.collection.collect(network_admin, [IOS]).results[0]
    assert result.state is DeviceState.UNCHANGED
    assert len(room.versions(network_admin, IOS)) == 1


def test_the_original_can_be_restored_and_that_is_audited(
    room: Room, network_admin: Principal, analyst: Principal
) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    original = room.netops.archive.original(network_admin, IOS, reason="device replaced")
    assert "password 7 0608002F495B0A1C0B1E" in original
    assert original.endswith("end\n")
    with pytest.raises(NotPermitted):
        room.netops.archive.original(analyst, IOS, reason="curious")


def test_a_cut_configuration_is_not_kept(room: Room, network_admin: Principal) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    whole = room.collector.screens[IOS]
    room.collector.screens[IOS] = whole[: len(whole) // 2]
    report = room.netops.collection.collect(network_admin, [IOS])
    assert report.failed[0].device == IOS
    assert len(room.versions(network_admin, IOS)) == 1
    assert found(room, network_admin)[(IOS, "snmp-public")].state is FindingState.OPEN


def test_a_configuration_that_lost_half_its_lines_needs_a_word(room: Room, network_admin: Principal) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    lines = room.collector.screens[IOS].splitlines()
    room.collector.screens[IOS] = "\n".join([*lines[:60], "end"])
    assert room.netops.collection.collect(network_admin, [IOS]).failed
    report = room.netops.collection.collect(network_admin, [IOS], accept_shrink=True)
    assert report.results[0].state is DeviceState.CHANGED


def test_a_mended_fault_is_fixed_by_itself_and_reopens_when_it_comes_back(
    any_room: Room, network_admin: Principal, officer: Principal
) -> None:
    any_room.netops.collection.collect(network_admin, [IOS])
    first = found(any_room, network_admin)[(IOS, "snmp-public")]
    change(any_room, IOS, PUBLIC + "\n", "")
    report = any_room.netops.collection.collect(network_admin, [IOS])
    assert report.results[0].fixed == 1
    fixed = any_room.netops.findings.get(network_admin, first.id)
    assert fixed.state is FindingState.FIXED
    assert events(any_room, "netops:finding:fixed") == [f"finding:{first.id}"]
    assert (
        any_room.netops.findings.confirm_fix(officer, first.id, reason="seen").state is FindingState.VERIFIED
    )
    change(any_room, IOS, "snmp-server location", f"{PUBLIC}\nsnmp-server location")
    any_room.netops.collection.collect(network_admin, [IOS])
    assert any_room.netops.findings.get(network_admin, first.id).state is FindingState.OPEN


def test_a_finding_keeps_its_identity_when_lines_move(room: Room, network_admin: Principal) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    before = found(room, network_admin)[(IOS, "snmp-public")]
    change(room, IOS, "hostname ww-core-ios", "hostname ww-core-ios\n!\nlogging on")
    room.netops.collection.collect(network_admin, [IOS])
    after = found(room, network_admin)[(IOS, "snmp-public")]
    assert (after.id, after.line) == (before.id, before.line + 2)


def test_exceptions_have_an_owner_and_an_end(
    any_room: Room, network_admin: Principal, officer: Principal, clock: FixedClock
) -> None:
    any_room.netops.collection.collect(network_admin, [IOS])
    finding = found(any_room, network_admin)[(IOS, "weak-hash")]
    findings, until = any_room.netops.findings, clock.now() + timedelta(days=30)
    with pytest.raises(NotPermitted):
        findings.grant_exception(network_admin, finding.id, owner="li", until=until, reason="migration")
    with pytest.raises(Invalid):
        findings.grant_exception(
            officer, finding.id, owner="li", until=clock.now() + timedelta(days=400), reason="x"
        )
    with pytest.raises(Invalid):
        findings.grant_exception(officer, finding.id, owner=" ", until=until, reason="migration")
    findings.grant_exception(officer, finding.id, owner="li", until=until, reason="migration")
    any_room.netops.collection.collect(network_admin, [IOS])
    assert findings.get(officer, finding.id).state is FindingState.EXCEPTED
    clock.advance(days=31)
    assert findings.expire(Principal.system("worker")) == 1
    assert findings.get(officer, finding.id).state is FindingState.OPEN


def test_acknowledging_twice_is_a_conflict(room: Room, network_admin: Principal) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    finding = found(room, network_admin)[(IOS, "weak-hash")]
    room.netops.findings.acknowledge(network_admin, finding.id, reason="on it")
    with pytest.raises(Conflict):
        room.netops.findings.acknowledge(network_admin, finding.id, reason="on it too")


def test_a_county_sees_and_collects_its_own_devices_alone(any_room: Room, network_admin: Principal) -> None:
    county = person("county-admin", Role.NETWORK_ADMINISTRATOR, "u_county")
    report = any_room.netops.collection.collect(county)
    assert [result.device for result in report.results] == ["nw-acc-h3c"]
    any_room.netops.collection.collect(network_admin)
    assert set(found(any_room, county)) == {("nw-acc-h3c", "telnet-open")}
    city = found(any_room, network_admin)[(IOS, "weak-hash")]
    with pytest.raises(NotFound):
        any_room.netops.findings.get(county, city.id)
    with pytest.raises(NotFound):
        any_room.netops.archive.text(county, IOS)
    with pytest.raises(NotPermitted):
        any_room.netops.collection.collect(county, [IOS])


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.SYSTEM_ADMINISTRATOR, Role.REGISTRAR, Role.ASSESSOR])
def test_who_may_not_collect(room: Room, role: Role) -> None:
    with pytest.raises(NotPermitted):
        room.netops.collection.collect(person("other", role))


def test_the_host_key_is_pinned_on_first_use_and_trust_replaces_it(
    room: Room, network_admin: Principal
) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    new = "SHA256:" + "A" * 43
    with pytest.raises(Invalid):
        room.netops.collection.trust(network_admin, IOS, "MD5:aa", reason="replaced")
    room.netops.collection.trust(network_admin, IOS, new, reason="replaced")
    with room.database.read() as connection:
        from netops.collection.store import host_keys

        assert connection.execute(select(host_keys.c.fingerprint)).scalars().all() == [new]


def test_each_device_leaves_evidence_of_what_was_collected_and_checked(
    room: Room, network_admin: Principal
) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    checked = room.evidence.find(EvidenceKind.CONFIG_CHECKED)[0].summary
    assert {finding["rule"] for finding in checked["findings"]} == {"snmp-public", "weak-hash"}
    assert all(finding["state"] == "open" and finding["controls"] for finding in checked["findings"])
    assert {"rule": "no-log-server", "controls": ["L3-8.1.4.3-c", "L3-8.1.3.5-c", "L3-8.1.5.4-d"]} in checked[
        "rules"
    ]
    collected = room.evidence.find(EvidenceKind.CONFIG_COLLECTED)[0]
    version = room.versions(network_admin, IOS)[0]
    assert collected.summary["digest"] == version.digest == collected.attachments[0].sha256


def test_a_run_killed_between_archive_and_database_is_completed_by_the_next(
    room: Room, network_admin: Principal
) -> None:
    from netops.collection import service as module

    original = module.store.keep_version
    try:
        module.store.keep_version = _killed  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            room.netops.collection.collect(network_admin, [IOS])
    finally:
        module.store.keep_version = original
    assert not found(room, network_admin)
    report = room.netops.collection.collect(network_admin, [IOS])
    assert report.results[0].state is DeviceState.FIRST
    assert len(room.versions(network_admin, IOS)) == 1
    assert room.netops.archive.original(network_admin, IOS, reason="proof").endswith("end\n")


def _killed(*_: object) -> bool:
    raise KeyboardInterrupt


def test_an_unknown_platform_and_a_missing_credential_are_told_per_device(
    room: Room, network_admin: Principal
) -> None:
    register = room.register
    asset = register.asset(IOS)
    register.put_asset(network_admin, replace(asset, platform="unknown_os"))
    other = register.asset("ww-fw-asa")
    register.put_asset(network_admin, replace(other, attributes={**other.attributes, "credential": "nobody"}))
    report = room.netops.collection.collect(network_admin, [IOS, "ww-fw-asa", "nw-core-vrp"])
    assert [result.state for result in report.results] == [
        DeviceState.FIRST,
        DeviceState.FAILED,
        DeviceState.FAILED,
    ]


def test_a_full_disk_fails_each_device_and_keeps_what_was_there(room: Room, network_admin: Principal) -> None:
    room.netops.collection.collect(network_admin, [IOS])
    before = room.netops.archive.text(network_admin, IOS)
    change(room, IOS, "logging trap informational", "logging trap warnings")
    blobs = room.netops.collection._blobs
    blobs.put = _disk_full  # type: ignore[method-assign]
    report = room.netops.collection.collect(network_admin, [IOS])
    error = report.failed[0].error
    assert error is not None
    assert "No space left" in str(error)
    del blobs.put  # type: ignore[attr-defined]
    assert room.netops.collection.collect(network_admin, [IOS]).results[0].state is DeviceState.CHANGED
    assert room.netops.archive.text(network_admin, IOS) != before
    assert "logging trap warnings" in room.netops.archive.original(network_admin, IOS, reason="proof")


def _disk_full(data: bytes) -> str:
    raise OSError(28, "No space left on device")


def test_a_device_with_outdated_algorithms_is_a_finding_of_its_own(
    room: Room, network_admin: Principal
) -> None:
    asset = room.register.asset(IOS)
    room.register.put_asset(
        network_admin, replace(asset, attributes={**asset.attributes, "ssh_legacy": True})
    )
    room.netops.collection.collect(network_admin, [IOS])
    legacy = found(room, network_admin)[(IOS, "legacy-ssh")]
    assert (legacy.line, legacy.severity.value) == (0, "medium")
