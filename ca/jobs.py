"""What the CA does by itself: finish what a crash interrupted, renew CRLs before they end."""

from collections.abc import Mapping

from ca.service import CaService
from kernel.jobs.queue import Handler, JobContext

SCHEDULES: Mapping[str, tuple[str, str]] = {
    "ca.recover": ("* * * * *", "ca.recover"),
    "ca.crl-refresh": ("*/10 * * * *", "ca.crl-refresh"),
}


def handlers(service: CaService) -> dict[str, Handler]:
    def recover(context: JobContext) -> None:
        count = service.issuance.recover()
        with context.finish({"recovered": count}):
            pass

    def refresh(context: JobContext) -> None:
        count = service.publication.refresh()
        with context.finish({"published": count}):
            pass

    return {"ca.recover": recover, "ca.crl-refresh": refresh}
