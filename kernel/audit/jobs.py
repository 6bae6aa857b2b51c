"""The verification of a long trail as background work."""

from kernel.audit.trail import VERIFY, AuditTrail
from kernel.jobs.queue import Handler, JobContext


def handlers(trail: AuditTrail) -> dict[str, Handler]:
    """Who does which kind of job."""

    def verify(context: JobContext) -> None:
        report = trail.verify(context.principal, context.progress)
        faults = [{"seq": fault.seq, "kind": str(fault.kind)} for fault in report.faults[:100]]
        result = {"records": report.records, "head": report.head_hash, "intact": report.intact}
        with context.finish({**result, "faults": faults}):
            pass

    return {VERIFY: verify}
