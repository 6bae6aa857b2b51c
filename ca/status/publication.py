"""When revocation lists are made (CA-6): full, delta, in shards; never an older one after a newer one."""

from datetime import timedelta

from sqlalchemy import Connection

from ca import store as core
from ca.model import Authority
from ca.resumption.store import in_force
from ca.scopes import ListKind, ListRules, Scope
from ca.status import store
from ca.status.files import ListFile, ListFiles
from ca.status.making import ListMaker
from ca.status.model import AHEAD, AT_ONCE, RevocationList
from kernel.clock import Clock
from kernel.errors import NotFound
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.store import Database


class Publication:
    """Decides which lists are due, and gives out the newest."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        maker: ListMaker,
        files: ListFiles,
        rules: ListRules,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._maker = maker
        self._files = files
        self._rules = rules

    def publish(self, authority_id: str, by: Principal) -> list[RevocationList]:
        """Sign and publish full lists and deltas of all that is revoked now, of every shard; an officer's act."""
        self._access.require(by, Permission.CA_CRL_PUBLISH)
        with self._database.read() as connection:
            authority = core.read_authority(connection, authority_id)
            wanted = self._scopes(connection, authority)
        return [one for scope in wanted for one in self._maker.make(authority, scope, ListKind.FULL, by)]

    def tell(self, authority_id: str, shard: int, *, urgent: bool) -> None:
        """After a change: have it on the lists at once if it is urgent or they are short; the worker does the rest."""
        with self._database.read() as connection:
            authority = core.read_authority(connection, authority_id)
            affected = {Scope(authority_id), Scope(authority_id, shard)}
            long = {scope: store.entry_count(connection, scope) > AT_ONCE for scope in affected}
        for scope in sorted(affected):
            if urgent or not long[scope]:
                kind = ListKind.DELTA if long[scope] else ListKind.FULL
                self._maker.make(authority, scope, kind, Principal.system("ca"))

    def promised(self, *, urgent: bool) -> timedelta:
        """Within which time a change is on every list."""
        return self._rules.promised(urgent=urgent)

    def refresh(self) -> int:
        """Publish what ends soon, lacks a change or is missing; returns in how many scopes."""
        self._files.clean()
        with self._database.read() as connection:
            ours = [one for one in core.read_authorities(connection) if one.signs_here]
            due = [
                (authority, scope, kind)
                for authority in ours
                for scope in self._scopes(connection, authority)
                if (kind := self._due(connection, scope)) is not None
            ]
        for one in due:
            self._maker.make(*one, Principal.system("ca"))
        for authority_id in {authority.id for authority, _, _ in due}:
            self._prune(authority_id)
        return len(due)

    def newest(self, scope: Scope, kind: ListKind = ListKind.FULL) -> ListFile:
        """The newest list; NotFound before the first."""
        found = self._files.newest(scope, kind)
        if found is None:
            raise NotFound(N_("There is no CRL of %(id)s."), id=scope.name(kind)[:60])
        return found

    def crl(self, authority_id: str) -> bytes:
        """The newest full list of a CA (DER); NotFound before the first."""
        return self.newest(Scope(authority_id)).path.read_bytes()

    def _scopes(self, connection: Connection, authority: Authority) -> list[Scope]:
        """All of the CA, and each shard that is set or that a certificate names."""
        set_now = self._rules.shards.get(authority.id, 0)
        used = store.shards_in_use(connection, [authority]).get(authority.id, 0)
        return [Scope(authority.id, shard) for shard in range(max(set_now, used) + 1)]

    def _due(self, connection: Connection, scope: Scope) -> ListKind | None:
        """A full list, a delta alone, or nothing."""
        full = store.newest_list(connection, scope, ListKind.FULL)
        delta = store.newest_list(connection, scope, ListKind.DELTA)
        if full is None or delta is None or self._ending(full) or not self._files.holds(full):
            return ListKind.FULL
        now = self._clock.now()
        if full.this_update > now and in_force(connection, scope.authority, now) is not None:
            return ListKind.FULL
        changed, urgent = store.changed_since(connection, scope, full.version)
        if changed and (urgent or self._full_now(connection, full)):
            return ListKind.FULL
        behind, _ = store.changed_since(connection, scope, delta.version)
        return ListKind.DELTA if behind or self._ending(delta) or not self._files.holds(delta) else None

    def _full_now(self, connection: Connection, full: RevocationList) -> bool:
        """Whether an ordinary change is told by a full list now: a short one always, a long one every few minutes."""
        if store.entry_count(connection, full.scope) <= AT_ONCE:
            return True
        return self._clock.now() >= full.this_update + self._rules.full_every

    def _ending(self, one: RevocationList) -> bool:
        return one.next_update < self._clock.now() + AHEAD[one.kind]

    def _prune(self, authority_id: str) -> None:
        """Forget what no list of the CA needs any more."""
        with self._database.begin() as uow:
            newest = [one for one in store.newest_lists(uow.connection) if one.authority == authority_id]
            version = min(one.version for one in newest if one.kind is ListKind.FULL)
            since = min(one.since for one in newest if one.kind is ListKind.FULL)
            store.prune(uow.connection, authority_id, version, since)
