"""Approvals tell what people call their subject; those asked for before are called by its id."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_approvals = sa.table("identity_approvals", sa.column("subject", sa.String), sa.column("title", sa.String))


def upgrade() -> None:
    op.add_column("identity_approvals", sa.Column("title", sa.String(length=300), nullable=True))
    op.execute(_approvals.update().values(title=_approvals.c.subject))
    with op.batch_alter_table("identity_approvals") as batch:
        batch.alter_column("title", existing_type=sa.String(length=300), nullable=False)


def downgrade() -> None:
    op.drop_column("identity_approvals", "title")
