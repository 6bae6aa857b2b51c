"""The register of the time-stamps given. Works on SQLite and PostgreSQL."""

from sqlalchemy import Column, Index, String, Table

from kernel.store import UtcDateTime, metadata

timestamps = Table(  # of what was stamped only the digest that came in the request, and not from whom
    "ca_timestamps",
    metadata,
    Column("serial", String(40), primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("digest", String(10), nullable=False),
    Column("imprint", String(128), nullable=False),
    Column("certificate", String(40), nullable=False),  # serial number of the TSA's certificate
    Index("ix_ca_timestamps_newest", "at", "serial"),
    Index("ix_ca_timestamps_by_imprint", "imprint", "at", "serial"),
)
