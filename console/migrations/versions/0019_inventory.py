"""Certificates seen in the network: ranges, endpoints, findings; revocations of many certificates at once."""

import sqlalchemy as sa
from alembic import op

from kernel.store import Json, UtcDateTime

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

INDICES = (
    ("ix_ca_inventory_ranges_unit", "ca_inventory_ranges", ["unit"]),
    ("ix_ca_inventory_endpoints_by_end", "ca_inventory_endpoints", ["not_after", "id"]),
    ("ix_ca_inventory_endpoints_by_origin", "ca_inventory_endpoints", ["origin", "not_after", "id"]),
    ("ix_ca_inventory_endpoints_by_unit", "ca_inventory_endpoints", ["unit", "not_after", "id"]),
    ("ix_ca_inventory_endpoints_fingerprint", "ca_inventory_endpoints", ["fingerprint"]),
    ("ix_ca_inventory_endpoints_key_digest", "ca_inventory_endpoints", ["key_digest"]),
    ("ix_ca_inventory_endpoints_serial", "ca_inventory_endpoints", ["serial"]),
    ("ix_ca_inventory_findings_by_state", "ca_inventory_findings", ["state", "weight", "id"]),
    ("ix_ca_inventory_findings_by_unit", "ca_inventory_findings", ["unit", "weight", "id", "state"]),
    ("ix_ca_inventory_findings_by_weight", "ca_inventory_findings", ["weight", "id"]),
    ("ix_ca_inventory_findings_endpoint", "ca_inventory_findings", ["endpoint"]),
    ("ix_ca_bulk_revocations_by_unit", "ca_bulk_revocations", ["unit", "id"]),
    ("ix_ca_bulk_rows_by_outcome", "ca_bulk_rows", ["bulk", "outcome", "serial"]),
)


def upgrade() -> None:
    op.create_table(
        "ca_inventory_ranges",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("network", sa.String(60), nullable=False, unique=True),
        sa.Column("ports", Json, nullable=False),
        sa.Column("unit", sa.String(80), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("changed_by", sa.String(80), nullable=False),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
    )
    op.create_table(
        "ca_inventory_endpoints",
        sa.Column("id", sa.String(80), primary_key=True),
        sa.Column("address", sa.String(60), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("server_name", sa.String(253), nullable=False),
        sa.Column("unit", sa.String(80), nullable=False),
        sa.Column("range", sa.String(60), nullable=False),
        sa.Column("source", sa.String(20), nullable=False),
        sa.Column("tls", sa.String(20), nullable=False),
        sa.Column("chain", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("certificate_serial", sa.String(80), nullable=False),
        sa.Column("names", Json, nullable=False),
        sa.Column("not_before", UtcDateTime(), nullable=False),
        sa.Column("not_after", UtcDateTime(), nullable=False),
        sa.Column("key", sa.String(60), nullable=False),
        sa.Column("bits", sa.Integer(), nullable=False),
        sa.Column("curve", sa.String(60), nullable=False),
        sa.Column("signature", sa.String(60), nullable=False),
        sa.Column("key_digest", sa.String(64), nullable=False),
        sa.Column("self_signed", sa.Boolean(), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("faults", Json, nullable=False),
        sa.Column("serial", sa.String(40), nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("gone_at", UtcDateTime()),
    )
    op.create_table(
        "ca_inventory_findings",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("endpoint", sa.String(80), nullable=False),
        sa.Column("fault", sa.String(20), nullable=False),
        sa.Column("severity", sa.String(20), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(80), nullable=False),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("weight", sa.Integer(), nullable=False),
    )
    op.create_table(
        "ca_bulk_revocations",
        sa.Column("id", sa.String(60), primary_key=True),
        sa.Column("selection", Json, nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("reason", sa.Integer(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("invalid_since", UtcDateTime()),
        sa.Column("unit", sa.String(80), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("approval", sa.String(60), nullable=False),
        sa.Column("job", sa.String(60), nullable=False),
        sa.Column("proposed_by", sa.String(80), nullable=False),
        sa.Column("proposed_at", UtcDateTime(), nullable=False),
        sa.Column("decided_by", sa.String(80), nullable=False),
        sa.Column("decided_at", UtcDateTime()),
    )
    op.create_table(
        "ca_bulk_rows",
        sa.Column("bulk", sa.String(60), primary_key=True),
        sa.Column("serial", sa.String(40), primary_key=True),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(20), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
    )
    for name, table, columns in INDICES:
        op.create_index(name, table, columns)


def downgrade() -> None:
    for table in (
        "ca_bulk_rows",
        "ca_bulk_revocations",
        "ca_inventory_findings",
        "ca_inventory_endpoints",
        "ca_inventory_ranges",
    ):
        op.drop_table(table)
