"""What our own register says of certificates at a time: the state now, and for past times what the transparency log tells."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from asn1crypto import crl, x509
from sqlalchemy import Connection, Row, select

from ca import store
from ca.encoding.log import EntryType
from ca.model import Authority, AuthorityKind, Reason
from ca.status.tables import entries
from ca.tables import certificates
from ca.transparency.store import entries_of
from ca.validation.model import Status
from kernel.canonical import sha256_hex
from kernel.store import Database

_UNKNOWN = Status(known=False)


class OwnRegister:
    """Answers for what our CAs have issued; None for the rest. One object a validation: it remembers the CAs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.read() as connection:
            found = store.read_authorities(connection)
        self.authorities = [one for one in found if one.kind is not AuthorityKind.SUPERIOR]
        self._by_key: Mapping[tuple[bytes, bytes], list[Authority]] = _by_key(self.authorities)

    @property
    def roots(self) -> list[bytes]:
        """Certificates of our own roots, also of those that issue no more."""
        return [one.certificate for one in self.authorities if one.kind is AuthorityKind.ROOT]

    def __call__(self, certificate: bytes, issuer: bytes, at: datetime) -> Status | None:
        above = x509.Certificate.load(issuer)
        ours = self._by_key.get((above.subject.dump(), above.public_key.dump()))
        if not ours:
            return None
        with self._database.read() as connection:
            return _status(connection, certificate, at)


def _by_key(found: list[Authority]) -> Mapping[tuple[bytes, bytes], list[Authority]]:
    """By name and key: after a renewal or a cross-certificate the same CA has several certificates."""
    named: dict[tuple[bytes, bytes], list[Authority]] = {}
    for one in found:
        named.setdefault((one.subject, one.spki), []).append(one)
    return named


def _status(connection: Connection, certificate: bytes, at: datetime) -> Status:
    query = select(certificates).where(certificates.c.fingerprint == sha256_hex(certificate))
    row = connection.execute(query).one_or_none()
    if row is None:
        return _UNKNOWN
    if row.revoked_at is not None:
        since = min(filter(None, (row.revoked_at, _doubtful_since(connection, row.serial))))
        if since <= at:
            return Status(True, since, Reason(row.reason or 0).name.lower())
    return _before(connection, row, at)


def _doubtful_since(connection: Connection, serial: str) -> datetime | None:
    """The invalidity date of a revoked certificate (RFC 5280 section 5.3.2): since when its key is not to be relied on."""
    query = select(entries.c.entry).where(entries.c.serial == serial)
    entry = connection.execute(query).scalars().first()
    if entry is None:
        return None
    found = crl.RevokedCertificate.load(bytes(entry)).invalidity_date_value
    return None if found is None else found.native


def _before(connection: Connection, row: Row[Any], at: datetime) -> Status:
    """A hold that was released leaves no trace in the register, but in the log."""
    told = [entry for entry in entries_of(connection, row.serial) if entry.at <= at]
    if told and told[-1].type is EntryType.HELD:
        return Status(True, told[-1].at, Reason.CERTIFICATE_HOLD.name.lower(), "log")
    return Status(True)
