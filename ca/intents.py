"""What was intended and is not signed: shown with the signer's refusal, tried again, given up.

A serial number that is given up stays owned for ever: the register has it with what was to be signed, and no other certificate
bears it. Relying parties are told of it as of a number that was never issued (RFC 6960 section 2.2: unknown), and
neither list nor transparency log names it, since there is no certificate.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, case, select, update

from ca import refusals, store
from ca.issuance import Issuance
from ca.model import Authority, Certificate, State, move
from ca.profiles import Profiles, Usage
from ca.refusals import refusals as table
from ca.store import name_of
from ca.tables import authorities, certificates, requests
from kernel.audit.model import AuditAction
from kernel.errors import Conflict, ErrorCode, NotFound, WeichengError, rebuild
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.identity.store import units
from kernel.store import Database, UnitOfWork
from kernel.store.listing import Ask, Listing, Page, equals


class IntentState(StrEnum):
    """Waiting for the signer (or for the answer of an offline CA), refused by it, given up."""

    WAITING = "waiting"
    REFUSED = "refused"
    GIVEN_UP = "given_up"


@dataclass(frozen=True)
class Intent:
    """A certificate that is not signed. ``refusal`` is what the signer said last, None when it has refused nothing."""

    serial: str
    authority: str
    authority_name: str
    request: str
    profile: str
    subject: str
    unit: str
    unit_name: str
    state: IntentState
    intent_at: datetime
    attempts: int
    refused_at: datetime | None
    refusal: WeichengError | None


def _state() -> ColumnElement[str]:
    return case(
        (certificates.c.state == str(State.GIVEN_UP), str(IntentState.GIVEN_UP)),
        (table.c.serial.is_not(None), str(IntentState.REFUSED)),
        else_=str(IntentState.WAITING),
    )


_NAMES = ("serial", "authority", "profile", "subject", "unit", "intent_at")
_QUERY: Select[Any] = select(
    *(certificates.c[name] for name in (*_NAMES, "request")),
    _state().label("state"),
    *(table.c[name] for name in ("code", "message", "mend", "params", "attempts", "last_at")),
    name_of(units, certificates.c.unit).label("unit_name"),
    name_of(authorities, certificates.c.authority).label("authority_name"),
).select_from(certificates.outerjoin(table, table.c.serial == certificates.c.serial))
_UNSIGNED = certificates.c.state.in_([str(State.APPROVED), str(State.GIVEN_UP)])


def _intent(row: Row[Any]) -> Intent:
    refusal = (
        None
        if row.code is None
        else rebuild(ErrorCode(row.code), row.message, mend=row.mend, place=row.serial, **row.params)
    )
    return Intent(
        **{name: getattr(row, name) for name in _NAMES},
        request=row.request or "",
        authority_name=row.authority_name or row.authority,
        unit_name=row.unit_name or row.unit,
        state=IntentState(row.state),
        attempts=row.attempts or 0,
        refused_at=row.last_at,
        refusal=refusal,
    )


INTENTS: Listing[Intent] = Listing(
    query=_QUERY,
    key=certificates.c.serial,
    orders={"intended": certificates.c.intent_at},
    default="-intended",
    row=_intent,
    text=(certificates.c.subject, certificates.c.serial),
    filters={
        "state": equals(_state()),
        "authority": equals(certificates.c.authority),
        "unit": equals(certificates.c.unit),
    },
    facets={"state": _state()},
)


class Intents:
    """For those who approve requests: what became of their approval."""

    def __init__(self, database: Database, access: Access, profiles: Profiles, issuance: Issuance) -> None:
        self._database = database
        self._access = access
        self._profiles = profiles
        self._issuance = issuance

    def page(self, principal: Principal, ask: Ask) -> Page[Intent]:
        """What is not signed, newest first. Filters: state, authority, unit."""
        self._access.require(principal, Permission.CA_READ)
        seen = self._access.seen(principal, certificates.c.unit)
        with self._database.read() as connection:
            return INTENTS.page(connection, ask, _UNSIGNED, *seen)

    def get(self, principal: Principal, serial: str) -> Intent:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            wanted = _QUERY.where(certificates.c.serial == serial, _UNSIGNED)
            row = connection.execute(wanted).one_or_none()
        if row is None or not self._access.covers(principal, row.unit):
            raise NotFound(N_("There is nothing unsigned with the serial %(serial)s."), serial=serial[:60])
        return _intent(row)

    def again(self, principal: Principal, serial: str) -> Certificate:
        """Have it signed now. The signer's refusal is kept and raised; Unavailable when it does not answer."""
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        found = self.get(principal, serial)
        self._require_waiting(found)
        self._require_here(found)
        return self._issuance.again(serial, principal)

    def give_up(self, principal: Principal, serial: str, reason: str) -> Intent:
        """Sign it nevermore; its request is over, and may be filed anew. Conflict unless the signer has refused it."""
        self._access.require(principal, Permission.CA_REQUEST_APPROVE)
        found = self.get(principal, serial)
        self._require_waiting(found)
        self._require_here(found)
        if self._profiles.get(found.profile).usage is Usage.AUTHORITY:
            raise Conflict(
                N_("The certificate of a CA is given up with its ceremony."),
                mend=N_("Break the ceremony off: weicheng ca ceremony reject."),
                place=serial,
            )
        with self._database.begin() as uow:
            self._give_up(uow, principal, found, reason)
        return self.get(principal, serial)

    def _give_up(self, uow: UnitOfWork, principal: Principal, found: Intent, reason: str) -> None:
        current = store.read_certificate(uow.connection, found.serial, lock=True)
        move(current.serial, current.state, State.GIVEN_UP)
        if found.refusal is None or not refusals.is_refused(uow.connection, current.serial):
            raise Conflict(
                N_("The signer has not refused it: it is signed as soon as the signer answers."),
                place=current.serial,
            )
        unsigned = update(certificates).where(certificates.c.serial == current.serial)
        uow.execute(unsigned.values(state=str(State.GIVEN_UP), warrant=None))
        if current.request is not None:
            mine = update(requests).where(requests.c.id == current.request)
            uow.execute(mine.values(state=str(State.GIVEN_UP), sealed_key=None))
        details = {"subject": current.subject, "refusal": found.refusal.message, "attempts": found.attempts}
        details |= {"request": current.request or ""}
        target = f"certificate:{current.serial}"
        uow.audit(
            principal, AuditAction.CA_GIVE_UP, target, unit=current.unit, reason=reason, details=details
        )

    @staticmethod
    def _require_waiting(found: Intent) -> None:
        if found.state is IntentState.GIVEN_UP:
            raise Conflict(N_("It was given up; file its request anew."), place=found.serial)

    def _require_here(self, found: Intent) -> None:
        with self._database.read() as connection:
            authority: Authority = store.read_authority(connection, found.authority)
        if not authority.signs_here:
            raise Conflict(
                N_("The key of CA %(id)s is elsewhere."),
                mend=N_("Import the answer, or void the request file: weicheng ca offline import|void."),
                place=found.serial,
                id=authority.id,
            )
