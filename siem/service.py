"""Use cases of the security monitoring centre; alerts and cases are in ``triage``."""

import io
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from kernel.audit.model import AuditAction, Outcome
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound
from kernel.events import Event
from kernel.evidence.model import EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.store import Database, UnitOfWork
from siem.cases import CaseService
from siem.casework import CaseWork
from siem.ecs import iso
from siem.events import EventService
from siem.ingest import BatchReport
from siem.intake import Intake
from siem.model import AlertState
from siem.moves import require_text
from siem.parsing import kernel_events
from siem.ports import EventStore, Part
from siem.query import Aggregation, Cardinality, Least, Range, Search, TermsAgg
from siem.rulebook import RuleService
from siem.sources import SourceService
from siem.store import alerts_since, root_unit, source_health
from siem.triage import TriageService

# kinds of jobs: what lies in the spool is worked on; days past their time are deleted
PROCESS, RETAIN = "siem.process", "siem.retain"


@dataclass(frozen=True)
class ImportResult:
    """Lines of a file: handed over, and what became of them; ``report`` is None while a running collector has them."""

    lines: int
    report: BatchReport | None


@dataclass(frozen=True)
class RetentionReport:
    """What retention found and did: ``covered_days`` from the oldest event to now."""

    keep_days: int
    covered_days: int
    deleted: tuple[Part, ...]
    kept: tuple[Part, ...]


class SiemService:
    """Intake, statistics and retention; events, alerts, cases and rules are parts of their own."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        access: Access,
        evidence: EvidenceService,
        events: EventStore,
        intake: Intake,
        keep_days: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._evidence = evidence
        self._store = events
        self._keep_days = keep_days
        self.intake = intake
        self.events = EventService(database, clock, access, events)
        self.triage = TriageService(database, clock, access, events)
        self.cases = CaseService(database, clock, access, evidence, self.triage, self.events.fetch)
        self.work = CaseWork(database, clock, access, self.cases)
        self.rules = RuleService(database, clock, access, intake.rules)
        self.sources = SourceService(database, clock, access, intake.assets)

    # --- intake
    def import_file(self, principal: Principal, path: Path, source: str = "") -> ImportResult:
        """Take in a log file, a line an event; a running collector gets the lines, otherwise they are processed here."""
        self._access.require(principal, Permission.SIEM_EVENT_IMPORT)
        if not path.is_file():
            raise NotFound(N_("There is no file %(path)s."), path=path)
        with path.open("rb") as file:
            lines = self.intake.spool_file(file, source or path.name)
        with self._database.begin() as uow:
            uow.audit(principal, AuditAction.EVENTS_IMPORT, path.name, details={"lines": lines})
        return ImportResult(lines, self.process())

    def upload(self, principal: Principal, data: bytes, source: str) -> tuple[int, str]:
        """Take in a log file that was sent: its lines are safe in the spool on return. Lines, and the job that judges them."""
        self._access.require(principal, Permission.SIEM_EVENT_IMPORT)
        name = source.strip()[:200]
        if not name:
            raise Invalid(N_("Name the sender of the lines."), place="source")
        lines = self.intake.spool_file(io.BytesIO(data), name)
        if not lines:
            raise Invalid(N_("The file has no lines."), place="file")
        with self._database.begin() as uow:
            job = uow.enqueue(JobRequest(PROCESS, unit=principal.unit, requested_by=principal.id))
            told = {"lines": lines, "job": job}
            uow.audit(principal, AuditAction.EVENTS_IMPORT, name, unit=principal.unit, details=told)
        return lines, job

    def process(self) -> BatchReport | None:
        """Process what is in the spool; None when the collector is at it."""
        reader = self.intake.reader()
        try:
            with reader.alone():
                return self.intake.pipeline().drain()
        except Conflict:
            return None

    def on_event(self, uow: UnitOfWork, event: Event) -> None:
        """The suite's own events become documents: subscribed to the bus for all kinds."""
        line = kernel_events.to_line(
            event_id=event.id,
            kind=str(event.kind),
            subject=event.subject,
            unit=event.unit or root_unit(uow.connection),
            severity=event.severity,
            data=event.data,
            occurred_at=event.occurred_at or self._clock.now(),
        )
        self._event_writer.append(kernel_events.TRANSPORT, "weicheng", line)
        self._event_writer.sync()

    @cached_property
    def _event_writer(self) -> Any:
        return self.intake.writer()

    def close(self) -> None:
        """Give up the spool segment and the event store of this process."""
        if "_event_writer" in self.__dict__:
            self._event_writer.close()
        self._store.close()

    # --- statistics
    def statistics(self, principal: Principal) -> dict[str, Any]:
        """Events stored, by data set, and how far back they go."""
        asked: dict[str, Aggregation] = {
            "datasets": TermsAgg("event.dataset", 50),
            "sources": Cardinality("log.source.ip"),
            "oldest": Least("event.ingested"),
        }
        page = self.events.search(principal, size=0, aggregations=asked)
        return {"events": page.total, **page.aggregations}

    # --- retention
    def retain(self, principal: Principal) -> RetentionReport:
        """Delete whole days past their time; audited, and recorded as evidence of how long logs are kept."""
        self._access.require(principal, Permission.SIEM_EVENT_DELETE)
        now = self._clock.now()
        with self._database.begin() as uow:  # the intent, before what can't be undone
            uow.audit(
                principal,
                AuditAction.EVENTS_DELETE,
                "events",
                outcome=Outcome.INTENDED,
                details={"days": self._keep_days},
            )
        deleted = self._store.delete_before(now - timedelta(days=self._keep_days))
        kept = self._store.parts()
        covered = (now - kept[0].first).days if kept else 0
        report = RetentionReport(self._keep_days, covered, tuple(deleted), tuple(kept))
        with self._database.begin() as uow:
            details = {
                "parts": [part.name for part in deleted],
                "events": sum(part.events for part in deleted),
            }
            uow.audit(principal, AuditAction.EVENTS_DELETE, "events", details=details)
            self._record_retention(uow, report)
        return report

    def overdue(self, principal: Principal) -> list[Part]:
        """The days past their time that ``retain`` would delete now, oldest first."""
        self._access.require(principal, Permission.SIEM_EVENT_DELETE)
        last = self._clock.now() - timedelta(days=self._keep_days)
        return [part for part in self._store.parts() if part.last < last]

    def ask_retention(self, principal: Principal, reason: str) -> str:
        """Have the worker delete them now instead of tonight; the job's id."""
        self._access.require(principal, Permission.SIEM_EVENT_DELETE)
        require_text(reason)
        with self._database.begin() as uow:
            job = uow.enqueue(JobRequest(RETAIN, key=RETAIN, requested_by=principal.id))
            details = {"kind": RETAIN}
            uow.audit(principal, AuditAction.JOB_ENQUEUE, job, reason=reason, details=details)
        return job

    def _record_retention(self, uow: UnitOfWork, report: RetentionReport) -> None:
        summary = {
            "days": report.keep_days,
            "covered_days": report.covered_days,
            "sources": len(source_health(uow.connection)),
            "parts": len(report.kept),
            "deleted": [part.name for part in report.deleted],
        }
        self._evidence.record(
            uow, kind=EvidenceKind.LOG_RETENTION, subject="events", source="siem", summary=summary
        )

    def record_state(self, period: timedelta, by: Principal) -> list[str]:
        """Evidence of what was collected and detected in the period up to now, audited; ids of the records."""
        self._access.require(by, Permission.SIEM_EVENT_READ)
        since = self._clock.now() - period
        total = self._store.search(Search(Range("event.ingested", gte=since), size=0)).total
        rules = self.rules.load()
        with self._database.begin() as uow:
            raised = alerts_since(uow.connection, since)
            collected = {"events": total, "sources": len(source_health(uow.connection))}
            detected = {
                "rules": len(rules.rules) + len(rules.correlations),
                "broken": len(rules.errors),
                "alerts": [{"rule": a.rule_name, "severity": a.level, "state": str(a.state)} for a in raised],
                "open": sum(a.state is not AlertState.CLOSED for a in raised),
            }
            made = [
                self._evidence.record(uow, kind=kind, subject="events", source="siem", summary=summary)
                for kind, summary in (
                    (EvidenceKind.LOGS_COLLECTED, collected),
                    (EvidenceKind.DETECTION_RUN, detected),
                )
            ]
            told = {"since": iso(since), "records": made}
            uow.audit(by, AuditAction.SIEM_RECORD, "events", details=told)
        return made
