"""CAs that sign again after a clock that was ahead."""

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ca_resumptions",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("authority", sa.String(60), sa.ForeignKey("ca_authorities.id"), nullable=False),
        sa.Column("moment", UtcDateTime(), nullable=False),
        sa.Column("ahead_until", UtcDateTime(), nullable=False),
        sa.Column("numbers", Json, nullable=False),
        sa.Column("certificates", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("approval", sa.String(60), nullable=False),
        sa.Column("proposed_by", sa.String(80), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime()),
    )
    op.create_index("ix_ca_resumptions_in_force", "ca_resumptions", ["authority", "state"])


def downgrade() -> None:
    op.drop_table("ca_resumptions")
