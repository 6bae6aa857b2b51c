"""The CA's tables and the statements on them. Works on SQLite and PostgreSQL."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Row,
    String,
    Table,
    Text,
    func,
    insert,
    select,
    update,
)

from ca.model import TRANSITIONS, Authority, Certificate, CertificateStatus, Reason, Request, State
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.store import Json, UtcDateTime, metadata

authorities = Table(
    "ca_authorities",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("key", String(60), nullable=False, unique=True),
    Column("algorithm", String(20), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("spki", LargeBinary, nullable=False),
    Column("parent", String(60), ForeignKey("ca_authorities.id")),
    Column("created_at", UtcDateTime, nullable=False),
)

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

requests = Table(
    "ca_requests",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("profile", String(60), nullable=False),
    Column("profile_version", String(20), nullable=False),
    Column("subject", Json, nullable=False),
    Column("names", Json, nullable=False),
    Column("unit", String(80), nullable=False, index=True),
    Column("csr", LargeBinary),
    Column("spki", LargeBinary, nullable=False),
    Column("spki_digest", String(64), nullable=False, index=True),
    Column("sealed_key", Text),
    Column("state", String(20), nullable=False, index=True),
    Column("requested_by", String(80), nullable=False),
    Column("approval", String(60), nullable=False),
    Column("evidence", Text, nullable=False),
    Column("filed_at", UtcDateTime, nullable=False),
    Column("own_key", Boolean, nullable=False),
    Column("replaces", String(40)),
)

certificates = Table(
    "ca_certificates",
    metadata,
    Column("serial", String(40), primary_key=True),
    Column("authority", String(60), ForeignKey("ca_authorities.id"), nullable=False),
    Column("request", String(60), ForeignKey("ca_requests.id"), unique=True),
    Column("profile", String(60), nullable=False, index=True),
    Column("profile_version", String(20), nullable=False),
    Column("subject", Text, nullable=False),
    Column("unit", String(80), nullable=False, index=True),
    Column("spki_digest", String(64), nullable=False, index=True),
    Column("not_before", UtcDateTime, nullable=False),
    Column("not_after", UtcDateTime, nullable=False, index=True),
    Column("state", String(20), nullable=False),
    Column("tbs", LargeBinary, nullable=False),
    Column("der", LargeBinary, nullable=False),
    Column("fingerprint", String(64), nullable=False, index=True),
    Column("intent_at", UtcDateTime, nullable=False),
    Column("issued_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("reason", Integer),
    Column("crl_entry", LargeBinary),
    Index("ix_ca_certificates_state", "authority", "state"),
)

crls = Table(
    "ca_crls",
    metadata,
    Column("authority", String(60), ForeignKey("ca_authorities.id"), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("this_update", UtcDateTime, nullable=False),
    Column("next_update", UtcDateTime, nullable=False),
    Column("entries", Integer, nullable=False),
    Column("der", LargeBinary, nullable=False),
)

services = Table(  # keys of the suite's own services: OCSP responder, TSA, evidence seal
    "ca_services",
    metadata,
    Column("role", String(20), primary_key=True),
    Column("key", String(60), nullable=False),
    Column("algorithm", String(20), nullable=False),
    Column("certificate", LargeBinary, nullable=False),
    Column("authority", String(60), ForeignKey("ca_authorities.id"), nullable=False),
)


# --- authorities
def add_authority(connection: Connection, authority: Authority, now: datetime) -> None:
    row = {name: getattr(authority, name) for name in _AUTHORITY}
    connection.execute(insert(authorities).values(**row, created_at=now))


def read_authority(connection: Connection, authority_id: str) -> Authority:
    row = connection.execute(select(authorities).where(authorities.c.id == authority_id)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no CA %(id)s."), id=authority_id[:60])
    return _authority(row)


def read_authorities(connection: Connection) -> list[Authority]:
    """All CAs, superior first."""
    order = (authorities.c.parent.is_not(None), authorities.c.created_at, authorities.c.id)
    rows = connection.execute(select(authorities).order_by(*order))
    return [_authority(row) for row in rows]


# --- requests
def add_request(
    connection: Connection, request: Request, csr: bytes | None, spki_digest: str, sealed_key: str | None
) -> None:
    row = {name: getattr(request, name) for name in _REQUEST} | {
        "subject": dict(request.subject),
        "names": list(request.names),
        "state": str(request.state),
    }
    connection.execute(
        insert(requests).values(**row, csr=csr, spki_digest=spki_digest, sealed_key=sealed_key)
    )


def read_request(connection: Connection, request_id: str, *, lock: bool = False) -> Request:
    query = select(requests).where(requests.c.id == request_id)
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no request %(id)s."), id=request_id[:60])
    return _request(row)


def find_requests(
    connection: Connection, *, units: frozenset[str] | None, state: State | None, limit: int
) -> list[Request]:
    query = select(requests).order_by(requests.c.id.desc()).limit(limit)
    if units is not None:
        query = query.where(requests.c.unit.in_(sorted(units)))
    if state is not None:
        query = query.where(requests.c.state == str(state))
    return [_request(row) for row in connection.execute(query)]


def set_request_state(connection: Connection, request_id: str, state: State) -> None:
    connection.execute(update(requests).where(requests.c.id == request_id).values(state=str(state)))


def take_sealed_key(connection: Connection, request_id: str) -> str | None:
    """The sealed key made here for a request, removed: it is handed over once."""
    query = select(requests.c.sealed_key).where(requests.c.id == request_id).with_for_update()
    sealed: str | None = connection.execute(query).scalar_one_or_none()
    connection.execute(update(requests).where(requests.c.id == request_id).values(sealed_key=None))
    return sealed


def subjects_of_key(connection: Connection, spki_digest: str) -> set[str]:
    """Subjects whose certificates bear this key, whatever their state."""
    query = select(certificates.c.subject).where(certificates.c.spki_digest == spki_digest)
    return set(connection.execute(query).scalars())


def revoked_key(connection: Connection, spki_digest: str) -> bool:
    query = select(certificates.c.serial).where(
        certificates.c.spki_digest == spki_digest, certificates.c.state == str(State.REVOKED)
    )
    return connection.execute(query.limit(1)).first() is not None


# --- certificates
def add_intent(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(insert(certificates).values(dict(row)))


def pending_intents(connection: Connection) -> Sequence[Row[Any]]:
    """Serial, authority and TBS of everything that was to be signed and is not."""
    query = select(certificates).where(certificates.c.state == str(State.APPROVED))
    return connection.execute(query.order_by(certificates.c.intent_at)).all()


def store_signed(connection: Connection, serial: str, der: bytes, fingerprint: str, now: datetime) -> None:
    changed = update(certificates).where(certificates.c.serial == serial)
    connection.execute(
        changed.values(der=der, fingerprint=fingerprint, state=str(State.ISSUED), issued_at=now)
    )


def read_certificate(connection: Connection, serial: str, *, lock: bool = False) -> Certificate:
    query = select(certificates).where(certificates.c.serial == serial.lower().replace(":", ""))
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
    return _certificate(row)


def certificate_of_request(connection: Connection, request_id: str) -> Certificate | None:
    row = connection.execute(select(certificates).where(certificates.c.request == request_id)).one_or_none()
    return _certificate(row) if row else None


def certificate_by_fingerprint(connection: Connection, fingerprint: str) -> Certificate | None:
    row = connection.execute(
        select(certificates).where(certificates.c.fingerprint == fingerprint)
    ).one_or_none()
    return _certificate(row) if row else None


def find_certificates(
    connection: Connection,
    *,
    units: frozenset[str] | None,
    text: str | None = None,
    state: State | None = None,
    profile: str | None = None,
    expires_before: datetime | None = None,
    limit: int,
) -> list[Certificate]:
    query = select(certificates).order_by(certificates.c.intent_at.desc(), certificates.c.serial).limit(limit)
    if units is not None:
        query = query.where(certificates.c.unit.in_(sorted(units)))
    if text:
        subject = certificates.c.subject.icontains(text, autoescape=True)
        query = query.where(subject | (certificates.c.serial == text.lower()))
    if state is not None:
        query = query.where(certificates.c.state == str(state))
    if profile is not None:
        query = query.where(certificates.c.profile == profile)
    if expires_before is not None:
        query = query.where(certificates.c.not_after < expires_before)
    return [_certificate(row) for row in connection.execute(query)]


def set_status(
    connection: Connection,
    serial: str,
    state: State,
    revoked_at: datetime | None = None,
    reason: Reason | None = None,
    crl_entry: bytes | None = None,
) -> None:
    values = {
        "state": str(state),
        "revoked_at": revoked_at,
        "reason": None if reason is None else int(reason),
        "crl_entry": crl_entry,
    }
    connection.execute(update(certificates).where(certificates.c.serial == serial).values(values))


def status_of(connection: Connection, authority: str, serial: str) -> CertificateStatus:
    """What OCSP says. A serial of intent that is not signed yet is unknown to relying parties."""
    columns = (certificates.c.state, certificates.c.revoked_at, certificates.c.reason)
    query = select(*columns).where(certificates.c.serial == serial, certificates.c.authority == authority)
    row = connection.execute(query).one_or_none()
    if row is None or row.state == State.APPROVED:
        return CertificateStatus(known=False)
    reason = None if row.reason is None else Reason(row.reason)
    return CertificateStatus(True, row.revoked_at, reason)


def crl_entries(connection: Connection, authority: str, last_list: datetime) -> list[bytes]:
    """Entry bytes of all that is revoked or held, by serial.

    An expired certificate stays until one list made after its end has borne it (RFC 5280 section 3.3).
    """
    query = (
        select(certificates.c.crl_entry)
        .where(certificates.c.authority == authority, certificates.c.crl_entry.is_not(None))
        .where(certificates.c.not_after > last_list)
        .order_by(certificates.c.serial)
    )
    return [bytes(entry) for entry in connection.execute(query).scalars()]


def expire(connection: Connection, now: datetime) -> int:
    """Move every certificate whose time is over to EXPIRED; returns how many."""
    over = certificates.c.state.in_([str(state) for state in State if State.EXPIRED in TRANSITIONS[state]])
    changed = update(certificates).where(over, certificates.c.not_after <= now)
    return connection.execute(changed.values(state=str(State.EXPIRED))).rowcount


def counts(connection: Connection) -> dict[str, int]:
    """Number of certificates in each state."""
    query = select(certificates.c.state, func.count()).group_by(certificates.c.state)
    return {row[0]: row[1] for row in connection.execute(query)}


# --- CRLs
def newest_crl(connection: Connection, authority: str) -> Row[Any] | None:
    query = select(crls).where(crls.c.authority == authority).order_by(crls.c.number.desc()).limit(1)
    return connection.execute(query).one_or_none()


def add_crl(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(insert(crls).values(dict(row)))


# --- keys of the suite's own services
def read_service(connection: Connection, role: str) -> Row[Any] | None:
    return connection.execute(select(services).where(services.c.role == role)).one_or_none()


def put_service(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(services.delete().where(services.c.role == row["role"]))
    connection.execute(insert(services).values(dict(row)))


# --- ceremonies
def add_ceremony(connection: Connection, row: Mapping[str, Any]) -> None:
    connection.execute(insert(ceremonies).values(dict(row)))


def read_ceremony(connection: Connection, ceremony_id: str) -> Row[Any]:
    row = connection.execute(select(ceremonies).where(ceremonies.c.id == ceremony_id)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no ceremony %(id)s."), id=ceremony_id[:60])
    return row


def end_ceremony(connection: Connection, ceremony_id: str, now: datetime) -> None:
    connection.execute(update(ceremonies).where(ceremonies.c.id == ceremony_id).values(performed_at=now))


_AUTHORITY = ("id", "name", "key", "algorithm", "certificate", "subject", "spki", "parent")
_REQUEST = (
    "id",
    "profile",
    "profile_version",
    "unit",
    "spki",
    "requested_by",
    "approval",
    "evidence",
    "filed_at",
    "own_key",
    "replaces",
)


def _authority(row: Row[Any]) -> Authority:
    return Authority(**{name: getattr(row, name) for name in _AUTHORITY})


def _request(row: Row[Any]) -> Request:
    values = {name: getattr(row, name) for name in _REQUEST}
    return Request(**values, subject=row.subject, names=tuple(row.names), state=State(row.state))


def _certificate(row: Row[Any]) -> Certificate:
    return Certificate(
        serial=row.serial,
        authority=row.authority,
        request=row.request,
        profile=row.profile,
        profile_version=row.profile_version,
        subject=row.subject,
        unit=row.unit,
        not_before=row.not_before,
        not_after=row.not_after,
        state=State(row.state),
        der=bytes(row.der),
        fingerprint=row.fingerprint,
        revoked_at=row.revoked_at,
        reason=None if row.reason is None else Reason(row.reason),
    )
