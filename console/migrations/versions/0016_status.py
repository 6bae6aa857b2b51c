"""Revocation lists are full or delta, of a CA or a shard, and lie in files; entries and changes have tables of their own.

The newest list of each CA stays on record without its octets: the worker publishes a new one as soon as it runs.
"""

import sqlalchemy as sa
from alembic import op

from kernel.store import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_ENTRIES = """
INSERT INTO ca_crl_entries (authority, serial, shard, not_after, entry)
SELECT authority, serial, 0, not_after, crl_entry FROM ca_certificates WHERE crl_entry IS NOT NULL
"""
_SCOPES = """
INSERT INTO ca_crl_scopes (authority, shard, number) SELECT authority, 0, max(number) FROM ca_crls_old GROUP BY authority
"""
_LISTS = """
INSERT INTO ca_crls
(authority, shard, kind, number, base, version, since, this_update, next_update, entries, size, digest)
SELECT authority, 0, 'full', number, NULL, 0, this_update, this_update, next_update, entries, length(der), ''
FROM ca_crls_old WHERE number = (SELECT max(number) FROM ca_crls_old newer WHERE newer.authority = ca_crls_old.authority)
"""


def _authority(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_authority_ca_authorities")
    return sa.ForeignKeyConstraint(["authority"], ["ca_authorities.id"], name=name)


def _serial(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_serial_ca_certificates")
    return sa.ForeignKeyConstraint(["serial"], ["ca_certificates.serial"], name=name)


def _key(table: str, *columns: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*columns, name=op.f(f"pk_{table}"))


def upgrade() -> None:
    _changes()
    _entries()
    _lists()
    _answers()
    _proofs()
    op.execute(_ENTRIES)
    op.execute(_SCOPES)
    op.execute(_LISTS)
    op.drop_table("ca_crls_old")
    with op.batch_alter_table("ca_certificates") as batch:
        batch.drop_column("crl_entry")
        batch.add_column(sa.Column("crl_shard", sa.Integer(), nullable=False, server_default="0"))
    with op.batch_alter_table("ca_certificates") as batch:
        batch.alter_column("crl_shard", existing_type=sa.Integer(), server_default=None)
    op.create_index("ix_ca_certificates_shard", "ca_certificates", ["authority", "crl_shard"])


def _changes() -> None:
    op.create_table(
        "ca_versions",
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        _authority("ca_versions"),
        _key("ca_versions", "authority"),
    )
    op.create_table(
        "ca_changes",
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        _authority("ca_changes"),
        _key("ca_changes", "authority", "version"),
        sqlite_with_rowid=False,
    )


def _entries() -> None:
    op.create_table(
        "ca_crl_entries",
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("not_after", UtcDateTime(), nullable=False),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        _authority("ca_crl_entries"),
        _key("ca_crl_entries", "authority", "serial"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ca_crl_entries_by_shard", "ca_crl_entries", ["authority", "shard", "serial"])
    op.create_index("ix_ca_crl_entries_by_end", "ca_crl_entries", ["authority", "not_after"])


def _lists() -> None:
    op.create_table(
        "ca_crl_scopes",
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        _authority("ca_crl_scopes"),
        _key("ca_crl_scopes", "authority", "shard"),
    )
    op.create_table(
        "ca_crls_old",
        *(sa.Column(name, kind) for name, kind in _OLD),
    )
    names = ", ".join(name for name, _ in _OLD)
    op.execute(f"INSERT INTO ca_crls_old ({names}) SELECT {names} FROM ca_crls")  # noqa: S608 - names of ours
    op.drop_table("ca_crls")
    op.create_table(
        "ca_crls",
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=False),
        sa.Column("this_update", UtcDateTime(), nullable=False),
        sa.Column("next_update", UtcDateTime(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        _authority("ca_crls"),
        _key("ca_crls", "authority", "shard", "kind", "number"),
    )


_OLD = (
    ("authority", sa.String(length=60)),
    ("number", sa.BigInteger()),
    ("this_update", UtcDateTime()),
    ("next_update", UtcDateTime()),
    ("entries", sa.Integer()),
    ("der", sa.LargeBinary()),
)


def _answers() -> None:
    op.create_table(
        "ca_ocsp_answers",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("status", sa.LargeBinary(), nullable=False),
        sa.Column("produced_at", sa.Integer(), nullable=False),
        sa.Column("responder", sa.String(length=60), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        _serial("ca_ocsp_answers"),
        _key("ca_ocsp_answers", "serial"),
        sqlite_with_rowid=False,
    )


def _proofs() -> None:
    op.create_table(
        "ca_proofs",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("revoked", sa.Boolean(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("next_at", UtcDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("crl_seen", UtcDateTime(), nullable=True),
        sa.Column("delta_seen", UtcDateTime(), nullable=True),
        sa.Column("ocsp_seen", UtcDateTime(), nullable=True),
        sa.Column("fault", sa.String(length=300), nullable=False),
        _serial("ca_proofs"),
        _authority("ca_proofs"),
        _key("ca_proofs", "serial", "version"),
    )
    op.create_index("ix_ca_proofs_waiting", "ca_proofs", ["next_at"])
    op.create_index("ix_ca_proofs_by_state", "ca_proofs", ["state", "changed_at"])


def downgrade() -> None:
    with op.batch_alter_table("ca_certificates") as batch:
        batch.drop_index("ix_ca_certificates_shard")
        batch.drop_column("crl_shard")
        batch.add_column(sa.Column("crl_entry", sa.LargeBinary(), nullable=True))
    op.execute(
        "UPDATE ca_certificates SET crl_entry = (SELECT entry FROM ca_crl_entries"
        " WHERE ca_crl_entries.serial = ca_certificates.serial)"
    )
    for name in (
        "ca_proofs",
        "ca_ocsp_answers",
        "ca_crls",
        "ca_crl_scopes",
        "ca_crl_entries",
        "ca_changes",
        "ca_versions",
    ):
        op.drop_table(name)
    op.create_table(
        "ca_crls",
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("this_update", UtcDateTime(), nullable=False),
        sa.Column("next_update", UtcDateTime(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        _authority("ca_crls"),
        _key("ca_crls", "authority", "number"),
    )
