"""The sequencer: gives what waits its place in the log, and has the tree's head signed.

Two transactions and a file, each safe to repeat. Entries move from the queue into the log under the lock of the state's row, so
that each gets one number and is in the log once, whenever the power goes. The head is signed over what is stored; it is stored
only if no other process stored one meanwhile; then it is kept outside the database too.
"""

from datetime import datetime, timedelta

from ca.encoding import merkle
from ca.encoding.log import TreeHead
from ca.ports import ServiceKeys
from ca.signer.model import KeyRole
from ca.transparency import store
from ca.transparency.kept import KeptHead
from ca.transparency.model import Fault, SignedHead
from ca.transparency.signature import check_signature
from ca.transparency.tiles import Tree
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Unavailable
from kernel.events import Event, EventKind
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.store import Database

_BATCH = 10_000  # entries in one transaction
EVERY = timedelta(hours=1)  # a head is never older, so that relying parties see that the log lives


class Sequencer:
    """Run by the worker every minute."""

    def __init__(self, database: Database, clock: Clock, keys: ServiceKeys, kept: KeptHead) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._kept = kept

    def run(self) -> int:
        """Compare with the kept head, log what waits, sign a head if one is due; how many entries were logged.

        With a fault nothing is logged or signed; what waits goes on waiting.
        """
        if self.look() is not Fault.NONE:
            return 0
        logged = 0
        while moved := self._move():
            logged += moved
        if self._keys.ready(KeyRole.LOG):
            self.sign()
        return logged

    def look(self) -> Fault:
        """Whether the database still knows the newest head that was signed; ROLLED_BACK raises the alarm once."""
        try:
            kept = self._kept.read()
        except ValueError:
            return self.alarm(Fault.DAMAGED)
        with self._database.read() as connection:
            state = store.read_state(connection)
            newest = store.newest_head(connection)
            known = kept is None or (
                store.knows_head(connection, kept.encoded())
                and _root(Tree(connection), kept.size) == kept.root
            )
        if state is not None and state.fault is not Fault.NONE:
            return state.fault
        if not known:
            return self.alarm(Fault.ROLLED_BACK)
        if state is not None and newest is not None and newest.head != kept and newest.head.log == state.log:
            self._kept.write(newest.text)
        return Fault.NONE

    def sign(self) -> SignedHead | None:
        """Sign and store a head if entries were added or the newest is an hour old; None when none is due.

        Unavailable without key or signer, and with a clock behind the newest head.
        """
        now = self._clock.now()
        with self._database.begin() as uow:  # the state's row is made with the first head
            state = store.lock(uow.connection)
        with self._database.read() as connection:
            newest = store.newest_head(connection)
            state = store.read_state(connection) or state
            if newest is not None and not _due(newest.head, state.log, state.size, now):
                return None
            head = TreeHead(state.log, state.size, _root(Tree(connection), state.size), now)
        number = 1 if newest is None else newest.number + 1
        signed = self._signed(number, head)
        with self._database.begin() as uow:
            current = store.lock(uow.connection)
            last = store.newest_head(uow.connection)
            if current.log != head.log or (0 if last is None else last.number) != number - 1:
                return None  # another process was first
            store.add_head(uow.connection, signed)
        self._kept.write(signed.text)
        return signed

    def alarm(self, fault: Fault) -> Fault:
        """Mark the log and tell of it, once for each fault."""
        with self._database.begin() as uow:
            if store.lock(uow.connection).fault is fault:
                return fault
            store.set_fault(uow.connection, fault, self._clock.now())
            actor, details = Principal.system("ca"), {"fault": str(fault)}
            uow.audit(actor, AuditAction.CA_LOG_ALARM, "log", outcome="failure", details=details)
            uow.emit(Event(EventKind.LOG_ALARM, "log", details, severity="critical"))
        return fault

    def _move(self) -> int:
        with self._database.begin() as uow:
            state = store.lock(uow.connection)
            rows = store.waiting(uow.connection, _BATCH)
            if rows:
                store.append(uow.connection, state.size, rows)
        return len(rows)

    def _signed(self, number: int, head: TreeHead) -> SignedHead:
        key = self._keys.key(KeyRole.LOG)
        text = head.encoded()
        signature = key.sign(text)
        check_signature(text, signature, key.certificate_der)
        return SignedHead(number, head, text, signature, sha256_hex(key.certificate_der))


def _due(newest: TreeHead, log: str, size: int, now: datetime) -> bool:
    if newest.log != log:  # which has begun anew
        return True
    if now < newest.at:
        raise Unavailable(
            N_("The clock is behind what the log has signed already."),
            mend=N_("Set the clock; if it was ahead before: weicheng ca log restart propose."),
        )
    return newest.size != size or now - newest.at >= EVERY


def _root(tree: Tree, size: int) -> str:
    """The root in hex; "" when the stored tree is smaller."""
    try:
        return merkle.root(tree.node, size).hex()
    except KeyError:
        return ""
