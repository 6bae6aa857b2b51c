"""Background work: collections, on demand and by schedule, the end of exceptions, the archive verified."""

from collections.abc import Mapping
from contextlib import suppress

from kernel.jobs.queue import Handler, JobContext
from netops.archive.model import VERIFY
from netops.collection.model import COLLECT, Source
from netops.service import NetopsService

EXPIRE = "netops.expire"
SCHEDULES: Mapping[str, tuple[str, str]] = {
    "netops.collect.nightly": ("30 1 * * *", COLLECT),
    "netops.expire.hourly": ("5 * * * *", EXPIRE),
}


class _Cancelled(Exception):
    """Somebody asked the job to stop."""


def handlers(service: NetopsService) -> dict[str, Handler]:
    """Who does which kind of job."""

    def collect(context: JobContext) -> None:
        """Payload: devices (list of names, none: all), source, accept_shrink; all optional."""

        def step(done: int, total: int, message: str) -> None:
            context.progress(done, total, message)
            if context.cancelled():
                raise _Cancelled

        with suppress(_Cancelled):  # the devices done so far are kept; the run stays without an end
            service.collection.collect(
                context.principal,
                context.payload.get("devices", ()),
                source=Source(context.payload.get("source", Source.SCHEDULED)),
                accept_shrink=bool(context.payload.get("accept_shrink", False)),
                progress=step,
                finish=context.finish,
            )

    def expire(context: JobContext) -> None:
        service.findings.expire(context.principal)

    def verify(context: JobContext) -> None:
        report = service.archive.verify(context.principal)
        with context.finish({"versions": report.versions, "faults": list(report.faults)}):
            pass

    return {COLLECT: collect, EXPIRE: expire, VERIFY: verify}
