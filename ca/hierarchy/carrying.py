"""Offline CAs as officers work with them: export what waits, take answers in, order a new revocation list."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from ca import store
from ca.hierarchy import lists
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.acts.base import Work
from ca.hierarchy.ceremony import Ceremonies
from ca.hierarchy.ferry import Ferry
from ca.hierarchy.model import PURPOSES, Carried, OfflineState
from ca.hierarchy.offline import OfflineRequest, described, read_request
from ca.status.making import ListMaker
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid
from kernel.i18n import N_, translate
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of

LIST, CSR = "crl", "request"  # purposes that belong to no ceremony
SHORTEST, LONGEST = 30, 400  # days of an offline CA's revocation list


class Offline:
    """Requests to offline CAs from their making to their answers."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        ferry: Ferry,
        ceremonies: Ceremonies,
        maker: ListMaker,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._ferry = ferry
        self._ceremonies = ceremonies
        self._maker = maker

    def page(self, principal: Principal, ask: Ask) -> Page[Carried]:
        """Requests, newest first. Filters: state, ceremony."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = hierarchy_store.read_requests(connection)
        return page_of(
            found,
            ask,
            key=lambda one: one.id,
            text=lambda one: (one.id, one.title, one.purpose, one.digest),
            filters={"state": lambda one: str(one.state), "ceremony": lambda one: one.ceremony or ""},
            orders={"made": lambda one: one.id},
            default="-made",
            facets=("state",),
        )

    def show(self, principal: Principal, request_id: str) -> Carried:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return hierarchy_store.read_request(connection, request_id)

    def described(self, principal: Principal, request_id: str) -> list[str]:
        """What the request has signed, for people to compare on both machines."""
        return told(read_request(self.show(principal, request_id).file.encode()))

    def export(self, principal: Principal, request_id: str) -> bytes:
        """The request's file, to be carried to the machine with the key."""
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            found = hierarchy_store.read_request(uow.connection, request_id, lock=True)
            _require_waiting(found)
            hierarchy_store.change_request(uow.connection, found.id, exported_at=self._clock.now())
            details = {"digest": found.digest}
            uow.audit(principal, AuditAction.CA_OFFLINE_EXPORT, f"offline:{found.id}", details=details)
        return found.file.encode()

    def take(self, principal: Principal, data: bytes) -> Carried:
        """Take an answer in and go on with what waits for it.

        Invalid, NotFound (no request of ours), Conflict (answered or replaced), IntegrityFailed (changed, or by another key).
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            carried = self._ferry.take(uow, principal, data)
        self.resume(principal, carried.id)
        return self.show(principal, carried.id)

    def resume(self, principal: Principal, request_id: str) -> None:
        """Go on with an answer that was taken in, should a crash have kept it from being used."""
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        carried = self.show(principal, request_id)
        if carried.state is not OfflineState.ANSWERED:
            raise Conflict(N_("There is no answer to request %(id)s yet."), place=carried.id, id=carried.id)
        if carried.ceremony is not None:
            self._ceremonies.answered(principal, carried.ceremony)
        elif carried.purpose == LIST:
            self._publish(principal, carried)

    def order_list(self, principal: Principal, authority_id: str, days: int) -> Carried:
        """Have a new revocation list of an offline CA signed; what waited for that before is void."""
        self._access.require_root(principal, Permission.CA_CRL_PUBLISH)
        if not SHORTEST <= days <= LONGEST:
            raise Invalid(
                N_("The list of an offline CA lives %(shortest)s to %(longest)s days."),
                place="days",
                shortest=SHORTEST,
                longest=LONGEST,
            )
        with self._database.read() as connection:
            authority = store.read_authority(connection, authority_id)
        if not authority.offline:
            raise Conflict(
                N_("The key of CA %(id)s is in the signer."),
                mend=N_("Publish its list: weicheng ca crl --publish."),
                place=authority.id,
                id=authority.id,
            )
        order, memo = lists.ordered(self._maker, authority, timedelta(days=days))
        memo |= {"authority": authority.id}
        with self._database.begin() as uow:
            for old in hierarchy_store.read_requests(uow.connection):
                if (old.purpose, old.authority, old.state) == (LIST, order.key, OfflineState.WAITING):
                    self._ferry.void(uow, principal, old, "replaced by a newer one")
            about = {"title": authority.name, "ceremony": "", "approved_by": [principal.name]}
            return self._ferry.make(uow, principal, LIST, authority.name, [order], about, memo=memo)

    def void(self, principal: Principal, request_id: str, reason: str) -> Carried:
        """Take no answer to it any more; its ceremony asks anew when it is performed again."""
        self._access.require_root(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            found = hierarchy_store.read_request(uow.connection, request_id, lock=True)
            _require_waiting(found)
            self._ferry.void(uow, principal, found, reason)
        return self.show(principal, request_id)

    def _publish(self, principal: Principal, carried: Carried) -> None:
        with self._database.read() as connection:
            authority = store.read_authority(connection, str(carried.work["authority"]))
        orders = read_request(carried.file.encode()).orders
        (answer,) = self._ferry.answers(carried)
        lists.taken(self._maker, authority, carried.work, answer, Work(orders), principal)


def told(request: OfflineRequest) -> list[str]:
    """A request as people read it: why it is asked, by whom, and each order from its very bytes."""
    about = [
        f"{_label(name)}: {_said(name, value)}" for name, value in sorted(request.about.items()) if value
    ]
    numbered = [
        f"[{place}/{len(request.orders)}] {line}" if not at else f"      {line}"
        for place, order in enumerate(request.orders, start=1)
        for at, line in enumerate(described(order))
    ]
    return [f"{request.id}", f"SHA-256: {request.digest}", *about, *numbered]


# what a request tells about itself -> how it is called; what another version added is shown by its own name
_ABOUT: Mapping[str, str] = {
    "title": N_("Subject of the request"),
    "purpose": N_("What is asked for"),
    "ceremony": N_("Key ceremony"),
    "step": N_("Next step"),
    "plan": N_("SHA-256 of the approved plan"),
    "approval": N_("Approval"),
    "proposed_by": N_("Proposed by"),
    "approved_by": N_("Approved by"),
    "made_by": N_("Made by"),
    "made_at": N_("Made at"),
}


def _label(name: str) -> str:
    return translate(_ABOUT.get(name, name))


def _said(name: str, value: Any) -> str:
    if name == "purpose":
        return translate(PURPOSES.get(str(value), str(value)))
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _require_waiting(found: Carried) -> None:
    if found.state is not OfflineState.WAITING:
        raise Conflict(
            N_("Request %(id)s does not wait for an answer (%(state)s)."),
            mend=N_("An answer is taken once, and none to a request that was replaced."),
            place=found.id,
            id=found.id,
            state=str(found.state),
        )
