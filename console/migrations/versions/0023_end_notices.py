"""What was told of CAs and services near their end."""

import sqlalchemy as sa
from alembic import op

from kernel.store import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ca_end_notices",
        sa.Column("fingerprint", sa.String(64), primary_key=True),
        sa.Column("days", sa.Integer(), nullable=False),
        sa.Column("told_at", UtcDateTime(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("ca_end_notices")
