"""What the CA does by itself: finish what a crash interrupted, keep CRLs and the services' certificates fresh."""

from collections.abc import Callable, Mapping

from ca.bulk.service import WORK
from ca.inventory.service import SCAN
from ca.service import CaService
from ca.status.proofs import again
from ca.transparency.service import CHECK
from kernel.jobs.queue import Handler, JobContext

SCHEDULES: Mapping[str, tuple[str, str]] = {
    "ca.renewals": ("40 2 * * *", "ca.renewals"),
    "ca.ends": ("30 3 * * *", "ca.ends"),
    "ca.recover": ("* * * * *", "ca.recover"),
    "ca.crl-refresh": ("* * * * *", "ca.crl-refresh"),
    "ca.proof": ("* * * * *", "ca.proof"),
    "ca.ocsp-prepare": ("35 * * * *", "ca.ocsp-prepare"),
    "ca.seal-minutes": ("40 * * * *", "ca.seal-minutes"),
    "ca.expire": ("5 * * * *", "ca.expire"),
    "ca.renew-services": ("20 3 * * *", "ca.renew-services"),
    "ca.profiles-offer": ("15 * * * *", "ca.profiles-offer"),
    "ca.log-sequence": ("* * * * *", "ca.log-sequence"),
    "ca.log-check": ("40 2 * * *", CHECK),
    "ca.timestamps-prune": ("50 2 * * *", "ca.timestamps-prune"),
    "ca.validations-prune": ("55 2 * * *", "ca.validations-prune"),
    SCAN: ("10 1 * * *", SCAN),
}


def handlers(service: CaService) -> dict[str, Handler]:
    """Each is safe to repeat: it looks at what is, not at what it did last time."""
    return {
        "ca.renewals": _counting(service.renewals.remind),
        "ca.ends": _counting(service.ends.remind),
        "ca.batch-file": service.registration.work.file,
        "ca.batch-issue": service.registration.work.issue,
        "ca.batch-keys": service.registration.work.make_keys,
        "ca.recover": _counting(service.issuance.recover),
        "ca.crl-refresh": lambda context: _finish(context, _refresh(service)),
        "ca.proof": lambda context: _prove(service, context),
        "ca.ocsp-prepare": lambda context: _finish(context, _prepare(service, context)),
        "ca.seal-minutes": _counting(service.hierarchy.minutes.seal_waiting),
        "ca.expire": _counting(service.lifecycle.expire),
        "ca.renew-services": _counting(service.services.renew),
        "ca.profiles-offer": _counting(service.profile_changes.offer_shipped),
        "ca.log-sequence": _counting(service.log.sequencer.run),
        CHECK: lambda context: _finish(context, service.log.check.run().as_dict()),
        "ca.timestamps-prune": _counting(service.timestamps.prune),
        "ca.validations-prune": _counting(service.validations.prune),
        SCAN: service.inventory.run,
        WORK: service.bulk.run,
    }


def _refresh(service: CaService) -> dict[str, object]:
    """Lists and prepared answers tell of what changed."""
    return {"done": service.publication.refresh(), "answers": service.preparation.changed()}


def _prove(service: CaService, context: JobContext) -> None:
    """Look as relying parties do, and again when the next look is due."""
    seen, at = service.proofs.look()
    with context.finish({"done": seen}) as uow:
        if at is not None:
            uow.enqueue(again(at))


def _prepare(service: CaService, context: JobContext) -> dict[str, object]:
    total = sum(service.counts().values())
    return {"answers": service.preparation.all(lambda done: context.progress(min(done, total), total))}


def _counting(work: Callable[[], int]) -> Handler:
    return lambda context: _finish(context, {"done": work()})


def _finish(context: JobContext, result: Mapping[str, object]) -> None:
    with context.finish(dict(result)):
        pass
