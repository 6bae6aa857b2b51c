"""Making a revocation list: read what it tells, have it signed, record it, publish it (CA-6).

A list's number is taken in the transaction that records it, by whoever read the newest; another publisher then reads anew.
Numbers are never below the seconds of the clock, so that a database restored from a backup goes on above what it has forgotten.
"""

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from ca.encoding import crl as encoding
from ca.model import Authority
from ca.ports import Signer
from ca.resumption.store import in_force
from ca.scopes import ListKind, ListRules, Scope
from ca.signer.model import Purpose
from ca.status import store
from ca.status.files import Draft, ListFiles
from ca.status.model import VALIDITY, RevocationList
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Unavailable
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.pki.algorithms import Algorithm, algorithm, verify, verify_digest
from kernel.store import Database, UnitOfWork

_ATTEMPTS = 20


@dataclass(frozen=True)
class _Content:
    """A list before its signature; ``record`` has no size and digest yet."""

    record: RevocationList
    entries: Sequence[bytes]


class ListMaker:
    """Makes lists of a scope: a full one with the delta that leads to it, or a delta alone."""

    def __init__(
        self, database: Database, clock: Clock, signer: Signer, files: ListFiles, rules: ListRules
    ) -> None:
        self._database = database
        self._clock = clock
        self._signer = signer
        self._files = files
        self._rules = rules

    def make(self, authority: Authority, scope: Scope, kind: ListKind, by: Principal) -> list[RevocationList]:
        """Sign and publish; Unavailable without signer, for a key elsewhere, or with a clock behind the newest list."""
        if not authority.signs_here:
            raise Unavailable(
                N_("The key of CA %(id)s is not in the signer."),
                mend=N_("Have its list signed where the key is: weicheng ca offline crl."),
                place=authority.id,
                id=authority.id,
            )
        for _ in range(_ATTEMPTS):
            made = self._attempt(authority, scope, kind, by)
            if made is not None:
                return made
        raise Conflict(N_("Others are publishing this CRL; try again."), place=scope.name(kind))

    def unsigned(self, authority: Authority, validity: timedelta) -> tuple[RevocationList, bytes]:
        """A full list before its signature, for a CA whose key is elsewhere: its record and its bytes. It has no deltas."""
        scope = Scope(authority.id)
        with self._database.read() as connection:
            number = self._next_number(scope, store.number_of(connection, scope))
            content = self._contents(connection, scope, ListKind.FULL, number)[0]
        record = replace(content.record, next_update=content.record.this_update + validity)
        tbs = self._tbs(authority, _Content(record, content.entries), deltas=False)
        return record, b"".join(tbs)

    def signed_elsewhere(
        self, authority: Authority, record: RevocationList, tbs: bytes, signature: bytes, by: Principal
    ) -> RevocationList:
        """Publish what ``unsigned`` prepared; again, it does nothing. Conflict when a newer list was published meanwhile."""
        row, scope = algorithm(authority.algorithm), record.scope
        _check(authority, row, signature, [tbs])
        with self._database.read() as connection:
            newest = store.newest_list(connection, scope, ListKind.FULL)
            old = store.number_of(connection, scope)
        if newest is not None and newest.number == record.number:
            return newest
        with self._files.draft(encoding.signed_list([tbs], row.identifier, signature)) as draft:
            made = replace(record, size=draft.size, digest=draft.digest)
            with self._database.begin() as uow:
                if old >= made.number or not store.raise_number(uow.connection, scope, old, made.number):
                    raise Conflict(N_("A newer list of this CA is published already."), place=authority.id)
                gone = self._record(uow, [made], by)
            self._files.keep(draft, made)
            self._files.remove(gone)
        return made

    def _attempt(
        self, authority: Authority, scope: Scope, kind: ListKind, by: Principal
    ) -> list[RevocationList] | None:
        """None when another process took the number first: then its list may lack what ours has."""
        with self._database.read() as connection:
            old = store.number_of(connection, scope)
            contents = self._contents(connection, scope, kind, self._next_number(scope, old))
        with ExitStack() as stack:
            drafts = [stack.enter_context(self._signed(authority, one)) for one in contents]
            made = [
                replace(one.record, size=draft.size, digest=draft.digest)
                for one, draft in zip(contents, drafts, strict=True)
            ]
            with self._database.begin() as uow:
                if not store.raise_number(uow.connection, scope, old, made[0].number):
                    return None
                gone = self._record(uow, made, by)
            for one, draft in zip(made, drafts, strict=True):
                self._files.keep(draft, one)
            self._files.remove(gone)
        return made

    def _next_number(self, scope: Scope, old: int) -> int:
        published = [self._files.newest(scope, kind) for kind in ListKind]
        highest = max([old, *(one.number for one in published if one is not None)])
        return max(highest + 1, int(self._clock.now().timestamp()))

    def _contents(self, connection: Connection, scope: Scope, kind: ListKind, number: int) -> list[_Content]:
        now = self._now(connection, scope)
        base = store.newest_list(connection, scope, ListKind.FULL)
        if base is not None and base.this_update > now:  # made with a clock that was ahead
            base = replace(base, this_update=now, since=min(base.since, now))
        version = store.version_of(connection, scope.authority)
        common = {"authority": scope.authority, "shard": scope.shard, "number": number, "version": version}
        common |= {"this_update": now, "size": 0, "digest": ""}
        if kind is ListKind.DELTA and base is not None:
            return [_delta(connection, common, base)]
        full = _full(connection, common, base)
        # issued together they bear one number (RFC 5280 5.2.4); before there was a list, the delta is empty
        return [full, _delta(connection, common, base) if base else _empty(full.record)]

    def _now(self, connection: Connection, scope: Scope) -> datetime:
        """This second; Unavailable when a list is newer than the clock, and officers have not said that it lied."""
        now = self._clock.now().replace(microsecond=0)
        recorded = [store.newest_list(connection, scope, kind) for kind in ListKind]
        published = [self._files.newest(scope, kind) for kind in ListKind]
        ahead = [one for one in (*recorded, *published) if one is not None and now < one.this_update]
        agreed = in_force(connection, scope.authority, now) if ahead else None
        if ahead and (agreed is None or not all(agreed.false_list(scope.shard, one.number) for one in ahead)):
            raise Unavailable(
                N_("The clock is behind the newest CRL."),
                mend=N_("Set the clock right; was it ahead before, two officers agree: weicheng ca clock."),
                place=scope.authority,
            )
        return now

    def _signed(self, authority: Authority, content: _Content) -> AbstractContextManager[Draft]:
        """The draft of a signed list; the signature is checked before anything is recorded."""
        row = algorithm(authority.algorithm)
        tbs = self._tbs(authority, content, deltas=True)
        signature = self._signer.sign(authority.key, Purpose.CRL, tbs)
        _check(authority, row, signature, tbs)
        return self._files.draft(encoding.signed_list(tbs, row.identifier, signature))

    def _tbs(self, authority: Authority, content: _Content, *, deltas: bool) -> list[bytes]:
        record, full = content.record, content.record.kind is ListKind.FULL
        head = encoding.ListHead(
            record.number,
            record.this_update,
            record.next_update,
            base=record.base,
            point=self._rules.url(record.scope, ListKind.FULL) if record.shard else "",
            freshest=self._rules.url(record.scope, ListKind.DELTA) if full and deltas else "",
        )
        row = algorithm(authority.algorithm)
        return encoding.tbs_cert_list(row, authority.subject, authority.spki, head, content.entries)

    def _record(self, uow: UnitOfWork, made: Sequence[RevocationList], by: Principal) -> list[RevocationList]:
        """Record, audit and announce; returns the old lists that are kept no longer."""
        first, target = made[0], f"authority:{made[0].authority}"
        gone: list[RevocationList] = []
        for one in made:
            store.add_list(uow.connection, one)
            gone += store.take_old(uow.connection, one.scope, one.kind, self._rules.history)
        details = {
            "number": first.number,
            "entries": first.entries,
            "kind": str(first.kind),
            "shard": first.shard,
            "sha256": first.digest,
            "deleted": len(gone),
        }
        uow.audit(by, AuditAction.CA_CRL_PUBLISH, target, details=details)
        uow.emit(Event(EventKind.CRL_PUBLISHED, target, details))
        return gone


def _full(connection: Connection, common: Mapping[str, Any], last: RevocationList | None) -> _Content:
    """All entries; an ended certificate stays until one list made after its end has borne it (RFC 5280 section 3.3)."""
    since = last.this_update if last else common["this_update"]
    scope, pieces, count = Scope(common["authority"], common["shard"]), [], 0
    for number, octets in store.entry_pieces(connection, scope, since):
        pieces.append(octets)
        count += number
    ends = common["this_update"] + VALIDITY[ListKind.FULL]
    record = RevocationList(
        **common, kind=ListKind.FULL, base=None, since=since, next_update=ends, entries=count
    )
    return _Content(record, pieces)


def _delta(connection: Connection, common: Mapping[str, Any], base: RevocationList) -> _Content:
    number, listed = store.delta_entries(connection, base)
    gone = sorted(store.delta_removals(connection, base).items())
    parts = [listed, *(encoding.removal(int(serial, 16), at) for serial, at in gone)]
    record = RevocationList(
        **common,
        kind=ListKind.DELTA,
        base=base.number,
        since=base.this_update,
        next_update=common["this_update"] + VALIDITY[ListKind.DELTA],
        entries=number + len(gone),
    )
    return _Content(record, [b"".join(parts)] if number or gone else [])


def _empty(full: RevocationList) -> _Content:
    ends = full.this_update + VALIDITY[ListKind.DELTA]
    return _Content(replace(full, kind=ListKind.DELTA, base=full.number, next_update=ends, entries=0), [])


def _check(authority: Authority, row: Algorithm, signature: bytes, tbs: Sequence[bytes]) -> None:
    """SignatureInvalid unless the CA's key made the signature."""
    if row.family == "ed25519":  # has no form for a digest
        verify(authority.spki, row.digest, signature, b"".join(tbs))
        return
    hashed = hashlib.new(row.digest)
    for part in tbs:
        hashed.update(part)
    verify_digest(authority.spki, row, signature, hashed.digest())
