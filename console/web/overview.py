"""What the home page shows each role: figures from the rooms' services, and the work that waits, with its command."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from console.compose.app import App
from kernel.errors import WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal, Role
from kernel.identity.permissions import APPROVING, Permission
from kernel.jobs.model import JobState
from kernel.store.listing import Ask

MOST = 100  # counted no further than this
SOON = timedelta(days=30)


@dataclass(frozen=True)
class Figure:
    """One number. ``value`` is None where the service could not tell; ``fault`` says why then."""

    label: str
    value: int | None
    warns: bool = False
    fault: str = ""

    @property
    def shown(self) -> str:
        return "—" if self.value is None else str(self.value)


@dataclass(frozen=True)
class Task:
    """Something a role does: a message id, and the command line that does it."""

    text: str
    command: str


Count = Callable[[App, Principal], int]


def _approvals(app: App, principal: Principal) -> int:
    with app.floor.database.read() as connection:
        return app.floor.approvals.waiting(connection, principal)


def _failed_jobs(app: App, principal: Principal) -> int:
    return app.jobs.page(principal, Ask(limit=1).narrowed(state=JobState.FAILED)).total


def _assets(app: App, principal: Principal) -> int:
    return len(app.assets.list_assets(principal))


def _unsealed(app: App, principal: Principal) -> int:
    return app.evidence.page(principal, Ask(limit=1).narrowed(state="waiting")).total


def _locked(app: App, principal: Principal) -> int:
    return app.identity.page(principal, Ask(limit=1).narrowed(state="locked")).total


def _accounts(app: App, principal: Principal) -> int:
    return app.identity.page(principal, Ask(limit=1)).total


def _audit_records(app: App, _principal: Principal) -> int:
    return app.audit.head()[0]


def _expiring(app: App, principal: Principal) -> int:
    from ca.model import State

    filters = {"state": (str(State.ISSUED),), "expires_before": ((app.clock.now() + SOON).isoformat(),)}
    return app.ca.lifecycle.page(principal, Ask(filters=filters, limit=1)).total


def _configuration_findings(app: App, principal: Principal) -> int:
    from netops.compliance.model import PRESENT

    there = Ask(filters={"state": tuple(PRESENT)}, limit=1)
    return app.netops.findings.page(principal, there).total


def _silent_devices(app: App, principal: Principal) -> int:
    return app.monitor.polling.page(principal, Ask(limit=1).narrowed(state="down")).total


def _network_findings(app: App, principal: Principal) -> int:
    from monitor.model import STANDING

    standing = Ask(filters={"state": tuple(map(str, STANDING))}, limit=1)
    return app.monitor.findings.page(principal, standing).total


def _new_alerts(app: App, principal: Principal) -> int:
    from siem.model import AlertState

    ask = Ask(filters={"state": (AlertState.NEW,)}, limit=1)
    return app.siem.triage.page(principal, ask).total


def _open_cases(app: App, principal: Principal) -> int:
    from siem.model import CaseState

    unfinished = tuple(state for state in CaseState if state is not CaseState.CLOSED)
    return app.siem.cases.page(principal, Ask(filters={"state": unfinished}, limit=1)).total


def _unproven_replicas(app: App, principal: Principal) -> int:
    """Places of a plan where the last proof is missing or was no pass."""
    places = app.backup.status(principal)
    return len({(place.plan, place.site) for place in places if place.verdict != "pass"})


def _systems(app: App, principal: Principal) -> int:
    return app.policies.lists.systems(principal, Ask(limit=1)).total


@dataclass(frozen=True)
class _Source:
    label: str
    count: Count
    needs: Permission | None  # None: whoever may approve anything
    warns: bool = True  # any number above nought asks for attention


_P = Permission
_SOURCES: tuple[_Source, ...] = (
    _Source(N_("Approvals waiting for you"), _approvals, None),
    _Source(N_("New alerts"), _new_alerts, _P.SIEM_ALERT_READ),
    _Source(N_("Open cases"), _open_cases, _P.SIEM_CASE_READ),
    _Source(N_("Devices that do not answer"), _silent_devices, _P.MONITOR_READ),
    _Source(N_("Findings in the network"), _network_findings, _P.MONITOR_READ),
    _Source(N_("Findings in configurations"), _configuration_findings, _P.NETOPS_FINDING_READ),
    _Source(N_("Certificates that expire within 30 days"), _expiring, _P.CA_READ),
    _Source(N_("Replicas without a passed proof"), _unproven_replicas, _P.BACKUP_READ),
    _Source(N_("Evidence waiting for its seal"), _unsealed, _P.EVIDENCE_READ),
    _Source(N_("Failed jobs"), _failed_jobs, _P.JOB_READ),
    _Source(N_("Locked accounts"), _locked, _P.IDENTITY_READ),
    _Source(N_("Accounts"), _accounts, _P.IDENTITY_READ, warns=False),
    _Source(N_("Registered assets"), _assets, _P.ASSET_READ, warns=False),
    _Source(N_("Systems under graded protection"), _systems, _P.POLICIES_READ, warns=False),
    _Source(N_("Audit records"), _audit_records, _P.AUDIT_READ, warns=False),
)

TASKS: Mapping[Role, tuple[Task, ...]] = {
    Role.SYSTEM_ADMINISTRATOR: (
        Task(N_("Make accounts and units, unlock people"), "weicheng account add"),
        Task(N_("See what the worker did and what failed"), "weicheng job list"),
        Task(N_("Check the settings after every change"), "weicheng config check"),
    ),
    Role.SECURITY_OFFICER: (
        Task(N_("Decide on certificate requests"), "weicheng ca requests"),
        Task(N_("Suspend or revoke a certificate"), "weicheng ca revoke"),
        Task(N_("Grant roles to new colleagues"), "weicheng account grant"),
        Task(N_("Decide on exceptions from the baseline"), "weicheng netops findings"),
        Task(N_("Assess a system and confirm the results"), "weicheng policies assess"),
    ),
    Role.AUDITOR: (
        Task(N_("Verify the whole audit trail"), "weicheng audit verify"),
        Task(N_("Look through what was refused"), "weicheng audit find"),
        Task(N_("Export the trail for an outside check"), "weicheng audit export"),
    ),
    Role.REGISTRAR: (
        Task(N_("File a request for an applicant of your unit"), "weicheng ca request"),
        Task(N_("Follow your unit's requests"), "weicheng ca requests"),
        Task(N_("Look up the unit's devices and systems"), "weicheng assets list"),
    ),
    Role.NETWORK_ADMINISTRATOR: (
        Task(N_("Work through the findings in configurations"), "weicheng netops findings"),
        Task(N_("Collect configurations now"), "weicheng netops collect"),
        Task(N_("See how every device stands"), "weicheng monitor status"),
        Task(N_("Compare the network with the register"), "weicheng monitor topology"),
        Task(N_("Keep the register of devices up to date"), "weicheng assets import"),
    ),
    Role.SOC_ANALYST: (
        Task(N_("Work through the alerts, highest risk first"), "weicheng siem alerts"),
        Task(N_("Carry on with open cases"), "weicheng siem case list"),
        Task(N_("Search the logs"), "weicheng siem search"),
    ),
    Role.DR_ADMINISTRATOR: (
        Task(N_("See what is proven at which site"), "weicheng backup status"),
        Task(N_("Verify the replicas"), "weicheng backup verify"),
        Task(N_("Hold a restore drill"), "weicheng backup drill"),
    ),
    Role.ASSESSOR: (
        Task(N_("Read the results of an assessment"), "weicheng policies controls"),
        Task(N_("Take an evidence package away"), "weicheng policies export"),
        Task(N_("Verify records and seals"), "weicheng evidence verify"),
    ),
}


def figures(app: App, principal: Principal) -> list[Figure]:
    """The figures that this principal may see; one whose service fails says so and hides no other."""
    held = app.floor.access.permissions(principal)
    return [
        _figure(source, app, principal)
        for source in _SOURCES
        if (held & APPROVING if source.needs is None else source.needs in held)
    ]


def tasks(principal: Principal) -> list[Task]:
    """What the principal's roles do, each once."""
    wanted = [task for role in sorted(principal.roles) for task in TASKS[role]]
    return list(dict.fromkeys(wanted))


def _figure(source: _Source, app: App, principal: Principal) -> Figure:
    try:
        value = source.count(app, principal)
    except WeichengError as error:
        return Figure(source.label, None, warns=True, fault=error.text())
    return Figure(source.label, value, warns=source.warns and value > 0)
