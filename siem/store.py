"""The room's tables: alerts and cases, the detection's memory, the spool's positions, sources and counters."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    Text,
    func,
    select,
)

from kernel.assets.store import assets
from kernel.identity.store import units, users
from kernel.store.base import Json, UtcDateTime, metadata
from siem.model import (
    Alert,
    AlertState,
    Case,
    CaseFile,
    CaseState,
    Observable,
    SourceHealth,
    Task,
    TaskState,
    TimelineEntry,
    Verdict,
)

alerts = Table(
    "siem_alerts",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("key", String(64), nullable=False),  # digest of rule and group
    Column("rule_id", String(100), nullable=False),
    Column("rule_name", String(200), nullable=False),
    Column("titles", Json, nullable=False),
    Column("level", String(20), nullable=False),
    Column("risk", Integer, nullable=False),
    Column("state", String(20), nullable=False),
    Column("verdict", String(20)),
    Column("count", BigInteger, nullable=False),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("group_values", Json, nullable=False),
    Column("tags", Json, nullable=False),
    Column("unit", String(80), nullable=False),
    Column("asset", String(80), nullable=False),
    Column("case_id", String(60), ForeignKey("siem_cases.id")),
    Column("assignee", String(80), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("version", Integer, nullable=False),
    Column("urgency", Integer, nullable=False),  # siem.model.urgency of state and risk: the order of work
    Column("words", Text, nullable=False),  # what the quick find looks through
    Index("ix_siem_alerts_key_last_seen", "key", "last_seen"),
    Index("ix_siem_alerts_urgency", "urgency", "id"),
    Index("ix_siem_alerts_last_seen", "last_seen", "id"),
    Index("ix_siem_alerts_state_urgency", "state", "urgency", "id"),
    Index("ix_siem_alerts_unit_state_urgency", "unit", "state", "urgency", "id"),
    Index("ix_siem_alerts_assignee_urgency", "assignee", "urgency", "id"),
    Index("ix_siem_alerts_case_id", "case_id"),
)

alert_timeline = Table(
    "siem_alert_timeline",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("alert_id", String(60), ForeignKey("siem_alerts.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("text", Text, nullable=False),
)

alert_events = Table(
    "siem_alert_events",
    metadata,
    Column("alert_id", String(60), ForeignKey("siem_alerts.id"), primary_key=True),
    Column("event_id", String(80), primary_key=True),
)

cases = Table(
    "siem_cases",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("title", String(300), nullable=False),
    Column("level", String(20), nullable=False),
    Column("state", String(20), nullable=False),
    Column("unit", String(80), nullable=False),
    Column("owner", String(80), nullable=False),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("contained_at", UtcDateTime),
    Column("recovered_at", UtcDateTime),
    Column("closed_at", UtcDateTime),
    Column("verdict", String(20)),
    Column("summary", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Index("ix_siem_cases_opened_at", "opened_at", "id"),
    Index("ix_siem_cases_state_opened_at", "state", "opened_at", "id"),
    Index("ix_siem_cases_unit_opened_at", "unit", "opened_at", "id"),
)

case_timeline = Table(
    "siem_case_timeline",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("case_id", String(60), ForeignKey("siem_cases.id"), nullable=False, index=True),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(200), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("text", Text, nullable=False),
)

case_tasks = Table(
    "siem_case_tasks",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("case_id", String(60), ForeignKey("siem_cases.id"), nullable=False, index=True),
    Column("title", String(300), nullable=False),
    Column("state", String(20), nullable=False),
    Column("assignee", String(80), nullable=False),
    Column("due_at", UtcDateTime),
    Column("done_at", UtcDateTime),
)

case_observables = Table(
    "siem_case_observables",
    metadata,
    Column("case_id", String(60), ForeignKey("siem_cases.id"), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("value", String(300), primary_key=True),
    Column("id", String(60), nullable=False, unique=True),
)

case_events = Table(
    "siem_case_events",
    metadata,
    Column("case_id", String(60), ForeignKey("siem_cases.id"), primary_key=True),
    Column("event_id", String(80), primary_key=True),
)

rule_tests = Table(
    "siem_rule_tests",
    metadata,
    Column("rule", String(200), primary_key=True),
    Column("digest", String(64), nullable=False),  # of the rule's text when it was tested
    Column("passed", Boolean, nullable=False),
    Column("detail", Text, nullable=False),
    Column("tested_at", UtcDateTime, nullable=False),
)

correlation_groups = Table(
    "siem_correlation_groups",
    metadata,
    Column("correlation", String(100), primary_key=True),
    Column("digest", String(64), primary_key=True),  # of the group's values
    Column("group_values", Json, nullable=False),
    Column("entries", Json, nullable=False),
)

spool_positions = Table(
    "siem_spool_positions",
    metadata,
    Column("segment", String(80), primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("finished", Boolean, nullable=False),
)

sources = Table(
    "siem_sources",
    metadata,
    Column("source", String(300), primary_key=True),
    Column("received", BigInteger, nullable=False),
    Column("malformed", BigInteger, nullable=False),
    Column("truncated", BigInteger, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
)

counters = Table(
    "siem_counters",
    metadata,
    Column("name", String(80), primary_key=True),
    Column("value", BigInteger, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)


# "count" is a method of every row, so the column is read under another name
_ALERT_COLUMNS = (
    *(column.label("count_") if column.name == "count" else column for column in alerts.c),
    func.coalesce(assets.c.name, "").label("asset_name"),
    func.coalesce(users.c.name, "").label("assignee_name"),
    func.coalesce(units.c.name, "").label("unit_name"),
)
SELECT_ALERTS = select(*_ALERT_COLUMNS).select_from(
    alerts.outerjoin(assets, assets.c.id == alerts.c.asset)
    .outerjoin(users, users.c.id == alerts.c.assignee)
    .outerjoin(units, units.c.id == alerts.c.unit)
)
SELECT_CASES = select(
    *cases.c,
    func.coalesce(users.c.name, "").label("owner_name"),
    func.coalesce(units.c.name, "").label("unit_name"),
).select_from(
    cases.outerjoin(users, users.c.id == cases.c.owner).outerjoin(units, units.c.id == cases.c.unit)
)
SELECT_TASKS = select(
    *case_tasks.c,
    func.coalesce(users.c.name, "").label("assignee_name"),
    cases.c.title.label("case_title"),
    cases.c.unit.label("case_unit"),
).select_from(
    case_tasks.join(cases, cases.c.id == case_tasks.c.case_id).outerjoin(
        users, users.c.id == case_tasks.c.assignee
    )
)


def alert_of(row: Row[Any]) -> Alert:
    return Alert(
        id=row.id,
        key=row.key,
        rule_id=row.rule_id,
        rule_name=row.rule_name,
        titles=row.titles,
        level=row.level,
        risk=row.risk,
        state=AlertState(row.state),
        count=row.count_,
        first_seen=row.first_seen,
        last_seen=row.last_seen,
        raised_at=row.created_at,
        group=row.group_values,
        tags=tuple(row.tags),
        unit=row.unit,
        asset=row.asset,
        verdict=Verdict(row.verdict) if row.verdict else None,
        case_id=row.case_id,
        assignee=row.assignee,
        version=row.version,
        asset_name=row.asset_name,
        assignee_name=row.assignee_name,
        unit_name=row.unit_name,
    )


def alerts_since(connection: Connection, since: datetime) -> list[Alert]:
    """Alerts with an event after that moment."""
    query = SELECT_ALERTS.where(alerts.c.last_seen >= since).order_by(alerts.c.last_seen)
    return [alert_of(row) for row in connection.execute(query)]


def case_of(row: Any) -> Case:
    return Case(
        id=row.id,
        title=row.title,
        level=row.level,
        state=CaseState(row.state),
        unit=row.unit,
        owner=row.owner,
        opened_at=row.opened_at,
        contained_at=row.contained_at,
        recovered_at=row.recovered_at,
        closed_at=row.closed_at,
        verdict=Verdict(row.verdict) if row.verdict else None,
        summary=row.summary,
        version=row.version,
        owner_name=row.owner_name,
        unit_name=row.unit_name,
    )


def timeline_of(connection: Connection, case_id: str) -> list[TimelineEntry]:
    return _entries(connection, case_timeline, case_timeline.c.case_id == case_id)


def alert_timeline_of(connection: Connection, alert_id: str) -> list[TimelineEntry]:
    return _entries(connection, alert_timeline, alert_timeline.c.alert_id == alert_id)


def _entries(connection: Connection, table: Table, here: ColumnElement[bool]) -> list[TimelineEntry]:
    rows = connection.execute(select(table).where(here).order_by(table.c.at, table.c.id))
    return [TimelineEntry(row.at, row.actor, row.kind, row.text) for row in rows]


def tasks_of(connection: Connection, case_id: str) -> list[Task]:
    query = SELECT_TASKS.where(case_tasks.c.case_id == case_id).order_by(case_tasks.c.id)
    return [task_of(row) for row in connection.execute(query)]


def task_of(row: Any) -> Task:
    return Task(
        row.id,
        row.title,
        TaskState(row.state),
        row.assignee,
        row.due_at,
        row.done_at,
        row.assignee_name,
    )


def observables_of(connection: Connection, case_id: str) -> list[Observable]:
    query = select(case_observables).where(case_observables.c.case_id == case_id)
    ordered = query.order_by(case_observables.c.kind, case_observables.c.value)
    return [Observable(row.kind, row.value, row.id) for row in connection.execute(ordered)]


def case_file(connection: Connection, case_id: str) -> CaseFile | None:
    """A case with all that belongs to it; None when there is none."""
    row = connection.execute(SELECT_CASES.where(cases.c.id == case_id)).one_or_none()
    if row is None:
        return None
    own = SELECT_ALERTS.where(alerts.c.case_id == case_id).order_by(alerts.c.first_seen)
    kept = select(case_events.c.event_id).where(case_events.c.case_id == case_id)
    return CaseFile(
        case_of(row),
        tuple(alert_of(found) for found in connection.execute(own)),
        tuple(timeline_of(connection, case_id)),
        tuple(tasks_of(connection, case_id)),
        tuple(observables_of(connection, case_id)),
        tuple(connection.execute(kept).scalars()),
    )


def root_unit(connection: Connection) -> str:
    """The unit at the top: what no asset claims belongs to it; "" before the suite is set up."""
    query = select(units.c.id).where(units.c.parent.is_(None)).order_by(units.c.id).limit(1)
    return str(connection.execute(query).scalar_one_or_none() or "")


def positions(connection: Connection) -> dict[str, tuple[int, bool]]:
    """Segment -> (octets processed, finished)."""
    rows = connection.execute(select(spool_positions))
    return {row.segment: (row.position, row.finished) for row in rows}


def source_health(connection: Connection) -> list[SourceHealth]:
    rows = connection.execute(select(sources).order_by(sources.c.source))
    return [
        SourceHealth(row.source, row.received, row.malformed, row.truncated, row.first_at, row.last_at)
        for row in rows
    ]


def upsert(connection: Connection, table: Table, keys: Iterable[str], values: Mapping[str, Any]) -> None:
    """Update the row with these keys or insert it; the caller's transaction is the only writer of these tables."""
    where = [table.c[key] == values[key] for key in keys]
    if not connection.execute(table.update().where(*where).values(**values)).rowcount:
        connection.execute(table.insert().values(**values))


def add_to_source(
    connection: Connection, source: str, received: int, malformed: int, truncated: int, at: datetime
) -> None:
    """Count lines of one sender."""
    change = (
        sources.update()
        .where(sources.c.source == source)
        .values(
            received=sources.c.received + received,
            malformed=sources.c.malformed + malformed,
            truncated=sources.c.truncated + truncated,
            last_at=at,
        )
    )
    if not connection.execute(change).rowcount:
        row = {"source": source, "received": received, "malformed": malformed, "truncated": truncated}
        connection.execute(sources.insert().values(**row, first_at=at, last_at=at))
