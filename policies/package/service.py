"""Exporting evidence packages (GP-5), and checking one that comes back."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kernel.audit.model import AuditAction
from kernel.blobs import BlobStore
from kernel.canonical import iso_utc, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid, NotFound, Unavailable, WeichengError
from kernel.events import Event, EventKind
from kernel.evidence.model import EvidenceKind
from kernel.evidence.ports import Sealer
from kernel.evidence.service import EvidenceService
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.jobs.model import JobRequest
from kernel.pki import cms
from kernel.pki.pem import certificate_pem
from kernel.store import Database
from policies import store
from policies.assessment.conclusion import conclude
from policies.assessment.model import Assessment, Outcome, Result
from policies.assessment.service import AssessmentService
from policies.package.archive import read_zip, write_zip
from policies.package.content import SealedRecord, content, record_rows
from policies.package.masking import Profile, mask_value
from policies.package.model import MANIFEST, SIGNATURE, TOKEN, Filters, Manifest, PackageRefused
from policies.package.report import ReportInput
from policies.package.state import PackageRow, PackageState
from policies.package.verify import PackageReport, certificates_of, verify_package
from policies.systems.model import System
from policies.systems.service import SystemsService

ORDER = "controls: catalogue order; records: sequence number; digests: path"


@dataclass(frozen=True)
class Package:
    """An exported package: the ZIP's bytes and what is kept of it."""

    id: str
    data: bytes
    manifest: Manifest

    @property
    def sha256(self) -> str:
        return sha256_hex(self.data)


class PackageService:
    """Packages of the assessments that a principal sees."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        evidence: EvidenceService,
        blobs: BlobStore,
        sealer: Sealer,
        systems: SystemsService,
        assessments: AssessmentService,
        profiles: Mapping[str, Profile],
        organisation: str,
        zone: str,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._evidence = evidence
        self._blobs = blobs
        self._sealer = sealer
        self._systems = systems
        self._assessments = assessments
        self.profiles = profiles
        self._organisation = organisation
        self._zone = zone

    def export(
        self, principal: Principal, assessment_id: str, filters: Filters | None = None, masking: str = ""
    ) -> Package:
        """Seal what waits, gather, sign and stamp; audited, since it leaves the suite. Unavailable without a CA."""
        row = self._row(principal, assessment_id, filters or Filters(), masking)
        with self._database.begin() as uow:
            store.put_package(uow.connection, row)
        try:
            return self._make_and_keep(principal, row, principal.name, principal.id)
        except WeichengError as error:
            self._fail(principal, row, error)
            raise

    def request(
        self, principal: Principal, assessment_id: str, filters: Filters | None = None, masking: str = ""
    ) -> PackageRow:
        """Have the worker make a package; it is MAKING until then. What can not be made is refused at once."""
        row = self._row(principal, assessment_id, filters or Filters(), masking)
        wanted = JobRequest(
            "policies.export",
            {"package": row.id, "asked_by": principal.name},
            unit=row.unit,
            requested_by=principal.id,
        )
        with self._database.begin() as uow:
            store.put_package(uow.connection, row)
            job = uow.enqueue(wanted)
            details = {
                "work": "export",
                "job": job,
                "assessment": row.assessment,
                "filters": dict(row.filters),
            }
            uow.audit(principal, AuditAction.JOB_ENQUEUE, row.id, unit=row.unit, details=details)
        return row

    def produce(self, principal: Principal, package_id: str, *, asked_by: str) -> PackageRow:
        """Make what was asked for by the person of that name; a package that can not be made is FAILED and says why."""
        row = self._visible(principal, package_id)
        if row.state is PackageState.MAKING:
            try:
                self._make_and_keep(principal, row, asked_by, row.made_by)
            except WeichengError as error:
                self._fail(principal, row, error)
        return self._visible(principal, package_id)

    def download(self, principal: Principal, package_id: str) -> bytes:
        """The ZIP; audited each time, since it leaves the suite."""
        row = self._visible(principal, package_id)
        if row.state is not PackageState.READY:
            raise Conflict(
                N_("The package is not ready."), mend=N_("Wait until it is made, or ask for it anew.")
            )
        try:
            data = self._blobs.get(row.sha256)
        except NotFound as error:
            raise NotFound(
                N_("The file of this package is not kept here."), mend=N_("Export it again."), place=row.id
            ) from error
        with self._database.begin() as uow:
            details = {"sha256": row.sha256, "size": row.size}
            uow.audit(principal, AuditAction.POLICIES_DOWNLOAD, row.id, unit=row.unit, details=details)
        return data

    def _visible(self, principal: Principal, package_id: str) -> PackageRow:
        self._access.require(principal, Permission.POLICIES_EXPORT)
        with self._database.read() as connection:
            row = store.get_package(connection, package_id)
        if row is None or not self._access.covers(principal, row.unit):
            raise NotFound(N_("There is no package %(id)s."), id=package_id[:60])
        return row

    def _row(self, principal: Principal, assessment_id: str, filters: Filters, masking: str) -> PackageRow:
        """What is asked for, once it is sure that it can be made."""
        assessment = self._assessments.get(principal, assessment_id)
        self._access.require(principal, Permission.POLICIES_EXPORT, unit=assessment.unit)
        if masking and masking not in self.profiles:
            raise NotFound(
                N_("There is no masking profile %(name)s."),
                mend=N_("Known: %(known)s."),
                name=masking[:60],
                known=", ".join(sorted(self.profiles)),
            )
        if not self._sealer.ready:
            raise Unavailable(
                N_("There is no sealing key yet."), mend=N_("Run the key ceremony of the CA first.")
            )
        self._chosen(principal, assessment, filters)
        return PackageRow(
            id=new_id("pkg"),
            assessment=assessment.id,
            sha256="",
            size=0,
            filters={**_plain(filters), "masking": masking},
            made_at=self._clock.now(),
            made_by=principal.id,
            unit=assessment.unit,
            state=PackageState.MAKING,
            error="",
        )

    def _chosen(
        self, principal: Principal, assessment: Assessment, filters: Filters
    ) -> tuple[list[Result], list[Result]]:
        """All results of the assessment, and those that the filters ask for."""
        every = self._assessments.results(principal, assessment.id)
        results = filters.choose(every)
        if not results:
            raise Invalid(N_("Nothing of the assessment is as asked for."), mend=N_("Widen the filters."))
        return every, results

    # --- making
    def _make_and_keep(self, principal: Principal, row: PackageRow, name: str, account: str) -> Package:
        """``name`` stands in the manifest, ``account`` in the audit trail: whoever asked for it."""
        assessment = self._assessments.get(principal, row.assessment)
        self._evidence.seal_pending()
        package = self._make(principal, row, assessment, name)
        self._keep(principal, row, package, account)
        return package

    def _make(self, principal: Principal, row: PackageRow, assessment: Assessment, name: str) -> Package:
        filters, profile = _filters(row.filters), self.profiles.get(str(row.filters["masking"]))
        every, results = self._chosen(principal, assessment, filters)
        system = self._systems.get(principal, assessment.system)
        sealed = self._records(assessment, results)
        given = ReportInput(
            system=system,
            assessment=assessment,
            results=results,
            conclusion=conclude(every, self._assessments.template),
            template=self._assessments.template,
            catalogue=self._assessments.catalogue,
            remediations=self._assessments.remediations(principal, assessment.id),
            records=record_rows(sealed),
            filters=_plain(filters),
            organisation=self._organisation,
            zone=self._zone,
        )
        files = content(
            given, sealed, b"".join(map(certificate_pem, self._sealer.certificates().intermediates)), profile
        )
        manifest = self._manifest(row.id, name, given, sealed, files, profile)
        return self._seal(manifest, files)

    def _records(self, assessment: Assessment, results: Sequence[Result]) -> list[SealedRecord]:
        """The results' evidence and the assessment's own, by number. Whoever may export the assessment gets its evidence."""
        ids = dict.fromkeys(name for result in results for name in result.evidence)
        for record in self._evidence.find(EvidenceKind.ASSESSMENT, assessment.system):
            if record.summary.get("assessment") == assessment.id:
                ids[record.id] = None
        sealed = [self._sealed(evidence_id) for evidence_id in ids]
        return sorted(sealed, key=lambda entry: entry.record.seq)

    def _sealed(self, evidence_id: str) -> SealedRecord:
        record, seal = self._evidence.get(evidence_id), self._evidence.seal_of(evidence_id)
        if seal is None:
            raise Unavailable(N_("Evidence %(id)s has not been sealed."), id=evidence_id)
        bytes_of = {ref.sha256: self._evidence.attachment(ref.sha256) for ref in record.attachments}
        return SealedRecord(record, self._evidence.body(evidence_id), seal, bytes_of)

    def _manifest(
        self,
        package_id: str,
        name: str,
        given: ReportInput,
        sealed: Sequence[SealedRecord],
        files: Mapping[str, bytes],
        profile: Profile | None,
    ) -> Manifest:
        collected = [iso_utc(entry.record.collected_at) for entry in sealed]
        manifest = Manifest(
            id=package_id,
            made_at=iso_utc(self._clock.now()),
            made_by=name,
            system=_system(given.system),
            assessment={
                "id": given.assessment.id,
                "made_at": iso_utc(given.assessment.made_at),
                "edition": given.assessment.edition,
                "catalogue": given.catalogue.edition,
                "policy_version": given.assessment.policy_version,
            },
            filters=given.filters,
            masking=profile.id if profile else "",
            period={"from": min(collected, default=""), "to": max(collected, default="")},
            order=ORDER,
            count={
                "results": len(given.results),
                "records": len(sealed),
                "attachments": sum(name.startswith("attachments/") for name in files),
                "files": len(files),
            },
            key_id="",
            digests={name: sha256_hex(data) for name, data in files.items()},
        )
        if profile is None:
            return manifest
        hidden = mask_value({"system": dict(manifest.system), "filters": dict(manifest.filters)}, profile)
        return replace(manifest, made_by="***", **hidden)

    def _seal(self, manifest: Manifest, files: Mapping[str, bytes]) -> Package:
        """Sign the manifest, which names the key: a first signature tells which key that is."""
        for _ in range(3):
            body = manifest.dump()
            signature = self._sealer.sign(body)
            key_id = sha256_hex(cms.verify(signature, body).signer_der)
            if key_id == manifest.key_id:
                token = self._sealer.timestamp(hashlib.sha256(signature).digest())
                whole = {**files, MANIFEST: body, SIGNATURE: signature, TOKEN: token}
                return Package(manifest.id, write_zip(whole), manifest)
            manifest = replace(manifest, key_id=key_id)
        raise Unavailable(
            N_("The sealing key changed while the package was made."), mend=N_("Export it again.")
        )

    def _keep(self, principal: Principal, row: PackageRow, package: Package, account: str) -> None:
        details = {
            "assessment": row.assessment,
            "asked_by": account,
            "sha256": package.sha256,
            "filters": dict(package.manifest.filters),
            "masking": package.manifest.masking,
            "count": dict(package.manifest.count),
        }
        made = {
            "state": str(PackageState.READY),
            "sha256": self._blobs.put(package.data),
            "size": len(package.data),
            "made_at": self._clock.now(),
        }
        with self._database.begin() as uow:
            store.change_package(uow.connection, row.id, made)
            uow.audit(principal, AuditAction.POLICIES_EXPORT, row.id, unit=row.unit, details=details)
            event = {"assessment": row.assessment, "sha256": package.sha256}
            uow.emit(Event(EventKind.POLICIES_PACKAGE_EXPORTED, row.id, event, row.unit))

    def _fail(self, principal: Principal, row: PackageRow, error: WeichengError) -> None:
        values = {"state": str(PackageState.FAILED), "error": error.text()}
        with self._database.begin() as uow:
            store.change_package(uow.connection, row.id, values)
            uow.audit(
                principal,
                AuditAction.POLICIES_EXPORT,
                row.id,
                unit=row.unit,
                outcome="failure",
                details={"assessment": row.assessment, "error": error.text()},
            )


def verify(data: bytes, anchors_pem: bytes) -> PackageReport:
    """Check a package against roots of the asker's own; nothing of this suite's data is needed."""
    anchors = certificates_of(anchors_pem)
    if not anchors:
        raise Invalid(N_("This is no PEM file with certificates."), place="root")
    return verify_package(read_zip(data), anchors)


def require_intact(data: bytes, anchors_pem: bytes) -> PackageReport:
    """Like ``verify``; PackageRefused with all faults when there are any."""
    report = verify(data, anchors_pem)
    if not report.intact:
        raise PackageRefused(report.faults)
    return report


def _system(system: System) -> dict[str, Any]:
    return {
        "id": system.id,
        "name": system.name,
        "level": str(system.level),
        "state": str(system.state),
        "filing_number": system.filing_number,
        "owner": system.owner,
    }


def _plain(filters: Filters) -> dict[str, Any]:
    return {
        name: [str(entry) for entry in value] if isinstance(value, tuple) else value
        for name, value in asdict(filters).items()
    }


def _filters(kept: Mapping[str, Any]) -> Filters:
    """The filters of a kept row."""
    return Filters(
        controls=tuple(kept["controls"]),
        outcomes=tuple(Outcome(outcome) for outcome in kept["outcomes"]),
        objects=tuple(kept["objects"]),
        sample=kept["sample"],
        seed=kept["seed"],
    )
