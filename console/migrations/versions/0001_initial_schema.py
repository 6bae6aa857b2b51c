"""The schema of the first release: every room's tables, and the triggers that keep the audit trail append-only."""

import sqlalchemy as sa
from alembic import op

from kernel.audit.chain import PROTECTION
from kernel.evidence.store import PROTECTION as EVIDENCE_PROTECTION
from kernel.store import Json, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assets_zones",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("network", sa.String(length=20), nullable=False),
        sa.Column("prefixes", Json, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets_zones")),
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_records",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("target", sa.String(length=300), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_audit_records")),
    )
    with op.batch_alter_table("audit_records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_records_action"), ["action"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_records_actor"), ["actor"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_records_at"), ["at"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_records_target"), ["target"], unique=False)
        batch_op.create_index("ix_audit_records_target_seq", ["target", "seq"], unique=False)

    op.create_table(
        "backup_claims",
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("work", sa.String(length=20), nullable=False),
        sa.Column("token", sa.String(length=60), nullable=False),
        sa.Column("host", sa.String(length=200), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("process", sa.String(length=40), nullable=False),
        sa.Column("claimed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("plan", name=op.f("pk_backup_claims")),
    )
    op.create_table(
        "backup_coverage",
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=False),
        sa.Column("sound", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("plan", "site", "name", name=op.f("pk_backup_coverage")),
    )
    op.create_table(
        "backup_drills",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("receipt", sa.Integer(), nullable=False),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("rto", sa.Float(), nullable=False),
        sa.Column("rpo", sa.Float(), nullable=True),
        sa.Column("comparison", Json, nullable=False),
        sa.Column("checks", Json, nullable=False),
        sa.Column("findings", Json, nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_drills")),
    )
    with op.batch_alter_table("backup_drills", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_backup_drills_plan"), ["plan"], unique=False)

    op.create_table(
        "backup_heartbeats",
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("plan", name=op.f("pk_backup_heartbeats")),
    )
    op.create_table(
        "backup_receipts",
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plan", "seq", name=op.f("pk_backup_receipts")),
    )
    op.create_table(
        "backup_replicas",
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("receipt", sa.Integer(), nullable=False),
        sa.Column("proved", sa.Integer(), nullable=False),
        sa.Column("copied_at", UtcDateTime(), nullable=True),
        sa.Column("tried_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("plan", "site", name=op.f("pk_backup_replicas")),
    )
    op.create_table(
        "backup_runs",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("receipt", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_runs")),
    )
    with op.batch_alter_table("backup_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_backup_runs_plan"), ["plan"], unique=False)

    op.create_table(
        "backup_verifications",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("plan", sa.String(length=40), nullable=False),
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("wanted", sa.Integer(), nullable=False),
        sa.Column("reached", sa.Integer(), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("receipt", sa.Integer(), nullable=False),
        sa.Column("findings", Json, nullable=False),
        sa.Column("outcomes", Json, nullable=False),
        sa.Column("files_read", sa.Integer(), nullable=False),
        sa.Column("bytes_read", sa.BigInteger(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_backup_verifications")),
    )
    with op.batch_alter_table("backup_verifications", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_backup_verifications_plan"), ["plan"], unique=False)

    op.create_table(
        "ca_authorities",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("algorithm", sa.String(length=20), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("spki", sa.LargeBinary(), nullable=False),
        sa.Column("parent", sa.String(length=60), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["ca_authorities.id"], name=op.f("fk_ca_authorities_parent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_authorities")),
        sa.UniqueConstraint("key", name=op.f("uq_ca_authorities_key")),
    )
    op.create_table(
        "ca_ceremonies",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("plan", Json, nullable=False),
        sa.Column("approval", sa.String(length=60), nullable=False),
        sa.Column("proposed_by", sa.String(length=80), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("performed_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_ceremonies")),
    )
    op.create_table(
        "ca_requests",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("profile", sa.String(length=60), nullable=False),
        sa.Column("profile_version", sa.String(length=20), nullable=False),
        sa.Column("subject", Json, nullable=False),
        sa.Column("names", Json, nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("csr", sa.LargeBinary(), nullable=True),
        sa.Column("spki", sa.LargeBinary(), nullable=False),
        sa.Column("spki_digest", sa.String(length=64), nullable=False),
        sa.Column("sealed_key", sa.Text(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("approval", sa.String(length=60), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("filed_at", UtcDateTime(), nullable=False),
        sa.Column("own_key", sa.Boolean(), nullable=False),
        sa.Column("replaces", sa.String(length=40), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ca_requests")),
    )
    with op.batch_alter_table("ca_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ca_requests_spki_digest"), ["spki_digest"], unique=False)
        batch_op.create_index(batch_op.f("ix_ca_requests_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_ca_requests_unit"), ["unit"], unique=False)

    op.create_table(
        "event_cursors",
        sa.Column("subscriber", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber", name=op.f("pk_event_cursors")),
    )
    op.create_table(
        "event_outbox",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=True),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("data", Json, nullable=False),
        sa.Column("occurred_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_event_outbox")),
        sa.UniqueConstraint("id", name=op.f("uq_event_outbox_id")),
    )
    with op.batch_alter_table("event_outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_event_outbox_kind"), ["kind"], unique=False)

    op.create_table(
        "event_parked",
        sa.Column("subscriber", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("parked_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber", "seq", name=op.f("pk_event_parked")),
    )
    op.create_table(
        "evidence_head",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evidence_head")),
    )
    op.create_table(
        "evidence_records",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=True),
        sa.Column("collected_at", UtcDateTime(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sm3", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_evidence_records")),
        sa.UniqueConstraint("id", name=op.f("uq_evidence_records_id")),
    )
    with op.batch_alter_table("evidence_records", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_evidence_records_collected_at"), ["collected_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_evidence_records_kind"), ["kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_evidence_records_subject"), ["subject"], unique=False)

    op.create_table(
        "identity_approvals",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("permission", sa.String(length=80), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=True),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_approvals")),
    )
    with op.batch_alter_table("identity_approvals", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_approvals_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_identity_approvals_subject"), ["subject"], unique=False)

    op.create_table(
        "identity_credentials",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_identity_credentials")),
    )
    op.create_table(
        "identity_units",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("parent", sa.String(length=80), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("path", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["identity_units.id"], name=op.f("fk_identity_units_parent")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_units")),
        sa.UniqueConstraint("path", name=op.f("uq_identity_units_path")),
    )
    op.create_table(
        "job_schedules",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("cron", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("next_run_at", UtcDateTime(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_job_schedules")),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=True),
        sa.Column("run_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column("lease_token", sa.String(length=60), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("worker", sa.String(length=120), nullable=True),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("result", Json, nullable=True),
        sa.Column("cancel_requested", sa.Boolean(), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=True),
        sa.Column("requested_by", sa.String(length=80), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.create_index("ix_jobs_claim", ["state", "run_at"], unique=False)
        batch_op.create_index(
            "uq_jobs_open_key",
            ["key"],
            unique=True,
            sqlite_where=sa.text("key IS NOT NULL AND state IN ('queued', 'running')"),
            postgresql_where=sa.text("key IS NOT NULL AND state IN ('queued', 'running')"),
        )

    op.create_table(
        "monitor_certificates",
        sa.Column("asset", sa.String(length=60), nullable=False),
        sa.Column("endpoint", sa.String(length=80), nullable=False),
        sa.Column("reachable", sa.Boolean(), nullable=False),
        sa.Column("latency", sa.Float(), nullable=True),
        sa.Column("tls", sa.String(length=20), nullable=False),
        sa.Column("problem", sa.String(length=200), nullable=False),
        sa.Column("facts", Json, nullable=True),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("asset", name=op.f("pk_monitor_certificates")),
    )
    op.create_table(
        "monitor_crossings",
        sa.Column("asset", sa.String(length=60), nullable=False),
        sa.Column("object", sa.String(length=255), nullable=False),
        sa.Column("threshold", sa.String(length=80), nullable=False),
        sa.Column("crossed", sa.Boolean(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("asset", "object", "threshold", name=op.f("pk_monitor_crossings")),
    )
    op.create_table(
        "monitor_devices",
        sa.Column("asset", sa.String(length=60), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("since", UtcDateTime(), nullable=True),
        sa.Column("polled_at", UtcDateTime(), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("problem", sa.String(length=20), nullable=True),
        sa.Column("latency", sa.Float(), nullable=True),
        sa.Column("lldp", sa.Boolean(), nullable=False),
        sa.Column("facts", Json, nullable=False),
        sa.PrimaryKeyConstraint("asset", name=op.f("pk_monitor_devices")),
    )
    op.create_table(
        "monitor_findings",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("asset", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=800), nullable=False),
        sa.Column("details", Json, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("excepted_until", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitor_findings")),
        sa.UniqueConstraint("kind", "asset", "subject", name=op.f("uq_monitor_findings_kind_asset_subject")),
    )
    with op.batch_alter_table("monitor_findings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_monitor_findings_asset"), ["asset"], unique=False)
        batch_op.create_index(batch_op.f("ix_monitor_findings_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_monitor_findings_unit"), ["unit"], unique=False)

    op.create_table(
        "monitor_interfaces",
        sa.Column("asset", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("index", sa.Integer(), nullable=False),
        sa.Column("alias", sa.String(length=255), nullable=False),
        sa.Column("speed", sa.BigInteger(), nullable=False),
        sa.Column("admin_up", sa.Boolean(), nullable=False),
        sa.Column("oper_up", sa.Boolean(), nullable=False),
        sa.Column("counters", Json, nullable=True),
        sa.Column("in_rate", sa.Float(), nullable=True),
        sa.Column("out_rate", sa.Float(), nullable=True),
        sa.Column("error_rate", sa.Float(), nullable=True),
        sa.PrimaryKeyConstraint("asset", "name", name=op.f("pk_monitor_interfaces")),
    )
    op.create_table(
        "monitor_neighbours",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("asset", sa.String(length=60), nullable=False),
        sa.Column("local_port", sa.String(length=255), nullable=False),
        sa.Column("chassis", sa.String(length=255), nullable=False),
        sa.Column("port", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("addresses", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitor_neighbours")),
    )
    with op.batch_alter_table("monitor_neighbours", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_monitor_neighbours_asset"), ["asset"], unique=False)

    op.create_table(
        "monitor_samples",
        sa.Column("asset", sa.String(length=60), nullable=False),
        sa.Column("metric", sa.String(length=40), nullable=False),
        sa.Column("object", sa.String(length=255), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("asset", "metric", "object", "at", name=op.f("pk_monitor_samples")),
    )
    with op.batch_alter_table("monitor_samples", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_monitor_samples_at"), ["at"], unique=False)

    op.create_table(
        "monitor_traps",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("asset", sa.String(length=60), nullable=False),
        sa.Column("source", sa.String(length=45), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("version", sa.String(length=4), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("varbinds", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_monitor_traps")),
    )
    with op.batch_alter_table("monitor_traps", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_monitor_traps_asset"), ["asset"], unique=False)
        batch_op.create_index(batch_op.f("ix_monitor_traps_digest"), ["digest"], unique=False)
        batch_op.create_index(batch_op.f("ix_monitor_traps_last_at"), ["last_at"], unique=False)

    op.create_table(
        "netops_findings",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("device_id", sa.String(length=80), nullable=False),
        sa.Column("identity", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=120), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=True),
        sa.Column("rule", sa.String(length=80), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("controls", Json, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("path", Json, nullable=False),
        sa.Column("mend", Json, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("owner", sa.String(length=120), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", UtcDateTime(), nullable=True),
        sa.Column("changed_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_netops_findings")),
        sa.UniqueConstraint("device_id", "identity", name=op.f("uq_netops_findings_device_id_identity")),
    )
    with op.batch_alter_table("netops_findings", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_netops_findings_rule"), ["rule"], unique=False)
        batch_op.create_index(batch_op.f("ix_netops_findings_state"), ["state"], unique=False)
        batch_op.create_index(batch_op.f("ix_netops_findings_unit"), ["unit"], unique=False)

    op.create_table(
        "netops_host_keys",
        sa.Column("device_id", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("fingerprint", sa.String(length=80), nullable=False),
        sa.Column("pinned_at", UtcDateTime(), nullable=False),
        sa.Column("pinned_by", sa.String(length=80), nullable=False),
        sa.PrimaryKeyConstraint("device_id", name=op.f("pk_netops_host_keys")),
    )
    op.create_table(
        "netops_results",
        sa.Column("run", sa.String(length=60), nullable=False),
        sa.Column("device_id", sa.String(length=80), nullable=False),
        sa.Column("device", sa.String(length=120), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("version", sa.String(length=64), nullable=True),
        sa.Column("millis", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("error_code", sa.String(length=20), nullable=True),
        sa.Column("error_params", Json, nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("run", "device_id", name=op.f("pk_netops_results")),
    )
    op.create_table(
        "netops_runs",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("rules_version", sa.String(length=64), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_netops_runs")),
    )
    with op.batch_alter_table("netops_runs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_netops_runs_started_at"), ["started_at"], unique=False)

    op.create_table(
        "netops_versions",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("device_id", sa.String(length=80), nullable=False),
        sa.Column("device", sa.String(length=120), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=True),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("original", sa.String(length=64), nullable=False),
        sa.Column("lines", sa.Integer(), nullable=False),
        sa.Column("unread", sa.Integer(), nullable=False),
        sa.Column("legacy_ssh", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=20), nullable=False),
        sa.Column("actor", sa.String(length=80), nullable=False),
        sa.Column("collected_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", "device_id", name=op.f("pk_netops_versions")),
    )
    with op.batch_alter_table("netops_versions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_netops_versions_device"), ["device"], unique=False)

    op.create_table(
        "policies_systems",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("level", sa.String(length=10), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("boundary", Json, nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("proposed_by", sa.String(length=80), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("filing_number", sa.String(length=60), nullable=False),
        sa.Column("filed_on", sa.String(length=10), nullable=True),
        sa.Column("documents", Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies_systems")),
        sa.UniqueConstraint("name", name=op.f("uq_policies_systems_name")),
    )
    with op.batch_alter_table("policies_systems", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policies_systems_unit"), ["unit"], unique=False)

    op.create_table(
        "siem_cases",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("owner", sa.String(length=80), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("contained_at", UtcDateTime(), nullable=True),
        sa.Column("recovered_at", UtcDateTime(), nullable=True),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_siem_cases")),
    )
    op.create_table(
        "siem_correlation_groups",
        sa.Column("correlation", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("group_values", Json, nullable=False),
        sa.Column("entries", Json, nullable=False),
        sa.PrimaryKeyConstraint("correlation", "digest", name=op.f("pk_siem_correlation_groups")),
    )
    op.create_table(
        "siem_counters",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_siem_counters")),
    )
    op.create_table(
        "siem_sources",
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("received", sa.BigInteger(), nullable=False),
        sa.Column("malformed", sa.BigInteger(), nullable=False),
        sa.Column("truncated", sa.BigInteger(), nullable=False),
        sa.Column("first_at", UtcDateTime(), nullable=False),
        sa.Column("last_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_siem_sources")),
    )
    op.create_table(
        "siem_spool_positions",
        sa.Column("segment", sa.String(length=80), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("finished", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("segment", name=op.f("pk_siem_spool_positions")),
    )
    op.create_table(
        "assets_assets",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("zone", sa.String(length=60), nullable=True),
        sa.Column("address", sa.String(length=45), nullable=False),
        sa.Column("platform", sa.String(length=40), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("attributes", Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("retired_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["unit"], ["identity_units.id"], name=op.f("fk_assets_assets_unit")),
        sa.ForeignKeyConstraint(["zone"], ["assets_zones.id"], name=op.f("fk_assets_assets_zone")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assets_assets")),
    )
    with op.batch_alter_table("assets_assets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_assets_assets_address"), ["address"], unique=False)
        batch_op.create_index(batch_op.f("ix_assets_assets_kind"), ["kind"], unique=False)
        batch_op.create_index(batch_op.f("ix_assets_assets_unit"), ["unit"], unique=False)
        batch_op.create_index(
            "uq_assets_assets_name_in_use",
            ["name"],
            unique=True,
            sqlite_where=sa.text("retired_at IS NULL"),
            postgresql_where=sa.text("retired_at IS NULL"),
        )

    op.create_table(
        "ca_certificates",
        sa.Column("serial", sa.String(length=40), nullable=False),
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("request", sa.String(length=60), nullable=True),
        sa.Column("profile", sa.String(length=60), nullable=False),
        sa.Column("profile_version", sa.String(length=20), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("spki_digest", sa.String(length=64), nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("not_after", UtcDateTime(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("tbs", sa.LargeBinary(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("intent_at", UtcDateTime(), nullable=False),
        sa.Column("issued_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.Column("reason", sa.Integer(), nullable=True),
        sa.Column("crl_entry", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["authority"], ["ca_authorities.id"], name=op.f("fk_ca_certificates_authority")
        ),
        sa.ForeignKeyConstraint(["request"], ["ca_requests.id"], name=op.f("fk_ca_certificates_request")),
        sa.PrimaryKeyConstraint("serial", name=op.f("pk_ca_certificates")),
        sa.UniqueConstraint("request", name=op.f("uq_ca_certificates_request")),
    )
    with op.batch_alter_table("ca_certificates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ca_certificates_fingerprint"), ["fingerprint"], unique=False)
        batch_op.create_index(batch_op.f("ix_ca_certificates_not_after"), ["not_after"], unique=False)
        batch_op.create_index(batch_op.f("ix_ca_certificates_profile"), ["profile"], unique=False)
        batch_op.create_index(batch_op.f("ix_ca_certificates_spki_digest"), ["spki_digest"], unique=False)
        batch_op.create_index("ix_ca_certificates_state", ["authority", "state"], unique=False)
        batch_op.create_index(batch_op.f("ix_ca_certificates_unit"), ["unit"], unique=False)

    op.create_table(
        "ca_crls",
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("this_update", UtcDateTime(), nullable=False),
        sa.Column("next_update", UtcDateTime(), nullable=False),
        sa.Column("entries", sa.Integer(), nullable=False),
        sa.Column("der", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["authority"], ["ca_authorities.id"], name=op.f("fk_ca_crls_authority")),
        sa.PrimaryKeyConstraint("authority", "number", name=op.f("pk_ca_crls")),
    )
    op.create_table(
        "ca_services",
        sa.Column("role", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("algorithm", sa.String(length=20), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("authority", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["authority"], ["ca_authorities.id"], name=op.f("fk_ca_services_authority")),
        sa.PrimaryKeyConstraint("role", name=op.f("pk_ca_services")),
    )
    op.create_table(
        "evidence_seals",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cms", sa.LargeBinary(), nullable=False),
        sa.Column("token", sa.LargeBinary(), nullable=False),
        sa.Column("certificates", sa.Text(), nullable=False),
        sa.Column("sealed_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["seq"], ["evidence_records.seq"], name=op.f("fk_evidence_seals_seq")),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_evidence_seals")),
    )
    op.create_table(
        "identity_approval_votes",
        sa.Column("approval", sa.String(length=60), nullable=False),
        sa.Column("person", sa.String(length=80), nullable=False),
        sa.Column("approve", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["approval"], ["identity_approvals.id"], name=op.f("fk_identity_approval_votes_approval")
        ),
        sa.PrimaryKeyConstraint("approval", "person", name=op.f("pk_identity_approval_votes")),
    )
    op.create_table(
        "identity_users",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("login", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp_sealed", sa.Text(), nullable=True),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", UtcDateTime(), nullable=True),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["unit"], ["identity_units.id"], name=op.f("fk_identity_users_unit")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_users")),
        sa.UniqueConstraint("login", name=op.f("uq_identity_users_login")),
    )
    op.create_table(
        "policies_assessments",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("system", sa.String(length=60), nullable=False),
        sa.Column("edition", sa.String(length=20), nullable=False),
        sa.Column("policy_version", sa.String(length=64), nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["system"], ["policies_systems.id"], name=op.f("fk_policies_assessments_system")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies_assessments")),
    )
    with op.batch_alter_table("policies_assessments", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policies_assessments_system"), ["system"], unique=False)

    op.create_table(
        "siem_alerts",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("rule_id", sa.String(length=100), nullable=False),
        sa.Column("rule_name", sa.String(length=200), nullable=False),
        sa.Column("titles", Json, nullable=False),
        sa.Column("level", sa.String(length=20), nullable=False),
        sa.Column("risk", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("group_values", Json, nullable=False),
        sa.Column("tags", Json, nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.Column("asset", sa.String(length=80), nullable=False),
        sa.Column("case_id", sa.String(length=60), nullable=True),
        sa.Column("assignee", sa.String(length=80), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["siem_cases.id"], name=op.f("fk_siem_alerts_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_siem_alerts")),
    )
    with op.batch_alter_table("siem_alerts", schema=None) as batch_op:
        batch_op.create_index("ix_siem_alerts_key_last_seen", ["key", "last_seen"], unique=False)
        batch_op.create_index("ix_siem_alerts_state_risk", ["state", "risk"], unique=False)

    op.create_table(
        "siem_case_observables",
        sa.Column("case_id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id"], ["siem_cases.id"], name=op.f("fk_siem_case_observables_case_id")
        ),
        sa.PrimaryKeyConstraint("case_id", "kind", "value", name=op.f("pk_siem_case_observables")),
    )
    op.create_table(
        "siem_case_tasks",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("case_id", sa.String(length=60), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("assignee", sa.String(length=80), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=True),
        sa.Column("done_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["siem_cases.id"], name=op.f("fk_siem_case_tasks_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_siem_case_tasks")),
    )
    with op.batch_alter_table("siem_case_tasks", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_siem_case_tasks_case_id"), ["case_id"], unique=False)

    op.create_table(
        "siem_case_timeline",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("case_id", sa.String(length=60), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["siem_cases.id"], name=op.f("fk_siem_case_timeline_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_siem_case_timeline")),
    )
    with op.batch_alter_table("siem_case_timeline", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_siem_case_timeline_case_id"), ["case_id"], unique=False)

    op.create_table(
        "assets_links",
        sa.Column("a", sa.String(length=60), nullable=False),
        sa.Column("a_port", sa.String(length=100), nullable=False),
        sa.Column("b", sa.String(length=60), nullable=False),
        sa.Column("b_port", sa.String(length=100), nullable=False),
        sa.ForeignKeyConstraint(["a"], ["assets_assets.id"], name=op.f("fk_assets_links_a")),
        sa.ForeignKeyConstraint(["b"], ["assets_assets.id"], name=op.f("fk_assets_links_b")),
        sa.PrimaryKeyConstraint("a", "a_port", "b", "b_port", name=op.f("pk_assets_links")),
    )
    op.create_table(
        "identity_sessions",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=60), nullable=False),
        sa.Column("method", sa.String(length=20), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("last_seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("origin", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["identity_users.id"], name=op.f("fk_identity_sessions_user")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity_sessions")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_identity_sessions_token_hash")),
    )
    with op.batch_alter_table("identity_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_sessions_user"), ["user"], unique=False)

    op.create_table(
        "identity_user_certificates",
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=60), nullable=False),
        sa.Column("certificate", sa.LargeBinary(), nullable=False),
        sa.Column("bound_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["user"], ["identity_users.id"], name=op.f("fk_identity_user_certificates_user")
        ),
        sa.PrimaryKeyConstraint("fingerprint", name=op.f("pk_identity_user_certificates")),
    )
    with op.batch_alter_table("identity_user_certificates", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_identity_user_certificates_user"), ["user"], unique=False)

    op.create_table(
        "identity_user_roles",
        sa.Column("user", sa.String(length=60), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(["user"], ["identity_users.id"], name=op.f("fk_identity_user_roles_user")),
        sa.PrimaryKeyConstraint("user", "role", name=op.f("pk_identity_user_roles")),
    )
    op.create_table(
        "policies_packages",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("assessment", sa.String(length=60), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("filters", Json, nullable=False),
        sa.Column("made_at", UtcDateTime(), nullable=False),
        sa.Column("made_by", sa.String(length=80), nullable=False),
        sa.Column("unit", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["assessment"], ["policies_assessments.id"], name=op.f("fk_policies_packages_assessment")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies_packages")),
    )
    with op.batch_alter_table("policies_packages", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policies_packages_assessment"), ["assessment"], unique=False)

    op.create_table(
        "policies_results",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("assessment", sa.String(length=60), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.String(length=40), nullable=False),
        sa.Column("object_kind", sa.String(length=20), nullable=False),
        sa.Column("object_id", sa.String(length=80), nullable=False),
        sa.Column("object_name", sa.String(length=200), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("proposed", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("evidence", Json, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("confirmed_by", sa.String(length=80), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["assessment"], ["policies_assessments.id"], name=op.f("fk_policies_results_assessment")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies_results")),
    )
    with op.batch_alter_table("policies_results", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policies_results_assessment"), ["assessment"], unique=False)
        batch_op.create_index(batch_op.f("ix_policies_results_item"), ["item"], unique=False)

    op.create_table(
        "siem_alert_events",
        sa.Column("alert_id", sa.String(length=60), nullable=False),
        sa.Column("event_id", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(["alert_id"], ["siem_alerts.id"], name=op.f("fk_siem_alert_events_alert_id")),
        sa.PrimaryKeyConstraint("alert_id", "event_id", name=op.f("pk_siem_alert_events")),
    )
    op.create_table(
        "policies_remediations",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("result", sa.String(length=60), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("due", UtcDateTime(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=False),
        sa.Column("closed_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["result"], ["policies_results.id"], name=op.f("fk_policies_remediations_result")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policies_remediations")),
    )
    with op.batch_alter_table("policies_remediations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_policies_remediations_due"), ["due"], unique=False)
        batch_op.create_index(batch_op.f("ix_policies_remediations_result"), ["result"], unique=False)

    dialect = op.get_bind().dialect.name
    for statement in (*PROTECTION[dialect], *EVIDENCE_PROTECTION[dialect]):
        op.execute(statement)


def downgrade() -> None:
    with op.batch_alter_table("policies_remediations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_policies_remediations_result"))
        batch_op.drop_index(batch_op.f("ix_policies_remediations_due"))

    op.drop_table("policies_remediations")
    op.drop_table("siem_alert_events")
    with op.batch_alter_table("policies_results", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_policies_results_item"))
        batch_op.drop_index(batch_op.f("ix_policies_results_assessment"))

    op.drop_table("policies_results")
    with op.batch_alter_table("policies_packages", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_policies_packages_assessment"))

    op.drop_table("policies_packages")
    op.drop_table("identity_user_roles")
    with op.batch_alter_table("identity_user_certificates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_user_certificates_user"))

    op.drop_table("identity_user_certificates")
    with op.batch_alter_table("identity_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_sessions_user"))

    op.drop_table("identity_sessions")
    op.drop_table("assets_links")
    with op.batch_alter_table("siem_case_timeline", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_siem_case_timeline_case_id"))

    op.drop_table("siem_case_timeline")
    with op.batch_alter_table("siem_case_tasks", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_siem_case_tasks_case_id"))

    op.drop_table("siem_case_tasks")
    op.drop_table("siem_case_observables")
    with op.batch_alter_table("siem_alerts", schema=None) as batch_op:
        batch_op.drop_index("ix_siem_alerts_state_risk")
        batch_op.drop_index("ix_siem_alerts_key_last_seen")

    op.drop_table("siem_alerts")
    with op.batch_alter_table("policies_assessments", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_policies_assessments_system"))

    op.drop_table("policies_assessments")
    op.drop_table("identity_users")
    op.drop_table("identity_approval_votes")
    op.drop_table("evidence_seals")
    op.drop_table("ca_services")
    op.drop_table("ca_crls")
    with op.batch_alter_table("ca_certificates", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ca_certificates_unit"))
        batch_op.drop_index("ix_ca_certificates_state")
        batch_op.drop_index(batch_op.f("ix_ca_certificates_spki_digest"))
        batch_op.drop_index(batch_op.f("ix_ca_certificates_profile"))
        batch_op.drop_index(batch_op.f("ix_ca_certificates_not_after"))
        batch_op.drop_index(batch_op.f("ix_ca_certificates_fingerprint"))

    op.drop_table("ca_certificates")
    with op.batch_alter_table("assets_assets", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_assets_assets_name_in_use",
            sqlite_where=sa.text("retired_at IS NULL"),
            postgresql_where=sa.text("retired_at IS NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_assets_assets_unit"))
        batch_op.drop_index(batch_op.f("ix_assets_assets_kind"))
        batch_op.drop_index(batch_op.f("ix_assets_assets_address"))

    op.drop_table("assets_assets")
    op.drop_table("siem_spool_positions")
    op.drop_table("siem_sources")
    op.drop_table("siem_counters")
    op.drop_table("siem_correlation_groups")
    op.drop_table("siem_cases")
    with op.batch_alter_table("policies_systems", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_policies_systems_unit"))

    op.drop_table("policies_systems")
    with op.batch_alter_table("netops_versions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_netops_versions_device"))

    op.drop_table("netops_versions")
    with op.batch_alter_table("netops_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_netops_runs_started_at"))

    op.drop_table("netops_runs")
    op.drop_table("netops_results")
    op.drop_table("netops_host_keys")
    with op.batch_alter_table("netops_findings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_netops_findings_unit"))
        batch_op.drop_index(batch_op.f("ix_netops_findings_state"))
        batch_op.drop_index(batch_op.f("ix_netops_findings_rule"))

    op.drop_table("netops_findings")
    with op.batch_alter_table("monitor_traps", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_monitor_traps_last_at"))
        batch_op.drop_index(batch_op.f("ix_monitor_traps_digest"))
        batch_op.drop_index(batch_op.f("ix_monitor_traps_asset"))

    op.drop_table("monitor_traps")
    with op.batch_alter_table("monitor_samples", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_monitor_samples_at"))

    op.drop_table("monitor_samples")
    with op.batch_alter_table("monitor_neighbours", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_monitor_neighbours_asset"))

    op.drop_table("monitor_neighbours")
    op.drop_table("monitor_interfaces")
    with op.batch_alter_table("monitor_findings", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_monitor_findings_unit"))
        batch_op.drop_index(batch_op.f("ix_monitor_findings_state"))
        batch_op.drop_index(batch_op.f("ix_monitor_findings_asset"))

    op.drop_table("monitor_findings")
    op.drop_table("monitor_devices")
    op.drop_table("monitor_crossings")
    op.drop_table("monitor_certificates")
    with op.batch_alter_table("jobs", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_jobs_open_key",
            sqlite_where=sa.text("key IS NOT NULL AND state IN ('queued', 'running')"),
            postgresql_where=sa.text("key IS NOT NULL AND state IN ('queued', 'running')"),
        )
        batch_op.drop_index("ix_jobs_claim")

    op.drop_table("jobs")
    op.drop_table("job_schedules")
    op.drop_table("identity_units")
    op.drop_table("identity_credentials")
    with op.batch_alter_table("identity_approvals", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_identity_approvals_subject"))
        batch_op.drop_index(batch_op.f("ix_identity_approvals_state"))

    op.drop_table("identity_approvals")
    with op.batch_alter_table("evidence_records", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_evidence_records_subject"))
        batch_op.drop_index(batch_op.f("ix_evidence_records_kind"))
        batch_op.drop_index(batch_op.f("ix_evidence_records_collected_at"))

    op.drop_table("evidence_records")
    op.drop_table("evidence_head")
    op.drop_table("event_parked")
    with op.batch_alter_table("event_outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_event_outbox_kind"))

    op.drop_table("event_outbox")
    op.drop_table("event_cursors")
    with op.batch_alter_table("ca_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ca_requests_unit"))
        batch_op.drop_index(batch_op.f("ix_ca_requests_state"))
        batch_op.drop_index(batch_op.f("ix_ca_requests_spki_digest"))

    op.drop_table("ca_requests")
    op.drop_table("ca_ceremonies")
    op.drop_table("ca_authorities")
    with op.batch_alter_table("backup_verifications", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_backup_verifications_plan"))

    op.drop_table("backup_verifications")
    with op.batch_alter_table("backup_runs", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_backup_runs_plan"))

    op.drop_table("backup_runs")
    op.drop_table("backup_replicas")
    op.drop_table("backup_receipts")
    op.drop_table("backup_heartbeats")
    with op.batch_alter_table("backup_drills", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_backup_drills_plan"))

    op.drop_table("backup_drills")
    op.drop_table("backup_coverage")
    op.drop_table("backup_claims")
    with op.batch_alter_table("audit_records", schema=None) as batch_op:
        batch_op.drop_index("ix_audit_records_target_seq")
        batch_op.drop_index(batch_op.f("ix_audit_records_target"))
        batch_op.drop_index(batch_op.f("ix_audit_records_at"))
        batch_op.drop_index(batch_op.f("ix_audit_records_actor"))
        batch_op.drop_index(batch_op.f("ix_audit_records_action"))

    op.drop_table("audit_records")
    op.drop_table("audit_head")
    op.drop_table("assets_zones")
