"""The log's tables: what waits, what is in, the tree, the signed heads. Works on SQLite and PostgreSQL."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, SmallInteger, String, Table, Text

from kernel.store import UtcDateTime, metadata

_Number = BigInteger().with_variant(Integer, "sqlite")

queue = Table(  # written in the transaction of the act that it tells of; the sequencer empties it
    "ca_log_queue",
    metadata,
    Column("id", _Number, primary_key=True, autoincrement=True),
    Column("leaf", Text, nullable=False),
)

entries = Table(
    "ca_log_entries",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(20), nullable=False),
    Column("serial", String(40), nullable=False),
    Column("certificate", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("hash", LargeBinary, nullable=False, index=True),
    Column("leaf", Text, nullable=False),
    Index("ix_ca_log_entries_by_serial", "serial", "number"),
    Index("ix_ca_log_entries_by_type", "type", "number"),
)

tiles = Table(  # the tree: see ca.transparency.tiles
    "ca_log_tiles",
    metadata,
    Column("level", SmallInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("hashes", LargeBinary, nullable=False),
)

heads = Table(
    "ca_log_heads",
    metadata,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("log", String(60), nullable=False),
    Column("size", BigInteger, nullable=False, index=True),
    Column("root", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("text", Text, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("certificate", String(64), nullable=False),
)

state = Table(  # one row; its lock is what makes the sequencer one
    "ca_log_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("log", String(60), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("fault", String(20), nullable=False),
    Column("fault_at", UtcDateTime),
)

restarts = Table(  # what two officers agree on after a fault
    "ca_log_restarts",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("log", String(60), nullable=False),  # the one that ends
    Column("fault", String(20), nullable=False),
    Column("entries", BigInteger, nullable=False),  # in the database, with the root of their tree
    Column("root", String(64), nullable=False),
    Column("signed", BigInteger, nullable=False),  # under the largest head that is known
    Column("note", Text, nullable=False),
    Column("state", String(20), nullable=False, index=True),
    Column("approval", String(60), nullable=False),
    Column("proposed_by", String(80), nullable=False),
    Column("proposed_at", UtcDateTime, nullable=False),
    Column("decided_at", UtcDateTime),
    Column("begun", String(60), nullable=False),  # the log that goes on
)
