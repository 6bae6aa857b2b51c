"""Exporting evidence packages (GP-5), and checking one that comes back."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from kernel.audit.model import AuditAction
from kernel.canonical import iso_utc, sha256_hex
from kernel.clock import Clock
from kernel.errors import Invalid, NotFound, Unavailable
from kernel.events import Event, EventKind
from kernel.evidence.model import EvidenceKind
from kernel.evidence.ports import Sealer
from kernel.evidence.service import EvidenceService
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.pki import cms
from kernel.pki.pem import certificate_pem
from kernel.store import Database
from policies import store
from policies.assessment.conclusion import conclude
from policies.assessment.model import Assessment, Result
from policies.assessment.service import AssessmentService
from policies.package.archive import read_zip, write_zip
from policies.package.content import SealedRecord, content, record_rows
from policies.package.masking import Profile, mask_value
from policies.package.model import MANIFEST, SIGNATURE, TOKEN, Filters, Manifest, PackageRefused
from policies.package.report import ReportInput
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
        self._evidence.seal_pending()
        package = self._make(principal, assessment, filters or Filters(), self.profiles.get(masking))
        self._keep(principal, assessment, package)
        return package

    def all(self, principal: Principal) -> list[dict[str, Any]]:
        """Exported packages, newest first."""
        self._access.require(principal, Permission.POLICIES_READ)
        with self._database.read() as connection:
            return store.list_packages(connection, self._access.visible_units(principal))

    # --- making
    def _make(
        self, principal: Principal, assessment: Assessment, filters: Filters, profile: Profile | None
    ) -> Package:
        every = self._assessments.results(principal, assessment.id)
        results = filters.choose(every)
        if not results:
            raise Invalid(N_("Nothing of the assessment is as asked for."), mend=N_("Widen the filters."))
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
        manifest = self._manifest(principal, given, sealed, files, profile)
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
        principal: Principal,
        given: ReportInput,
        sealed: Sequence[SealedRecord],
        files: Mapping[str, bytes],
        profile: Profile | None,
    ) -> Manifest:
        collected = [iso_utc(entry.record.collected_at) for entry in sealed]
        manifest = Manifest(
            id=new_id("pkg"),
            made_at=iso_utc(self._clock.now()),
            made_by=principal.name,
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

    def _keep(self, principal: Principal, assessment: Assessment, package: Package) -> None:
        details = {
            "assessment": assessment.id,
            "sha256": package.sha256,
            "filters": dict(package.manifest.filters),
            "masking": package.manifest.masking,
            "count": dict(package.manifest.count),
        }
        row = {
            "id": package.id,
            "assessment": assessment.id,
            "sha256": package.sha256,
            "size": len(package.data),
            "filters": {**package.manifest.filters, "masking": package.manifest.masking},
            "made_at": self._clock.now(),
            "made_by": principal.id,
            "unit": assessment.unit,
        }
        with self._database.begin() as uow:
            store.put_package(uow.connection, row)
            uow.audit(
                principal, AuditAction.POLICIES_EXPORT, package.id, unit=assessment.unit, details=details
            )
            event = {"assessment": assessment.id, "sha256": package.sha256}
            uow.emit(Event(EventKind.POLICIES_PACKAGE_EXPORTED, package.id, event, assessment.unit))


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
