"""The digest of a request's key is asked of certificates alone."""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_ca_requests_spki_digest", "ca_requests")
    op.drop_column("ca_requests", "spki_digest")


def downgrade() -> None:
    op.add_column("ca_requests", sa.Column("spki_digest", sa.String(64), nullable=False, server_default=""))
    op.create_index("ix_ca_requests_spki_digest", "ca_requests", ["spki_digest"])
