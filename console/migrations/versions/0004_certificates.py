"""Requests and certificates are found by their words, in lists of a million; a CA's certificate is revoked by two officers."""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from cryptography import x509

from ca.words import words_of
from kernel.store import Json, UtcDateTime

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# what the longer ones of today replace
SINGLE = (
    ("ca_requests", "unit"),
    ("ca_requests", "state"),
    ("ca_certificates", "unit"),
    ("ca_certificates", "profile"),
    ("ca_certificates", "not_after"),
)
INDICES = (
    ("ix_ca_requests_by_state", "ca_requests", ["state", "id"]),
    ("ix_ca_requests_by_unit", "ca_requests", ["unit", "id", "state"]),
    ("ix_ca_requests_by_person", "ca_requests", ["requested_by", "id"]),
    ("ix_ca_requests_replaces", "ca_requests", ["replaces"]),
    ("ix_ca_certificates_newest", "ca_certificates", ["intent_at", "serial"]),
    ("ix_ca_certificates_by_state", "ca_certificates", ["state", "intent_at", "serial"]),
    ("ix_ca_certificates_by_unit", "ca_certificates", ["unit", "intent_at", "serial", "state"]),
    ("ix_ca_certificates_by_profile", "ca_certificates", ["profile", "intent_at", "serial", "state"]),
    ("ix_ca_certificates_by_end", "ca_certificates", ["not_after", "serial"]),
    ("ix_ca_certificates_in_use", "ca_certificates", ["state", "not_after", "serial", "unit"]),
    ("ix_ca_certificates_revoked", "ca_certificates", ["revoked_at", "state", "unit"]),
)


def upgrade() -> None:
    op.create_table(
        "ca_revocations",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("invalid_since", UtcDateTime(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("approval", sa.String(length=60), nullable=False),
        sa.Column("proposed_by", sa.String(length=80), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["serial"], ["ca_certificates.serial"], name=op.f("fk_ca_revocations_serial")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_revocations")),
    )
    op.create_index(op.f("ix_ca_revocations_serial"), "ca_revocations", ["serial"], unique=False)
    words = op.create_table(
        "ca_words",
        sa.Column("word", sa.String(64).with_variant(sa.String(64, "C"), "postgresql"), nullable=False),
        sa.Column("owner", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("word", "owner", name=op.f("pk_ca_words")),
        sqlite_with_rowid=False,
    )
    for table, column in SINGLE:
        op.drop_index(op.f(f"ix_{table}_{column}"), table_name=table)
    for name, table, columns in INDICES:
        op.create_index(name, table, columns, unique=False)
    for row in _words():
        op.execute(words.insert().values(row))


def downgrade() -> None:
    for name, table, _columns in INDICES:
        op.drop_index(name, table_name=table)
    for table, column in SINGLE:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
    op.drop_table("ca_words")
    op.drop_table("ca_revocations")


def _words() -> Iterator[dict[str, str]]:
    """What the requests and certificates that are there already are found by."""
    requests = sa.text("SELECT id, subject, names FROM ca_requests").columns(subject=Json, names=Json)
    for row in op.get_bind().execute(requests).all():
        texts = [row.id, *row.subject.values(), *row.names]
        yield from ({"word": word, "owner": row.id} for word in words_of(texts))
    certificates = sa.text("SELECT serial, fingerprint, der FROM ca_certificates")
    for row in op.get_bind().execute(certificates).all():
        texts = [row.serial, row.fingerprint, *(_named_in(bytes(row.der)) if row.der else ())]
        yield from ({"word": word, "owner": row.serial} for word in words_of(texts))


def _named_in(der: bytes) -> list[str]:
    certificate = x509.load_der_x509_certificate(der)
    found = [str(attribute.value) for attribute in certificate.subject]
    for extension in certificate.extensions:
        if isinstance(extension.value, x509.SubjectAlternativeName):
            found += [str(name.value) for name in extension.value]
    return found
