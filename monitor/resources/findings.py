"""What comparing the network with the register and checking endpoints found."""

from datetime import date, datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field

from kernel.clock import end_of_day
from kernel.edges.resources import (
    Cell,
    Column,
    Done,
    Filter,
    FilterKind,
    Link,
    Nothing,
    On,
    Record,
    Resource,
    Verb,
)
from kernel.edges.shared import Reason
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store.listing import Ask, Page
from monitor.model import FINDING_TRANSITIONS, TOPOLOGY_KINDS, FindingKind, FindingState
from monitor.resources.labels import FINDING_STATES, KINDS, SEVERITIES, told
from monitor.standing import NamedFinding


class FindingRecord(Record):
    """``subject`` tells it from others of its kind on the same device; ``monitored`` is the device's id if it is polled."""

    moving: ClassVar[frozenset[str]] = frozenset(("last_seen", "details"))

    id: str
    severity: str
    kind: str
    state: str
    device: str
    asset: str
    monitored: str
    unit: str
    subject: str
    details: tuple[str, ...]
    first_seen: datetime
    last_seen: datetime
    excepted_until: datetime | None
    reason: str


class ExceptUntil(Reason):
    until: date = Field(title=N_("Last day"))


def _record(one: NamedFinding) -> FindingRecord:
    finding = one.finding
    values = {name: value for name, value in vars(finding).items() if name in FindingRecord.model_fields}
    shown = {
        "kind": str(finding.kind),
        "state": str(finding.state),
        "details": told(finding.details),
        "device": one.device,
        "monitored": finding.asset if finding.kind in TOPOLOGY_KINDS else "",
    }
    return FindingRecord(**values | shown)


def _page(app: Any, principal: Principal, ask: Ask) -> Page[Any]:
    page: Page[NamedFinding] = app.monitor.findings.page(principal, ask)
    return page.map(_record)


def _item(app: Any, principal: Principal, finding: str) -> FindingRecord:
    return _record(app.monitor.findings.get(principal, finding))


def _acknowledge(app: Any, principal: Principal, finding: str, given: Reason) -> Done:
    app.monitor.findings.acknowledge(principal, finding, given.reason)
    return Done(N_("The finding is taken on."), id=finding)


def _fixed(app: Any, principal: Principal, finding: str, given: Reason) -> Done:
    app.monitor.findings.fixed(principal, finding, given.reason)
    return Done(N_("The next check verifies it, or opens the finding again."), id=finding)


def _except(app: Any, principal: Principal, finding: str, given: ExceptUntil) -> Done:
    until = end_of_day(given.until, ZoneInfo(app.settings.timezone))
    app.monitor.findings.except_until(principal, finding, until, given.reason)
    return Done(N_("The finding is accepted until that day is over."), id=finding)


def _compare(app: Any, principal: Principal, _id: str, _given: Nothing) -> Done:
    return Done(N_("The comparison is queued."), job=app.monitor.network.request(principal))


def _may_become(state: FindingState) -> Any:
    return lambda record: state in FINDING_TRANSITIONS[FindingState(record.state)]


FINDINGS = Resource(
    name="monitor.findings",
    title=N_("Findings in the network"),
    one=N_("Finding in the network"),
    permission=Permission.MONITOR_READ,
    record=FindingRecord,
    page=_page,
    item=_item,
    headline="subject",
    sort="-weight",
    facet="state",
    columns=(
        Column("subject", N_("Where"), Cell.CODE),
        Column("kind", N_("Finding"), Cell.STATE, labels=KINDS),
        Column("severity", N_("Severity"), Cell.STATE, labels=SEVERITIES, sort="weight"),
        Column("device", N_("Device"), link=Link("monitor.devices", "monitored")),
        Column("state", N_("State"), Cell.STATE, labels=FINDING_STATES),
        Column("last_seen", N_("Last seen"), Cell.TIME, sort="last_seen"),
        Column("first_seen", N_("First seen"), Cell.TIME, shown=False),
        Column("details", N_("Details"), Cell.LIST, shown=False),
        Column("excepted_until", N_("Accepted until"), Cell.TIME, shown=False),
        Column("reason", N_("Reason given"), Cell.LONG, shown=False),
    ),
    filters=(
        Filter("state", N_("State"), labels=FINDING_STATES),
        Filter("severity", N_("Severity"), labels=SEVERITIES),
        Filter("kind", N_("Finding"), labels={str(kind): KINDS[kind] for kind in FindingKind}),
        Filter("device", N_("Device"), FilterKind.TEXT),
        Filter("asset", N_("Device's id"), FilterKind.TEXT),
    ),
    verbs=(
        Verb(
            "acknowledge",
            N_("Take on"),
            Permission.MONITOR_FINDING_ACKNOWLEDGE,
            _acknowledge,
            Reason,
            when=_may_become(FindingState.ACKNOWLEDGED),
            bulk=True,
            key="a",
        ),
        Verb(
            "fixed",
            N_("Say that it is mended"),
            Permission.MONITOR_FINDING_ACKNOWLEDGE,
            _fixed,
            Reason,
            when=_may_become(FindingState.FIXED),
            bulk=True,
            key="d",
            explain=N_("The next check verifies it; if it is still there, the finding is open again."),
        ),
        Verb(
            "except",
            N_("Accept until a date"),
            Permission.MONITOR_FINDING_EXCEPT,
            _except,
            ExceptUntil,
            when=_may_become(FindingState.EXCEPTED),
            danger=True,
            bulk=True,
            key="x",
            explain=N_("The risk is borne until then; afterwards the finding is open again."),
        ),
        Verb(
            "compare",
            N_("Compare the network now"),
            Permission.MONITOR_CHECK,
            _compare,
            on=On.LIST,
            explain=N_("Lays what the devices tell of their neighbours over the registered links."),
        ),
    ),
    empty=N_("No findings: what the devices see agrees with the register."),
    searched=True,
)
