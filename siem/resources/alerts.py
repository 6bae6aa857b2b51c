"""Alerts: looked through, taken on, given to somebody, closed with a verdict, put into cases."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from pydantic import Field

from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Input,
    Link,
    Record,
    Related,
    Resource,
    Verb,
)
from kernel.edges.shared import UNIT, Reason
from kernel.i18n import N_, current_language, translate
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from siem.lists import ME, NOBODY
from siem.model import Alert, CaseState
from siem.resources.inputs import Judge, people_choices
from siem.resources.labels import ALERT_STATES, LEVELS, VERDICTS

OPEN = ("new", "acknowledged", "in_case")


class AlertRecord(Record):
    moving: ClassVar[frozenset[str]] = frozenset({"count", "last_seen", "first_seen", "version"})

    id: str
    title: str
    rule: str
    level: str
    risk: int
    state: str
    verdict: str
    count: int
    first_seen: datetime
    last_seen: datetime
    raised_at: datetime
    group: tuple[str, ...]
    tags: tuple[str, ...]
    asset: str
    asset_name: str
    unit: str
    unit_name: str
    case: str
    assignee: str
    assignee_name: str
    key: str
    version: int


class Acknowledge(Input):
    note: str = Field("", max_length=1000, title=N_("Note"), json_schema_extra={"widget": "area"})


class Assign(Input):
    assignee: str = Field(min_length=1, max_length=80, title=N_("Who is to work on it"))
    note: str = Field("", max_length=1000, title=N_("Note"), json_schema_extra={"widget": "area"})


class ToCase(Input):
    case: str = Field(
        "", max_length=60, title=N_("Case"), description=N_("Leave it empty to open a new case.")
    )
    title: str = Field(
        "",
        max_length=300,
        title=N_("Title of a new case"),
        description=N_("The gravest alert's title unless you write another."),
    )


def record_of(alert: Alert) -> AlertRecord:
    return AlertRecord(
        id=alert.id,
        title=alert.titles.get(current_language(), alert.rule_name),
        rule=alert.rule_name,
        level=alert.level,
        risk=alert.risk,
        state=str(alert.state),
        verdict=str(alert.verdict or ""),
        count=alert.count,
        first_seen=alert.first_seen,
        last_seen=alert.last_seen,
        raised_at=alert.raised_at,
        group=tuple(f"{name}={value}" for name, value in alert.group.items()),
        tags=alert.tags,
        asset=alert.asset,
        asset_name=alert.asset_name,
        unit=alert.unit,
        unit_name=alert.unit_name,
        case=alert.case_id or "",
        assignee=alert.assignee,
        assignee_name=alert.assignee_name,
        key=alert.key,
        version=alert.version,
    )


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Any] = app.siem.triage.page(principal, ask)
    return page.map(record_of)


def _item(app: Any, principal: Principal, alert_id: str) -> AlertRecord:
    return record_of(app.siem.triage.alert(principal, alert_id))


def _done(message: str, alert: Alert) -> Done:
    record = record_of(alert)
    return Done(message, {"title": record.title}, record, alert.id)


def _acknowledge(app: Any, principal: Principal, alert_id: str, given: Acknowledge) -> Done:
    alert = app.siem.triage.acknowledge(principal, alert_id, given.note)
    return _done(N_("You have taken on: %(title)s"), alert)


def _assign_to_me(app: Any, principal: Principal, alert_id: str, given: Acknowledge) -> Done:
    alert = app.siem.triage.assign(principal, alert_id, principal.id, given.note)
    return _done(N_("Assigned to you: %(title)s"), alert)


def _assign(app: Any, principal: Principal, alert_id: str, given: Assign) -> Done:
    alert = app.siem.triage.assign(principal, alert_id, given.assignee, given.note)
    return _done(N_("Assigned: %(title)s"), alert)


def _close(app: Any, principal: Principal, alert_id: str, given: Judge) -> Done:
    alert = app.siem.triage.close(principal, alert_id, given.verdict, given.reason)
    return _done(N_("Closed: %(title)s"), alert)


def _reopen(app: Any, principal: Principal, alert_id: str, given: Reason) -> Done:
    return _done(N_("Open again: %(title)s"), app.siem.triage.reopen(principal, alert_id, given.reason))


def _to_case(app: Any, principal: Principal, alert_id: str, given: ToCase) -> Done:
    return _all_to_case(app, principal, (alert_id,), given)


def _all_to_case(app: Any, principal: Principal, ids: tuple[str, ...], given: ToCase) -> Done:
    cases = app.siem.cases
    if given.case:
        file = cases.add_alerts(principal, given.case, ids)
    else:
        file = cases.open(principal, ids, given.title)
    return Done(N_("In the case: %(title)s"), {"title": file.case.title})


def open_case_choices(app: Any, principal: Principal) -> Mapping[str, str]:
    """Cases that something can be put into, newest first."""
    states = tuple(state for state in CaseState if state is not CaseState.CLOSED)
    page = app.siem.cases.page(principal, Ask(filters={"state": states}, limit=200))
    return {case.id: f"{case.title} ({case.opened_at:%Y-%m-%d})" for case in page.items}


def assignee_choices(app: Any, principal: Principal) -> Mapping[str, str]:
    """Values of a filter by person."""
    nobody = {ME: translate(N_("Me")), NOBODY: translate(N_("Nobody"))}
    return {**nobody, **people_choices(app, principal)}


ALERTS = Resource(
    name="siem.alerts",
    title=N_("Alerts"),
    one=N_("Alert"),
    permission=Permission.SIEM_ALERT_READ,
    record=AlertRecord,
    page=_page,
    item=_item,
    headline="title",
    sort="-urgency",
    facet="state",
    searched=True,
    live=True,
    empty=N_("No alert fits. Where there is none at all, see whether the senders are heard."),
    columns=(
        Column("title", N_("What happened")),
        Column("level", N_("Level"), Cell.STATE, LEVELS),
        Column("risk", N_("Risk"), Cell.NUMBER, sort="risk"),
        Column("state", N_("State"), Cell.STATE, ALERT_STATES),
        Column("group", N_("Concerning"), Cell.LIST),
        Column("asset_name", N_("Asset"), link=Link("assets.assets", "asset")),
        Column("count", N_("Number of events"), Cell.NUMBER, sort="count"),
        Column("last_seen", N_("Last event"), Cell.TIME, sort="last_seen"),
        Column("assignee_name", N_("Worked on by")),
        Column("first_seen", N_("First event"), Cell.TIME, shown=False),
        Column("raised_at", N_("Raised"), Cell.TIME, shown=False),
        Column("rule", N_("Rule"), Cell.CODE, shown=False, link=Link("siem.rules")),
        Column("tags", N_("Tags"), Cell.LIST, shown=False),
        Column("verdict", N_("Verdict"), Cell.STATE, VERDICTS, shown=False),
        Column("case", N_("Case"), Cell.CODE, shown=False, link=Link("siem.cases")),
        Column("unit_name", N_("Unit"), shown=False),
        Column("id", N_("Number"), Cell.CODE, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=ALERT_STATES),
        Filter("level", N_("Level"), labels=LEVELS),
        Filter("assignee", N_("Worked on by"), choices=assignee_choices),
        Filter("verdict", N_("Verdict"), labels=VERDICTS),
        Filter("rule", N_("Rule"), FilterKind.TEXT),
        Filter("asset", N_("Asset"), FilterKind.TEXT),
        UNIT,
        Filter("case", N_("Case"), FilterKind.TEXT),
        Filter("since", N_("Last event since"), FilterKind.TIME),
        Filter("until", N_("Last event before"), FilterKind.TIME),
    ),
    verbs=(
        Verb(
            "acknowledge",
            N_("Take on"),
            Permission.SIEM_ALERT_TRIAGE,
            _acknowledge,
            Acknowledge,
            when=lambda alert: alert.state == "new",
            bulk=True,
            key="a",
        ),
        Verb(
            "assign-to-me",
            N_("Assign to me"),
            Permission.SIEM_ALERT_TRIAGE,
            _assign_to_me,
            Acknowledge,
            when=lambda alert: alert.state in OPEN,
            bulk=True,
            key="m",
        ),
        Verb(
            "assign",
            N_("Assign to somebody"),
            Permission.SIEM_ALERT_TRIAGE,
            _assign,
            Assign,
            when=lambda alert: alert.state in OPEN,
            bulk=True,
            choices={"assignee": people_choices},
        ),
        Verb(
            "case",
            N_("Put into a case"),
            Permission.SIEM_CASE_WRITE,
            _to_case,
            ToCase,
            when=lambda alert: alert.state in ("new", "acknowledged"),
            bulk=True,
            together=_all_to_case,
            key="c",
            choices={"case": open_case_choices},
            explain=N_("The alerts of a case are closed with it, under its verdict."),
        ),
        Verb(
            "close",
            N_("Close"),
            Permission.SIEM_ALERT_TRIAGE,
            _close,
            Judge,
            when=lambda alert: alert.state in OPEN,
            bulk=True,
            key="x",
        ),
        Verb(
            "reopen",
            N_("Open again"),
            Permission.SIEM_ALERT_TRIAGE,
            _reopen,
            Reason,
            when=lambda alert: alert.state == "closed",
        ),
    ),
    related=(
        Related(
            N_("Other alerts of this asset"),
            "siem.alerts",
            lambda alert: {"asset": alert.asset} if alert.asset else {"case": alert.case or "-"},
        ),
    ),
)
