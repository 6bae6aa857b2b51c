"""The room: policy data, systems, assessments, packages, and the suite's evidence about itself."""

from dataclasses import dataclass

from kernel.audit.model import AuditAction
from kernel.evidence.model import EvidenceKind
from kernel.evidence.service import EvidenceService
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.jobs.model import JobRequest
from kernel.store import Database
from policies.assessment.service import AssessmentService
from policies.lists import PolicyLists
from policies.package.service import PackageService
from policies.ports import SuiteFacts
from policies.registry import PolicyData
from policies.systems.service import SystemsService


class SuiteEvidence:
    """Collects what controls ask of the suite itself: its sign-in rules, its CA, its audit chain."""

    def __init__(
        self, database: Database, access: Access, evidence: EvidenceService, facts: SuiteFacts
    ) -> None:
        self._database = database
        self._access = access
        self._evidence = evidence
        self._facts = facts

    def request(self, principal: Principal) -> str:
        """Have the worker collect it now; returns the job's id."""
        self._access.require(principal, Permission.POLICIES_ASSESS)
        with self._database.begin() as uow:
            wanted = JobRequest("policies.suite", key="policies.suite", requested_by=principal.id)
            job = uow.enqueue(wanted)
            uow.audit(principal, AuditAction.JOB_ENQUEUE, "suite", details={"work": "collect", "job": job})
        return job

    def collect(self, principal: Principal) -> list[str]:
        """Record one piece of evidence of each; returns their ids."""
        self._access.require(principal, Permission.POLICIES_ASSESS)
        facts = (
            (EvidenceKind.IDENTITY_POLICY, "suite", self._facts.identity_policy()),
            (EvidenceKind.CA_STATUS, "ca", self._facts.ca_status()),
        )
        with self._database.begin() as uow:
            ids = [
                self._evidence.record(uow, kind=kind, subject=subject, source="policies", summary=summary)
                for kind, subject, summary in facts
                if summary is not None
            ]
            uow.audit(principal, AuditAction.POLICIES_SUITE_COLLECT, "suite", details={"evidence": ids})
        return [*ids, self._evidence.anchor_audit()]


@dataclass(frozen=True)
class PoliciesService:
    """The room's use cases by subject."""

    data: PolicyData
    systems: SystemsService
    assessments: AssessmentService
    packages: PackageService
    lists: PolicyLists
    suite: SuiteEvidence
