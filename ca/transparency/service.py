"""The log as those see it who look into it: everybody (heads, entries, proofs), auditors and officers (lists, checks)."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from ca import store as register
from ca.encoding import merkle
from ca.ports import ServiceKeys
from ca.transparency import store
from ca.transparency.checking import LogCheck
from ca.transparency.kept import KeptHead
from ca.transparency.model import Entry, Fault, Inclusion, LogState, SignedHead
from ca.transparency.restarts import Restarts
from ca.transparency.sequencing import Sequencer
from ca.transparency.tiles import Tree
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound, Unavailable
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.store import Database
from kernel.store.listing import Ask, Page

MOST = 1000  # entries in one answer
_DIGITS = 15  # of a number: more than any log has entries
CHECK = "ca.log-check"


class TransparencyLog:
    """Heads, entries and proofs."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        approvals: Approvals,
        keys: ServiceKeys,
        folder: Path,
    ) -> None:
        """``folder`` is where the newest head is kept outside the database."""
        self._database = database
        self._clock = clock
        self._access = access
        kept = KeptHead(folder / "head.json")
        self.sequencer = Sequencer(database, clock, keys, kept)
        self.check = LogCheck(database, clock, self.sequencer)
        self.restarts = Restarts(database, clock, access, approvals, kept)

    # --- for everybody: what the log publishes
    def head(self) -> SignedHead:
        """The newest signed head. Unavailable before the first one, and while something is wrong with the log."""
        with self._database.read() as connection:
            state, newest = store.read_state(connection), store.newest_head(connection)
        if state is not None and state.fault is not Fault.NONE:
            raise Unavailable(N_("Something is wrong with the log; it signs nothing."))
        if newest is None:
            raise Unavailable(
                N_("The log has signed nothing yet."), mend=N_("Run: weicheng ca provision log.")
            )
        return newest

    def certificates(self, head: SignedHead) -> list[bytes]:
        """The log's certificate and those above it up to, not with, the root (DER)."""
        with self._database.read() as connection:
            own = register.certificate_by_fingerprint(connection, head.certificate)
            if own is None:
                raise NotFound(N_("There is no certificate %(serial)s."), serial=head.certificate[:60])
            chain, authority = [own.der], register.read_authority(connection, own.authority)
            while authority.parent is not None:
                chain.append(authority.certificate)
                authority = register.read_authority(connection, authority.parent)
        return chain

    def entries(self, start: int, end: int) -> list[Entry]:
        """Entries from ``start`` to ``end`` (both included, as in RFC 6962 section 4.6) that a head covers, MOST of them."""
        size = self.head().head.size
        if not 0 <= start <= end or start >= size:
            raise Invalid(N_("These entries are not in the log."), place="start, end")
        with self._database.read() as connection:
            return store.read_entries(connection, start, min(end + 1, size, start + MOST))

    def everything(self) -> Iterator[bytes]:
        """The leaves that the newest head covers, one a line, in their order; also while something is wrong with the log."""
        with self._database.read() as connection:
            newest = store.newest_head(connection)
        return self._lines(0 if newest is None else newest.head.size)

    def _lines(self, size: int) -> Iterator[bytes]:
        for start in range(0, size, MOST):
            with self._database.read() as connection:
                found = store.read_entries(connection, start, min(size, start + MOST))
            yield from (entry.leaf + b"\n" for entry in found)

    def inclusion(self, leaf: bytes, size: int) -> tuple[int, list[bytes]]:
        """Number and proof of the entry with that leaf hash in the tree of ``size``; NotFound when it is not in it."""
        self._check_size(size)
        with self._database.read() as connection:
            found = store.find_leaf(connection, leaf)
            if found is None or found.number >= size:
                raise NotFound(N_("No entry of that tree has this hash."))
            return found.number, merkle.inclusion(Tree(connection).node, found.number, size)

    def consistency(self, first: int, second: int) -> list[bytes]:
        """The proof that the tree of ``second`` entries begins with that of ``first``."""
        self._check_size(second)
        if not 0 < first <= second:
            raise Invalid(N_("The log has no tree of this size."), place="first")
        with self._database.read() as connection:
            return merkle.consistency(Tree(connection).node, first, second)

    def _check_size(self, size: int) -> None:
        if not 0 < size <= self.head().head.size:
            raise Invalid(N_("The log has no tree of this size."), place="size")

    # --- for auditors and officers
    def state(self, principal: Principal) -> LogState:
        """How the log stands; size 0 before its first entry."""
        self._access.require(principal, Permission.LOG_READ)
        with self._database.read() as connection:
            return store.read_state(connection) or LogState("", 0, Fault.NONE)

    def heads(self, principal: Principal, ask: Ask) -> Page[SignedHead]:
        """Signed heads, newest first. Filters: log, since, until."""
        self._access.require(principal, Permission.LOG_READ)
        with self._database.read() as connection:
            return store.HEADS.page(connection, ask)

    def signed_head(self, principal: Principal, number: str) -> SignedHead:
        """The head of that number, as an address or a person writes it."""
        self._access.require(principal, Permission.LOG_READ)
        with self._database.read() as connection:
            return store.read_signed_head(connection, _numbered(number))

    def page(self, principal: Principal, ask: Ask) -> Page[Entry]:
        """Entries, newest first. Filters: type, serial, since, until. The quick find looks for a serial number."""
        self._access.require(principal, Permission.LOG_READ)
        wanted = ask.text.strip().lower().replace(":", "")
        narrowed = replace(ask, text="").narrowed(serial=wanted) if wanted else ask
        with self._database.read() as connection:
            return store.ENTRIES.page(connection, narrowed)

    def entry(self, principal: Principal, number: str) -> Entry:
        """The entry of that number, as an address or a person writes it."""
        self._access.require(principal, Permission.LOG_READ)
        with self._database.read() as connection:
            return store.read_entry(connection, _numbered(number))

    def told_of(self, principal: Principal, serial: str) -> Sequence[Inclusion]:
        """What the log tells of a certificate, each entry with its proof under the newest head; oldest first.

        Whoever may see certificates may see this: it is public. Entries that no head covers yet are left out.
        """
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            newest, tree = store.newest_head(connection), Tree(connection)
            if newest is None:
                return ()
            size = newest.head.size
            return [
                Inclusion(one, newest, tuple(merkle.inclusion(tree.node, one.number, size)))
                for one in store.entries_of(connection, serial)
                if one.number < size
            ]

    def prove(self, principal: Principal, number: str) -> Inclusion:
        """One entry with its proof under the newest head; Conflict while no head covers it."""
        self._access.require(principal, Permission.LOG_READ)
        newest = self.head()
        with self._database.read() as connection:
            entry, size = store.read_entry(connection, _numbered(number)), newest.head.size
            if entry.number >= size:
                raise Conflict(N_("No signed head covers this entry yet."), mend=N_("Ask again in a minute."))
            return Inclusion(
                entry, newest, tuple(merkle.inclusion(Tree(connection).node, entry.number, size))
            )

    def queue_check(self, principal: Principal) -> str:
        """Have the worker compare log, tree, heads and register; returns the job."""
        self._access.require(principal, Permission.LOG_CHECK)
        with self._database.begin() as uow:
            job = uow.enqueue(JobRequest(CHECK, key=CHECK, requested_by=principal.id))
            uow.audit(principal, AuditAction.JOB_ENQUEUE, job, details={"kind": CHECK})
        return job


def _numbered(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS):
        raise NotFound(N_("There is no number %(text)s."), text=text[:40])
    return int(text)
