"""Assessing a system from evidence, and what people add: confirmations with attachments, remediations."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from kernel.assets.model import Asset, AssetKind
from kernel.assets.service import Register
from kernel.audit.model import AuditAction
from kernel.clock import Clock
from kernel.errors import Invalid, NotFound
from kernel.events import Event, EventKind
from kernel.evidence.model import Attachment, EvidenceKind, EvidenceRecord
from kernel.evidence.service import EvidenceService
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.jobs.model import JobRequest
from kernel.store import Database, UnitOfWork
from policies import store
from policies.assessment.conclusion import Conclusion, Tally, Template, conclude, weigh
from policies.assessment.engine import Evidence, Manual, judge, manual_subject
from policies.assessment.model import (
    AssessedObject,
    Assessment,
    Judgement,
    Outcome,
    Remediation,
    RemediationState,
    Result,
    ResultState,
    remediation_moved,
)
from policies.catalogue.model import Catalogue, ObjectKind
from policies.systems.model import System
from policies.systems.service import SystemsService

_DEVICES = frozenset({AssetKind.DEVICE, AssetKind.GATEWAY})
_MOST = 10_000  # records of one kind that are looked at, newest first


class AssessmentService:
    """Assessments of the systems that a principal sees."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        register: Register,
        evidence: EvidenceService,
        systems: SystemsService,
        catalogue: Catalogue,
        template: Template,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._register = register
        self._evidence = evidence
        self._systems = systems
        self.catalogue = catalogue
        self.template = template

    # --- assessing
    def request(self, principal: Principal, system_name: str) -> str:
        """Have the worker assess the system; returns the job's id. What can not be assessed is refused at once."""
        system = self._assessable(principal, system_name)
        wanted = JobRequest(
            "policies.assess",
            {"system": system.id},
            key=f"policies.assess:{system.id}",
            unit=system.unit,
            requested_by=principal.id,
        )
        with self._database.begin() as uow:
            job = uow.enqueue(wanted)
            details = {"work": "assess", "job": job}
            uow.audit(principal, AuditAction.JOB_ENQUEUE, system.id, unit=system.unit, details=details)
        return job

    def assess(self, principal: Principal, system_name: str, *, asked_by: str = "") -> Assessment:
        """Judge every item on the system and its devices from the evidence in force; the outcome is evidence itself.

        ``asked_by`` is the account for which the worker does it.
        """
        system = self._assessable(principal, system_name)
        now = self._clock.now()
        objects = self._objects(system)
        judged = judge(self.catalogue, objects, self._in_force(system, now), self._manual(system, now))
        assessment = Assessment(
            new_id("asm"),
            system.id,
            self.template.edition,
            self.catalogue.version,
            now,
            asked_by or principal.id,
            system.unit,
        )
        results = [self._result(assessment, judgement) for judgement in judged]
        with self._database.begin() as uow:
            store.put_assessment(uow.connection, assessment, results)
            self._announce(uow, principal, assessment, system, conclude(results, self.template))
        return assessment

    def _assessable(self, principal: Principal, system_name: str) -> System:
        system = self._systems.get(principal, system_name)
        self._access.require(principal, Permission.POLICIES_ASSESS, unit=system.unit)
        if system.level.overall != self.catalogue.level:
            raise Invalid(
                N_("There is no catalogue for level %(level)s."),
                place=system.name,
                level=system.level.overall,
            )
        return system

    def _objects(self, system: System) -> list[AssessedObject]:
        assets = [self._register.asset(asset_id) for asset_id in system.boundary]
        devices = [_device(asset) for asset in assets if asset.kind in _DEVICES]
        names = frozenset(name for asset in assets for name in (asset.id, asset.name))
        return [AssessedObject(ObjectKind.SYSTEM, system.id, system.name, names | {system.id}), *devices]

    def _in_force(self, system: System, at: datetime) -> Evidence:
        """What is in force of the suite as a whole, of the system's unit, and of those above and below it."""
        with self._database.read() as connection:
            units = store.line_of_units(connection, system.unit)
        kinds = sorted(self.catalogue.kinds())
        records = [record for kind in kinds for record in self._evidence.find(kind, limit=_MOST)]
        return Evidence.of([record for record in records if record.unit is None or record.unit in units], at)

    def _manual(self, system: System, at: datetime) -> Manual:
        found: dict[tuple[str, str], EvidenceRecord] = {}
        for record in self._evidence.find(EvidenceKind.MANUAL_FINDING, limit=_MOST):
            owner, item, object_id = (*record.subject.split("/"), "", "")[:3]
            if owner == system.id and record.effective(at):
                found.setdefault((item, object_id), record)
        return found

    def _result(self, assessment: Assessment, judgement: Judgement) -> Result:
        target = judgement.object
        return Result(
            id=new_id("res"),
            assessment=assessment.id,
            item=judgement.item,
            unit_id=self.catalogue.item(judgement.item).unit,
            object_kind=target.kind,
            object_id=target.id,
            object_name=target.name,
            outcome=judgement.outcome,
            proposed=judgement.outcome,
            state=judgement.state,
            reasons=judgement.reasons,
            evidence=judgement.evidence,
        )

    def _announce(
        self,
        uow: UnitOfWork,
        principal: Principal,
        assessment: Assessment,
        system: System,
        conclusion: Conclusion,
    ) -> None:
        summary = {
            "assessment": assessment.id,
            "system": system.name,
            "edition": assessment.edition,
            "policy_version": assessment.policy_version,
            "counts": {str(outcome): count for outcome, count in conclusion.counts.items()},
            "rate_low": conclusion.rate_low,
            "rate_high": conclusion.rate_high,
            "conclusion": conclusion.verdict,
            "major_risks": [risk.id for risk in conclusion.risks],
        }
        self._evidence.record(
            uow,
            kind=EvidenceKind.ASSESSMENT,
            subject=system.id,
            source="policies",
            summary=summary,
            unit=system.unit,
        )
        uow.audit(
            principal,
            AuditAction.POLICIES_ASSESS,
            system.id,
            unit=system.unit,
            details={"assessment": assessment.id},
        )
        uow.emit(Event(EventKind.POLICIES_ASSESSED, system.id, summary, system.unit))

    # --- reading
    def get(self, principal: Principal, assessment_id: str) -> Assessment:
        self._access.require(principal, Permission.POLICIES_READ)
        with self._database.read() as connection:
            assessment = store.get_assessment(connection, assessment_id)
        if assessment is None or not self._access.covers(principal, assessment.unit):
            raise NotFound(N_("There is no assessment %(id)s."), id=assessment_id[:60])
        return assessment

    def results(self, principal: Principal, assessment_id: str) -> list[Result]:
        """All results in catalogue order."""
        assessment = self.get(principal, assessment_id)
        with self._database.read() as connection:
            return store.list_results(connection, assessment.id)

    def conclusion(self, principal: Principal, assessment_id: str) -> Conclusion:
        return weigh(self.tallies(principal, assessment_id), self.template)

    def tallies(self, principal: Principal, assessment_id: str) -> list[Tally]:
        """The results counted by item, outcome and state."""
        assessment = self.get(principal, assessment_id)
        with self._database.read() as connection:
            return store.tallies_of(connection, [assessment.id])[assessment.id]

    # --- what people add
    def confirm(
        self,
        principal: Principal,
        result_id: str,
        *,
        outcome: Outcome | None = None,
        note: str,
        attachments: Sequence[Attachment] = (),
    ) -> Result:
        """Confirm the proposed outcome, or set another one; note and attachments become evidence of their own."""
        if not note.strip():
            raise Invalid(N_("A confirmation needs a note of what was seen."), place="note")
        with self._database.begin() as uow:
            old, assessment = self._held(uow, principal, result_id, Permission.POLICIES_CONFIRM)
            decided = outcome or old.outcome
            if decided is Outcome.UNPROVEN:
                raise Invalid(N_("Say what the result is: nothing has proved it yet."), place="outcome")
            result = replace(
                old,
                outcome=decided,
                state=ResultState.CONFIRMED,
                note=note.strip(),
                confirmed_by=principal.name,
                confirmed_at=self._clock.now(),
            )
            evidence_id = self._record_finding(uow, result, assessment, attachments)
            result = replace(result, evidence=(*old.evidence, evidence_id))
            store.replace_result(uow.connection, result)
            uow.audit(
                principal,
                AuditAction.POLICIES_CONFIRM,
                result_id,
                unit=assessment.unit,
                reason=note,
                details={
                    "item": old.item,
                    "from": str(old.outcome),
                    "to": str(decided),
                    "evidence": evidence_id,
                },
            )
        return result

    def _record_finding(
        self, uow: UnitOfWork, result: Result, assessment: Assessment, attachments: Sequence[Attachment]
    ) -> str:
        summary = {
            "item": result.item,
            "object": result.object_name,
            "result": str(result.outcome),
            "proposed": str(result.proposed),
            "note": result.note,
            "person": result.confirmed_by,
        }
        return self._evidence.record(
            uow,
            kind=EvidenceKind.MANUAL_FINDING,
            subject=manual_subject(assessment.system, result.item, result.object_id),
            source="policies",
            summary=summary,
            attachments=attachments,
            unit=assessment.unit,
        )

    def remediate(
        self, principal: Principal, result_id: str, *, owner: str, due: datetime, action: str
    ) -> Remediation:
        """Lay down who mends a result that does not conform, how, and until when."""
        if not owner.strip() or not action.strip() or due <= self._clock.now():
            raise Invalid(N_("A remediation needs an owner, an action and a date to come."), place="due")
        with self._database.begin() as uow:
            result, assessment = self._held(uow, principal, result_id, Permission.POLICIES_CONFIRM)
            if result.outcome not in (Outcome.FAILS, Outcome.PARTLY):
                raise Invalid(
                    N_("There is nothing to mend: the result is %(outcome)s."), outcome=result.outcome
                )
            remediation = Remediation(
                new_id("rem"),
                result_id,
                owner.strip(),
                due,
                action.strip(),
                RemediationState.OPEN,
                self._clock.now(),
            )
            self._put_remediation(uow, principal, remediation, assessment.unit)
        return remediation

    def move_remediation(
        self, principal: Principal, remediation_id: str, to: RemediationState, *, reason: str
    ) -> Remediation:
        """Whoever mends says that it is done; the security officer accepts it or sends it back."""
        mending = to is RemediationState.DONE
        permission = Permission.POLICIES_REMEDIATE if mending else Permission.POLICIES_CONFIRM
        self._access.require(principal, permission)
        with self._database.begin() as uow:
            old = store.get_remediation(uow.connection, remediation_id)
            if old is None:
                raise NotFound(N_("There is no remediation %(id)s."), id=remediation_id[:60])
            _, assessment = self._held(uow, principal, old.result, permission)
            closed = self._clock.now() if to is RemediationState.ACCEPTED else None
            remediation = replace(old, state=remediation_moved(old.state, to), closed_at=closed)
            self._put_remediation(uow, principal, remediation, assessment.unit, reason)
        return remediation

    def remediations(self, principal: Principal, assessment_id: str) -> list[Remediation]:
        """By due date."""
        assessment = self.get(principal, assessment_id)
        with self._database.read() as connection:
            return store.list_remediations(connection, assessment.id)

    def _held(
        self, uow: UnitOfWork, principal: Principal, result_id: str, permission: Permission
    ) -> tuple[Result, Assessment]:
        self._access.require(principal, permission)
        result = store.get_result(uow.connection, result_id, lock=True)
        assessment = store.get_assessment(uow.connection, result.assessment) if result else None
        if result is None or assessment is None or not self._access.covers(principal, assessment.unit):
            raise NotFound(N_("There is no result %(id)s."), id=result_id[:60])
        return result, assessment

    def _put_remediation(
        self,
        uow: UnitOfWork,
        principal: Principal,
        remediation: Remediation,
        unit: str,
        reason: str | None = None,
    ) -> None:
        store.put_remediation(uow.connection, remediation)
        details = {"result": remediation.result, "owner": remediation.owner, "state": str(remediation.state)}
        uow.audit(
            principal,
            AuditAction.POLICIES_REMEDIATE,
            remediation.id,
            unit=unit,
            reason=reason,
            details=details,
        )


def _device(asset: Asset) -> AssessedObject:
    names = frozenset({asset.id, asset.name})
    return AssessedObject(ObjectKind.DEVICE, asset.id, asset.name, names, asset.platform)
