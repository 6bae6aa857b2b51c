"""The statements on the tables of status (ca.status.tables)."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Row,
    Select,
    String,
    Table,
    and_,
    any_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    literal,
    select,
    update,
)

from ca.model import Authority, Certificate, CertificateStatus, Reason, State
from ca.scopes import ListKind, Scope
from ca.signer.model import KeyRole
from ca.status.model import AT_ONCE, Proof, ProofState, RevocationList
from ca.status.tables import answers, changes, entries, proofs, scopes, versions
from ca.tables import certificates, lists, services
from kernel.store import insert_if_absent

_UNSIGNED = (str(State.APPROVED), str(State.GIVEN_UP))
_PIECES = 256  # parts of serial space that a long list is read in


# --- what changed
class Changed(NamedTuple):
    """A certificate's new status: its DER entry on the lists, or None for none."""

    serial: str
    shard: int
    not_after: datetime
    entry: bytes | None


def add_change(
    connection: Connection, found: Certificate, shard: int, entry: bytes | None, urgent: bool, at: datetime
) -> int:
    """Record a new status of a certificate; returns the CA's new version."""
    changed = Changed(found.serial, shard, found.not_after, entry)
    return add_changes(connection, found.authority, [changed], urgent, at)


def add_changes(
    connection: Connection, authority: str, changed: Sequence[Changed], urgent: bool, at: datetime
) -> int:
    """Record new statuses of certificates (at least one) of a CA, each with a version of its own; returns the newest.

    The version's row is locked until the commit, so that versions are in the order of commits.
    """
    newest = _raise_version(connection, authority, len(changed))
    rows = [{"authority": authority, **one._asdict()} for one in changed]
    numbered = [
        row | {"version": version, "urgent": urgent, "at": at}
        for version, row in enumerate(rows, newest - len(rows) + 1)
    ]
    listed = [row for row in rows if row["entry"] is not None]
    for table, now in ((changes, numbered), (entries, listed)):
        before = (table.c.authority == authority) & (table.c.serial == bindparam("changed"))
        connection.execute(delete(table).where(before), [{"changed": one.serial} for one in changed])
        if now:
            connection.execute(insert(table), now)
    return newest


def _raise_version(connection: Connection, authority: str, by: int = 1) -> int:
    insert_if_absent(connection, versions, {"authority": authority, "version": 0})
    raised = update(versions).where(versions.c.authority == authority).values(version=versions.c.version + by)
    version: int = connection.execute(raised.returning(versions.c.version)).scalar_one()
    return version


def version_of(connection: Connection, authority: str) -> int:
    """How often the CA's statuses have changed."""
    found = connection.execute(select(versions.c.version).where(versions.c.authority == authority))
    return found.scalar_one_or_none() or 0


_RESPONDERS: Select[Any] = (
    select(services.c.authority, services.c.key, versions.c.version)
    .outerjoin_from(services, versions, versions.c.authority == services.c.authority)
    .where(services.c.role == str(KeyRole.OCSP))
    .order_by(services.c.authority)
)


def responders(connection: Connection) -> Sequence[Row[Any]]:
    """``authority``, ``key`` of its OCSP responder, and the ``version`` of its statuses (None: never changed)."""
    return connection.execute(_RESPONDERS).all()


def shard_of(connection: Connection, serial: str) -> int:
    shard: int = connection.execute(
        select(certificates.c.crl_shard).where(certificates.c.serial == serial)
    ).scalar_one()
    return shard


def changed_since(connection: Connection, scope: Scope, version: int) -> tuple[bool, bool]:
    """Whether anything of the scope changed after that version, and whether anything urgent did."""
    after = _of(scope, changes) & (changes.c.version > version)
    first = connection.execute(select(changes.c.version).where(after).limit(1)).first()
    urgent = after & changes.c.urgent
    return first is not None, connection.execute(
        select(changes.c.version).where(urgent).limit(1)
    ).first() is not None


def prune(connection: Connection, authority: str, version: int, since: datetime) -> None:
    """Forget changes that every list of the CA has borne, and entries that ended before what any list still names."""
    old = (changes.c.authority == authority) & (changes.c.version <= version)
    connection.execute(delete(changes).where(old))
    ended = (entries.c.authority == authority) & (entries.c.not_after <= since)
    connection.execute(delete(entries).where(ended))


# --- what lists are made of
def entry_count(connection: Connection, scope: Scope) -> int:
    """Entries of the scope, counted no further than matters: AT_ONCE and one."""
    some = select(literal(1)).select_from(entries).where(_of(scope, entries)).limit(AT_ONCE + 1)
    return connection.execute(select(func.count()).select_from(some.subquery())).scalar_one()


def entry_pieces(connection: Connection, scope: Scope, since: datetime) -> Iterator[tuple[int, bytes]]:
    """(number, joined octets) of the entries whose certificates end after ``since``, in the order of serials.

    The database joins them: a row each would cost twice as much as all the rest.
    """
    joined = _joined(connection, entries).where(_of(scope, entries), entries.c.not_after > since)
    long = entry_count(connection, scope) > AT_ONCE
    for bounds in _ranges() if long else [()]:
        number, octets = connection.execute(joined.where(*bounds)).one()
        if number:
            yield number, bytes.fromhex(octets)


def _joined(connection: Connection, table: Table) -> Select[int, str]:
    """Number of entries in rows of the table, and their octets as one text of hex digits."""
    postgres = connection.dialect.name == "postgresql"
    text = func.encode(table.c.entry, "hex") if postgres else func.hex(table.c.entry)
    return select(func.count(), func.aggregate_strings(text, ""))


def _ranges() -> Iterator[tuple[ColumnElement[bool], ...]]:
    """Conditions that part the serials (hex) by their first two digits."""
    digits = [f"{number:02x}" for number in range(_PIECES)]
    for start, end in pairwise([*digits, "g"]):
        yield entries.c.serial >= start, entries.c.serial < end


def delta_entries(connection: Connection, base: RevocationList) -> tuple[int, bytes]:
    """(number, joined octets) of what changed after the full list ``base`` and is on the lists now."""
    listed = changes.c.entry.is_not(None) & (changes.c.not_after > base.this_update)
    wanted = _joined(connection, changes).where(_changed_after(base), listed)
    number, octets = connection.execute(wanted).one()
    return number, bytes.fromhex(octets or "")


def delta_removals(connection: Connection, base: RevocationList) -> dict[str, datetime]:
    """Serials that changed after the full list ``base`` and are on the lists no more, with the time of the change.

    With those whose certificates ended before it: it still names them, the next one does not.
    """
    off = changes.c.entry.is_(None) | (changes.c.not_after <= base.this_update)
    gone = select(changes.c.serial, changes.c.at).where(_changed_after(base), off)
    over = (entries.c.not_after > base.since) & (entries.c.not_after <= base.this_update)
    ended = select(entries.c.serial, entries.c.not_after).where(_of(base.scope, entries), over)
    return {row[0]: row[1] for query in (ended, gone) for row in connection.execute(query)}


def _changed_after(base: RevocationList) -> ColumnElement[bool]:
    return _of(base.scope, changes) & (changes.c.version > base.version)


# --- what OCSP tells
_KNOWN: Select[Any] = select(
    certificates.c.serial,
    certificates.c.authority,
    certificates.c.state,
    certificates.c.revoked_at,
    certificates.c.reason,
    certificates.c.not_after,
)
_TOLD: Select[Any] = _KNOWN.add_columns(
    answers.c.status, answers.c.produced_at, answers.c.responder, answers.c.signature
).outerjoin_from(certificates, answers, answers.c.serial == certificates.c.serial)

# PostgreSQL plans a list of values anew for each number of them, an array once
_AMONG: Mapping[str, ColumnElement[bool]] = {
    "postgresql": certificates.c.serial == any_(cast(bindparam("serials", type_=String), ARRAY(String))),
    "sqlite": certificates.c.serial.in_(bindparam("serials", expanding=True)),
}
_ASKED = {
    (dialect, prepared): told.where(among)
    for dialect, among in _AMONG.items()
    for told, prepared in ((_TOLD, True), (_KNOWN, False))
}


def statuses(connection: Connection, serials: Iterable[str], *, prepared: bool = True) -> dict[str, Row[Any]]:
    """What is known of serials; those never issued are left out. ``prepared``: with the prepared answer (or None) of each."""
    dialect = connection.dialect.name
    # serials are hex digits: as PostgreSQL writes arrays, which the driver would do at a third of the question's cost
    among = f"{{{','.join(serials)}}}" if dialect == "postgresql" else list(serials)
    rows = connection.execute(_ASKED[dialect, prepared], {"serials": among}).all()
    return {row.serial: row for row in rows}


def status_in(row: Row[Any], authority: str) -> CertificateStatus:
    """What the row says of a certificate of that CA. A serial without a certificate is unknown: intended, or given up."""
    if row.authority != authority or row.state in (State.APPROVED, State.GIVEN_UP):
        return CertificateStatus(known=False)
    return CertificateStatus(True, row.revoked_at, None if row.reason is None else Reason(row.reason))


def living_after(
    connection: Connection, authority: str, serial: str, now: datetime, limit: int
) -> Sequence[Row[Any]]:
    """The CA's next certificates in the order of serials that are signed and have not ended, as in ``statuses``."""
    mine = (certificates.c.authority == authority) & (certificates.c.serial > serial)
    living = (certificates.c.not_after > now) & certificates.c.state.not_in(_UNSIGNED)
    return connection.execute(_TOLD.where(mine, living).order_by(certificates.c.serial).limit(limit)).all()


def recently_changed(connection: Connection, after: datetime) -> list[str]:
    """Serials whose status changed after that moment."""
    return list(connection.execute(select(changes.c.serial).where(changes.c.at > after)).scalars())


def put_answers(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Store prepared answers in place of what was there."""
    if rows:
        connection.execute(delete(answers).where(answers.c.serial.in_([row["serial"] for row in rows])))
        connection.execute(insert(answers), [dict(row) for row in rows])


def forget_ahead(connection: Connection, authority: str, now: datetime) -> None:
    """Remove prepared answers of the CA that bear a later time than now; whoever keeps any in memory looks anew."""
    mine = select(certificates.c.serial).where(certificates.c.authority == authority)
    later = answers.c.produced_at > int(now.timestamp())
    connection.execute(delete(answers).where(later, answers.c.serial.in_(mine)))
    _raise_version(connection, authority)


def forget_ended(connection: Connection, before: int) -> int:
    """Remove prepared answers that were made so long ago (seconds since 1970) that they are over."""
    return connection.execute(delete(answers).where(answers.c.produced_at < before)).rowcount


def prepared(connection: Connection) -> tuple[int, int | None]:
    """How many answers are prepared, and when the oldest was (seconds since 1970)."""
    row = connection.execute(select(func.count(), func.min(answers.c.produced_at))).one()
    return row[0], row[1]


# --- proofs
def add_proof(connection: Connection, one: Proof) -> None:
    """A new change makes what was to be seen before it of no interest."""
    mine = (proofs.c.serial == one.serial) & proofs.c.next_at.is_not(None)
    connection.execute(update(proofs).where(mine).values(next_at=None))
    row = {name: getattr(one, name) for name in one.__dataclass_fields__}
    connection.execute(insert(proofs).values(row | {"state": str(one.state)}))


def due_proofs(connection: Connection, now: datetime, limit: int) -> list[Proof]:
    """Those to be looked at now, oldest first."""
    due = select(proofs).where(proofs.c.next_at <= now).order_by(proofs.c.next_at).limit(limit)
    return [_proof(row) for row in connection.execute(due)]


def next_proof(connection: Connection) -> datetime | None:
    """When the next one is to be looked at."""
    found: datetime | None = connection.execute(select(func.min(proofs.c.next_at))).scalar_one()
    return found


def proofs_of(connection: Connection, serial: str) -> list[Proof]:
    """Of one certificate, newest first."""
    mine = select(proofs).where(proofs.c.serial == serial).order_by(proofs.c.version.desc())
    return [_proof(row) for row in connection.execute(mine)]


def set_proof(connection: Connection, one: Proof) -> None:
    mine = (proofs.c.serial == one.serial) & (proofs.c.version == one.version)
    row = {name: getattr(one, name) for name in one.__dataclass_fields__}
    connection.execute(update(proofs).where(mine).values(row | {"state": str(one.state)}))


def worst_proof(connection: Connection, since: datetime, *seen: ColumnElement[bool]) -> Proof | None:
    """The change after ``since`` that was seen everywhere last, counted from the change; waiting ones first."""
    joined = proofs.join(certificates, certificates.c.serial == proofs.c.serial)
    wanted = select(proofs).select_from(joined).where(proofs.c.changed_at > since, *seen)
    recent = [_proof(row) for row in connection.execute(wanted)]
    return max(recent, default=None, key=lambda one: (one.next_at is not None, one.seconds or 0))


def _proof(row: Row[Any]) -> Proof:
    values = {name: getattr(row, name) for name in Proof.__dataclass_fields__}
    return Proof(**values | {"state": ProofState(row.state)})


# --- what was published
def number_of(connection: Connection, scope: Scope) -> int:
    """The newest number of the scope's lists; 0 before the first."""
    found = connection.execute(select(scopes.c.number).where(_of(scope, scopes))).scalar_one_or_none()
    return found or 0


def raise_number(connection: Connection, scope: Scope, old: int, new: int) -> bool:
    """Take the next number; False when another publisher was first."""
    if not old:
        row = {"authority": scope.authority, "shard": scope.shard, "number": new}
        return insert_if_absent(connection, scopes, row)
    mine = _of(scope, scopes) & (scopes.c.number == old)
    return connection.execute(update(scopes).where(mine).values(number=new)).rowcount == 1


def add_list(connection: Connection, one: RevocationList) -> None:
    row = {name: getattr(one, name) for name in one.__dataclass_fields__}
    connection.execute(insert(lists).values(row | {"kind": str(one.kind)}))


def newest_list(connection: Connection, scope: Scope, kind: ListKind) -> RevocationList | None:
    mine = _of(scope, lists) & (lists.c.kind == str(kind))
    row = connection.execute(select(lists).where(mine).order_by(lists.c.number.desc()).limit(1)).one_or_none()
    return None if row is None else _list(row)


def newest_lists(connection: Connection) -> list[RevocationList]:
    """The newest list of each scope and kind."""
    last = select(lists.c.authority, lists.c.shard, lists.c.kind, func.max(lists.c.number).label("number"))
    newest = last.group_by(lists.c.authority, lists.c.shard, lists.c.kind).subquery()
    same = and_(*(lists.c[name] == newest.c[name] for name in ("authority", "shard", "kind", "number")))
    return [_list(row) for row in connection.execute(select(lists).select_from(lists.join(newest, same)))]


def take_old(connection: Connection, scope: Scope, kind: ListKind, keep: int) -> list[RevocationList]:
    """Remove the record of all but the newest lists; returns what was removed."""
    mine = _of(scope, lists) & (lists.c.kind == str(kind))
    old = connection.execute(select(lists).where(mine).order_by(lists.c.number.desc()).offset(keep)).all()
    if old:
        connection.execute(delete(lists).where(mine, lists.c.number <= old[0].number))
    return [_list(row) for row in old]


def shards_in_use(connection: Connection, authorities: Iterable[Authority]) -> dict[str, int]:
    """The highest shard that a certificate of each CA names, for those that have any."""
    known = [one.id for one in authorities]
    highest = select(certificates.c.authority, func.max(certificates.c.crl_shard))
    found = connection.execute(
        highest.where(certificates.c.authority.in_(known)).group_by(certificates.c.authority)
    )
    return {row[0]: row[1] for row in found if row[1]}


def _of(scope: Scope, table: Any) -> ColumnElement[bool]:
    """Rows of the scope; shard 0 is all of the CA's for what is told, and itself for what was published."""
    mine: ColumnElement[bool] = table.c.authority == scope.authority
    if scope.shard or table in (lists, scopes):
        mine = mine & (table.c.shard == scope.shard)
    return mine


def _list(row: Row[Any]) -> RevocationList:
    values = {name: getattr(row, name) for name in RevocationList.__dataclass_fields__}
    return RevocationList(**values | {"kind": ListKind(row.kind)})
