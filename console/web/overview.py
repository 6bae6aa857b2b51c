"""What the home page shows each role: what waits for the person, figures that lead to their lists, and the role's tasks.

All of it is asked through the declarations, so that a figure is what its list shows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from console.compose.app import App
from console.exchange.asking import query_of
from console.resources import resources
from console.web.engine.links import list_url
from console.web.pictures import Bar, Bars
from console.web.search import Finds, finds
from console.web.tasks import TASKS, Task
from kernel.edges.resources import Resource
from kernel.errors import WeichengError
from kernel.i18n import N_, translate
from kernel.identity.model import Principal, Role
from kernel.identity.permissions import APPROVING
from kernel.store.listing import Ask

SOON = timedelta(days=30)
ME, IN_A_MONTH = "@me", "@soon"  # stand for the person's id and the time then in a filter's value
Filters = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Source:
    """A list under some filters. ``warns``: any row asks for attention; ``approver``: only for who may approve anything."""

    label: str
    resource: str
    filters: Filters = field(default_factory=dict)
    warns: bool = True
    approver: bool = False


@dataclass(frozen=True)
class Figure:
    """One number and the list of what it counts. ``value`` is None where the service could not tell: ``fault`` says why."""

    label: str
    url: str
    value: int | None
    counted: bool = True
    warns: bool = False
    fault: str = ""


_OPEN = ("open", "acknowledged")
MINE: tuple[Source, ...] = (
    Source(N_("Approvals waiting for you"), "identity.approvals", {"mine": ("decide",)}, approver=True),
    Source(
        N_("Alerts assigned to you"), "siem.alerts", {"assignee": (ME,), "state": ("new", "acknowledged")}
    ),
    Source(
        N_("Your open cases"), "siem.cases", {"owner": (ME,), "state": ("open", "contained", "recovered")}
    ),
    Source(N_("Your tasks in cases"), "siem.tasks", {"assignee": (ME,), "state": ("open",)}),
    Source(N_("Your jobs"), "jobs.jobs", {"requested_by": (ME,), "state": ("queued", "running", "failed")}),
)
FIGURES: tuple[Source, ...] = (
    Source(N_("Requests waiting for a decision"), "ca.requests", {"state": ("requested",)}),
    Source(N_("New alerts"), "siem.alerts", {"state": ("new",)}),
    Source(N_("Open cases"), "siem.cases", {"state": ("open", "contained", "recovered")}),
    Source(N_("Devices that do not answer"), "monitor.devices", {"state": ("down",)}),
    Source(N_("Findings in the network"), "monitor.findings", {"state": _OPEN}),
    Source(N_("Findings in configurations"), "netops.findings", {"state": _OPEN}),
    Source(N_("Certificates that the signer refuses"), "ca.intents", {"state": ("refused",)}),
    Source(N_("Certificates to be renewed"), "ca.renewals"),
    Source(N_("CAs and services to be renewed"), "ca.ends"),
    Source(
        N_("Findings of certificates in the network"), "ca.inventory-findings", {"state": ("open", "taken")}
    ),
    Source(
        N_("Certificates that expire within 30 days"),
        "ca.certificates",
        {"state": ("issued",), "expires_before": (IN_A_MONTH,)},
    ),
    Source(
        N_("Replicas without a passed proof"),
        "backup.replicas",
        {"standing": ("old-proof", "unproven", "unreachable", "late", "missing", "damaged")},
    ),
    Source(N_("Overdue remediations"), "policies.remediations", {"state": ("overdue",)}),
    Source(N_("Evidence waiting for its seal"), "evidence.records", {"state": ("waiting",)}),
    Source(N_("Failed jobs"), "jobs.jobs", {"state": ("failed",)}),
    Source(N_("Locked accounts"), "identity.accounts", {"state": ("locked",)}),
    Source(N_("Refused acts"), "audit.records", {"outcome": ("denied",)}, warns=False),
    Source(N_("Accounts"), "identity.accounts", warns=False),
    Source(N_("Registered assets"), "assets.assets", warns=False),
    Source(N_("Systems under graded protection"), "policies.systems", warns=False),
    Source(N_("Audit records"), "audit.records", warns=False),
)


# what a role's picture counts: the values of that list's facet
POSTURE: Mapping[Role, tuple[str, str]] = {
    Role.SOC_ANALYST: (N_("Alerts by state"), "siem.alerts"),
    Role.DR_ADMINISTRATOR: (N_("Replicas by proof"), "backup.replicas"),
    Role.NETWORK_ADMINISTRATOR: (N_("Devices by state"), "monitor.devices"),
    Role.SECURITY_OFFICER: (N_("Control items by result"), "policies.results"),
    Role.ASSESSOR: (N_("Control items by result"), "policies.results"),
    Role.REGISTRAR: (N_("Requests by state"), "ca.requests"),
    Role.AUDITOR: (N_("Acts by outcome"), "audit.records"),
    Role.SYSTEM_ADMINISTRATOR: (N_("Jobs by state"), "jobs.jobs"),
}


def posture(app: App, principal: Principal) -> list[Bars]:
    """A picture for each of the principal's roles; none of what is empty or can't be told (its figure says why)."""
    found = [_posture(app, principal, *POSTURE[role]) for role in sorted(principal.roles)]
    return [bars for bars in found if bars is not None and bars.bars]


def _posture(app: App, principal: Principal, title: str, name: str) -> Bars | None:
    resource = resources()[name]
    labels = next(one.labels for one in resource.filters if one.name == resource.facet)
    try:
        counts = resource.page(app, principal, Ask(limit=1)).facets.get(resource.facet, {})
    except WeichengError:
        return None
    bars = tuple(
        Bar(translate(label.text), counts[value], label.tone.value)
        for value, label in labels.items()
        if counts.get(value)
    )
    return Bars(translate(title), bars)


def waiting(app: App, principal: Principal) -> list[Finds]:
    """What waits for this very person; lists with nothing in them are left out."""
    found = [
        finds(
            app, principal, resource, _ask(app, principal, source), _url(app, principal, source), source.label
        )
        for source, resource in _seen(app, principal, MINE)
    ]
    return [one for one in found if one.items or one.fault]


def figures(app: App, principal: Principal) -> list[Figure]:
    """The figures that this principal may see; one whose service fails says so and hides no other."""
    return [_figure(app, principal, *pair) for pair in _seen(app, principal, FIGURES)]


def tasks(principal: Principal) -> list[Task]:
    """What the principal's roles do, each once."""
    wanted = [task for role in sorted(principal.roles) for task in TASKS[role]]
    return list(dict.fromkeys(wanted))


def _seen(app: App, principal: Principal, sources: tuple[Source, ...]) -> list[tuple[Source, Resource]]:
    held, declared = app.floor.access.permissions(principal), resources()
    known = [(one, declared[one.resource]) for one in sources if one.resource in declared]
    return [
        (one, resource)
        for one, resource in known
        if (not one.approver or held & APPROVING)
        and (resource.permission is None or resource.permission in held)
    ]


def _ask(app: App, principal: Principal, source: Source, limit: int = 5) -> Ask:
    stands_for = {ME: principal.id, IN_A_MONTH: (app.clock.now() + SOON).isoformat(timespec="seconds")}
    filters = {
        name: tuple(stands_for.get(value, value) for value in values)
        for name, values in source.filters.items()
    }
    return Ask(filters=filters, limit=limit)


def _url(app: App, principal: Principal, source: Source) -> str:
    query = query_of(_ask(app, principal, source))
    return f"{list_url(source.resource)}?{query}" if query else list_url(source.resource)


def _figure(app: App, principal: Principal, source: Source, resource: Resource) -> Figure:
    url = _url(app, principal, source)
    try:
        page = resource.page(app, principal, _ask(app, principal, source, limit=1))
    except WeichengError as error:
        return Figure(source.label, url, None, warns=True, fault=error.text())
    return Figure(source.label, url, page.total, page.counted, warns=source.warns and page.total > 0)
