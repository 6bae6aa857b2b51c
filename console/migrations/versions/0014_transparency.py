"""The transparency log and the register of time-stamps. What was issued, held and revoked before is logged first."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

from kernel.canonical import canonical_json, sha256_hex
from kernel.store import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_REASONS = {  # RFC 5280 section 5.3.1, as leaves name them
    0: "unspecified",
    1: "key_compromise",
    2: "ca_compromise",
    3: "affiliation_changed",
    4: "superseded",
    5: "cessation_of_operation",
    6: "certificate_hold",
    9: "privilege_withdrawn",
    10: "aa_compromise",
}
_queue = sa.table("ca_log_queue", sa.column("leaf", sa.Text))


def upgrade() -> None:
    _tables()
    leaves = [{"leaf": canonical_json(leaf).decode()} for leaf in _before(op.get_bind())]
    for at in range(0, len(leaves), 5000):
        op.bulk_insert(_queue, leaves[at : at + 5000])


def downgrade() -> None:
    for name in (
        "ca_timestamps",
        "ca_log_state",
        "ca_log_heads",
        "ca_log_tiles",
        "ca_log_entries",
        "ca_log_queue",
    ):
        op.drop_table(name)


def _tables() -> None:
    op.create_table(
        "ca_log_queue",
        sa.Column("id", _NUMBER, autoincrement=True, nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_log_queue")),
    )
    op.create_table(
        "ca_log_entries",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("type", sa.String(length=20), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("certificate", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ca_log_entries")),
    )
    op.create_index(op.f("ix_ca_log_entries_hash"), "ca_log_entries", ["hash"])
    op.create_index("ix_ca_log_entries_by_serial", "ca_log_entries", ["serial", "number"])
    op.create_index("ix_ca_log_entries_by_type", "ca_log_entries", ["type", "number"])
    op.create_table(
        "ca_log_tiles",
        sa.Column("level", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hashes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name=op.f("pk_ca_log_tiles")),
    )
    op.create_table(
        "ca_log_heads",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log", sa.String(length=60), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("certificate", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_ca_log_heads")),
    )
    op.create_index(op.f("ix_ca_log_heads_size"), "ca_log_heads", ["size"])
    op.create_table(
        "ca_log_state",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("log", sa.String(length=60), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("fault", sa.String(length=20), nullable=False),
        sa.Column("fault_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_log_state")),
    )
    op.create_table(
        "ca_timestamps",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("digest", sa.String(length=10), nullable=False),
        sa.Column("imprint", sa.String(length=128), nullable=False),
        sa.Column("certificate", sa.String(length=40), nullable=False),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_ca_timestamps")),
    )
    op.create_index("ix_ca_timestamps_newest", "ca_timestamps", ["at", "serial"])
    op.create_index("ix_ca_timestamps_by_imprint", "ca_timestamps", ["imprint", "at", "serial"])


def _before(connection: sa.Connection) -> Iterator[dict[str, Any]]:
    """Leaves of what there is, as they would have been logged; in the order of issue, each mark after its certificate."""
    certificates = sa.table(
        "ca_certificates",
        *(sa.column(name) for name in ("serial", "authority", "state", "fingerprint", "reason")),
        *(sa.column(name, UtcDateTime()) for name in ("intent_at", "issued_at", "revoked_at")),
    )
    authorities = sa.table("ca_authorities", sa.column("id"), sa.column("spki", sa.LargeBinary()))
    keys = {row.id: sha256_hex(bytes(row.spki)) for row in connection.execute(sa.select(authorities))}
    signed = sa.select(certificates).where(certificates.c.fingerprint != "")
    for row in connection.execute(signed.order_by(certificates.c.intent_at, certificates.c.serial)):
        common = {"serial": row.serial, "certificate": row.fingerprint, "issuer_key": keys[row.authority]}
        yield {**common, "type": "issued", "at": row.issued_at or row.intent_at, "reason": None, "version": 1}
        if row.state in ("held", "revoked"):
            marked = {"type": row.state, "at": row.revoked_at, "reason": _REASONS[row.reason]}
            yield {**common, **marked, "version": 1}
