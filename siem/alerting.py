"""From detections to alerts: grouped by rule and values, counted, scored by the asset they concern."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy import select

from kernel.canonical import sha256_hex
from kernel.events import Event, EventKind
from kernel.ids import new_id
from kernel.store import UnitOfWork
from siem.adapters.assets import AssetInfo
from siem.detection.engine import Detection
from siem.ecs import Document
from siem.lists import words_of
from siem.model import AlertState, event_severity, risk, urgency
from siem.store import SELECT_ALERTS, alert_events, alerts, root_unit

QUIET = timedelta(hours=24)  # after this long without an event the next one makes a new alert
MOST_EVENTS = 1_000  # event ids kept as evidence of one alert; the count goes on


class AssetLookup(Protocol):
    """Whose machine an address is; None for one that the register does not know."""

    def find(self, address: str) -> AssetInfo | None: ...


class AlertBook:
    """Writes detections into the alerts' table, in the transaction that also moves the spool on."""

    def __init__(self, assets: AssetLookup) -> None:
        self._assets = assets

    def record(self, uow: UnitOfWork, detections: Iterable[Detection], now: datetime) -> list[str]:
        """Add each detection to its open alert or make a new one; the ids of the new ones."""
        return [made for detection in detections if (made := self._record_one(uow, detection, now))]

    def _record_one(self, uow: UnitOfWork, detection: Detection, now: datetime) -> str | None:
        key = alert_key(detection)
        first, last = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (detection.first, detection.last))
        query = (
            SELECT_ALERTS.where(alerts.c.key == key, alerts.c.state != AlertState.CLOSED)
            .order_by(alerts.c.last_seen.desc())
            .limit(1)
        )
        row = uow.execute(query).one_or_none()
        if row is None or first - row.last_seen > QUIET:
            return self._new(uow, detection, key, first, last, now)
        fresh = _not_yet_kept(uow, row.id, detection.events)
        changes = {
            "count": row.count_ + len(fresh),
            "first_seen": min(first, row.first_seen),
            "last_seen": max(last, row.last_seen),
            "version": row.version + 1,
        }
        uow.execute(alerts.update().where(alerts.c.id == row.id).values(**changes))
        _keep_events(uow, row.id, fresh, row.count_)
        return None

    def _new(
        self, uow: UnitOfWork, detection: Detection, key: str, first: datetime, last: datetime, now: datetime
    ) -> str:
        info, asset = detection.info, self._asset(detection.document)
        identity = new_id("alr")
        unit = asset.unit if asset else root_unit(uow.connection)
        score = risk(info.level, asset.level if asset else 0)
        group = {name: str(value) for name, value in detection.group}
        row = {
            "id": identity,
            "key": key,
            "rule_id": info.id,
            "rule_name": info.name,
            "titles": dict(info.titles),
            "level": info.level,
            "risk": score,
            "state": AlertState.NEW,
            "count": len(detection.events),
            "first_seen": first,
            "last_seen": last,
            "group_values": group,
            "tags": list(info.tags),
            "unit": unit,
            "asset": asset.id if asset else "",
            "assignee": "",
            "created_at": now,
            "version": 1,
            "urgency": urgency(AlertState.NEW, score),
            "words": words_of(info.name, info.titles, group, [asset.name] if asset else []),
        }
        uow.execute(alerts.insert().values(row))
        _keep_events(uow, identity, detection.events, 0)
        told = {"rule": info.name, "titles": dict(info.titles), "risk": score, "group": group}
        uow.emit(Event(EventKind.ALERT_RAISED, identity, told, unit, event_severity(info.level)))
        return identity

    def _asset(self, document: Document) -> AssetInfo | None:
        """The asset concerned: of those the event names, the one with the highest protection level."""
        names = ("destination.ip", "host.ip", "observer.ip", "source.ip")
        found = [self._assets.find(document[name]) for name in names if name in document]
        return max((asset for asset in found if asset), key=lambda asset: asset.level, default=None)


def alert_key(detection: Detection) -> str:
    """What makes two detections the same alert: the rule and the values it groups by."""
    parts = [detection.info.id, *(f"{name}={value}" for name, value in detection.group)]
    return sha256_hex("\0".join(parts).encode())


def _not_yet_kept(uow: UnitOfWork, alert_id: str, events: tuple[str, ...]) -> tuple[str, ...]:
    """Without those the alert has: one event may fit two rules of a correlation."""
    known = select(alert_events.c.event_id).where(
        alert_events.c.alert_id == alert_id, alert_events.c.event_id.in_(events)
    )
    kept = set(uow.execute(known).scalars())
    return tuple(event for event in events if event not in kept)


def _keep_events(uow: UnitOfWork, alert_id: str, events: tuple[str, ...], already: int) -> None:
    room = max(0, MOST_EVENTS - already)
    kept = [{"alert_id": alert_id, "event_id": event} for event in events[:room]]
    if kept:
        uow.execute(alert_events.insert(), kept)
