"""How the trail is looked through: by who, what, which object and when, in the order of the chain."""

import json
from typing import Any

from sqlalchemy import ColumnElement, Row, select

from kernel.audit.chain import audit_records, object_of
from kernel.audit.model import AuditRecord
from kernel.store.listing import Listing, equals, since, until

_c = audit_records.c


def record_of(row: Row[Any]) -> AuditRecord:
    body = json.loads(row.body)
    return AuditRecord(
        seq=row.seq,
        at=row.at,
        actor=body["actor"],
        actor_name=body["actor_name"],
        roles=tuple(body["roles"]),
        action=body["action"],
        target=body["target"],
        unit=body["unit"],
        outcome=body["outcome"],
        reason=body["reason"],
        details=body["details"],
        previous=row.previous,
        hash=row.hash,
    )


def _about(values: tuple[str, ...]) -> ColumnElement[bool]:
    """All about these objects, with or without the kind before the id: ``asset:asset_1`` or ``asset_1``."""
    return _c.object.in_([object_of(value) for value in values])


RECORDS: Listing[AuditRecord] = Listing(
    select(audit_records),
    key=_c.seq,
    orders={"seq": _c.seq},
    default="-seq",
    row=record_of,
    text=(_c.actor_name, _c.actor, _c.target, _c.action),
    filters={
        "action": equals(_c.action),
        "outcome": equals(_c.outcome),
        "actor": equals(_c.actor),
        "target": _about,
        "unit": equals(_c.unit),
        "since": since(_c.at),
        "until": until(_c.at),
    },
    facets={"outcome": _c.outcome},
)
