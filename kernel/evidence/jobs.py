"""Sealing and checking of all evidence as background work."""

from collections.abc import Mapping

from kernel.evidence.service import SEAL, VERIFY, EvidenceService
from kernel.jobs.queue import Handler, JobContext

SCHEDULES: Mapping[str, tuple[str, str]] = {SEAL: ("* * * * *", SEAL)}


def handlers(evidence: EvidenceService) -> dict[str, Handler]:
    """Who does which kind of job."""

    def seal(_context: JobContext) -> None:
        evidence.seal_pending()

    def verify(context: JobContext) -> None:
        report = evidence.verify_all(by=context.principal, tell=context.progress)
        faults = [
            {"evidence": fault.evidence, "kind": str(fault.kind), "place": fault.place}
            for fault in report.faults[:100]
        ]
        with context.finish({"records": report.records, "intact": report.intact, "faults": faults}):
            pass

    return {SEAL: seal, VERIFY: verify}
