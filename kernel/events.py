"""What rooms tell each other: typed events through a transactional outbox.

An event is written in the transaction of the act it tells of. Each subscriber has a cursor of its own and moves on in order;
handler and cursor share one transaction, so what a handler writes to the database happens exactly once.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Column, Connection, Integer, Row, String, Table, Text, func, select

from kernel.store.base import Json, UtcDateTime, insert_if_absent, insert_rows, metadata

if TYPE_CHECKING:
    from kernel.store.database import Database, UnitOfWork

_Seq = BigInteger().with_variant(Integer, "sqlite")
MAX_ATTEMPTS = 10


class EventKind(StrEnum):
    """``source:object:what happened``; rooms add theirs here so that subscribers have one list."""

    SIGN_IN_FAILED = "identity:session:failed"
    SIGNED_IN = "identity:session:opened"
    USER_LOCKED = "identity:user:locked"
    ORIGIN_CLOSED = "identity:origin:closed"
    APPROVAL_OPENED = "identity:approval:opened"
    APPROVAL_DECIDED = "identity:approval:decided"
    JOB_FAILED = "jobs:job:failed"
    MONITOR_DEVICE_STATE = "monitor:device:state-changed"
    MONITOR_THRESHOLD_CROSSED = "monitor:threshold:crossed"
    MONITOR_THRESHOLD_CLEARED = "monitor:threshold:cleared"
    MONITOR_TRAP_RECEIVED = "monitor:trap:received"
    MONITOR_FINDING_OPENED = "monitor:finding:opened"
    MONITOR_FINDING_FIXED = "monitor:finding:fixed"
    ASSET_CHANGED = "assets:asset:changed"
    ASSET_RETIRED = "assets:asset:retired"
    ZONE_CHANGED = "assets:zone:changed"
    LINK_CHANGED = "assets:link:changed"
    NETOPS_CONFIG_COLLECTED = "netops:config:collected"
    NETOPS_CONFIG_CHANGED = "netops:config:changed"
    NETOPS_COLLECT_FAILED = "netops:config:failed"
    NETOPS_HOSTKEY_CHANGED = "netops:hostkey:changed"
    NETOPS_FINDING_OPENED = "netops:finding:opened"
    NETOPS_FINDING_FIXED = "netops:finding:fixed"
    CERTIFICATE_REQUESTED = "ca:request:filed"
    CERTIFICATE_REJECTED = "ca:request:rejected"
    CERTIFICATE_ISSUED = "ca:certificate:issued"
    CERTIFICATE_REFUSED = "ca:certificate:refused"
    CERTIFICATE_HELD = "ca:certificate:held"
    CERTIFICATE_RELEASED = "ca:certificate:released"
    CERTIFICATE_RENEWAL_DUE = "ca:certificate:renewal-due"
    CA_ENDING = "ca:authority:ending"
    CERTIFICATE_REVOKED = "ca:certificate:revoked"
    CRL_PUBLISHED = "ca:crl:published"
    CLOCK_OVERRULED = "ca:clock:overruled"
    STATUS_LATE = "ca:status:late"
    INVENTORY_FINDING_OPENED = "ca:inventory:opened"
    LOG_ALARM = "ca:log:alarm"
    BACKUP_STORED = "backup:run:stored"
    BACKUP_FAILED = "backup:run:failed"
    BACKUP_REPLICA_VERIFIED = "backup:replica:verified"
    BACKUP_REPLICA_DAMAGED = "backup:replica:damaged"
    BACKUP_DRILL_PASSED = "backup:drill:passed"
    BACKUP_DRILL_FAILED = "backup:drill:failed"
    ALERT_RAISED = "siem:alert:raised"
    ALERT_CLOSED = "siem:alert:closed"
    CASE_OPENED = "siem:case:opened"
    CASE_MOVED = "siem:case:moved"
    POLICIES_ASSESSED = "policies:assessment:completed"
    POLICIES_PACKAGE_EXPORTED = "policies:package:exported"


@dataclass(frozen=True)
class Event:
    """Something that happened. ``severity`` is info, low, medium, high or critical; ``data`` holds JSON values, no secret."""

    kind: EventKind
    subject: str
    data: Mapping[str, Any]
    unit: str | None = None
    severity: str = "info"
    id: str = ""
    occurred_at: datetime | None = None


_KINDS = frozenset(str(kind) for kind in EventKind)
Handler = Callable[["UnitOfWork", Event], None]

event_outbox = Table(
    "event_outbox",
    metadata,
    Column("seq", _Seq, primary_key=True, autoincrement=True),
    Column("id", String(60), nullable=False, unique=True),
    Column("kind", String(80), nullable=False, index=True),
    Column("subject", String(300), nullable=False),
    Column("unit", String(80)),
    Column("severity", String(20), nullable=False),
    Column("data", Json, nullable=False),
    Column("occurred_at", UtcDateTime, nullable=False),
)

event_cursors = Table(
    "event_cursors",
    metadata,
    Column("subscriber", String(80), primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
)

event_parked = Table(
    "event_parked",
    metadata,
    Column("subscriber", String(80), primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("error", Text, nullable=False),
    Column("parked_at", UtcDateTime, nullable=False),
)


def append_events(connection: Connection, events: Sequence[Event]) -> None:
    """Write announced events. The caller holds the audit chain's lock, so sequence order is commit order."""
    insert_rows(connection, event_outbox, [_row(event) for event in events])


@dataclass(frozen=True)
class _Subscription:
    name: str
    kinds: frozenset[str] | None
    handler: Handler


class EventBus:
    """Delivers the outbox to its subscribers; run ``relay`` from the worker."""

    def __init__(self, database: "Database", on_error: Callable[[str, Event, Exception], None]) -> None:
        self._database = database
        self._on_error = on_error
        self._subscriptions: dict[str, _Subscription] = {}

    def subscribe(self, name: str, kinds: Iterable[EventKind] | None, handler: Handler) -> None:
        """Have ``handler(uow, event)`` called for the named kinds (None: all) from where ``name`` last stopped."""
        if name in self._subscriptions:
            raise ValueError(f"subscriber {name} exists")
        wanted = None if kinds is None else frozenset(str(kind) for kind in kinds)
        self._subscriptions[name] = _Subscription(name, wanted, handler)

    def relay(self, limit: int = 1000) -> int:
        """Deliver at most ``limit`` events to each subscriber; returns how many were handled.

        A handler that raises is tried again at the next call; after MAX_ATTEMPTS its event is parked and named.
        """
        return sum(self._relay_one(subscription, limit) for subscription in self._subscriptions.values())

    def prune(self, older_than: timedelta) -> int:
        """Delete events that every subscriber has passed and that are older than the given age."""
        with self._database.begin() as uow:
            passed = uow.execute(select(func.min(event_cursors.c.seq))).scalar() or 0
            before = self._database.clock.now() - older_than
            doomed = (event_outbox.c.seq <= passed) & (event_outbox.c.occurred_at < before)
            return uow.execute(event_outbox.delete().where(doomed)).rowcount

    def _relay_one(self, subscription: _Subscription, limit: int) -> int:
        handled = 0
        for _ in range(limit):
            outcome = self._step(subscription)
            if outcome is None:
                break
            handled += outcome
        return handled

    def _step(self, subscription: _Subscription) -> int | None:
        """Handle one event: 1 handled, 0 parked, None when there is nothing to do or the handler failed."""
        current: Event | None = None
        try:
            with self._database.begin() as uow:
                position = _lock_cursor(uow, subscription.name)
                row = _next_row(uow, position, subscription.kinds)
                if row is None:
                    return None
                if row.kind not in _KINDS:  # written by another release: no handler here can read it
                    self._park(uow, subscription, row.seq, "UnknownKind")
                    return 0
                current = _event(row)
                subscription.handler(uow, current)
                _move_cursor(uow, subscription.name, row.seq)
                return 1
        except Exception as error:  # a subscriber's fault must not stop the others
            if current is None:
                raise
            self._on_error(subscription.name, current, error)
            return self._count_failure(subscription, current, error)

    def _count_failure(self, subscription: _Subscription, failed: Event, error: Exception) -> int | None:
        with self._database.begin() as uow:
            position = _lock_cursor(uow, subscription.name)
            seq = uow.execute(select(event_outbox.c.seq).where(event_outbox.c.id == failed.id)).scalar()
            if seq is None or seq <= position:
                return None  # another relay has delivered it meanwhile
            cursor = event_cursors.c.subscriber == subscription.name
            counted = event_cursors.update().where(cursor).values(attempts=event_cursors.c.attempts + 1)
            if uow.execute(counted.returning(event_cursors.c.attempts)).scalar_one() < MAX_ATTEMPTS:
                return None
            self._park(uow, subscription, seq, type(error).__name__)
            return 0

    def _park(self, uow: "UnitOfWork", subscription: _Subscription, seq: int, error: str) -> None:
        row = {
            "subscriber": subscription.name,
            "seq": seq,
            "error": error,
            "parked_at": self._database.clock.now(),
        }
        uow.execute(event_parked.insert().values(row))
        _move_cursor(uow, subscription.name, seq)


def _lock_cursor(uow: "UnitOfWork", name: str) -> int:
    """The subscriber's position, made at its first use; other relays of this subscriber wait until the commit."""
    query = select(event_cursors.c.seq).where(event_cursors.c.subscriber == name).with_for_update()
    position: int | None = uow.execute(query).scalar_one_or_none()
    if position is None:
        insert_if_absent(uow.connection, event_cursors, {"subscriber": name, "seq": 0, "attempts": 0})
        position = uow.execute(query).scalar_one()
    return position


def _next_row(uow: "UnitOfWork", position: int, kinds: frozenset[str] | None) -> Row[Any] | None:
    query = select(event_outbox).where(event_outbox.c.seq > position).order_by(event_outbox.c.seq).limit(1)
    if kinds is not None:
        query = query.where(event_outbox.c.kind.in_(sorted(kinds)))
    return uow.execute(query).one_or_none()


def _move_cursor(uow: "UnitOfWork", name: str, seq: int) -> None:
    uow.execute(event_cursors.update().where(event_cursors.c.subscriber == name).values(seq=seq, attempts=0))


def _row(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "kind": str(event.kind),
        "subject": event.subject[:300],
        "unit": event.unit,
        "severity": event.severity,
        "data": dict(event.data),
        "occurred_at": event.occurred_at,
    }


def _event(row: Row[Any]) -> Event:
    return Event(
        EventKind(row.kind),
        row.subject,
        row.data,
        row.unit,
        row.severity,
        id=row.id,
        occurred_at=row.occurred_at,
    )
