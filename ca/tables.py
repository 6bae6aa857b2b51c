"""The CA's tables: its authorities, what was asked for, and all that was signed. Works on SQLite and PostgreSQL."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from ca.words import LONGEST
from kernel.store import Json, UtcDateTime, metadata

authorities = Table(
    "ca_authorities",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("key", String(60), unique=True),  # none for a foreign CA
    Column("algorithm", String(20), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("spki", LargeBinary, nullable=False),
    Column("parent", String(60), ForeignKey("ca_authorities.id")),
    Column("kind", String(20), nullable=False),
    Column("profiles", Json, nullable=False),
    Column("state", String(20), nullable=False),
    Column("offline", Boolean, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("predecessor", String(60), ForeignKey("ca_authorities.id")),
    Column("created_at", UtcDateTime, nullable=False),
)

requests = Table(
    "ca_requests",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("profile", String(60), nullable=False),
    Column("profile_version", String(20), nullable=False),
    Column("subject", Json, nullable=False),
    Column("names", Json, nullable=False),
    Column("unit", String(80), nullable=False),
    Column("csr", LargeBinary),
    Column("spki", LargeBinary, nullable=False),
    Column("sealed_key", Text),
    Column("state", String(20), nullable=False),
    Column("requested_by", String(80), nullable=False),
    Column("approval", String(60), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("filed_at", UtcDateTime, nullable=False),
    Column("own_key", Boolean, nullable=False),
    Column("replaces", String(40), index=True),
    # each ends with the list's order: pages are read from it, and states counted in it
    Index("ix_ca_requests_by_state", "state", "id"),
    Index("ix_ca_requests_by_unit", "unit", "id", "state"),
    Index("ix_ca_requests_by_person", "requested_by", "id"),
)

certificates = Table(
    "ca_certificates",
    metadata,
    Column("serial", String(40), primary_key=True),
    Column("authority", String(60), ForeignKey("ca_authorities.id"), nullable=False),
    Column("request", String(60), ForeignKey("ca_requests.id"), unique=True),
    Column("profile", String(60), nullable=False),
    Column("profile_version", String(20), nullable=False),
    Column("subject", Text, nullable=False),
    Column("unit", String(80), nullable=False),
    Column("spki_digest", String(64), nullable=False, index=True),
    Column("not_before", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("state", String(20), nullable=False),
    Column("tbs", LargeBinary, nullable=False),  # what is to be signed; empty once it is
    Column("warrant", Text),  # what the signer is sent with it, also after a crash (ca.signer.warrant)
    Column("der", LargeBinary, nullable=False),  # empty until then
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("intent_at", UtcDateTime, nullable=False),
    Column("issued_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("reason", Integer),
    Column(
        "crl_shard", Integer, nullable=False, default=0
    ),  # whose distribution point it names; 0: that of all
    Index("ix_ca_certificates_state", "authority", "state"),
    Index("ix_ca_certificates_shard", "authority", "crl_shard"),
    # each ends with a list's order: pages are read from it, and states counted in it
    Index("ix_ca_certificates_newest", "intent_at", "serial"),
    Index("ix_ca_certificates_by_state", "state", "intent_at", "serial"),
    Index("ix_ca_certificates_by_unit", "unit", "intent_at", "serial", "state"),
    Index("ix_ca_certificates_by_profile", "profile", "intent_at", "serial", "state"),
    Index("ix_ca_certificates_by_end", "not_after", "serial"),
    Index("ix_ca_certificates_in_use", "state", "not_after", "serial", "unit"),
    Index("ix_ca_certificates_revoked", "revoked_at", "state", "unit"),
)

revocations = Table(  # of CA certificates, which one officer proposes and another performs
    "ca_revocations",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("serial", String(40), ForeignKey("ca_certificates.serial"), nullable=False, index=True),
    Column("reason", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("invalid_since", UtcDateTime),
    Column("state", String(20), nullable=False),
    Column("approval", String(60), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
)

lists = Table(  # revocation lists that were published; the octets are files
    "ca_crls",
    metadata,
    Column("authority", String(60), ForeignKey("ca_authorities.id"), primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(10), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("base", BigInteger),
    Column("version", BigInteger, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("this_update", UtcDateTime, nullable=False),
    Column("next_update", UtcDateTime, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("digest", String(64), nullable=False),
)

words = Table(  # what requests (by id) and certificates (by serial) are found by; see ca.words
    "ca_words",
    metadata,
    Column("word", String(LONGEST).with_variant(String(LONGEST, "C"), "postgresql"), primary_key=True),
    Column("owner", String(60), primary_key=True),
    sqlite_with_rowid=False,
)

services = Table(  # keys of the suite's own services: an OCSP responder for each CA, TSA, evidence seal
    "ca_services",
    metadata,
    Column("role", String(20), primary_key=True),
    Column("authority", String(60), ForeignKey("ca_authorities.id"), primary_key=True),
    Column("key", String(60), nullable=False),
    Column("algorithm", String(20), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
)
