"""Evidence: recorded with its data or not at all, sealed so that OpenSSL agrees, and every change named."""

import io
import subprocess
import zipfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from kernel.audit.chain import audit_records
from kernel.audit.model import AuditAction
from kernel.blobs import MemoryBlobs
from kernel.clock import FixedClock
from kernel.errors import Invalid, NotFound, NotPermitted, Unavailable
from kernel.evidence.files import Part
from kernel.evidence.model import Attachment, EvidenceFaultKind, EvidenceKind, canonical_record, parse_record
from kernel.evidence.ports import NullSealer
from kernel.evidence.service import EvidenceService
from kernel.evidence.store import evidence_head, evidence_records, evidence_seals
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.store import Database
from kernel.store.listing import Ask
from tests.conftest import on_sqlite
from tests.support.pki import make_leaf
from tests.unit.evidence.conftest import LocalSealer


def put(
    evidence: EvidenceService, database: Database, subject: str = "nw-core", unit: str | None = None
) -> str:
    attachments = [Attachment("检查结果.json", b'{"findings": []}', "application/json")]
    with database.begin() as uow:
        return evidence.record(
            uow,
            kind=EvidenceKind.CONFIG_CHECKED,
            subject=subject,
            source="netops 0.1.0",
            summary={"findings": [], "rules": 25},
            attachments=attachments,
            unit=unit,
        )


def tamper(database: Database, *statements: str) -> None:
    """What somebody with the database's owner account can do: the triggers first."""
    with database.begin() as uow:
        if database.url.startswith("sqlite"):
            for table in ("evidence_records", "evidence_seals"):
                uow.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
                uow.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_delete"))
        else:
            for table in ("evidence_records", "evidence_seals"):
                uow.execute(text(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}"))
        for statement in statements:
            uow.execute(text(statement))


def test_a_record_can_be_found_again_with_its_attachment(
    evidence: EvidenceService, any_database: Database, clock: FixedClock
) -> None:
    record = evidence.get(put(evidence, any_database))
    assert (record.seq, record.subject, record.summary["rules"]) == (1, "nw-core", 25)
    assert evidence.attachment(record.attachments[0].sha256) == b'{"findings": []}'
    assert record.effective_until == clock.now() + timedelta(days=31)
    assert [r.id for r in evidence.find(EvidenceKind.CONFIG_CHECKED, "nw-core")] == [record.id]
    assert evidence.find(EvidenceKind.CA_STATUS) == []
    assert evidence.find(since=clock.now() + timedelta(seconds=1)) == []


def test_evidence_of_a_transaction_that_fails_does_not_exist(
    evidence: EvidenceService, any_database: Database
) -> None:
    with pytest.raises(RuntimeError), any_database.begin() as uow:
        evidence.record(
            uow, kind=EvidenceKind.CA_STATUS, subject="ca", source="ca", summary={"crl_current": True}
        )
        raise RuntimeError
    assert evidence.find() == []
    assert evidence.get(put(evidence, any_database)).seq == 1


@on_sqlite
def test_sealed_evidence_is_what_openssl_verifies(
    evidence: EvidenceService, any_database: Database, sealer: LocalSealer, tmp_path: Path
) -> None:
    evidence_id = put(evidence, any_database)
    assert evidence.seal_pending() == 1
    seal = evidence.seal_of(evidence_id)
    assert seal is not None
    for name, data in {
        "record.json": evidence.body(evidence_id),
        "record.p7s": seal.cms,
        "record.tst": seal.token,
        "root.pem": sealer.root.certificate_pem,
    }.items():
        (tmp_path / name).write_bytes(data)
    at = str(int(sealer.clock.now().timestamp()))
    for command in (
        "cms -verify -binary -inform DER -in record.p7s -content record.json -CAfile root.pem -purpose any "
        f"-attime {at} -out /dev/null",
        f"ts -verify -data record.p7s -in record.tst -token_in -CAfile root.pem -attime {at}",
    ):
        done = subprocess.run(["openssl", *command.split()], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_an_intact_sealed_chain_verifies_and_says_when_it_was_sealed(
    evidence: EvidenceService, any_database: Database, clock: FixedClock
) -> None:
    first = put(evidence, any_database)
    put(evidence, any_database)
    assert evidence.seal_pending() == 2
    assert evidence.seal_pending() == 0
    report = evidence.verify(first)
    assert report.intact
    assert report.sealed_at == clock.now()
    assert evidence.verify_all().intact


@on_sqlite
def test_before_the_ca_exists_records_wait_and_the_check_says_so(
    any_database: Database, clock: FixedClock, blobs: MemoryBlobs
) -> None:
    evidence = EvidenceService(any_database, clock, Access(any_database), blobs, NullSealer())
    evidence_id = put(evidence, any_database)
    assert evidence.seal_pending() == 0
    assert [fault.kind for fault in evidence.verify(evidence_id).faults] == [EvidenceFaultKind.UNSEALED]


def test_the_database_refuses_to_change_or_delete_evidence(
    evidence: EvidenceService, any_database: Database
) -> None:
    put(evidence, any_database)
    evidence.seal_pending()
    for statement in (
        evidence_records.update().values(subject="x"),
        evidence_records.delete(),
        evidence_seals.update().values(cms=b"x"),
        evidence_seals.delete(),
    ):
        with pytest.raises(DBAPIError, match="append-only"), any_database.begin() as uow:
            uow.execute(statement)


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        (
            "UPDATE evidence_records SET body = replace(body, '25', '26') WHERE seq = 2",
            EvidenceFaultKind.CHANGED,
        ),
        ("UPDATE evidence_records SET subject = 'other' WHERE seq = 2", EvidenceFaultKind.CHANGED),
        ("UPDATE evidence_records SET body = 'x' WHERE seq = 2", EvidenceFaultKind.CHANGED),
        ("DELETE FROM evidence_seals WHERE seq = 2", EvidenceFaultKind.UNSEALED),
    ],
)
def test_a_changed_record_is_named(
    evidence: EvidenceService, any_database: Database, statement: str, fault: EvidenceFaultKind
) -> None:
    ids = [put(evidence, any_database) for _ in range(3)]
    evidence.seal_pending()
    tamper(any_database, statement)
    found = evidence.verify_all().faults
    assert fault in {f.kind for f in found}
    assert {f.evidence for f in found} == {ids[1]}


def test_a_removed_record_is_named(evidence: EvidenceService, any_database: Database) -> None:
    for _ in range(3):
        put(evidence, any_database)
    tamper(any_database, "DELETE FROM evidence_records WHERE seq = 2")
    found = [fault for fault in evidence.verify_all().faults if fault.kind is EvidenceFaultKind.MISSING]
    assert [fault.place for fault in found] == ["#2"]


def test_a_cut_off_end_is_named(evidence: EvidenceService, any_database: Database) -> None:
    for _ in range(2):
        put(evidence, any_database)
    tamper(any_database, "DELETE FROM evidence_records WHERE seq = 2")
    assert EvidenceFaultKind.MISSING in {fault.kind for fault in evidence.verify_all().faults}


def test_a_head_that_names_another_end_is_found(evidence: EvidenceService, any_database: Database) -> None:
    put(evidence, any_database)
    with any_database.begin() as uow:
        uow.execute(evidence_head.update().values(sha256="1" * 64))
    assert EvidenceFaultKind.CHAIN in {fault.kind for fault in evidence.verify_all().faults}


@on_sqlite
def test_a_seal_of_another_record_or_another_root_is_refused(
    evidence: EvidenceService,
    any_database: Database,
    sealer: LocalSealer,
    clock: FixedClock,
    blobs: MemoryBlobs,
) -> None:
    first, second = put(evidence, any_database), put(evidence, any_database)
    evidence.seal_pending()
    stranger = EvidenceService(any_database, clock, Access(any_database), blobs, LocalSealer(clock))
    assert [fault.kind for fault in stranger.verify(first).faults] == [EvidenceFaultKind.TIMESTAMP]
    tamper(
        any_database,
        "UPDATE evidence_seals SET cms = (SELECT s.cms FROM evidence_seals s WHERE s.seq = 1), "
        "token = (SELECT s.token FROM evidence_seals s WHERE s.seq = 1) WHERE seq = 2",
    )
    assert [fault.kind for fault in evidence.verify(second).faults] == [EvidenceFaultKind.SIGNATURE]
    assert evidence.verify(first).intact
    sealer.ready = False
    assert evidence.seal_pending() == 0


@on_sqlite
def test_a_changed_or_lost_attachment_is_named(
    evidence: EvidenceService, any_database: Database, blobs: MemoryBlobs
) -> None:
    record = evidence.get(put(evidence, any_database))
    evidence.seal_pending()
    blobs._blobs.pop(record.attachments[0].sha256)
    found = evidence.verify(record.id).faults
    assert [(fault.kind, fault.place) for fault in found] == [(EvidenceFaultKind.ATTACHMENT, "检查结果.json")]


@on_sqlite
@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "x" * 200, "a\nb"])
def test_an_attachment_needs_a_plain_name(
    evidence: EvidenceService, any_database: Database, name: str
) -> None:
    with pytest.raises(Invalid), any_database.begin() as uow:
        evidence.record(
            uow,
            kind=EvidenceKind.CA_STATUS,
            subject="ca",
            source="ca",
            summary={},
            attachments=[Attachment(name, b"")],
        )


def test_who_may_not_read_evidence_is_refused_and_other_units_do_not_see_it(
    evidence: EvidenceService,
    any_database: Database,
    auditor: Principal,
    registrar: Principal,
    assessor: Principal,
) -> None:
    evidence_id = put(evidence, any_database, unit="u_city")
    for nobody in (auditor, registrar):
        with pytest.raises(NotPermitted):
            evidence.get(evidence_id, by=nobody)
    assert evidence.get(evidence_id, by=assessor).id == evidence_id
    below = Principal("usr_x", "x", assessor.roles, "u_county", "password")
    assert evidence.find(by=below) == []
    with pytest.raises(NotFound):
        evidence.get(evidence_id, by=below)
    with pytest.raises(NotPermitted):
        evidence.seal_pending(by=assessor)


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode) | st.just(b'{"kind": []}'))
def test_bytes_are_a_record_or_a_value_error(data: bytes) -> None:
    try:
        assert canonical_record(parse_record(data)) == data
    except ValueError:
        return


@on_sqlite
def test_a_certificate_of_the_same_ca_that_is_not_for_sealing_is_refused(
    evidence: EvidenceService, any_database: Database, sealer: LocalSealer
) -> None:
    evidence_id = put(evidence, any_database)
    sealer.signer = make_leaf(sealer.root, "Somebody", usage=ExtendedKeyUsageOID.EMAIL_PROTECTION)
    evidence.seal_pending()
    (fault,) = evidence.verify(evidence_id).faults
    assert (fault.kind, "not for sealing" in fault.explanation) == (EvidenceFaultKind.SIGNATURE, True)


def test_the_audit_chains_head_becomes_evidence(
    evidence: EvidenceService, any_database: Database, officer: Principal
) -> None:
    evidence.verify_all(by=officer)  # leaves an audit record
    anchor = evidence.get(evidence.anchor_audit())
    assert (anchor.kind, anchor.summary["intact"], anchor.summary["records"]) == (
        EvidenceKind.AUDIT_ANCHOR,
        True,
        1,
    )
    assert len(anchor.summary["head"]) == 64
    with any_database.read() as connection:
        acts = select(audit_records.c.action, audit_records.c.outcome).order_by(audit_records.c.seq)
        assert tuple(connection.execute(acts).all()[-1]) == (AuditAction.AUDIT_ANCHOR, "success")


def test_lists_tell_what_is_sealed(
    evidence: EvidenceService, any_database: Database, assessor: Principal
) -> None:
    put(evidence, any_database)
    assert sealed(evidence, assessor) == [False]
    evidence.seal_pending()
    assert sealed(evidence, assessor) == [True]


def sealed(evidence: EvidenceService, principal: Principal) -> list[bool]:
    return [one.sealed_at is not None for one in evidence.page(principal, Ask()).items]


def test_an_interrupted_sealing_keeps_what_is_sealed_and_goes_on_later(
    evidence: EvidenceService,
    any_database: Database,
    sealer: LocalSealer,
    assessor: Principal,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for _ in range(3):
        put(evidence, any_database)
    stamp = sealer.timestamp

    def broken(digest: bytes) -> bytes:
        if sealer.stamps == 1:
            raise Unavailable("the time-stamping service is away")
        return stamp(digest)

    monkeypatch.setattr(sealer, "timestamp", broken)
    with pytest.raises(Unavailable):
        evidence.seal_pending()
    assert sealed(evidence, assessor) == [False, False, True]
    monkeypatch.undo()
    assert evidence.seal_pending() == 2
    assert evidence.verify_all().intact


def states(evidence: EvidenceService, by: Principal, evidence_id: str) -> dict[str, str]:
    return {str(check.of): str(check.state) for check in evidence.proof(by, evidence_id).checks}


def test_each_check_is_told_and_what_can_not_be_judged_is_no_success(
    evidence: EvidenceService, any_database: Database, assessor: Principal
) -> None:
    evidence_id = put(evidence, any_database)
    whole = {"changed": "passed", "chain": "passed", "attachment": "passed"}
    waiting = {"signature": "open", "timestamp": "open"}
    assert states(evidence, assessor, evidence_id) == whole | waiting
    evidence.seal_pending()
    assert set(states(evidence, assessor, evidence_id).values()) == {"passed"}
    proof = evidence.proof(assessor, evidence_id)
    assert "Evidence signer" in proof.signer
    assert proof.stamped_at is not None
    tamper(any_database, "UPDATE evidence_records SET body = replace(body, '25', '26')")
    found = states(evidence, assessor, evidence_id)
    assert (found["changed"], found["chain"], found["signature"]) == ("failed", "open", "failed")


@on_sqlite
def test_the_files_of_a_record_convince_openssl_and_leave_a_trace(
    evidence: EvidenceService, any_database: Database, assessor: Principal, tmp_path: Path
) -> None:
    evidence_id = put(evidence, any_database)
    with pytest.raises(NotFound, match="not been sealed"):
        evidence.file(assessor, evidence_id, Part.SIGNATURE)
    evidence.seal_pending()
    bundle = evidence.file(assessor, evidence_id, Part.BUNDLE)
    with zipfile.ZipFile(io.BytesIO(bundle.data)) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "attachments" / "检查结果.json").unlink()
    check = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-purpose", "any", "-out", "/dev/null"]
    named = ["-in", f"{evidence_id}.p7s", "-content", f"{evidence_id}.json", "-CAfile", "certificates.pem"]
    done = subprocess.run([*check, *named], cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    for part, name in ((Part.BODY, "json"), (Part.SIGNATURE, "p7s"), (Part.TOKEN, "tst")):
        file = evidence.file(assessor, evidence_id, part)
        assert file.name == f"{evidence_id}.{name}"
        assert file.data == (tmp_path / file.name).read_bytes()
    attached = evidence.attached(assessor, evidence_id, "检查结果.json")
    assert (attached.media_type, attached.data) == ("application/json", b'{"findings": []}')
    with any_database.read() as connection:
        taken = select(audit_records).where(audit_records.c.action == AuditAction.EVIDENCE_EXPORT)
        assert len(connection.execute(taken).all()) == 5


def test_evidence_is_looked_through_by_kind_subject_and_seal(
    evidence: EvidenceService, any_database: Database, assessor: Principal
) -> None:
    first, second = (put(evidence, any_database, name) for name in ("nw-core", "nw-edge"))
    evidence.seal_pending()
    waiting = put(evidence, any_database, "nw-core", unit="u_county")

    def found(ask: Ask, by: Principal = assessor) -> list[str]:
        return [one.record.id for one in evidence.page(by, ask).items]

    assert found(Ask()) == [waiting, second, first]
    assert found(Ask().narrowed(subject="nw-core", state="sealed")) == [first]
    assert found(Ask().narrowed(state="waiting")) == [waiting]
    assert found(Ask(text="EDGE")) == [second]
    assert evidence.page(assessor, Ask()).facets["state"] == {"sealed": 2, "waiting": 1}
    other = replace(assessor, unit="u_other")
    assert found(Ask(), other) == [second, first], "of no unit is the suite's"
    for look in (evidence.item, evidence.proof):
        with pytest.raises(NotFound):
            look(other, waiting)
    with pytest.raises(NotPermitted):
        evidence.verify_all(by=other)


def test_who_takes_evidence_away_must_see_it(
    evidence: EvidenceService, any_database: Database, assessor: Principal, registrar: Principal
) -> None:
    evidence_id = put(evidence, any_database, unit="u_city")
    below = replace(assessor, unit="u_county")
    with pytest.raises(NotFound):
        evidence.attached(below, evidence_id, "检查结果.json")
    with pytest.raises(NotPermitted):
        evidence.file(registrar, evidence_id, Part.BODY)
    with pytest.raises(NotFound, match="no attachment"):
        evidence.attached(assessor, evidence_id, "other.json")
