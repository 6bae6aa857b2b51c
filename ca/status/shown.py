"""The published lists as people look through them."""

from dataclasses import replace
from datetime import timedelta

from ca import store as core
from ca.model import Authority, AuthorityKind, Freshness
from ca.scopes import ListKind, ListRules, Scope, named
from ca.status import store
from ca.status.files import ListFiles
from ca.status.model import AHEAD, OFFLINE_AHEAD, ListStatus, RevocationList
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of

_KNOWN = ("number", "base", "this_update", "next_update", "entries", "size")
_LATE = timedelta(hours=1)  # the worker looks every minute


class Lists:
    """The newest list of each scope and kind."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, files: ListFiles, rules: ListRules
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._files = files
        self._rules = rules

    def page(self, principal: Principal, ask: Ask) -> Page[ListStatus]:
        """Full lists and deltas of every CA and shard. Filters: state, kind, authority."""
        self._access.require(principal, Permission.CA_READ)
        return page_of(
            self._all(),
            ask,
            key=lambda one: one.id,
            text=lambda one: (one.id, one.name),
            filters={
                "state": lambda one: str(one.state),
                "kind": lambda one: str(one.kind),
                "authority": lambda one: one.authority,
            },
        )

    def show(self, principal: Principal, name: str) -> ListStatus:
        """One list by its name, such as ``issuing:delta``."""
        self._access.require(principal, Permission.CA_READ)
        for one in self._all():
            if one.id == name:
                return one
        raise NotFound(N_("There is no CRL of %(id)s."), id=name[:60])

    def octets(self, principal: Principal, name: str) -> bytes:
        """The list itself (DER)."""
        self.show(principal, name)
        scope, kind = named(name) or (Scope(name), ListKind.FULL)
        found = self._files.newest(scope, kind)
        if found is None:
            raise NotFound(N_("There is no CRL of %(id)s."), id=name[:60])
        return found.path.read_bytes()

    def _all(self) -> list[ListStatus]:
        with self._database.read() as connection:
            newest = {(one.scope, one.kind): one for one in store.newest_lists(connection)}
            known = core.read_authorities(connection)
        shown = []
        for authority in known:
            if authority.kind is AuthorityKind.SUPERIOR:  # whose lists are not ours to make
                continue
            scopes = {Scope(authority.id), *(scope for scope, _ in newest if scope.authority == authority.id)}
            for scope in sorted(scopes):
                kinds = (ListKind.FULL,) if authority.offline else ListKind
                shown += [self._status(authority, scope, kind, newest.get((scope, kind))) for kind in kinds]
        return shown

    def _status(
        self, authority: Authority, scope: Scope, kind: ListKind, one: RevocationList | None
    ) -> ListStatus:
        missing = ListStatus(
            id=scope.name(kind),
            authority=authority.id,
            name=authority.name,
            kind=kind,
            shard=scope.shard,
            state=Freshness.MISSING,
            url=self._rules.url(scope, kind),
        )
        if one is None:
            return missing
        known = {name: getattr(one, name) for name in _KNOWN}
        ahead = OFFLINE_AHEAD if authority.offline else AHEAD[one.kind] - _LATE
        return replace(missing, state=self._freshness(one, ahead), **known)

    def _freshness(self, one: RevocationList, ahead: timedelta) -> Freshness:
        now = self._clock.now()
        if now >= one.next_update:
            return Freshness.ENDED
        return Freshness.DUE if now > one.next_update - ahead else Freshness.GOOD
