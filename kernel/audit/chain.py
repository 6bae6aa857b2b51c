"""The audit trail's table and its hash chain.

Each record's canonical body is hashed together with its predecessor's hash. The head row says where the chain ends, so that
cutting off the tail shows too; it is also the lock that makes the order of records the order of commits.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    event,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError

from kernel.audit.model import AuditEntry
from kernel.canonical import canonical_json, sha256_hex
from kernel.errors import IntegrityFailed
from kernel.i18n import N_
from kernel.store.base import UtcDateTime, insert_rows, metadata

GENESIS = "0" * 64

audit_records = Table(
    "audit_records",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("actor", String(80), nullable=False),
    Column("actor_name", String(200), nullable=False, server_default=""),
    Column("action", String(80), nullable=False),
    Column("target", String(300), nullable=False),
    Column("object", String(300), nullable=False, server_default=""),  # the target without its kind
    Column("unit", String(80)),
    Column("outcome", String(20), nullable=False),
    Column("body", Text, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    # what a list is narrowed by, in the order of the chain
    *(Index(None, name, "seq") for name in ("actor", "action", "object", "unit", "outcome")),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("hash", String(64), nullable=False),
)

# Append-only also for whoever holds the application's database account. Alembic runs the same statements.
PROTECTION: Mapping[str, Sequence[str]] = {
    "sqlite": (
        "CREATE TRIGGER audit_records_no_update BEFORE UPDATE ON audit_records "
        "BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END",
        "CREATE TRIGGER audit_records_no_delete BEFORE DELETE ON audit_records "
        "BEGIN SELECT RAISE(ABORT, 'audit records are append-only'); END",
    ),
    "postgresql": (
        "CREATE OR REPLACE FUNCTION audit_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'audit records are append-only'; END $$",
        "CREATE TRIGGER audit_records_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_records "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_append_only()",
    ),
}

for _dialect, _statements in PROTECTION.items():
    for _statement in _statements:
        event.listen(
            audit_records,
            "after_create",
            DDL(_statement.replace("%", "%%")).execute_if(dialect=_dialect),  # type: ignore[no-untyped-call]
        )


# built once, since everything that is done asks them
_MAKE_HEAD = text(f"INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '{GENESIS}') ON CONFLICT DO NOTHING")  # noqa: S608
_LOCK_HEAD = select(audit_head.c.seq, audit_head.c.hash).with_for_update()
_MOVE_HEAD = audit_head.update().values(seq=bindparam("seq"), hash=bindparam("hash"))


def append_entries(connection: Connection, entries: Sequence[AuditEntry]) -> None:
    """Lock the chain, then add the entries; the lock is held until the transaction ends.

    IntegrityFailed when a record stands already where the next one belongs: nothing is done any more that can not be audited.
    """
    seq, previous = lock_head(connection)
    if not entries:
        return
    rows = []
    for entry in entries:
        seq += 1
        said = _body(seq, entry)
        body = canonical_json(said).decode()
        digest = chain_hash(previous, body)
        chained = {"seq": seq, "at": entry.at, "body": body, "previous": previous, "hash": digest}
        rows.append(columns_of(said) | chained)
        previous = digest
    try:
        insert_rows(connection, audit_records, rows)
    except IntegrityError as error:
        raise IntegrityFailed(
            N_("The audit trail holds a record behind its end that the suite has not written."),
            mend=N_("Look for who wrote into the database: weicheng audit verify names the record."),
            place=f"audit_records {rows[0]['seq']}",
        ) from error
    connection.execute(_MOVE_HEAD, {"seq": seq, "hash": previous})


def chain_hash(previous: str, body: str) -> str:
    """SHA-256 over the predecessor's hash (64 hex digits) followed by the record's canonical body."""
    return sha256_hex(previous.encode() + body.encode())


def object_of(target: str) -> str:
    """What a target names, without its kind: ``asset_1`` of ``asset:asset_1``."""
    return target.partition(":")[2] or target


def columns_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The columns by which a record is found; all of them stand in its body, by which they are checked."""
    target = body["target"][:300]
    return {
        "actor": body["actor"],
        "actor_name": body["actor_name"][:200],
        "action": body["action"],
        "target": target,
        "object": object_of(target),
        "unit": body["unit"],
        "outcome": body["outcome"],
    }


def lock_head(connection: Connection) -> tuple[int, str]:
    """Return (sequence number, hash) of the newest record and keep other writers out until the commit."""
    row = connection.execute(_LOCK_HEAD).one_or_none()
    if row is None:
        connection.execute(_MAKE_HEAD)
        row = connection.execute(_LOCK_HEAD).one()
    return row.seq, row.hash


def _body(seq: int, entry: AuditEntry) -> dict[str, Any]:
    return {
        "seq": seq,
        "at": entry.at,
        "actor": entry.actor,
        "actor_name": entry.actor_name,
        "roles": list(entry.roles),
        "action": str(entry.action),
        "target": entry.target,
        "unit": entry.unit,
        "outcome": entry.outcome,
        "reason": entry.reason,
        "details": dict(entry.details),
    }
