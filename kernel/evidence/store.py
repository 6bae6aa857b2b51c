"""Tables of evidence, and the statements on them. Records are append-only, also for the database account in use."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    bindparam,
    event,
    select,
    text,
)

from kernel.canonical import canonical_json, sha256_hex
from kernel.evidence.model import GENESIS, EvidenceKind, EvidenceRecord, Seal, canonical_record, sm3_hex
from kernel.store.base import UtcDateTime, insert_rows, metadata

_BATCH = 500

evidence_records = Table(
    "evidence_records",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("id", String(60), nullable=False, unique=True),
    Column("kind", String(80), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("unit", String(80)),
    Column("collected_at", UtcDateTime, nullable=False, index=True),
    Column("body", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("sm3", String(64), nullable=False),
    # what a list is narrowed by, in the order of the chain
    *(Index(None, name, "seq") for name in ("kind", "subject", "unit")),
)

evidence_seals = Table(
    "evidence_seals",
    metadata,
    Column("seq", BigInteger, ForeignKey("evidence_records.seq"), primary_key=True, autoincrement=False),
    Column("cms", LargeBinary, nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("certificates", Text, nullable=False),  # JSON list of hex DER
    Column("sealed_at", UtcDateTime, nullable=False),
)

evidence_head = Table(
    "evidence_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
)

# Alembic runs the same statements.
PROTECTION: Mapping[str, Sequence[str]] = {
    "sqlite": tuple(
        f"CREATE TRIGGER {table}_no_{verb} BEFORE {verb.upper()} ON {table} "
        "BEGIN SELECT RAISE(ABORT, 'evidence is append-only'); END"
        for table in ("evidence_records", "evidence_seals")
        for verb in ("update", "delete")
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION evidence_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'evidence is append-only'; END $$",
        *(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION evidence_append_only()"
            for table in ("evidence_records", "evidence_seals")
        ),
    ),
}

for _dialect, _statements in PROTECTION.items():
    for _statement in _statements:
        # on the seals, which depend on the records and are therefore made after them
        event.listen(
            evidence_seals,
            "after_create",
            DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )


# built once, since much that is done asks them
_MAKE_HEAD = "INSERT INTO evidence_head (id, seq, sha256) VALUES (1, 0, '{}') ON CONFLICT DO NOTHING"
_LOCK_HEAD = select(evidence_head.c.seq, evidence_head.c.sha256).with_for_update()
_MOVE_HEAD = evidence_head.update().values(seq=bindparam("seq"), sha256=bindparam("sha256"))


def lock_head(connection: Connection) -> tuple[int, str]:
    """(sequence number, SHA-256) of the newest record; other writers wait until this transaction ends."""
    row = connection.execute(_LOCK_HEAD).one_or_none()
    if row is None:
        connection.execute(text(_MAKE_HEAD.format(GENESIS)))
        row = connection.execute(_LOCK_HEAD).one()
    return row.seq, row.sha256


def head(connection: Connection) -> tuple[int, str]:
    """The chain's end without a lock."""
    row = connection.execute(select(evidence_head.c.seq, evidence_head.c.sha256)).one_or_none()
    return (row.seq, row.sha256) if row else (0, GENESIS)


def append_records(connection: Connection, records: Sequence[EvidenceRecord]) -> None:
    """Add records at the end of the chain, in their order; ``seq`` and ``previous`` are filled in here."""
    seq, previous = lock_head(connection)
    rows = []
    for record in records:
        seq += 1
        row = _row(replace(record, seq=seq, previous=previous))
        previous = row["sha256"]
        rows.append(row)
    if rows:
        insert_rows(connection, evidence_records, rows)
        connection.execute(_MOVE_HEAD, {"seq": seq, "sha256": previous})


def _row(record: EvidenceRecord) -> dict[str, Any]:
    body = canonical_record(record)
    return {
        "seq": record.seq,
        "id": record.id,
        "kind": str(record.kind),
        "subject": record.subject[:300],
        "unit": record.unit,
        "collected_at": record.collected_at,
        "body": body.decode(),
        "sha256": sha256_hex(body),
        "sm3": sm3_hex(body),
    }


def fetch(connection: Connection, evidence_id: str) -> Any:
    """The row of that id, or None."""
    return connection.execute(
        select(evidence_records).where(evidence_records.c.id == evidence_id)
    ).one_or_none()


def fetch_number(connection: Connection, seq: int) -> Any:
    """The row with that sequence number, or None."""
    return connection.execute(select(evidence_records).where(evidence_records.c.seq == seq)).one_or_none()


def query(
    connection: Connection,
    *,
    kind: EvidenceKind | None,
    subject: str | None,
    since: datetime | None,
    units: frozenset[str] | None,
    limit: int,
) -> list[Any]:
    """Rows, newest first; ``units`` None means all, and records of no unit are the suite's own."""
    found = select(evidence_records).order_by(evidence_records.c.seq.desc()).limit(limit)
    if kind is not None:
        found = found.where(evidence_records.c.kind == str(kind))
    if subject is not None:
        found = found.where(evidence_records.c.subject == subject)
    if since is not None:
        found = found.where(evidence_records.c.collected_at >= since)
    if units is not None:
        found = found.where(evidence_records.c.unit.in_(units) | evidence_records.c.unit.is_(None))
    return list(connection.execute(found))


def walk(connection: Connection) -> Iterator[Any]:
    """Every row in order, in batches."""
    last = -1
    while rows := connection.execute(
        select(evidence_records)
        .where(evidence_records.c.seq > last)
        .order_by(evidence_records.c.seq)
        .limit(_BATCH)
    ).all():
        yield from rows
        last = rows[-1].seq


def unsealed(connection: Connection, limit: int) -> list[Any]:
    """The oldest rows without a seal."""
    waiting = (
        select(evidence_records)
        .outerjoin(evidence_seals, evidence_seals.c.seq == evidence_records.c.seq)
        .where(evidence_seals.c.seq.is_(None))
        .order_by(evidence_records.c.seq)
        .limit(limit)
    )
    return list(connection.execute(waiting))


def insert_seal(connection: Connection, seq: int, seal: Seal, at: datetime) -> bool:
    """Store a record's seal; False when another worker's is there already."""
    connection.execute(select(evidence_records.c.seq).where(evidence_records.c.seq == seq).with_for_update())
    if fetch_seal(connection, seq) is not None:
        return False
    certificates = canonical_json([certificate.hex() for certificate in seal.certificates]).decode()
    row = {"seq": seq, "cms": seal.cms, "token": seal.token, "certificates": certificates, "sealed_at": at}
    connection.execute(evidence_seals.insert().values(row))
    return True


def fetch_seal(connection: Connection, seq: int) -> Seal | None:
    """The seal of the record with that number."""
    row = connection.execute(select(evidence_seals).where(evidence_seals.c.seq == seq)).one_or_none()
    if row is None:
        return None
    certificates = tuple(bytes.fromhex(text) for text in json.loads(row.certificates))
    return Seal(row.cms, row.token, certificates)
