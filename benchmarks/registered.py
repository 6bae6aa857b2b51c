"""A register of a million certificates, of which some are revoked, written straight into the tables."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert

from benchmarks.seeds import SEEDS
from ca.encoding import crl
from ca.model import Reason
from kernel.store import Database, metadata

_WORTH = 1000  # certificates; statistics of an empty table would have it read whole when it is full
_certificate = SEEDS["certificates"].tables["ca_certificates"]


@dataclass(frozen=True)
class Registered:
    """What ``register`` wrote: certificates of one CA, of which the first ``revoked`` are."""

    authority: str
    issued: int
    revoked: int

    @staticmethod
    def serial(n: int) -> int:
        """Of the n-th certificate: 127 bits, in no order, as real ones are."""
        return int.from_bytes(hashlib.sha256(n.to_bytes(8)).digest()[:16]) >> 2 | 1 << 126


def register(database: Database, authority: str, issued: int, revoked: int) -> Registered:
    """Certificates of a CA as the register has them after years of use, and the list entries of the revoked ones.

    More may be revoked than issued: lists are made from the entries alone.
    """
    made = Registered(authority, issued, revoked)
    until = datetime.now(UTC) + timedelta(days=365)
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)
    for table, made_of, count in (
        ("ca_certificates", _registered, issued),
        ("ca_crl_entries", _entry, revoked),
    ):
        for start in range(0, count, 50_000):
            rows = [made_of(made, n, at, until) for n in range(start, min(start + 50_000, count))]
            with database.engine.begin() as connection:
                connection.execute(insert(metadata.tables[table]), rows)
    if issued >= _WORTH:
        _settle(database)
    return made


def _settle(database: Database) -> None:
    """As it is after years of use: counted for the planner, and PostgreSQL's rows marked as there for all to see."""
    if database.url.startswith("sqlite"):
        with database.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
        return
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql("VACUUM ANALYZE")


def _registered(made: Registered, n: int, at: datetime, until: datetime) -> dict[str, Any]:
    ended = n < made.revoked
    values = dict(_certificate(n))
    return values | {
        "tbs": b"",
        "serial": f"{made.serial(n):032x}",
        "authority": made.authority,
        "crl_shard": 0,
        "request": None,
        "profile_version": "1",
        "not_before": at,
        "not_after": until,
        "state": "revoked" if ended else "issued",
        "revoked_at": at if ended else None,
        "reason": 5 if ended else None,
    }


def _entry(made: Registered, n: int, at: datetime, until: datetime) -> dict[str, Any]:
    serial = made.serial(n)
    encoded = crl.entry(serial, at, Reason.CESSATION_OF_OPERATION)
    row = {"authority": made.authority, "serial": f"{serial:032x}", "shard": 0}
    return {**row, "not_after": until, "entry": encoded}
