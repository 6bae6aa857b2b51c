"""Approvals to look through: what waits for whom, who asked, who decided how, who may decide."""

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.lists import Case, Vote, cases_of
from kernel.identity.model import ApprovalState, Principal
from kernel.identity.permissions import Permission
from kernel.identity.service import IdentityService
from kernel.identity.store import approval_votes, approvals, users
from kernel.store import Database
from kernel.store.listing import Ask, Listing, Page


class FourEyes:
    """What one asked for or may decide. Deciding is done where the effect is: by the room of the object."""

    def __init__(self, database: Database, access: Access, identity: IdentityService) -> None:
        self._database = database
        self._access = access
        self._identity = identity

    def page(self, principal: Principal, ask: Ask) -> Page[Case]:
        """These approvals, the newest first; the filter ``mine`` tells what waits from what one asked for or decided."""
        listing, seen = self._seen(principal)
        with self._database.read() as connection:
            found = listing.page(connection, ask, seen)
            votes = _votes(connection, [case.approval.id for case in found.items])
        return found.map(lambda case: replace(case, votes=votes.get(case.approval.id, ())))

    def get(self, principal: Principal, approval_id: str) -> Case:
        """One of these, while it waits with the names of who may decide; NotFound for any other."""
        listing, seen = self._seen(principal)
        with self._database.read() as connection:
            row = connection.execute(listing.query.where(approvals.c.id == approval_id, seen)).one_or_none()
            votes = _votes(connection, [approval_id])
        if row is None:
            raise NotFound(N_("There is no approval %(id)s."), id=approval_id[:80])
        case = listing.row(row)
        return replace(case, votes=votes.get(approval_id, ()), who_may=self._who_may(principal, case))

    def waiting(self, principal: Principal) -> int:
        """How many approvals the principal may decide and has not yet."""
        listing, _seen = self._seen(principal)
        mine = listing.filters["mine"](("decide",))
        with self._database.read() as connection:
            count = select(func.count()).select_from(approvals).where(mine)
            found: int = connection.execute(count).scalar_one()
        return found

    def _who_may(self, principal: Principal, case: Case) -> tuple[str, ...]:
        approval = case.approval
        if approval.state is not ApprovalState.PENDING:
            return ()
        names = self._identity.holders(principal, Permission(approval.permission), approval.unit)
        return tuple(name for name in names if name != case.requester)

    def _seen(self, principal: Principal) -> tuple[Listing[Case], ColumnElement[bool]]:
        held = sorted(self._access.permissions(principal))
        units = self._access.seen(principal, approvals.c.unit, suite=True)
        may_decide = and_(approvals.c.permission.in_(held), *units)
        return cases_of(principal.id, may_decide), or_(approvals.c.requested_by == principal.id, may_decide)


def _votes(connection: Connection, ids: Sequence[str]) -> dict[str, tuple[Vote, ...]]:
    """Who decided how, by approval, in the order of the decisions."""
    person = func.coalesce(users.c.name, approval_votes.c.person).label("name")
    query = select(approval_votes, person).select_from(
        approval_votes.outerjoin(users, users.c.id == approval_votes.c.person)
    )
    found: dict[str, tuple[Vote, ...]] = {}
    for row in connection.execute(
        query.where(approval_votes.c.approval.in_(ids)).order_by(approval_votes.c.at)
    ):
        vote = Vote(row.name, row.approve, row.reason, row.at)
        found[row.approval] = (*found.get(row.approval, ()), vote)
    return found
