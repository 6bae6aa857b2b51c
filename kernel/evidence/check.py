"""What is wrong with a record, its place in the chain, or its seal. Pure: rows and certificates in, faults out."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from kernel.canonical import sha256_hex
from kernel.evidence.model import (
    GENESIS,
    Check,
    CheckState,
    EvidenceFault,
    EvidenceFaultKind,
    Seal,
    parse_record,
    sm3_hex,
)
from kernel.evidence.ports import SealCertificates
from kernel.evidence.seal import SignatureRefused, StampRefused, verify_seal
from kernel.i18n import N_

_K = EvidenceFaultKind
_CHECKS = (_K.CHANGED, _K.CHAIN, _K.ATTACHMENT, _K.SIGNATURE, _K.TIMESTAMP)
# what can't be judged once something else is wrong
_HINDERED_BY: Mapping[EvidenceFaultKind, tuple[EvidenceFaultKind, ...]] = {
    _K.CHAIN: (_K.CHANGED,),
    _K.SIGNATURE: (_K.UNSEALED, _K.TIMESTAMP),
    _K.TIMESTAMP: (_K.UNSEALED,),
}


class Row(Protocol):
    """A stored record: its canonical body and the columns beside it."""

    seq: int
    id: str
    kind: str
    subject: str
    unit: str | None
    collected_at: datetime
    body: str
    sha256: str
    sm3: str


def record_faults(row: Row, before: Row | None) -> list[EvidenceFault]:
    """Digests, form, columns, and whether the record names its predecessor (None: there is none)."""
    body = row.body.encode()
    if sha256_hex(body) != row.sha256 or sm3_hex(body) != row.sm3:
        return [_fault(EvidenceFaultKind.CHANGED, row, N_("the record's content does not match its digests"))]
    try:
        record = parse_record(body)
    except ValueError:
        return [_fault(EvidenceFaultKind.CHANGED, row, N_("the record's content can not be read"))]
    columns = (row.seq, row.id, row.kind, row.subject, row.unit, row.collected_at)
    written = (record.seq, record.id, record.kind, record.subject[:300], record.unit, record.collected_at)
    if columns != written:
        return [
            _fault(
                EvidenceFaultKind.CHANGED, row, N_("the record's searchable columns differ from its content")
            )
        ]
    if record.previous != (before.sha256 if before else GENESIS):
        return [_fault(EvidenceFaultKind.CHAIN, row, N_("the record does not continue its predecessor"))]
    return []


def chain_faults(
    row: Row | None, last: Row | None, head: tuple[int, str] | None = None
) -> list[EvidenceFault]:
    """Records missing before ``row``; at the end (``row`` None) whether the chain ends where ``head`` says."""
    expected = last.seq + 1 if last else 1
    if row is not None:
        missing = range(expected, min(row.seq, expected + 100))
        return [_gap(seq) for seq in missing]
    assert head is not None
    if head[0] >= expected:
        return [_gap(expected)]
    if last is not None and head != (last.seq, last.sha256):
        return [
            _fault(EvidenceFaultKind.CHAIN, last, N_("the last record is not the one the chain's head names"))
        ]
    return []


def seal_faults(
    row: Row, seal: Seal | None, known: SealCertificates
) -> tuple[list[EvidenceFault], datetime | None]:
    """The faults of a record's seal, and the stamped time (None when it does not hold)."""
    if seal is None:
        return [_fault(EvidenceFaultKind.UNSEALED, row, N_("the record has not been sealed yet"))], None
    try:
        stamped = verify_seal(
            row.body.encode(),
            seal.cms,
            seal.token,
            anchors=known.anchors,
            intermediates=(*seal.certificates, *known.intermediates),
        )
    except StampRefused as error:
        return [_fault(EvidenceFaultKind.TIMESTAMP, row, error.message)], None
    except SignatureRefused as error:
        return [_fault(EvidenceFaultKind.SIGNATURE, row, error.message)], None
    return [], stamped


def checks_of(faults: Sequence[EvidenceFault]) -> tuple[Check, ...]:
    """Each check of one record, from the faults that were found: passed, failed, or not to be made."""
    found = {fault.kind: fault for fault in faults}
    return tuple(_check(kind, found) for kind in _CHECKS)


def _check(kind: EvidenceFaultKind, found: Mapping[EvidenceFaultKind, EvidenceFault]) -> Check:
    if kind in found:
        return Check(kind, CheckState.FAILED, found[kind].explanation, found[kind].place)
    hindered = next((found[other] for other in _HINDERED_BY.get(kind, ()) if other in found), None)
    return Check(kind, CheckState.OPEN, hindered.explanation) if hindered else Check(kind, CheckState.PASSED)


def _fault(kind: EvidenceFaultKind, row: Row, explanation: str) -> EvidenceFault:
    return EvidenceFault(kind, row.id, explanation)


def _gap(seq: int) -> EvidenceFault:
    return EvidenceFault(EvidenceFaultKind.MISSING, "", N_("a record is missing"), f"#{seq}")
