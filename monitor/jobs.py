"""What the worker does for monitoring, and when."""

from collections.abc import Callable, Mapping

from kernel.events import Event, EventKind
from kernel.jobs.queue import Handler, JobContext
from kernel.store import UnitOfWork
from monitor.service import MonitorService
from monitor.services.base import Work

PRUNE = "monitor.prune"
SCHEDULES: Mapping[str, tuple[str, str]] = {
    str(kind): (cron, str(kind))
    for kind, cron in (
        (Work.POLL, "*/5 * * * *"),
        (Work.TOPOLOGY, "2-59/15 * * * *"),
        (Work.TLS, "20 */6 * * *"),
        (Work.RECORD, "40 3 * * *"),
        (PRUNE, "50 3 * * *"),
    )
}


def handlers(service: MonitorService) -> dict[str, Handler]:
    """Job kind -> handler. All of them may run twice: they look anew and store what they see."""

    def poll(context: JobContext) -> None:
        names = tuple(context.payload.get("names", ()))
        done = service.polling.poll(context.principal, names, context.progress)
        with context.finish(
            {"polled": len(done), "answered": sum(one.device.problem is None for one in done)}
        ):
            pass

    def topology(context: JobContext) -> None:
        check = service.network.check(context.principal)
        with context.finish({"edges": len(check.view.comparison.seen), "findings": len(check.findings)}):
            pass

    def tls(context: JobContext) -> None:
        check = service.endpoints.check(context.principal, tuple(context.payload.get("names", ())))
        with context.finish({"endpoints": len(check.endpoints), "findings": len(check.findings)}):
            pass

    def record(context: JobContext) -> None:
        ids = service.records.record(context.principal)
        with context.finish({"records": ids}):
            pass

    def prune(context: JobContext) -> None:
        with context.finish(service.prune()):
            pass

    return {
        str(Work.POLL): poll,
        str(Work.TOPOLOGY): topology,
        str(Work.TLS): tls,
        str(Work.RECORD): record,
        PRUNE: prune,
    }


def subscriptions(
    service: MonitorService,
) -> dict[str, tuple[tuple[EventKind, ...], Callable[[UnitOfWork, Event], None]]]:
    """What monitoring listens to: an entry that leaves the register leaves monitoring."""

    def retired(uow: UnitOfWork, event: Event) -> None:
        service.polling.forget(uow, event.subject)
        service.findings.forget(uow, event.subject)

    return {"monitor.retired": ((EventKind.ASSET_RETIRED,), retired)}
