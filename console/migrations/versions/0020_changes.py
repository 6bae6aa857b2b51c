"""What a serial's last change put on the lists is kept with the change, so that a delta list is read in one go."""

import sqlalchemy as sa
from alembic import op

from kernel.store import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

_KEEP = """
CREATE TABLE ca_changes_kept AS
SELECT c.authority, c.version, c.serial, c.shard, c.urgent, c.at, k.not_after, e.entry
FROM ca_changes c
JOIN (SELECT authority, serial, max(version) AS version FROM ca_changes GROUP BY authority, serial) newest
  ON newest.authority = c.authority AND newest.version = c.version
JOIN ca_certificates k ON k.serial = c.serial
LEFT JOIN ca_crl_entries e ON e.authority = c.authority AND e.serial = c.serial
"""
_PUT_BACK = """
INSERT INTO ca_changes (authority, version, serial, shard, urgent, at, not_after, entry)
SELECT authority, version, serial, shard, urgent, at, not_after, entry FROM ca_changes_kept
"""


def upgrade() -> None:
    op.execute(_KEEP)
    op.drop_table("ca_changes")
    op.create_table(
        "ca_changes",
        sa.Column("authority", sa.String(60), sa.ForeignKey("ca_authorities.id"), primary_key=True),
        sa.Column("version", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("not_after", UtcDateTime(), nullable=False),
        sa.Column("entry", sa.LargeBinary()),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_ca_changes_by_serial", "ca_changes", ["authority", "serial"], unique=True)
    op.execute(_PUT_BACK)
    op.drop_table("ca_changes_kept")


def downgrade() -> None:
    op.drop_index("ix_ca_changes_by_serial", "ca_changes")
    op.drop_column("ca_changes", "entry")
    op.drop_column("ca_changes", "not_after")
