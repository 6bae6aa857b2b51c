"""The statements on the profiles' versions, and on the units that a profile's rules are by."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, select, update

from ca.model import State
from ca.profiles.model import ProfileVersion, VersionState
from ca.profiles.profile import Profile
from ca.profiles.tables import profile_versions as table
from ca.store import name_of
from ca.tables import requests
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.store import units, users
from kernel.store.base import insert_if_absent

_COLUMNS = (
    "id",
    "number",
    "version",
    "document",
    "proposed_by",
    "proposed_at",
    "reason",
    "approval",
    "decided_at",
)
_ACTIVE = (
    select(table.c.id, table.c.version).where(table.c.state == str(VersionState.ACTIVE)).order_by(table.c.id)
)
_TOP = units.alias("below")
_ABOVE = (  # built once: asked for whenever a profile's rules are by unit
    select(units.c.id)
    .join(_TOP, func.substr(_TOP.c.path, 1, func.length(units.c.path)) == units.c.path)
    .where(_TOP.c.id == bindparam("unit"))
    .order_by(units.c.path.desc())
)


def active(connection: Connection) -> tuple[tuple[str, str], ...]:
    """Id and version of each profile in force."""
    return tuple((row.id, row.version) for row in connection.execute(_ACTIVE))


def document(connection: Connection, profile_id: str, version: str) -> Mapping[str, Any] | None:
    """The document of any version there ever was."""
    query = select(table.c.document).where(table.c.id == profile_id, table.c.version == version).limit(1)
    found: Mapping[str, Any] | None = connection.execute(query).scalar_one_or_none()
    return found


def adopt(connection: Connection, row: Mapping[str, Any]) -> bool:
    """Store the first version of a profile unless there is one; whether it was stored."""
    return insert_if_absent(connection, table, row)


def add(connection: Connection, found: ProfileVersion, approval: str) -> None:
    """Store a proposed version with the approval that it waits for."""
    row = {name: getattr(found, name) for name in _COLUMNS} | {
        "state": str(found.state),
        "approval": approval,
    }
    connection.execute(insert(table).values(row))


def decide(connection: Connection, found: ProfileVersion, state: VersionState, now: datetime) -> None:
    """End a proposal. The version that was in force until now is retired when another takes its place."""
    same = table.c.id == found.id
    if state is VersionState.ACTIVE:
        old = update(table).where(same, table.c.state == str(VersionState.ACTIVE))
        connection.execute(old.values(state=str(VersionState.RETIRED)))
    ended = update(table).where(same, table.c.number == found.number)
    connection.execute(ended.values(state=str(state), decided_at=now))


def last_number(connection: Connection, profile_id: str) -> int:
    """The highest number of a version, 0 for a profile that is new."""
    query = select(func.max(table.c.number)).where(table.c.id == profile_id)
    return connection.execute(query).scalar_one() or 0


def read_versions() -> Select[Any]:
    """Versions with the names of who proposed each."""
    columns = [table.c[name] for name in (*_COLUMNS, "state")]
    return select(*columns, name_of(users, table.c.proposed_by).label("proposer"))


def read_version(
    connection: Connection, profile_id: str, number: int, *, lock: bool = False
) -> ProfileVersion:
    query = read_versions().where(table.c.id == profile_id, table.c.number == number)
    row = connection.execute(query.with_for_update(of=table) if lock else query).one_or_none()
    if row is None:
        raise no_version(f"{profile_id}@{number}")
    return version_of_row(row)


def numbers(connection: Connection, profile_id: str, state: VersionState) -> list[int]:
    """The numbers of a profile's versions in a state, newest first."""
    query = select(table.c.number).where(table.c.id == profile_id, table.c.state == str(state))
    return list(connection.execute(query.order_by(table.c.number.desc())).scalars())


def number_of(connection: Connection, profile_id: str, version: str) -> int:
    """The newest number under which that version was kept; NotFound otherwise."""
    query = select(func.max(table.c.number)).where(table.c.id == profile_id, table.c.version == version)
    found: int | None = connection.execute(query).scalar_one()
    if found is None:
        raise no_version(f"{profile_id}@{version}")
    return found


def waiting(connection: Connection, profile_id: str) -> int:
    """How many requests of the profile wait for their approval."""
    query = select(func.count()).select_from(requests)
    query = query.where(requests.c.state == str(State.REQUESTED), requests.c.profile == profile_id)
    return int(connection.execute(query).scalar_one())


def units_for(connection: Connection, profile: Profile, unit: str) -> tuple[str, ...]:
    """What ``Profile.check_names`` wants: the unit's id and those of the units above it, nearest first."""
    if not profile.names.by_unit:
        return (unit,)
    return tuple(connection.execute(_ABOVE, {"unit": unit}).scalars())


def version_of_row(row: Row[Any]) -> ProfileVersion:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return ProfileVersion(**values, state=VersionState(row.state), proposer=row.proposer or "")


def no_version(key: str) -> NotFound:
    return NotFound(N_("There is no version %(key)s of a profile."), key=key[:80])
