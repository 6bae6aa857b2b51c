"""Renewals found in time: a daily job finds what ends within its profile's renewal window and tells of each once."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select

from ca.profiles import Profile, Profiles, Usage
from ca.registration import store
from ca.registration.tables import reminders
from ca.store import name_of
from ca.tables import certificates
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.identity.store import units
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Listing, Page, equals

AT_ONCE = 200  # certificates of one transaction


@dataclass(frozen=True)
class Due:
    """A certificate that somebody has to renew."""

    serial: str
    subject: str
    profile: str
    unit: str
    not_after: datetime
    reminded_at: datetime
    unit_name: str


_QUERY: Select[Any] = select(
    reminders,
    certificates.c.subject,
    certificates.c.profile,
    name_of(units, reminders.c.unit).label("unit_name"),
).select_from(reminders.join(certificates, certificates.c.serial == reminders.c.serial))


def _due(row: Row[Any]) -> Due:
    names = ("serial", "subject", "profile", "unit", "not_after", "reminded_at")
    return Due(**{name: getattr(row, name) for name in names}, unit_name=row.unit_name or row.unit)


RENEWALS: Listing[Due] = Listing(
    query=_QUERY,
    key=reminders.c.serial,
    orders={"ends": reminders.c.not_after},
    default="ends",
    row=_due,
    text=(certificates.c.subject, reminders.c.serial),
    filters={"unit": equals(reminders.c.unit), "profile": equals(certificates.c.profile)},
)


class Renewals:
    """What has to be renewed, for the registrars of its unit. What is renewed, revoked or over is no longer in it."""

    def __init__(self, database: Database, clock: Clock, access: Access, profiles: Profiles) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._profiles = profiles

    def page(self, principal: Principal, ask: Ask) -> Page[Due]:
        """What ends soon, the first to end first. Filters: unit, profile."""
        self._access.require(principal, Permission.CA_READ)
        seen = self._access.seen(principal, reminders.c.unit)
        with self._database.read() as connection:
            return RENEWALS.page(connection, ask, *self._open(), *seen)

    def get(self, principal: Principal, serial: str) -> Due:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            wanted = _QUERY.where(reminders.c.serial == serial, *self._open())
            row = connection.execute(wanted).one_or_none()
        if row is None or not self._access.covers(principal, row.unit):
            raise NotFound(N_("Certificate %(serial)s is none that has to be renewed."), serial=serial[:60])
        return _due(row)

    def remind(self) -> int:
        """Tell of every certificate that has come into its renewal window, once; how many that were."""
        subjects = [one for one in self._profiles.all() if one.usage is Usage.SUBJECT]
        return sum(self._remind(profile) for profile in subjects)

    def _remind(self, profile: Profile) -> int:
        told = 0
        while found := self._remind_some(profile):
            told += found
        return told

    def _remind_some(self, profile: Profile) -> int:
        now = self._clock.now()
        with self._database.begin() as uow:
            due = store.unreminded(uow.connection, profile.id, now, now + profile.renewal, AT_ONCE)
            for row in due:
                self._tell(uow, profile, row)
            if due:
                details = {"profile": profile.id, "certificates": len(due)}
                uow.audit(Principal.system("ca"), AuditAction.CA_REMIND, "certificates", details=details)
        return len(due)

    def _tell(self, uow: UnitOfWork, profile: Profile, row: Row[Any]) -> None:
        store.add_reminder(uow.connection, row, self._clock.now())
        about = {"serial": row.serial, "subject": row.subject, "profile": profile.id}
        about["not_after"] = row.not_after.isoformat()
        kind = EventKind.CERTIFICATE_RENEWAL_DUE
        uow.emit(Event(kind, f"certificate:{row.serial}", about, unit=row.unit, severity="low"))

    def _open(self) -> tuple[Any, ...]:
        return store.in_use(), reminders.c.not_after > self._clock.now()
