"""What the CA does by itself: finish what a crash interrupted, keep CRLs and the services' certificates fresh."""

from collections.abc import Callable, Mapping

from ca.service import CaService
from kernel.jobs.queue import Handler, JobContext

SCHEDULES: Mapping[str, tuple[str, str]] = {
    "ca.recover": ("* * * * *", "ca.recover"),
    "ca.crl-refresh": ("*/10 * * * *", "ca.crl-refresh"),
    "ca.expire": ("5 * * * *", "ca.expire"),
    "ca.renew-services": ("20 3 * * *", "ca.renew-services"),
}


def handlers(service: CaService) -> dict[str, Handler]:
    """Each is safe to repeat: it looks at what is, not at what it did last time."""
    return {
        "ca.recover": _counting(service.issuance.recover),
        "ca.crl-refresh": _counting(service.publication.refresh),
        "ca.expire": _counting(service.lifecycle.expire),
        "ca.renew-services": _counting(service.services.renew),
    }


def _counting(work: Callable[[], int]) -> Handler:
    return lambda context: _finish(context, {"done": work()})


def _finish(context: JobContext, result: Mapping[str, object]) -> None:
    with context.finish(dict(result)):
        pass
