"""Two officers agree on how the transparency log goes on after a fault."""

import sqlalchemy as sa
from alembic import op

from kernel.store import UtcDateTime

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ca_log_restarts",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("log", sa.String(60), nullable=False),
        sa.Column("fault", sa.String(20), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(64), nullable=False),
        sa.Column("signed", sa.BigInteger(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("approval", sa.String(60), nullable=False),
        sa.Column("proposed_by", sa.String(80), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime()),
        sa.Column("begun", sa.String(60), nullable=False),
    )
    op.create_index("ix_ca_log_restarts_state", "ca_log_restarts", ["state"])


def downgrade() -> None:
    op.drop_table("ca_log_restarts")
