"""Tables of the hierarchy's making: ceremonies with their steps, requests to offline CAs, every certificate of each CA."""

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table, Text

from kernel.store import Json, UtcDateTime, metadata

ceremonies = Table(
    "ca_ceremonies",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(20), nullable=False),
    Column("plan", Json, nullable=False),
    Column("state", String(20), nullable=False),
    Column("approval", String(60), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("performed_by", String(80)),
    Column("performed_at", UtcDateTime),
    Column("minutes", Text),
    Column("seal", LargeBinary),  # detached CMS over the minutes
    Column("stamp", LargeBinary),  # time-stamp token over the minutes
)

steps = Table(
    "ca_ceremony_steps",
    metadata,
    Column("ceremony", String(60), ForeignKey("ca_ceremonies.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("act", String(20), nullable=False),
    Column("title", Json, nullable=False),
    Column("about", String(60), nullable=False),  # the CA whose digest is read aloud
    Column("work", Json),  # orders and what their answers are for, once it is begun
    Column("result", Json),
    Column("person", String(200)),
    Column("remark", Text),
    Column("done_by", String(80)),
    Column("done_at", UtcDateTime),
)

offline_requests = Table(
    "ca_offline_requests",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("ceremony", String(60), ForeignKey("ca_ceremonies.id")),
    Column("number", Integer),  # the ceremony's step
    Column("purpose", String(20), nullable=False),
    Column(
        "authority", String(64), nullable=False
    ),  # SHA-256 of its public key; the name of a key to be made
    Column("title", String(300), nullable=False),
    Column("state", String(20), nullable=False),
    Column("file", Text, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("work", Json, nullable=False),
    Column("made_by", String(80), nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("exported_at", UtcDateTime),
    Column("answer", Text),
    Column("signed_by", String(200)),
    Column("signed_at", UtcDateTime),
    Column("decided_by", String(80)),
    Column("decided_at", UtcDateTime),
    Index("ix_ca_offline_requests_step", "ceremony", "number"),
)

own_certificates = Table(
    "ca_authority_certificates",
    metadata,
    Column("fingerprint", String(64), primary_key=True),
    Column("authority", String(60), ForeignKey("ca_authorities.id"), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("added_at", UtcDateTime, nullable=False),
)
