"""The versions of certificate profiles are kept."""

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ca_profile_versions",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.String(length=20), nullable=False),
        sa.Column("document", Json, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.String(length=80), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("approval", sa.String(length=60), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", "number", name=op.f("pk_ca_profile_versions")),
    )
    op.create_index("ix_ca_profile_versions_by_state", "ca_profile_versions", ["state", "id"])
    op.create_index("ix_ca_profile_versions_by_version", "ca_profile_versions", ["id", "version"])


def downgrade() -> None:
    op.drop_table("ca_profile_versions")
