"""What two officers agreed on after a clock was ahead of the time."""

from sqlalchemy import Column, ForeignKey, Index, Integer, String, Table, Text

from kernel.store import Json, UtcDateTime, metadata

resumptions = Table(
    "ca_resumptions",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("authority", String(60), ForeignKey("ca_authorities.id"), nullable=False),
    Column("moment", UtcDateTime, nullable=False),  # from which it signs again
    Column("ahead_until", UtcDateTime, nullable=False),  # the newest false time
    Column(
        "numbers", Json, nullable=False
    ),  # the newest number of each shard's lists: newer lists bear true times
    Column("certificates", Integer, nullable=False),  # intended in the false time
    Column("note", Text, nullable=False),
    Column("state", String(20), nullable=False),
    Column("approval", String(60), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Index("ix_ca_resumptions_in_force", "authority", "state"),
)
