"""What revocation lists and prepared OCSP answers are made from, and what relying parties saw of them."""

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from kernel.store import UtcDateTime, metadata

versions = Table(  # how often a CA's statuses have changed: what is kept in memory is right as long as this is the same
    "ca_versions",
    metadata,
    Column("authority", String(60), ForeignKey("ca_authorities.id"), primary_key=True),
    Column("version", BigInteger, nullable=False),
)

changes = Table(  # the last change of each serial, with its entry since (none: it left the lists): what deltas are read from
    "ca_changes",
    metadata,
    Column("authority", String(60), ForeignKey("ca_authorities.id"), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("serial", String(40), nullable=False),
    Column("shard", Integer, nullable=False),
    Column("urgent", Boolean, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("entry", LargeBinary),
    Index("ix_ca_changes_by_serial", "authority", "serial", unique=True),
    sqlite_with_rowid=False,
)

entries = Table(  # DER revokedCertificate of all that is revoked or held, made once; apart, because lists read all of them
    "ca_crl_entries",
    metadata,
    Column("authority", String(60), ForeignKey("ca_authorities.id"), primary_key=True),
    Column("serial", String(40), primary_key=True),
    Column("shard", Integer, nullable=False),
    Column("not_after", UtcDateTime, nullable=False),
    Column("entry", LargeBinary, nullable=False),
    Index("ix_ca_crl_entries_by_shard", "authority", "shard", "serial"),
    Index("ix_ca_crl_entries_by_end", "authority", "not_after"),
    sqlite_with_rowid=False,
)

scopes = Table(  # the newest number of each list, full or delta: RFC 5280 wants one sequence for both
    "ca_crl_scopes",
    metadata,
    Column("authority", String(60), ForeignKey("ca_authorities.id"), primary_key=True),
    Column("shard", Integer, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False),
)

answers = Table(  # OCSP answers prepared in bulk: what was signed of a serial, and the signature
    "ca_ocsp_answers",
    metadata,
    Column("serial", String(40), ForeignKey("ca_certificates.serial"), primary_key=True),
    Column("status", LargeBinary, nullable=False),
    Column("produced_at", Integer, nullable=False),
    Column("responder", String(60), nullable=False),
    Column("signature", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

proofs = Table(  # what became visible when, as a relying party sees it
    "ca_proofs",
    metadata,
    Column("serial", String(40), ForeignKey("ca_certificates.serial"), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("authority", String(60), ForeignKey("ca_authorities.id"), nullable=False),
    Column("revoked", Boolean, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("next_at", UtcDateTime),
    Column("attempts", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("crl_seen", UtcDateTime),
    Column("delta_seen", UtcDateTime),
    Column("ocsp_seen", UtcDateTime),
    Column("fault", String(300), nullable=False),
    Index("ix_ca_proofs_waiting", "next_at"),
    Index("ix_ca_proofs_by_state", "state", "changed_at"),
)
