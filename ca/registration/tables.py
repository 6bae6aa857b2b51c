"""What registration keeps beside requests: papers, pass-phrases, passwords to be told, reminders, batches."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from ca.tables import certificates, requests
from kernel.store import Json, UtcDateTime, metadata

papers = Table(  # how the applicant's identity was shown; the octets are sealed
    "ca_papers",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("request", String(60), ForeignKey(requests.c.id), nullable=False),
    Column("name", String(200), nullable=False),
    Column("media_type", String(80), nullable=False),
    Column("size", Integer, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("attached_by", String(80), nullable=False),
    Column("attached_at", UtcDateTime, nullable=False),
    Index("ix_ca_papers_by_request", "request", "id"),
)

phrases = Table(  # what the holder says on the telephone to have the certificate suspended; an argon2id hash
    "ca_phrases",
    metadata,
    Column("request", String(60), ForeignKey(requests.c.id), primary_key=True),
    Column("hash", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("locked_until", UtcDateTime),
    Column("set_by", String(80), nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
)

passwords = Table(  # of files handed over, until another person than who took the file has been told
    "ca_passwords",
    metadata,
    Column("request", String(60), ForeignKey(requests.c.id), primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("handed_to", String(80), nullable=False),
    Column("handed_at", UtcDateTime, nullable=False),
)

reminders = Table(  # certificates that were found to need a newer one, each once
    "ca_reminders",
    metadata,
    Column("serial", String(40), ForeignKey(certificates.c.serial), primary_key=True),
    Column("unit", String(80), nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("reminded_at", UtcDateTime, nullable=False),
    Index("ix_ca_reminders_by_end", "not_after", "serial"),
    Index("ix_ca_reminders_by_unit", "unit", "not_after", "serial"),
)

batches = (
    Table(  # requests filed by one table; ``keys`` and ``passwords`` are sealed and wait to be handed over
        "ca_batches",
        metadata,
        Column("id", String(60), primary_key=True),
        Column("profile", String(60), nullable=False),
        Column("profile_version", String(20), nullable=False),
        Column("unit", String(80), nullable=False),
        Column("name", String(200), nullable=False),
        Column("sha256", String(64), nullable=False),
        Column("together", Boolean, nullable=False),
        Column("state", String(20), nullable=False),
        Column("size", Integer, nullable=False),
        Column("requested_by", String(80), nullable=False),
        Column("approval", String(60), nullable=False),
        Column("filed_at", UtcDateTime, nullable=False),
        Column("keys", LargeBinary),
        Column("passwords", LargeBinary),
        Column("keys_to", String(80)),
        Index("ix_ca_batches_by_state", "state", "id"),
        Index("ix_ca_batches_by_unit", "unit", "id", "state"),
    )
)

batch_rows = Table(  # ``number`` is the row as a spreadsheet shows it; ``fault`` is why it could not be filed or issued
    "ca_batch_rows",
    metadata,
    Column("batch", String(60), ForeignKey("ca_batches.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("content", Json, nullable=False),
    Column("request", String(60), ForeignKey(requests.c.id), unique=True),
    Column("fault", Text),
)
