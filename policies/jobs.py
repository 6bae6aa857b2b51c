"""Background work: evidence about the suite itself every night; assessments and packages that were asked for."""

from kernel.jobs.queue import Handler, JobContext
from policies.service import PoliciesService

SCHEDULES = {"policies.suite": ("30 17 * * *", "policies.suite")}  # UTC: half past one at night in Shanghai


def handlers(service: PoliciesService) -> dict[str, Handler]:
    """Kinds of jobs and who does them."""

    def collect(context: JobContext) -> None:
        ids = service.suite.collect(context.principal)
        with context.finish({"evidence": ids}):
            pass

    def assess(context: JobContext) -> None:
        job = context.job
        made = service.assessments.assess(context.principal, job.payload["system"], asked_by=job.requested_by)
        with context.finish({"assessment": made.id}):
            pass

    def export(context: JobContext) -> None:
        package, asked_by = context.payload["package"], context.payload["asked_by"]
        made = service.packages.produce(context.principal, package, asked_by=asked_by)
        with context.finish({"package": made.id, "state": str(made.state), "error": made.error}):
            pass

    return {"policies.suite": collect, "policies.assess": assess, "policies.export": export}
