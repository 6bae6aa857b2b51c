"""Devices, versions, findings and endpoints are looked through by their standing, in lists of a hundred thousand."""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

SEVERITIES = ("info", "low", "medium", "high", "critical")
STANDING = ("open", "acknowledged", "excepted")
LOWEST = {"netops_findings": 1, "monitor_findings": 0}  # the place of the lightest severity of each room


def upgrade() -> None:
    for table in LOWEST:
        _weigh(table)
    op.add_column("netops_versions", sa.Column("added", sa.Integer(), nullable=True))
    op.add_column("netops_versions", sa.Column("removed", sa.Integer(), nullable=True))
    op.create_index("ix_netops_versions_collected_at", "netops_versions", ["collected_at"])
    op.create_index(
        "ix_netops_versions_device_id_collected_at", "netops_versions", ["device_id", "collected_at"]
    )
    op.create_index("ix_netops_findings_device_id", "netops_findings", ["device", "id"])
    op.create_index("ix_netops_findings_device_id_weight", "netops_findings", ["device_id", "weight"])
    op.create_index("ix_monitor_traps_severity_last_at_id", "monitor_traps", ["severity", "last_at", "id"])
    _standings()
    _endpoints()


def _weigh(table: str) -> None:
    """How much each finding asks for attention: by severity while it is there, 0 once it is mended."""
    op.add_column(table, sa.Column("weight", sa.Integer(), nullable=False, server_default="0"))
    known = sa.table(table, sa.column("weight"), sa.column("severity"), sa.column("state"))
    for place, severity in enumerate(SEVERITIES):
        same = (known.c.severity == severity) & known.c.state.in_(STANDING)
        op.execute(known.update().where(same).values(weight=place + 1 - LOWEST[table]))
    with op.batch_alter_table(table) as batch:
        batch.alter_column("weight", server_default=None)
        batch.create_index(f"ix_{table}_weight_id", ["weight", "id"])
        batch.create_index(f"ix_{table}_unit_state", ["unit", "state"])
        batch.create_index(f"ix_{table}_state_weight_id", ["state", "weight", "id"])
        batch.create_index(f"ix_{table}_last_seen_id", ["last_seen", "id"])
        batch.drop_index(f"ix_{table}_state")


def _standings() -> None:
    """Of what was tried so far each device's last result and newest version."""
    op.create_table(
        "netops_standings",
        sa.Column("device_id", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("version_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("mend", sa.Text(), nullable=False),
        sa.Column("error_params", Json, nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_netops_standings")),
    )
    op.create_index(op.f("ix_netops_standings_state"), "netops_standings", ["state"])
    op.execute(
        """
        INSERT INTO netops_standings (device_id, state, at, version, version_at, error, mend, error_params)
        SELECT r.device_id, r.state, r.at, v.id, v.collected_at, coalesce(replace(r.error, '%', '%%'), ''), '', '{}'
        FROM netops_results r
        LEFT JOIN netops_versions v ON v.device_id = r.device_id AND v.id = (
            SELECT w.id FROM netops_versions w WHERE w.device_id = r.device_id
            ORDER BY w.collected_at DESC, w.id LIMIT 1)
        WHERE r.run = (
            SELECT s.run FROM netops_results s WHERE s.device_id = r.device_id ORDER BY s.at DESC, s.run DESC LIMIT 1)
        """
    )


def _endpoints() -> None:
    """The end of each certificate as a column; how the endpoint stands is told by its next check."""
    op.add_column("monitor_certificates", sa.Column("not_after", UtcDateTime(), nullable=True))
    op.add_column(
        "monitor_certificates",
        sa.Column("state", sa.String(length=20), nullable=False, server_default="never"),
    )
    known = sa.table(
        "monitor_certificates",
        sa.column("asset"),
        sa.column("facts", Json),
        sa.column("not_after", UtcDateTime()),
    )
    connection = op.get_bind()
    for row in connection.execute(sa.select(known.c.asset, known.c.facts)).all():
        if row.facts:
            end = datetime.fromisoformat(row.facts["not_after"])
            connection.execute(known.update().where(known.c.asset == row.asset).values(not_after=end))
    with op.batch_alter_table("monitor_certificates") as batch:
        batch.alter_column("state", server_default=None)


def downgrade() -> None:
    op.drop_index("ix_monitor_traps_severity_last_at_id", "monitor_traps")
    op.drop_index("ix_netops_findings_device_id_weight", "netops_findings")
    op.drop_index("ix_netops_findings_device_id", "netops_findings")
    with op.batch_alter_table("monitor_certificates") as batch:
        batch.drop_column("state")
        batch.drop_column("not_after")
    op.drop_table("netops_standings")
    with op.batch_alter_table("netops_versions") as batch:
        batch.drop_index("ix_netops_versions_device_id_collected_at")
        batch.drop_index("ix_netops_versions_collected_at")
        batch.drop_column("removed")
        batch.drop_column("added")
    for table in LOWEST:
        with op.batch_alter_table(table) as batch:
            batch.create_index(f"ix_{table}_state", ["state"])
            batch.drop_index(f"ix_{table}_last_seen_id")
            batch.drop_index(f"ix_{table}_state_weight_id")
            batch.drop_index(f"ix_{table}_unit_state")
            batch.drop_index(f"ix_{table}_weight_id")
            batch.drop_column("weight")
