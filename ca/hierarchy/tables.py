"""Tables of the hierarchy's making: ceremonies."""

from sqlalchemy import Column, String, Table

from kernel.store import Json, UtcDateTime, metadata

ceremonies = Table(
    "ca_ceremonies",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("plan", Json, nullable=False),
    Column("approval", String(60), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("performed_at", UtcDateTime),
)
