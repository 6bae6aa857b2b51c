"""How evidence is looked through, in the order of its chain."""

from typing import Any

from sqlalchemy import Row, case, select

from kernel.errors import IntegrityFailed
from kernel.evidence.model import EvidenceRecord, Listed, parse_record
from kernel.evidence.store import evidence_records, evidence_seals
from kernel.i18n import N_
from kernel.store.listing import Listing, equals, since, until

SEALED, WAITING = "sealed", "waiting"
_c, _seals = evidence_records.c, evidence_seals.c
_state = case((_seals.seq.is_(None), WAITING), else_=SEALED)


def parsed(row: Any) -> EvidenceRecord:
    """The record of a row; IntegrityFailed when its body is none."""
    try:
        return parse_record(row.body.encode())
    except ValueError as error:
        raise IntegrityFailed(
            N_("Evidence %(id)s can not be read."), mend=N_("Restore it from a backup."), id=row.id
        ) from error


def listed(row: Row[Any]) -> Listed:
    return Listed(parsed(row), row.sha256, row.sm3, row.sealed_at)


RECORDS: Listing[Listed] = Listing(
    select(evidence_records, _seals.sealed_at).outerjoin(evidence_seals, _seals.seq == _c.seq),
    key=_c.seq,
    orders={"seq": _c.seq},
    default="-seq",
    row=listed,
    text=(_c.subject, _c.id, _c.kind),
    filters={
        "kind": equals(_c.kind),
        "subject": equals(_c.subject),
        "state": equals(_state),
        "unit": equals(_c.unit),
        "since": since(_c.collected_at),
        "until": until(_c.collected_at),
    },
    facets={"state": _state},
)
