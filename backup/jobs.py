"""Background work: what the plans' schedules make due, and runs, verifications, mends and drills that were asked for."""

from collections.abc import Mapping

from backup.model import Level, Verdict
from backup.service import BackupService
from kernel.jobs.queue import Handler, JobContext

SCHEDULES = {"backup.due": ("* * * * *", "backup.due")}


def handlers(service: BackupService) -> Mapping[str, Handler]:
    """The room's job kinds."""

    def due(context: JobContext) -> None:
        queued = service.queue_due(context.principal)
        with context.finish({"queued": queued}):
            pass

    def run(context: JobContext) -> None:
        result = service.run(context.principal, context.payload["plan"], context.progress)
        state, error = str(result.run.state), result.run.error
        with context.finish({"run": result.run.id, "state": state, "error": error}):
            pass

    def replicate(context: JobContext) -> None:
        copies = service.replicate(context.principal, context.payload["plan"])
        with context.finish({"errors": {copy.site: copy.error for copy in copies if copy.error}}):
            pass

    def verify(context: JobContext) -> None:
        asked = context.payload
        level = Level[asked.get("level", "V2")]
        found = service.verify(context.principal, asked["plan"], asked.get("site"), level)
        verdicts = {one.site: str(one.verdict) for one in found}
        with context.finish({"verdicts": verdicts}):
            pass

    def mend(context: JobContext) -> None:
        asked = context.payload
        files, again = service.mend(context.principal, asked["plan"], asked["site"], reason=asked["reason"])
        with context.finish({"mended": files, "verdict": str(again.verdict)}):
            pass

    def drill(context: JobContext) -> None:
        asked = context.payload
        held = service.drill(context.principal, asked["plan"], asked.get("site"), asked.get("checks", ()))
        passed = held.verdict is Verdict.PASS
        with context.finish({"drill": held.id, "passed": passed}):
            pass

    return {
        "backup.due": due,
        "backup.run": run,
        "backup.replicate": replicate,
        "backup.verify": verify,
        "backup.mend": mend,
        "backup.drill": drill,
    }
