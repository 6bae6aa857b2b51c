"""The ends of CAs and services found in time: a daily job tells of each, once at each stage, and officers have a list."""

from ca.ends import store
from ca.ends.store import Ending, EndState
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of

_SEVERITY = {EndState.DUE: "medium", EndState.SOON: "high", EndState.ENDED: "critical"}


class Ends:
    """Certificates of CAs and of the suite's services that have to be renewed by somebody."""

    def __init__(self, database: Database, clock: Clock, access: Access) -> None:
        self._database = database
        self._clock = clock
        self._access = access

    def page(self, principal: Principal, ask: Ask) -> Page[Ending]:
        """What is near its end, the first to end first. Filters: state, kind."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = store.endings(connection, self._clock.now())
        return page_of(
            found,
            ask,
            key=lambda one: one.id,
            text=lambda one: (one.id, one.name, one.subject),
            filters={"state": lambda one: str(one.state), "kind": lambda one: one.kind},
            facets=("state",),
            orders={"ends": lambda one: one.not_after},
            default="ends",
        )

    def get(self, principal: Principal, own_id: str) -> Ending:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            for one in store.endings(connection, self._clock.now()):
                if one.id == own_id:
                    return one
        raise NotFound(N_("The certificate of %(id)s is not near its end."), id=own_id[:60])

    def remind(self) -> int:
        """Tell of what has come nearer to its end since it was told of last; how many that were."""
        now = self._clock.now()
        with self._database.begin() as uow:
            known = store.told(uow.connection)
            found = store.endings(uow.connection, now)
            fresh = [one for one in found if known.get(one.fingerprint) != one.stage]
            for one in fresh:
                store.note(uow.connection, one, now)
                about = {"name": one.name, "subject": one.subject, "days": one.stage}
                about["not_after"] = one.not_after.isoformat()
                target, severity = f"{one.kind}:{one.id}", _SEVERITY[one.state]
                uow.emit(Event(EventKind.CA_ENDING, target, about, severity=severity))
            if fresh:
                details = {"certificates": [f"{one.kind}:{one.id}" for one in fresh]}
                uow.audit(Principal.system("ca"), AuditAction.CA_REMIND, "authorities", details=details)
        return len(fresh)
