"""Accounts tell when they were last used and last reviewed."""

import sqlalchemy as sa
from alembic import op

from kernel.store import UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = ("last_signed_in_at", "reviewed_at")


def upgrade() -> None:
    for name in COLUMNS:
        op.add_column("identity_users", sa.Column(name, UtcDateTime(), nullable=True))


def downgrade() -> None:
    for name in COLUMNS:
        op.drop_column("identity_users", name)
