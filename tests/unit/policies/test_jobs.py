"""The nightly job records what the suite knows of itself."""

import pytest

from kernel.clock import FixedClock
from kernel.errors import NotPermitted
from kernel.evidence.model import EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.jobs.model import JobRequest
from kernel.jobs.queue import JobQueue, next_cron_time
from kernel.store import Database
from policies.jobs import SCHEDULES, handlers
from policies.service import PoliciesService


def test_the_nightly_job_leaves_evidence(
    policies: PoliciesService,
    database: Database,
    clock: FixedClock,
    access: Access,
    evidence: EvidenceService,
) -> None:
    queue = JobQueue(database, clock, access)
    queue.register(handlers(policies))
    for cron, kind in SCHEDULES.values():
        assert next_cron_time(cron, clock.now()) > clock.now()
        with database.begin() as uow:
            uow.enqueue(JobRequest(kind))
    assert queue.run_next("test")
    assert [record.kind for record in evidence.find()] == [
        EvidenceKind.AUDIT_ANCHOR,
        EvidenceKind.IDENTITY_POLICY,
    ]
    assert evidence.find(EvidenceKind.AUDIT_ANCHOR)[0].summary["intact"] is True


def test_who_may_not_assess_can_not_collect(policies: PoliciesService, assessor: Principal) -> None:
    with pytest.raises(NotPermitted):
        policies.suite.collect(assessor)
