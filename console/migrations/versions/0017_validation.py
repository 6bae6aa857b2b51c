"""Trust anchors beside our own roots, revocation lists of other CAs, and reports on what was verified."""

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

INDICES = (
    ("ix_ca_trust_anchors_fingerprint", "ca_trust_anchors", ["fingerprint"]),
    ("ix_ca_foreign_crls_by_issuer", "ca_foreign_crls", ["issuer", "this_update"]),
    ("ix_ca_validations_by_person", "ca_validations", ["asked_by", "id"]),
    ("ix_ca_validations_by_unit", "ca_validations", ["unit", "id", "verdict"]),
    ("ix_ca_validations_by_digest", "ca_validations", ["digest"]),
    ("ix_ca_validations_by_time", "ca_validations", ["asked_at"]),
)


def upgrade() -> None:
    op.create_table(
        "ca_trust_anchors",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("not_after", UtcDateTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("approval", sa.String(60), nullable=False),
        sa.Column("proposed_by", sa.String(80), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime()),
    )
    op.create_table(
        "ca_foreign_crls",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False, unique=True),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.String(60), nullable=False),
        sa.Column("this_update", UtcDateTime(), nullable=False),
        sa.Column("next_update", UtcDateTime()),
        sa.Column("given_by", sa.String(80), nullable=False),
        sa.Column("given_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "ca_validations",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("verdict", sa.String(20), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("purpose", sa.String(20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("asked_by", sa.String(80), nullable=False),
        sa.Column("unit", sa.String(80), nullable=False),
        sa.Column("asked_at", UtcDateTime(), nullable=False),
        sa.Column("report", Json, nullable=False),
        sa.Column("evidence", sa.String(60), nullable=False),
    )
    for name, table, columns in INDICES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for table in ("ca_validations", "ca_foreign_crls", "ca_trust_anchors"):
        op.drop_table(table)
