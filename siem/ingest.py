"""The pipeline: spool -> parse -> store and detect -> alerts, in batches.

The order makes a kill at any moment harmless. A batch is first stored (durable, an event twice is stored once), then
ONE database transaction writes its alerts, the correlations' memory, the counters and the spool's new positions. What
was killed before that transaction is done again from the same memory and gives the same alerts.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.store import Database, UnitOfWork
from siem.adapters.spool import SpoolBatch, SpoolReader
from siem.alerting import AlertBook, AssetLookup
from siem.detection.correlation import Entry
from siem.detection.engine import Detection, Engine, GroupState
from siem.ecs import ECS_VERSION, Document, iso
from siem.parsing import kernel_events
from siem.parsing.parser import Parser, Raw
from siem.ports import EventStore
from siem.store import (
    add_to_source,
    correlation_groups,
    counters,
    positions,
    root_unit,
    spool_positions,
    upsert,
)

BATCH = 5_000


@dataclass(frozen=True)
class BatchReport:
    """What one batch brought: lines read, documents new in the store, already there, not understood; ids of new alerts."""

    lines: int = 0
    stored: int = 0
    duplicates: int = 0
    malformed: int = 0
    alerts: tuple[str, ...] = ()

    def __add__(self, other: "BatchReport") -> "BatchReport":
        return BatchReport(
            self.lines + other.lines,
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.malformed + other.malformed,
            self.alerts + other.alerts,
        )


class Pipeline:
    """Processes one spool. Call it only inside ``SpoolReader.alone``."""

    def __init__(
        self,
        *,
        spool: SpoolReader,
        parser: Parser,
        events: EventStore,
        engine: Engine,
        assets: AssetLookup,
        database: Database,
        clock: Clock,
        log: Any,
        losses: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._spool = spool
        self._parser = parser
        self._events = events
        self._engine = engine
        self._assets = assets
        self._alerts = AlertBook(assets)
        self._database = database
        self._clock = clock
        self._log = log
        self._losses = losses
        self._root: str | None = None
        self._told: dict[str, int] = {}
        self._restored = False

    def drain(self) -> BatchReport:
        """Process all that is in the spool now."""
        total = BatchReport()
        while (report := self.run_once()).lines:
            total += report
        return total

    def run_once(self, limit: int = BATCH) -> BatchReport:
        """Process at most ``limit`` lines; a failure leaves everything as if the batch had not been begun."""
        self._restore()
        with self._database.read() as connection:
            done = positions(connection)
            self._root = root_unit(connection)
        batch = self._spool.read(done, limit)
        losses = dict(self._losses())
        if not batch.positions and losses == self._told:
            return BatchReport()
        try:
            report = self._process(batch, losses)
        except BaseException:
            self._restored = False  # the memory has seen events that no transaction recorded
            raise
        self._told = losses
        self._clean_up(batch)
        return report

    def _process(self, batch: SpoolBatch, losses: Mapping[str, int]) -> BatchReport:
        documents = [self._document(raw) for raw in batch.lines]
        documents += [self._damage(segment, lost) for segment, lost in batch.lost.items()]
        index = self._events.index(documents)
        detections = [found for document in documents for found in self._judge(document)]
        with self._database.begin() as uow:
            made = self._record(uow, batch, documents, detections, losses)
        malformed = sum("error.message" in document for document in documents)
        return BatchReport(len(batch.lines), index.stored, index.duplicates, malformed, tuple(made))

    def _document(self, raw: Raw) -> Document:
        if raw.transport == kernel_events.TRANSPORT:
            return kernel_events.to_document(raw.data, raw.received_at)
        try:
            document = self._parser.document(raw)
        except Exception as error:  # noqa: BLE001 - a parser's fault costs one line its fields, never the stream
            self._log.error("line not parsed", source=raw.source, exc_info=error)
            document = self._parser.unparsed(raw, f"{type(error).__name__} in the parser")
        asset = self._assets.find(raw.source)
        document["organization.id"] = asset.unit if asset else self._root
        if asset:
            document |= {"host.id": asset.id}
            document.setdefault("host.name", asset.name)
        return document

    def _judge(self, document: Document) -> list[Detection]:
        try:
            return self._engine.process(document)
        except Exception as error:  # noqa: BLE001 - a rule's fault on one event must not stop the others
            self._log.error("event not judged", event_id=document["event.id"], exc_info=error)
            return []

    def _damage(self, segment: str, lost: int) -> Document:
        """Damage in the spool (a torn tail after a kill) is an event itself."""
        now = iso(self._clock.now())
        self._log.warning("spool damage cut", segment=segment, octets=lost)
        return {
            "@timestamp": now,
            "ecs.version": ECS_VERSION,
            "event.id": f"{segment.removeprefix('seg_')}-damage",
            "event.ingested": now,
            "event.kind": "pipeline_error",
            "event.module": "weicheng",
            "event.dataset": "weicheng.collector",
            "event.action": "spool-damage-cut",
            "message": f"{lost} octets of the spool segment {segment} were damaged and cut off",
            "organization.id": self._root,
        }

    def _record(
        self,
        uow: UnitOfWork,
        batch: SpoolBatch,
        documents: list[Document],
        detections: list[Detection],
        losses: Mapping[str, int],
    ) -> list[str]:
        now = self._clock.now()
        made = self._alerts.record(uow, detections, now)
        for state in self._engine.changed():
            _save_group(uow, state)
        self._count(uow, batch.lines, documents)
        for name, value in losses.items():
            if self._told.get(name) != value:
                upsert(uow.connection, counters, ("name",), {"name": name, "value": value, "updated_at": now})
        for segment, position in batch.positions.items():
            row = {"segment": segment, "position": position.offset, "finished": position.finished}
            upsert(uow.connection, spool_positions, ("segment",), row)
        return made

    def _count(self, uow: UnitOfWork, lines: tuple[Raw, ...], documents: list[Document]) -> None:
        received: Counter[str] = Counter(raw.source for raw in lines)
        truncated: Counter[str] = Counter(raw.source for raw in lines if raw.truncated)
        pairs = zip(lines, documents, strict=False)  # damage reports follow the lines' documents
        malformed: Counter[str] = Counter(
            raw.source for raw, document in pairs if "error.message" in document
        )
        last = {raw.source: raw.received_at for raw in lines}
        for source, number in sorted(received.items()):
            add_to_source(uow.connection, source, number, malformed[source], truncated[source], last[source])

    def _clean_up(self, batch: SpoolBatch) -> None:
        """Files of finished segments go after the transaction that says so; their rows after the files."""
        finished = [segment for segment, position in batch.positions.items() if position.finished]
        if not finished:
            return
        self._spool.remove(finished)
        with self._database.begin() as uow:
            uow.execute(spool_positions.delete().where(spool_positions.c.segment.in_(finished)))

    def _restore(self) -> None:
        """Load the correlations' memory, and end what a kill left of the clean-up."""
        if self._restored:
            return
        with self._database.read() as connection:
            rows = connection.execute(select(correlation_groups)).all()
            finished = [segment for segment, (_, over) in positions(connection).items() if over]
        self._engine.restore(
            GroupState(row.correlation, tuple(row.group_values), tuple(_entry(e) for e in row.entries))
            for row in rows
        )
        self._restored = True
        if finished:
            self._spool.remove(finished)
            with self._database.begin() as uow:
                uow.execute(spool_positions.delete().where(spool_positions.c.segment.in_(finished)))


def _entry(stored: list[Any]) -> Entry:
    time, event, rule, value, reported = stored
    return Entry(time, event, rule, value, reported)


def _save_group(uow: UnitOfWork, state: GroupState) -> None:
    digest = sha256_hex("\0".join(state.group).encode())
    if not state.entries:
        gone = (correlation_groups.c.correlation == state.correlation) & (
            correlation_groups.c.digest == digest
        )
        uow.execute(correlation_groups.delete().where(gone))
        return
    entries = [[e.time, e.event, e.rule, e.value, e.reported] for e in state.entries]
    row = {
        "correlation": state.correlation,
        "digest": digest,
        "group_values": list(state.group),
        "entries": entries,
    }
    upsert(uow.connection, correlation_groups, ("correlation", "digest"), row)
