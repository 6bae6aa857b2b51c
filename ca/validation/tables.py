"""Trust anchors beside our own roots, CRLs of foreign CAs, and the reports that were kept. Works on SQLite and PostgreSQL."""

from sqlalchemy import Column, Index, LargeBinary, String, Table, Text

from kernel.store import Json, UtcDateTime, metadata

anchors = Table(
    "ca_trust_anchors",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("subject", Text, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("note", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("approval", String(60), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
)

foreign_crls = Table(  # the newest of each list that was handed in; older ones stay for past times
    "ca_foreign_crls",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("issuer", Text, nullable=False),
    Column("fingerprint", String(64), nullable=False, unique=True),
    Column("der", LargeBinary, nullable=False),
    Column("number", String(60), nullable=False),
    Column("this_update", UtcDateTime, nullable=False),
    Column("next_update", UtcDateTime),
    Column("given_by", String(80), nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    Index("ix_ca_foreign_crls_by_issuer", "issuer", "this_update"),
)

validations = Table(
    "ca_validations",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("name", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("verdict", String(20), nullable=False),
    Column("reason", String(40), nullable=False),
    Column("purpose", String(20), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("asked_by", String(80), nullable=False),
    Column("unit", String(80), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("report", Json, nullable=False),
    Column("evidence", String(60), nullable=False),
    Index("ix_ca_validations_by_person", "asked_by", "id"),
    Index("ix_ca_validations_by_unit", "unit", "id", "verdict"),
    Index("ix_ca_validations_by_digest", "digest"),
    Index("ix_ca_validations_by_time", "asked_at"),
)
