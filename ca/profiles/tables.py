"""The versions of the profiles, kept for ever: certificates name the version that made them."""

from sqlalchemy import Column, Index, Integer, String, Table, Text

from kernel.store import Json, UtcDateTime, metadata

profile_versions = Table(
    "ca_profile_versions",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("version", String(20), nullable=False),
    Column("document", Json, nullable=False),
    Column("state", String(20), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("reason", Text, nullable=False),
    Column("approval", String(60), nullable=False),
    Column("decided_at", UtcDateTime),
    Index("ix_ca_profile_versions_by_state", "state", "id"),
    Index("ix_ca_profile_versions_by_version", "id", "version"),
)
