"""The statements on the hierarchy's tables (ca.hierarchy.tables)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, insert, select, update

from ca import store
from ca.hierarchy.model import (
    Act,
    Carried,
    Ceremony,
    CeremonyKind,
    CeremonyState,
    OfflineState,
    OwnCertificate,
    OwnKind,
    Step,
)
from ca.hierarchy.tables import ceremonies, offline_requests, own_certificates, steps
from ca.model import Authority
from ca.tables import authorities
from kernel.canonical import sha256_hex
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import users


# --- authorities and their certificates
def add_authority(connection: Connection, authority: Authority, now: datetime) -> None:
    """Store a CA with its first certificate."""
    store.add_authority(connection, authority, now)
    add_certificate(connection, authority.id, OwnKind.OWN, authority.certificate, now)


def change_authority(connection: Connection, authority_id: str, **values: Any) -> None:
    connection.execute(update(authorities).where(authorities.c.id == authority_id).values(values))


def add_certificate(
    connection: Connection, authority_id: str, kind: OwnKind, der: bytes, now: datetime
) -> None:
    row = {"fingerprint": sha256_hex(der), "authority": authority_id, "kind": str(kind), "der": der}
    connection.execute(insert(own_certificates).values(**row, added_at=now))


def read_certificates(connection: Connection, authority_id: str = "") -> list[OwnCertificate]:
    """Certificates of a CA, or of all, newest first."""
    query = select(own_certificates).order_by(own_certificates.c.added_at.desc(), own_certificates.c.kind)
    if authority_id:
        query = query.where(own_certificates.c.authority == authority_id)
    return [
        OwnCertificate(row.fingerprint, row.authority, OwnKind(row.kind), bytes(row.der), row.added_at)
        for row in connection.execute(query)
    ]


# --- ceremonies
def add_ceremony(connection: Connection, row: Mapping[str, Any], script: Sequence[Step]) -> None:
    connection.execute(insert(ceremonies).values(dict(row)))
    rows = [
        {
            "ceremony": row["id"],
            "number": step.number,
            "act": str(step.act),
            "title": dict(step.title),
            "about": step.about,
        }
        for step in script
    ]
    connection.execute(insert(steps), rows)


def read_ceremonies(connection: Connection) -> list[Ceremony]:
    """All ceremonies without their steps, newest first; there are few."""
    rows = connection.execute(_ceremonies().order_by(ceremonies.c.id.desc()))
    return [_ceremony(row, ()) for row in rows]


def read_ceremony(connection: Connection, ceremony_id: str, *, lock: bool = False) -> Ceremony:
    query = _ceremonies().where(ceremonies.c.id == ceremony_id)
    row = connection.execute(query.with_for_update(of=ceremonies) if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no ceremony %(id)s."), id=ceremony_id[:60])
    listed = connection.execute(select(steps).where(steps.c.ceremony == ceremony_id).order_by(steps.c.number))
    return _ceremony(row, tuple(_step(one) for one in listed))


def change_ceremony(connection: Connection, ceremony_id: str, **values: Any) -> None:
    connection.execute(update(ceremonies).where(ceremonies.c.id == ceremony_id).values(values))


def change_step(connection: Connection, ceremony_id: str, number: int, **values: Any) -> None:
    this = (steps.c.ceremony == ceremony_id) & (steps.c.number == number)
    connection.execute(update(steps).where(this).values(values))


def open_ceremonies(connection: Connection) -> list[Ceremony]:
    """Those that are neither performed nor rejected."""
    waiting = ceremonies.c.state.in_([str(CeremonyState.PROPOSED), str(CeremonyState.RUNNING)])
    return [_ceremony(row, ()) for row in connection.execute(_ceremonies().where(waiting))]


def unsealed_ceremonies(connection: Connection) -> list[Ceremony]:
    waiting = ceremonies.c.minutes.is_not(None) & ceremonies.c.seal.is_(None)
    return [_ceremony(row, ()) for row in connection.execute(_ceremonies().where(waiting))]


# --- requests to offline CAs
def add_request(connection: Connection, carried: Carried) -> None:
    row = {name: getattr(carried, name) for name in _CARRIED}
    connection.execute(insert(offline_requests).values(row | {"state": str(carried.state)}))


def read_requests(connection: Connection) -> list[Carried]:
    """All requests, newest first; there are few."""
    rows = connection.execute(_requests().order_by(offline_requests.c.id.desc()))
    return [_carried(row) for row in rows]


def names_of(connection: Connection, people: Collection[str]) -> list[str]:
    """The names of accounts; an id without an account stays as it is."""
    found = connection.execute(select(users.c.id, users.c.name).where(users.c.id.in_(people)))
    names = {row.id: row.name for row in found}
    return [names.get(one, one) for one in people]


def read_request(connection: Connection, request_id: str, *, lock: bool = False) -> Carried:
    query = _requests().where(offline_requests.c.id == request_id)
    row = connection.execute(query.with_for_update(of=offline_requests) if lock else query).one_or_none()
    if row is None:
        raise NotFound(N_("There is no request %(id)s to an offline CA."), id=request_id[:60])
    return _carried(row)


def request_of_step(connection: Connection, ceremony_id: str, number: int) -> Carried | None:
    """The step's request that is not void."""
    table = offline_requests.c
    this = (table.ceremony == ceremony_id) & (table.number == number)
    row = connection.execute(_requests().where(this, table.state != str(OfflineState.VOID))).one_or_none()
    return _carried(row) if row else None


def change_request(connection: Connection, request_id: str, **values: Any) -> None:
    connection.execute(update(offline_requests).where(offline_requests.c.id == request_id).values(values))


def _ceremonies() -> Select[Any]:
    proposer = store.name_of(users, ceremonies.c.proposed_by).label("proposer")
    performer = store.name_of(users, ceremonies.c.performed_by).label("performer")
    return select(ceremonies, proposer, performer)


def _requests() -> Select[Any]:
    return select(offline_requests, store.name_of(users, offline_requests.c.made_by).label("maker"))


_CARRIED = (
    "id",
    "ceremony",
    "number",
    "purpose",
    "authority",
    "title",
    "file",
    "digest",
    "work",
    "made_by",
    "made_at",
)


def _ceremony(row: Row[Any], listed: tuple[Step, ...]) -> Ceremony:
    return Ceremony(
        id=row.id,
        kind=CeremonyKind(row.kind),
        plan=row.plan,
        state=CeremonyState(row.state),
        approval=row.approval,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        performed_by=row.performed_by or "",
        performed_at=row.performed_at,
        steps=listed,
        minutes=row.minutes or "",
        seal=bytes(row.seal or b""),
        stamp=bytes(row.stamp or b""),
        proposer=row.proposer or "",
        performer=row.performer or "",
    )


def _step(row: Row[Any]) -> Step:
    return Step(
        number=row.number,
        act=Act(row.act),
        title=row.title,
        about=row.about,
        work=row.work,
        result=row.result,
        person=row.person or "",
        remark=row.remark or "",
        done_by=row.done_by or "",
        done_at=row.done_at,
    )


def _carried(row: Row[Any]) -> Carried:
    return Carried(
        **{name: getattr(row, name) for name in _CARRIED},
        state=OfflineState(row.state),
        exported_at=row.exported_at,
        answer=row.answer or "",
        signed_by=row.signed_by or "",
        signed_at=row.signed_at,
        decided_by=row.decided_by or "",
        decided_at=row.decided_at,
        maker=row.maker or "",
    )
