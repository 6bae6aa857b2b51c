"""What the signer refused to sign, and why."""

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ca_refusals",
        sa.Column("serial", sa.String(40), sa.ForeignKey("ca_certificates.serial"), primary_key=True),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("mend", sa.Text(), nullable=False),
        sa.Column("params", Json, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
    )
    op.create_index("ix_ca_refusals_last", "ca_refusals", ["last_at"])


def downgrade() -> None:
    op.drop_table("ca_refusals")
