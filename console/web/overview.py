"""What the home page shows each role: figures from the services, and the work that waits, with its command."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from console.compose.app import App
from kernel.errors import WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal, Role, UserState
from kernel.identity.permissions import APPROVING, Permission, permissions_of
from kernel.jobs.model import JobState

MOST = 100  # counted no further than this


@dataclass(frozen=True)
class Figure:
    """One number. ``tone`` is "" or "warning"; ``value`` is None where the service could not tell (``fault`` says why)."""

    label: str
    value: int | None
    tone: str = ""
    fault: str = ""

    @property
    def shown(self) -> str:
        if self.value is None:
            return "—"
        return f"{MOST}+" if self.value >= MOST and self.tone else str(self.value)


@dataclass(frozen=True)
class Task:
    """Something this role does: a message id, and the command line that does it."""

    text: str
    command: str


def _approvals(app: App, principal: Principal) -> int:
    with app.floor.database.read() as connection:
        return len(app.floor.approvals.waiting_for(connection, principal))


def _failed_jobs(app: App, principal: Principal) -> int:
    return len(app.jobs.find(principal, state=JobState.FAILED, limit=MOST))


def _running_jobs(app: App, principal: Principal) -> int:
    return len(app.jobs.find(principal, state=JobState.RUNNING, limit=MOST))


def _unsealed(app: App, principal: Principal) -> int:
    return sum(not row["sealed"] for row in app.evidence.rows(by=principal, limit=MOST))


def _locked(app: App, principal: Principal) -> int:
    now = app.clock.now()
    return sum(
        user.locked_until is not None and user.locked_until > now for user in app.identity.users(principal)
    )


def _active_users(app: App, principal: Principal) -> int:
    return sum(user.state is UserState.ACTIVE for user in app.identity.users(principal))


@dataclass(frozen=True)
class _Source:
    label: str
    count: Callable[[App, Principal], int]
    needs: Permission | None  # None: whoever may approve anything
    warns: bool = False  # any number above nought asks for attention


_SOURCES: tuple[_Source, ...] = (
    _Source(N_("Approvals waiting for you"), _approvals, None, warns=True),
    _Source(N_("Failed jobs"), _failed_jobs, Permission.JOB_READ, warns=True),
    _Source(N_("Running jobs"), _running_jobs, Permission.JOB_READ),
    _Source(
        N_("Registered assets"),
        lambda app, principal: len(app.assets.list_assets(principal)),
        Permission.ASSET_READ,
    ),
    _Source(N_("Evidence waiting for its seal"), _unsealed, Permission.EVIDENCE_READ, warns=True),
    _Source(N_("Active accounts"), _active_users, Permission.IDENTITY_READ),
    _Source(N_("Locked accounts"), _locked, Permission.IDENTITY_READ, warns=True),
    _Source(N_("Audit records"), lambda app, _principal: app.audit.head()[0], Permission.AUDIT_READ),
)

TASKS: Mapping[Role, tuple[Task, ...]] = {
    Role.SYSTEM_ADMINISTRATOR: (
        Task(N_("Make accounts and units, unlock people"), "weicheng account add"),
        Task(N_("See what the worker did and what failed"), "weicheng job list"),
        Task(N_("Check the settings after every change"), "weicheng config check"),
    ),
    Role.SECURITY_OFFICER: (
        Task(N_("Grant roles to new colleagues"), "weicheng account grant"),
        Task(N_("Keep the devices' credentials"), "weicheng credential set"),
    ),
    Role.AUDITOR: (
        Task(N_("Verify the whole audit trail"), "weicheng audit verify"),
        Task(N_("Look through what was refused"), "weicheng audit find"),
        Task(N_("Export the trail for an outside check"), "weicheng audit export"),
    ),
    Role.REGISTRAR: (Task(N_("Look up the unit's devices and systems"), "weicheng assets list"),),
    Role.NETWORK_ADMINISTRATOR: (
        Task(N_("Keep the register of devices up to date"), "weicheng assets import"),
        Task(N_("Store the devices' credentials"), "weicheng credential set"),
    ),
    Role.SOC_ANALYST: (Task(N_("Find the owner of an address"), "weicheng assets show"),),
    Role.DR_ADMINISTRATOR: (Task(N_("Follow backups and drills"), "weicheng job list"),),
    Role.ASSESSOR: (
        Task(N_("Read the evidence"), "weicheng evidence list"),
        Task(N_("Verify records and seals"), "weicheng evidence verify"),
    ),
}


def figures(app: App, principal: Principal) -> list[Figure]:
    """The figures that this principal may see; one whose service fails says so and hides no other."""
    held = permissions_of(principal.roles)
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
        return Figure(source.label, None, "warning", error.text())
    return Figure(source.label, value, "warning" if source.warns and value else "")
