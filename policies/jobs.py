"""Background work: evidence about the suite itself, every night."""

from kernel.jobs.queue import Handler, JobContext
from policies.service import PoliciesService

SCHEDULES = {"policies.suite": ("30 17 * * *", "policies.suite")}  # UTC: half past one at night in Shanghai


def handlers(service: PoliciesService) -> dict[str, Handler]:
    """Kinds of jobs and who does them."""

    def collect(context: JobContext) -> None:
        ids = service.suite.collect(context.principal)
        with context.finish({"evidence": ids}):
            pass

    return {"policies.suite": collect}
