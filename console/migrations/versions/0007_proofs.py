"""Lists of backups and of results: what they are ordered and counted by has indices; packages have a state."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

GONE = ("runs", "verifications", "drills")  # their indices of the plan alone
INDICES = (
    ("ix_backup_runs_listed", "backup_runs", ["plan", "started_at", "id"]),
    ("ix_backup_runs_started", "backup_runs", ["started_at", "id"]),
    ("ix_backup_runs_state", "backup_runs", ["plan", "state"]),
    ("ix_backup_receipts_listed", "backup_receipts", ["plan", "at", "digest"]),
    ("ix_backup_receipts_at", "backup_receipts", ["at", "digest"]),
    ("ix_backup_verifications_listed", "backup_verifications", ["plan", "finished_at", "id"]),
    ("ix_backup_verifications_site", "backup_verifications", ["plan", "site", "finished_at", "id"]),
    ("ix_backup_verifications_finished", "backup_verifications", ["finished_at", "id"]),
    ("ix_backup_verifications_verdict", "backup_verifications", ["plan", "site", "verdict"]),
    ("ix_backup_coverage_read", "backup_coverage", ["plan", "site", "read_at"]),
    ("ix_backup_drills_decided", "backup_drills", ["decided_at", "id"]),
    ("ix_backup_drills_site", "backup_drills", ["plan", "site", "finished_at", "id"]),
    ("ix_policies_results_listed", "policies_results", ["assessment", "position", "id"]),
    ("ix_policies_results_position", "policies_results", ["position", "id"]),
    ("ix_policies_results_outcome", "policies_results", ["assessment", "outcome", "state", "item"]),
)


def upgrade() -> None:
    op.drop_index("ix_policies_results_assessment", table_name="policies_results")
    for name in GONE:
        op.drop_index(f"ix_backup_{name}_plan", table_name=f"backup_{name}")
    for name, table, columns in INDICES:
        op.create_index(name, table, columns)
    op.add_column(
        "policies_packages", sa.Column("state", sa.String(20), nullable=False, server_default="ready")
    )
    op.add_column("policies_packages", sa.Column("error", sa.Text(), nullable=False, server_default=""))


def downgrade() -> None:
    with op.batch_alter_table("policies_packages") as packages:
        packages.drop_column("error")
        packages.drop_column("state")
    for name, table, _columns in reversed(INDICES):
        op.drop_index(name, table_name=table)
    op.create_index("ix_policies_results_assessment", "policies_results", ["assessment"])
    for name in GONE:
        op.create_index(f"ix_backup_{name}_plan", f"backup_{name}", ["plan"])
