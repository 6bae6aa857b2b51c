"""Ranges that are looked at, endpoints with what they present, and findings. Works on SQLite and PostgreSQL."""

from sqlalchemy import Boolean, Column, Index, Integer, LargeBinary, String, Table, Text

from kernel.store import Json, UtcDateTime, metadata

ranges = Table(
    "ca_inventory_ranges",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("network", String(60), nullable=False, unique=True),
    Column("ports", Json, nullable=False),
    Column("unit", String(80), nullable=False, index=True),
    Column("enabled", Boolean, nullable=False),
    Column("changed_by", String(80), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

endpoints = Table(
    "ca_inventory_endpoints",
    metadata,
    Column("id", String(80), primary_key=True),  # address:port
    Column("address", String(60), nullable=False),
    Column("port", Integer, nullable=False),
    Column("server_name", String(253), nullable=False),
    Column("unit", String(80), nullable=False),
    Column("range", String(60), nullable=False),
    Column("source", String(20), nullable=False),
    Column("tls", String(20), nullable=False),
    Column("chain", LargeBinary, nullable=False),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("issuer", Text, nullable=False),
    Column("certificate_serial", String(80), nullable=False),
    Column("names", Json, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("key", String(60), nullable=False),
    Column("bits", Integer, nullable=False),
    Column("curve", String(60), nullable=False),
    Column("signature", String(60), nullable=False),
    Column("key_digest", String(64), nullable=False, index=True),
    Column("self_signed", Boolean, nullable=False),
    Column("origin", String(20), nullable=False),
    Column("faults", Json, nullable=False),
    Column("serial", String(40), nullable=False, index=True),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("gone_at", UtcDateTime),
    Index("ix_ca_inventory_endpoints_by_end", "not_after", "id"),
    Index("ix_ca_inventory_endpoints_by_unit", "unit", "not_after", "id"),
    Index("ix_ca_inventory_endpoints_by_origin", "origin", "not_after", "id"),
)

findings = Table(
    "ca_inventory_findings",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("endpoint", String(80), nullable=False, index=True),
    Column("fault", String(20), nullable=False),
    Column("severity", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("subject", Text, nullable=False),
    Column("unit", String(80), nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("note", Text, nullable=False),
    Column("weight", Integer, nullable=False),  # 1 to 4 by severity while it stands, 0 once it is gone
    Index("ix_ca_inventory_findings_by_weight", "weight", "id"),
    Index("ix_ca_inventory_findings_by_state", "state", "weight", "id"),
    Index("ix_ca_inventory_findings_by_unit", "unit", "weight", "id", "state"),
)
