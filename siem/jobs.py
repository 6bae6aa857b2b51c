"""What the worker does for the monitoring centre, and when; and how it hears of the other rooms."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from kernel.events import EventKind
from kernel.events import Handler as EventHandler
from kernel.jobs.queue import Handler, JobContext
from siem.rulebook import TEST
from siem.service import PROCESS, RETAIN, SiemService

RECORD = "siem.record"
SCHEDULES: Mapping[str, tuple[str, str]] = {
    RETAIN: ("10 3 * * *", RETAIN),
    RECORD: ("20 3 * * *", RECORD),
    PROCESS: ("* * * * *", PROCESS),
}


def handlers(service: SiemService) -> dict[str, Handler]:
    """Job kind -> handler. All of them may run twice."""

    def retain(context: JobContext) -> None:
        report = service.retain(context.principal)
        with context.finish({"deleted": [part.name for part in report.deleted], "days": report.covered_days}):
            pass

    def record(context: JobContext) -> None:
        with context.finish({"records": service.record_state(timedelta(days=1), context.principal)}):
            pass

    def process(context: JobContext) -> None:
        """Where no collector runs, the suite's own events and imported files are processed here."""
        report = service.process()
        result: dict[str, Any] = {"collector": True} if report is None else {"lines": report.lines}
        with context.finish(result):
            pass

    def test(context: JobContext) -> None:
        results = service.rules.test(context.principal)
        result: dict[str, Any] = {}
        with context.finish(result) as uow:
            result |= service.rules.keep(uow, results)

    return {RETAIN: retain, RECORD: record, PROCESS: process, TEST: test}


def subscriptions(service: SiemService) -> dict[str, tuple[Iterable[EventKind] | None, EventHandler]]:
    """Every event of the suite becomes a document."""
    return {"siem": (None, service.on_event)}
