"""Open sessions: who is signed in from where, and ending them."""

from sqlalchemy import ColumnElement, and_, false, or_

from kernel.audit.model import AuditAction
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.lists import SESSIONS, OpenSession
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.identity.ports import AccountStore
from kernel.identity.store import sessions, users
from kernel.store import Database
from kernel.store.listing import Ask, Page


class Sessions:
    """A person's own sessions; with the permission to end sessions also those of everybody in one's units."""

    def __init__(self, database: Database, access: Access, accounts: AccountStore) -> None:
        self._database = database
        self._access = access
        self._accounts = accounts

    def page(self, principal: Principal, ask: Ask) -> Page[OpenSession]:
        """The sessions that one sees, the last used first."""
        with self._database.read() as connection:
            return SESSIONS.page(connection, ask, self._seen(principal))

    def get(self, principal: Principal, session_id: str) -> OpenSession:
        """One of those; NotFound for any other."""
        this = and_(sessions.c.id == session_id, self._seen(principal))
        with self._database.read() as connection:
            row = connection.execute(SESSIONS.query.where(this)).one_or_none()
        if row is None:
            raise NotFound(N_("There is no session %(id)s."), id=session_id[:80])
        return SESSIONS.row(row)

    def end(self, principal: Principal, session_id: str, reason: str) -> OpenSession:
        """End one of those; NotFound for any other."""
        found = self.get(principal, session_id)
        with self._database.begin() as uow:
            if not self._accounts.end_session(uow.connection, session_id):
                raise NotFound(N_("There is no session %(id)s."), id=session_id)
            target = f"session:{session_id}"
            uow.audit(principal, AuditAction.SESSION_END, target, unit=found.unit, reason=reason)
        return found

    def _seen(self, principal: Principal) -> ColumnElement[bool]:
        mine = sessions.c.user == principal.id if principal.is_person else false()
        if not self._access.allows(principal, Permission.IDENTITY_SESSION_END):
            return mine
        return or_(mine, and_(True, *self._access.seen(principal, users.c.unit)))
