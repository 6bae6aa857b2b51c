"""The nightly check: do entries, tree, signed heads and the register of certificates tell the same?

Somebody who issued beside the log, changed an entry or signed over another tree is found here; an auditor who keeps heads and
entries outside (ca.transparency.offline) needs no trust in this check.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from ca.encoding import merkle
from ca.transparency import comparing, store
from ca.transparency.model import Fault, SignedHead
from ca.transparency.sequencing import Sequencer
from ca.transparency.tiles import Tree
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.events import Event, EventKind
from kernel.identity.model import Principal
from kernel.store import Database

MOST_NAMED = 100  # findings of each kind; what is beyond is counted by the next check


class Finding(StrEnum):
    """What the check can find."""

    ENTRY_CHANGED = "entry_changed"  # missing, or its columns are not what its leaf says
    TREE_DIFFERS = "tree_differs"  # the stored tree is not that of the entries
    HEAD_DIFFERS = "head_differs"  # a head was signed over another tree
    UNLOGGED = "unlogged"  # a certificate of the register that was never logged: issued beside the log
    UNKNOWN = "unknown"  # a logged certificate that the register does not have
    STATUS_DIFFERS = (
        "status_differs"  # held or revoked without the log having been told, or the other way round
    )


_OF_THE_LOG = {Finding.ENTRY_CHANGED, Finding.TREE_DIFFERS, Finding.HEAD_DIFFERS}


@dataclass(frozen=True)
class Report:
    """What was looked through, and each finding with what it is about (entry, head or serial number)."""

    entries: int
    heads: int
    findings: tuple[tuple[Finding, str], ...]

    def as_dict(self) -> dict[str, Any]:
        """JSON values, for audit trail and job."""
        findings = [f"{kind}: {about}" for kind, about in self.findings]
        return {"entries": self.entries, "heads": self.heads, "findings": findings}


class LogCheck:
    """Run by the worker each night, and when an auditor asks."""

    def __init__(self, database: Database, clock: Clock, sequencer: Sequencer) -> None:
        self._database = database
        self._clock = clock
        self._sequencer = sequencer

    def run(self) -> Report:
        """Look through everything; audited. A finding raises the alarm; one of the log itself also stops its signing."""
        with self._database.read() as connection:
            report = self._look(connection)
        with self._database.begin() as uow:
            actor, details = Principal.system("ca"), report.as_dict()
            outcome = "failure" if report.findings else "success"
            uow.audit(actor, AuditAction.CA_LOG_CHECK, "log", outcome=outcome, details=details)
            if report.findings:
                uow.emit(Event(EventKind.LOG_ALARM, "log", details, severity="critical"))
        if any(kind in _OF_THE_LOG for kind, _ in report.findings):
            self._sequencer.alarm(Fault.DAMAGED)
        return report

    def _look(self, connection: Connection) -> Report:
        state = store.read_state(connection)
        size = 0 if state is None else state.size
        walk = _Walk(connection, size, store.heads_by_size(connection, "" if state is None else state.log))
        findings = [*walk.findings(), *_of_the_register(connection)]
        return Report(size, walk.heads, tuple(findings))


class _Walk:
    """Goes through the entries once and compares the root at the size of every head."""

    def __init__(self, connection: Connection, size: int, heads: Iterator[SignedHead]) -> None:
        self._connection = connection
        self._size = size
        self._heads = heads
        self._frontier = merkle.Frontier()
        self.heads = 0

    def findings(self) -> list[tuple[Finding, str]]:
        found: list[tuple[Finding, str]] = []
        head = next(self._heads, None)
        for row in store.raw_entries(self._connection, self._size):
            while head is not None and head.head.size == self._frontier.size:
                found += self._compared(head)
                head = next(self._heads, None)
            if row.number != self._frontier.size or not _as_its_leaf_says(row):
                return [*found, (Finding.ENTRY_CHANGED, str(self._frontier.size))]
            self._frontier.append(bytes(row.hash))
        if self._frontier.size != self._size:
            return [*found, (Finding.ENTRY_CHANGED, str(self._frontier.size))]
        while head is not None:
            found += self._compared(head)
            head = next(self._heads, None)
        return [*found, *self._tree()][:MOST_NAMED]

    def _compared(self, head: SignedHead) -> list[tuple[Finding, str]]:
        self.heads += 1
        same = (head.head.size, head.head.root) == (self._frontier.size, self._frontier.root.hex())
        return [] if same else [(Finding.HEAD_DIFFERS, str(head.number))]

    def _tree(self) -> list[tuple[Finding, str]]:
        try:
            same = merkle.root(Tree(self._connection).node, self._size) == self._frontier.root
        except KeyError:
            same = False
        return [] if same else [(Finding.TREE_DIFFERS, str(self._size))]


def _as_its_leaf_says(row: store.RawEntry) -> bool:
    try:
        leaf = json.loads(row.leaf)
        told = (leaf["type"], leaf["serial"], leaf["certificate"])
    except (ValueError, KeyError, TypeError):
        return False
    return told == (row.type, row.serial, row.certificate) and merkle.leaf_hash(row.leaf.encode()) == bytes(
        row.hash
    )


def _of_the_register(connection: Connection) -> list[tuple[Finding, str]]:
    looks = (
        (Finding.UNLOGGED, comparing.unlogged),
        (Finding.UNKNOWN, comparing.unknown),
        (Finding.STATUS_DIFFERS, comparing.otherwise_marked),
    )
    return [(kind, serial) for kind, look in looks for serial in look(connection, MOST_NAMED)]
