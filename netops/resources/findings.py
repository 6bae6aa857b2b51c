"""Findings in configurations."""

from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from kernel.clock import end_of_day
from kernel.edges.resources import Cell, Column, Done, Filter, FilterKind, Link, Record, Resource, Verb
from kernel.edges.shared import SEVERITIES, Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from netops.compliance.model import PRESENT, Finding, FindingState
from netops.resources.labels import FINDING_STATES, ExceptionUntil


class FindingRecord(Record):
    """``line`` 0: something is absent. ``path`` are the headers above the line, ``mend`` the commands that mend it."""

    moving: ClassVar[frozenset[str]] = frozenset(("last_seen", "line", "version", "version_id"))

    id: str
    severity: str
    state: str
    device: str
    device_id: str
    unit: str | None
    rule: str
    title: str
    line: int
    text: str
    path: tuple[str, ...]
    mend: tuple[str, ...]
    controls: tuple[str, ...]
    version: str
    version_id: str
    first_seen: datetime
    last_seen: datetime
    owner: str
    reason: str
    until: datetime | None
    changed_by: str


def _record(app: Any, one: Finding) -> FindingRecord:
    values = {name: value for name, value in vars(one).items() if name in FindingRecord.model_fields}
    shown = {
        "severity": one.severity.value,
        "state": one.state.value,
        "title": app.netops.rules.title(one.rule),
        "version": one.version[:12],
        "version_id": f"{one.device_id}.{one.version}",
    }
    return FindingRecord(**values | shown)


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[Finding] = app.netops.findings.page(principal, ask)
    return page.map(lambda one: _record(app, one))


def _item(app: Any, principal: Principal, finding: str) -> FindingRecord:
    return _record(app, app.netops.findings.get(principal, finding))


def _acknowledge(app: Any, principal: Principal, finding: str, given: Reason) -> Done:
    done = app.netops.findings.acknowledge(principal, finding, reason=given.reason)
    return Done(N_("The finding is taken on."), record=_record(app, done), id=finding)


def _except(app: Any, principal: Principal, finding: str, given: ExceptionUntil) -> Done:
    until = end_of_day(given.until, ZoneInfo(app.settings.timezone))
    done = app.netops.findings.grant_exception(
        principal, finding, owner=given.owner, until=until, reason=given.reason
    )
    return Done(N_("The finding is accepted until that day is over."), record=_record(app, done), id=finding)


def _confirm(app: Any, principal: Principal, finding: str, given: Reason) -> Done:
    done = app.netops.findings.confirm_fix(principal, finding, reason=given.reason)
    return Done(N_("The finding is confirmed as mended."), record=_record(app, done), id=finding)


FINDINGS = Resource(
    name="netops.findings",
    title=N_("Findings in configurations"),
    one=N_("Finding in a configuration"),
    permission=Permission.NETOPS_FINDING_READ,
    record=FindingRecord,
    page=_page,
    item=_item,
    headline="title",
    sort="-weight",
    facet="state",
    columns=(
        Column("title", N_("Finding")),
        Column("severity", N_("Severity"), Cell.STATE, labels=SEVERITIES, sort="weight"),
        Column("device", N_("Device"), sort="device", link=Link("netops.devices", "device_id")),
        Column("state", N_("State"), Cell.STATE, labels=FINDING_STATES),
        Column("text", N_("Line of the configuration"), Cell.CODE),
        Column("controls", N_("Control items"), Cell.LIST),
        Column("last_seen", N_("Last seen"), Cell.TIME, sort="last_seen"),
        Column("rule", N_("Rule"), Cell.CODE, shown=False, link=Link("netops.rules", "rule")),
        Column("line", N_("Line number"), Cell.NUMBER, shown=False),
        Column("first_seen", N_("First seen"), Cell.TIME, shown=False),
        Column("version", N_("Version"), Cell.CODE, shown=False, link=Link("netops.versions", "version_id")),
        Column("owner", N_("Who answers for it"), shown=False),
        Column("until", N_("Accepted until"), Cell.TIME, shown=False),
        Column("reason", N_("Reason given"), Cell.LONG, shown=False),
        Column("changed_by", N_("Decided by"), Cell.PERSON, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=FINDING_STATES),
        Filter("severity", N_("Severity"), labels=SEVERITIES),
        Filter("device", N_("Device"), FilterKind.TEXT),
        Filter("device_id", N_("Device's id"), FilterKind.TEXT),
        Filter("rule", N_("Rule"), choices=lambda app, _principal: app.netops.rules.titles()),
    ),
    verbs=(
        Verb(
            "acknowledge",
            N_("Take on"),
            Permission.NETOPS_FINDING_ACKNOWLEDGE,
            _acknowledge,
            Reason,
            when=lambda one: one.state == FindingState.OPEN,
            bulk=True,
            key="a",
            explain=N_(
                "Tells everybody that you are mending it; it stays until a collection no longer finds it."
            ),
        ),
        Verb(
            "except",
            N_("Accept until a date"),
            Permission.NETOPS_FINDING_EXCEPT,
            _except,
            ExceptionUntil,
            when=lambda one: one.state in PRESENT,
            danger=True,
            bulk=True,
            key="x",
            explain=N_("The risk is borne until then; afterwards the finding is open again."),
        ),
        Verb(
            "confirm",
            N_("Confirm that it is mended"),
            Permission.NETOPS_FINDING_VERIFY,
            _confirm,
            Reason,
            when=lambda one: one.state == FindingState.FIXED,
            bulk=True,
            explain=N_("A collection no longer found it; you confirm that it was mended and not hidden."),
        ),
    ),
    empty=N_("No findings. They appear here when a collection finds what the baseline rules forbid."),
    searched=True,
)
