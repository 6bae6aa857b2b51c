"""The statements on the CA's tables (ca.tables)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    bindparam,
    func,
    insert,
    select,
    update,
)

from ca.model import (
    TRANSITIONS,
    Authority,
    AuthorityKind,
    AuthorityState,
    Certificate,
    Reason,
    Request,
    State,
)
from ca.tables import authorities, certificates, lists, requests, services, words
from ca.words import words_of
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import units, users
from kernel.store import insert_rows


# --- quick find
def add_words(connection: Connection, texts_of: Mapping[str, Iterable[str]]) -> None:
    """Have each owner (a request's id, a certificate's serial) found by its texts."""
    found = [(word, owner) for owner, texts in texts_of.items() for word in sorted(words_of(texts))]
    insert_rows(connection, words, [{"word": word, "owner": owner} for word, owner in found])


# --- authorities
def add_authority(connection: Connection, authority: Authority, now: datetime) -> None:
    row = {name: getattr(authority, name) for name in _AUTHORITY}
    row |= {"key": authority.key or None, "profiles": list(authority.profiles)}
    row |= {"kind": str(authority.kind), "state": str(authority.state)}
    connection.execute(insert(authorities).values(**row, created_at=now))


def read_authority(connection: Connection, authority_id: str) -> Authority:
    row = connection.execute(select(authorities).where(authorities.c.id == authority_id)).one_or_none()
    if row is None:
        raise NotFound(N_("There is no CA %(id)s."), id=authority_id[:60])
    return _authority(row)


def read_authorities(connection: Connection) -> list[Authority]:
    """All CAs, superior first."""
    return [_authority(row) for row in connection.execute(_AUTHORITIES)]


# --- requests
def add_requests(connection: Connection, filed: Sequence[tuple[Request, bytes | None, str | None]]) -> None:
    """Keep requests, each with its CSR, or the sealed key that was made for it."""
    rows = [
        {name: getattr(request, name) for name in _REQUEST}
        | {"subject": dict(request.subject), "names": list(request.names), "state": str(request.state)}
        | {"csr": csr, "sealed_key": sealed}
        for request, csr, sealed in filed
    ]
    insert_rows(connection, requests, rows)
    texts = {one.id: [one.id, *one.subject.values(), *one.names] for one, _, _ in filed}
    add_words(connection, texts)


def read_requests() -> Select[Any]:
    """Requests with the names of who filed each and of its unit."""
    columns = [requests.c[name] for name in (*_REQUEST, "subject", "names", "state")]
    waiting = requests.c.sealed_key.is_not(None).label("key_waiting")
    who, unit = name_of(users, requests.c.requested_by), name_of(units, requests.c.unit)
    return select(*columns, who.label("requester"), unit.label("unit_name"), waiting)


def name_of(table: FromClause, reference: ColumnElement[str]) -> ColumnElement[str]:
    """The name of what a column refers to; no join, so that counting the rows asks for no names."""
    return select(table.c.name).where(table.c.id == reference).scalar_subquery()


def read_request(connection: Connection, request_id: str, *, lock: bool = False) -> Request:
    query = read_requests().where(requests.c.id == request_id)
    row = connection.execute(query.with_for_update(of=requests) if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no request %(id)s."), id=request_id[:60])
    return request_of(row)


def set_request_state(connection: Connection, request_id: str, state: State) -> None:
    connection.execute(update(requests).where(requests.c.id == request_id).values(state=str(state)))


def fulfil_requests(connection: Connection, request_ids: Collection[str]) -> list[tuple[str, str]]:
    """The requests' certificates are issued; returns each that replaces a certificate, with the serial of that."""
    if not request_ids:
        return []
    found = connection.execute(_FULFILLED, {"fulfilled": list(request_ids)})
    return sorted((row.id, row.replaces) for row in found if row.replaces is not None)


def take_sealed_key(connection: Connection, request_id: str) -> str | None:
    """The sealed key made here for a request, removed: it is handed over once."""
    query = select(requests.c.sealed_key).where(requests.c.id == request_id).with_for_update()
    sealed: str | None = connection.execute(query).scalar_one_or_none()
    connection.execute(update(requests).where(requests.c.id == request_id).values(sealed_key=None))
    return sealed


def history_of_keys(
    connection: Connection, spki_digests: Sequence[str]
) -> tuple[dict[str, set[str]], set[str]]:
    """By digest of the key, the subjects it is certified for, whatever their state; and the digests of revoked ones."""
    subjects: dict[str, set[str]] = {}
    revoked: set[str] = set()
    for digest, subject, state in connection.execute(_HISTORY, {"digests": spki_digests}):
        subjects.setdefault(digest, set()).add(subject)
        if state == State.REVOKED:
            revoked.add(digest)
    return subjects, revoked


# --- certificates
def add_intents(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    insert_rows(connection, certificates, rows)


def pending_intents(connection: Connection) -> Sequence[Row[Any]]:
    """All that was to be signed and is not, with the warrants."""
    query = _intents.where(certificates.c.state == str(State.APPROVED))
    return connection.execute(query.order_by(certificates.c.intent_at)).all()


def read_intent(connection: Connection, serial: str) -> Row[Any]:
    """What was to be signed under that serial, signed or not."""
    return connection.execute(_intents.where(certificates.c.serial == serial)).one()


def lock_intents(connection: Connection, serials: Iterable[str]) -> dict[str, str]:
    """Which of these are not signed yet, kept from others until the transaction ends: serial -> name of the unit."""
    found = connection.execute(_UNSIGNED, {"serials": list(serials)})
    return {row.serial: row.unit_name or "" for row in found}


def store_signed(connection: Connection, issued: Sequence[Certificate], now: datetime) -> None:
    """Keep the certificates' bytes and fingerprints; what only their signing needed goes."""
    rows = [
        {"of": one.serial, "der": one.der, "fingerprint": one.fingerprint, "issued_at": now} for one in issued
    ]
    connection.execute(_SIGNED, rows)


def read_certificates() -> Select[Any]:
    """Certificates with the names of their units and CAs, without what only their making needs."""
    columns = [certificates.c[name] for name in _CERTIFICATE]
    unit = name_of(units, certificates.c.unit).label("unit_name")
    return select(*columns, unit, name_of(authorities, certificates.c.authority).label("authority_name"))


def read_certificate(connection: Connection, serial: str, *, lock: bool = False) -> Certificate:
    query = read_certificates().where(certificates.c.serial == serial.lower().replace(":", ""))
    row = connection.execute(query.with_for_update(of=certificates) if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no certificate %(serial)s."), serial=serial[:60])
    return certificate_of(row)


def certificates_of(connection: Connection, serials: Collection[str]) -> dict[str, Certificate]:
    """Several certificates by serial."""
    if not serials:
        return {}
    rows = connection.execute(read_certificates().where(certificates.c.serial.in_(serials)))
    return {row.serial: certificate_of(row) for row in rows}


def certificate_of_request(connection: Connection, request_id: str) -> Certificate | None:
    row = connection.execute(read_certificates().where(certificates.c.request == request_id)).one_or_none()
    return certificate_of(row) if row else None


def certificate_by_fingerprint(connection: Connection, fingerprint: str) -> Certificate | None:
    row = connection.execute(
        read_certificates().where(certificates.c.fingerprint == fingerprint)
    ).one_or_none()
    return certificate_of(row) if row else None


def set_status(
    connection: Connection,
    serial: str,
    state: State,
    revoked_at: datetime | None = None,
    reason: Reason | None = None,
) -> None:
    values = {
        "state": str(state),
        "revoked_at": revoked_at,
        "reason": None if reason is None else int(reason),
    }
    connection.execute(update(certificates).where(certificates.c.serial == serial).values(values))


def expire(connection: Connection, now: datetime) -> int:
    """Move every certificate whose time is over to EXPIRED; returns how many."""
    over = certificates.c.state.in_([str(state) for state in State if State.EXPIRED in TRANSITIONS[state]])
    changed = update(certificates).where(over, certificates.c.not_after <= now)
    return connection.execute(changed.values(state=str(State.EXPIRED))).rowcount


def counts(connection: Connection, *seen: ColumnElement[bool]) -> dict[str, int]:
    """Number of certificates (of those that are ``seen``) in each state."""
    query = select(certificates.c.state, func.count()).where(*seen)
    return {row[0]: row[1] for row in connection.execute(query.group_by(certificates.c.state))}


# --- CRLs
def newest_list_time(connection: Connection) -> datetime | None:
    """When the newest CRL of all CAs was made: no clock of ours may be behind it."""
    found: datetime | None = connection.execute(select(func.max(lists.c.this_update))).scalar_one()
    return found


# --- keys of the suite's own services
def read_service(connection: Connection, role: str, authority: str = "") -> Row[Any] | None:
    """The key of a service of which there is one, or of the OCSP responder of ``authority``."""
    query = select(services).where(services.c.role == role)
    if authority:
        query = query.where(services.c.authority == authority)
    return connection.execute(query).one_or_none()


def read_services_of(connection: Connection, role: str) -> Sequence[Row[Any]]:
    """The keys of one service, by the CA whose they are."""
    query = select(services).where(services.c.role == role)
    return connection.execute(query.order_by(services.c.authority)).all()


def read_services(connection: Connection) -> Sequence[Row[Any]]:
    """All services' keys."""
    return connection.execute(select(services).order_by(services.c.role, services.c.authority)).all()


def put_service(connection: Connection, row: Mapping[str, Any], *, each_authority: bool) -> None:
    """Replace the service's key: that of the same CA if ``each_authority`` has one, else the only one."""
    old = services.delete().where(services.c.role == row["role"])
    connection.execute(old.where(services.c.authority == row["authority"]) if each_authority else old)
    connection.execute(insert(services).values(dict(row)))


# built once: each certificate that is issued asks them
_AUTHORITIES = select(authorities).order_by(
    authorities.c.parent.is_not(None), authorities.c.created_at, authorities.c.id
)
_HISTORY = select(certificates.c.spki_digest, certificates.c.subject, certificates.c.state).where(
    certificates.c.spki_digest.in_(bindparam("digests", expanding=True))
)
_UNSIGNED = (
    select(certificates.c.serial, name_of(units, certificates.c.unit).label("unit_name"))
    .where(certificates.c.serial.in_(bindparam("serials", expanding=True)))
    .where(certificates.c.state == str(State.APPROVED))
    .order_by(certificates.c.serial)
    .with_for_update(of=certificates)
)
_FULFILLED = (
    update(requests)
    .where(requests.c.id.in_(bindparam("fulfilled", expanding=True)))
    .values(state=str(State.ISSUED))
    .returning(requests.c.id, requests.c.replaces)
)
_SIGNED = (
    update(certificates)
    .where(certificates.c.serial == bindparam("of"))
    .values(
        der=bindparam("der"),
        fingerprint=bindparam("fingerprint"),
        issued_at=bindparam("issued_at"),
        state=str(State.ISSUED),
        tbs=b"",
        warrant=None,
    )
)
_CERTIFICATE = (
    "serial",
    "authority",
    "request",
    "profile",
    "profile_version",
    "subject",
    "unit",
    "not_before",
    "not_after",
    "state",
    "der",
    "fingerprint",
    "intent_at",
    "revoked_at",
    "reason",
)
_NAMED = ("id", "name", "algorithm", "certificate", "subject", "spki", "parent")
INTENDED = tuple(name for name in _CERTIFICATE if name not in ("state", "revoked_at", "reason"))
_intents = read_certificates().add_columns(certificates.c.tbs, certificates.c.warrant)
_AUTHORITY = (*_NAMED, "offline", "generation", "predecessor")
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
    return Authority(
        **{name: getattr(row, name) for name in _AUTHORITY},
        key=row.key or "",
        kind=AuthorityKind(row.kind),
        profiles=tuple(row.profiles),
        state=AuthorityState(row.state),
    )


def request_of(row: Row[Any]) -> Request:
    values = {name: getattr(row, name) for name in _REQUEST}
    about = {"subject": row.subject, "names": tuple(row.names), "state": State(row.state)}
    return Request(
        **values,
        **about,
        requester=row.requester or "",
        unit_name=row.unit_name or "",
        key_waiting=bool(row.key_waiting),
    )


def certificate_of(row: Row[Any]) -> Certificate:
    values = {name: getattr(row, name) for name in _CERTIFICATE}
    values |= {
        "state": State(row.state),
        "der": bytes(row.der),
        "reason": None if row.reason is None else Reason(row.reason),
    }
    return Certificate(**values, unit_name=row.unit_name or "", authority_name=row.authority_name or "")
