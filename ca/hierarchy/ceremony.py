"""The key ceremony: two officers found a root and the CAs below it; each step can be repeated after a crash.

One officer proposes the plan, another performs it; the approval binds the plan's digest. The minutes are evidence, sealed
like all evidence once the CA can seal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from sqlalchemy import Row

from ca import store
from ca.encoding import certificate as encoding
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.model import Ceremony
from ca.hierarchy.plan import CeremonyPlan, Hierarchies, PlannedAuthority, plan_from_file, plan_of
from ca.issuance import Issuance, Wanted
from ca.model import Authority, AuthorityKind
from ca.ports import Evidence, Signer
from ca.profiles import Profile, Profiles
from ca.signer.model import KeyInfo, KeyRole, Purpose
from ca.writing import BACKDATE, self_signed
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.i18n import N_, current_language
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import ApprovalState, Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.pki.algorithms import algorithm
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of


class Ceremonies:
    """Proposes and performs ceremonies."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        access: Access,
        approvals: Approvals,
        signer: Signer,
        profiles: Profiles,
        issuance: Issuance,
        evidence: Evidence,
        hierarchies: Hierarchies,
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._approvals = approvals
        self._signer = signer
        self._profiles = profiles
        self._issuance = issuance
        self._evidence = evidence
        self._hierarchies = hierarchies

    def page(self, principal: Principal, ask: Ask) -> Page[Ceremony]:
        """Ceremonies, newest first. Filter: state (proposed, performed)."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = [_ceremony(row) for row in hierarchy_store.read_ceremonies(connection)]
        return page_of(
            found,
            ask,
            key=lambda one: one.id,
            text=lambda one: (
                one.id,
                *(planned.name for planned in (one.plan.root, *one.plan.issuing)),
                one.proposer,
            ),
            filters={"state": lambda one: one.state},
            orders={"proposed": lambda one: one.id},
            default="-proposed",
            facets=("state",),
        )

    def show(self, principal: Principal, ceremony_id: str) -> Ceremony:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return _ceremony(hierarchy_store.read_ceremony(connection, ceremony_id))

    def plan(
        self,
        principal: Principal,
        organisation: str,
        witnesses: Sequence[str],
        hierarchy: str,
        document: bytes | None = None,
    ) -> CeremonyPlan:
        """What a ceremony by a hierarchy of the policies, or by a YAML document of one, would make."""
        self._access.require(principal, Permission.CA_CEREMONY_PROPOSE)
        if document is not None:
            return plan_from_file(document, organisation, witnesses)
        return self._hierarchies.plan(hierarchy, organisation, witnesses)

    def titles(self) -> Mapping[str, str]:
        """The hierarchies of the policies: id -> title in the reader's language."""
        return self._hierarchies.titles("en" if current_language() == "en" else "zh")

    def propose(self, principal: Principal, plan: CeremonyPlan) -> str:
        """Store the plan and ask for a second officer; returns the ceremony's id."""
        self._access.require(principal, Permission.CA_CEREMONY_PROPOSE)
        plan.check(self._profiles)
        ceremony_id = new_id("cer")
        with self._database.begin() as uow:
            if store.read_authorities(uow.connection):
                raise Conflict(N_("The CA is founded already."), mend=N_("See: weicheng ca authorities."))
            approval = self._approvals.open(
                uow,
                kind="ca:ceremony",
                subject=f"ceremony:{ceremony_id}",
                title=plan.root.name,
                digest=_digest(plan),
                requested_by=principal,
                permission=Permission.CA_CEREMONY_APPROVE,
            )
            row = {
                "id": ceremony_id,
                "plan": plan.as_dict(),
                "approval": approval.id,
                "proposed_by": principal.id,
                "proposed_at": self._clock.now(),
            }
            hierarchy_store.add_ceremony(uow.connection, row)
            uow.audit(
                principal, AuditAction.CA_CEREMONY_PROPOSE, f"ceremony:{ceremony_id}", details=plan.as_dict()
            )
        return ceremony_id

    def perform(self, principal: Principal, ceremony_id: str) -> list[Authority]:
        """Approve as the second officer and do it; after a crash, called again, it goes on where it stopped."""
        self._access.require(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            row = hierarchy_store.read_ceremony(uow.connection, ceremony_id)
            if row.performed_at is not None:
                raise Conflict(N_("The CA is founded already."), mend=N_("See: weicheng ca authorities."))
            plan = plan_of(row.plan)
            approval = self._approvals.get(uow, row.approval)
            if approval.digest != _digest(plan):
                raise IntegrityFailed(
                    N_("The plan is not the one that was proposed."), place=f"ceremony:{ceremony_id}"
                )
            if approval.state is not ApprovalState.APPROVED:
                approval = self._approvals.decide(uow, row.approval, principal, approve=True)
        minutes = [_minute(self._clock.now(), f"plan {_digest(plan)} approved by {principal.name}")]
        root = self._root(plan, minutes)
        issuing = [self._issuing(principal, plan, planned, root, minutes) for planned in plan.issuing]
        with self._database.begin() as uow:
            hierarchy_store.end_ceremony(uow.connection, ceremony_id, self._clock.now())
            target = f"ceremony:{ceremony_id}"
            uow.audit(principal, AuditAction.CA_CEREMONY_PERFORM, target, details={"plan": _digest(plan)})
            self._evidence.record(
                uow,
                kind=EvidenceKind.CA_CEREMONY,
                subject=target,
                source="ca",
                summary={
                    "algorithm": plan.root.algorithm,
                    "persons": [row.proposed_by, *approval.approved_by],
                    "witnesses": list(plan.witnesses),
                    "root": sha256_hex(root.certificate),
                    "issuing": {one.id: sha256_hex(one.certificate) for one in issuing},
                },
                attachments=[Attachment("minutes.txt", "\n".join(minutes).encode(), "text/plain")],
            )
        return [root, *issuing]

    # --- steps
    def _root(self, plan: CeremonyPlan, minutes: list[str]) -> Authority:
        planned = plan.root
        known = self._known(planned)
        if known is not None:
            return known
        key = self._key(planned.id, KeyRole.ROOT, planned.algorithm, minutes)
        profile = self._profiles.get("root")
        subject = profile.complete_subject({"O": plan.organisation, "CN": planned.name})
        certificate = self._self_signed(profile, key, subject, planned.years)
        minutes.append(_minute(self._clock.now(), f"root certificate SHA-256 {sha256_hex(certificate)}"))
        return self._add(_authority(planned, AuthorityKind.ROOT, key, certificate, None))

    def _issuing(
        self,
        principal: Principal,
        plan: CeremonyPlan,
        planned: PlannedAuthority,
        root: Authority,
        minutes: list[str],
    ) -> Authority:
        known = self._known(planned)
        if known is not None:
            return known
        key = self._key(planned.id, KeyRole.ISSUING, planned.algorithm, minutes)
        profile = self._profiles.get("issuing-ca")
        profile = replace(profile, validity=timedelta(days=365.25 * planned.years))
        subject = profile.complete_subject({"O": plan.organisation, "CN": planned.name})
        wanted = Wanted(profile, subject, (), key.spki, principal.unit)
        with self._database.begin() as uow:
            token = self._issuance.prepare(uow, principal, root, wanted)
        issued = self._issuance.sign(token, principal)
        text = f"issuing certificate {planned.id} SHA-256 {issued.fingerprint}"
        minutes.append(_minute(self._clock.now(), text))
        return self._add(_authority(planned, AuthorityKind.ISSUING, key, issued.der, root.id))

    def _known(self, planned: PlannedAuthority) -> Authority | None:
        """The CA, if a ceremony that broke off has founded it."""
        with self._database.read() as connection:
            found = store.read_authorities(connection)
        return next((one for one in found if one.id == planned.id), None)

    def _add(self, authority: Authority) -> Authority:
        with self._database.begin() as uow:
            store.add_authority(uow.connection, authority, self._clock.now())
        return authority

    def _key(self, name: str, role: KeyRole, kind: str, minutes: list[str]) -> KeyInfo:
        """The key of that name, made now unless a ceremony that broke off has made it."""
        held = {key.name: key for key in self._signer.keys()}
        if name in held:
            if (held[name].role, held[name].algorithm) != (role, kind):
                raise Conflict(
                    N_("There is a key %(name)s of another kind already."),
                    mend=N_("Start the signer with an empty key file."),
                    place="signer",
                    name=name,
                )
            return held[name]
        key = self._signer.generate(name, role, kind)
        minutes.append(
            _minute(self._clock.now(), f"key {name} ({kind}) public key SHA-256 {sha256_hex(key.spki)}")
        )
        return key

    def _self_signed(self, profile: Profile, key: KeyInfo, subject: Mapping[str, str], years: int) -> bytes:
        row = algorithm(key.algorithm)
        now = self._clock.now().replace(microsecond=0)
        period = (now - BACKDATE, now + timedelta(days=365.25 * years))
        wanted = Wanted(profile, subject, (), key.spki, "", period=period)
        tbs = self_signed(wanted, row, now).tbs
        return encoding.signed(tbs, row.identifier, self._signer.sign(key.name, Purpose.CERTIFICATE, tbs))


def _authority(
    planned: PlannedAuthority, kind: AuthorityKind, key: KeyInfo, certificate: bytes, parent: str | None
) -> Authority:
    return Authority(
        id=planned.id,
        name=planned.name,
        key=key.name,
        algorithm=key.algorithm,
        certificate=certificate,
        subject=x509.load_der_x509_certificate(certificate).subject.public_bytes(),
        spki=key.spki,
        parent=parent,
        kind=kind,
        profiles=planned.profiles,
    )


def _ceremony(row: Row[Any]) -> Ceremony:
    return Ceremony(
        id=row.id,
        plan=plan_of(row.plan),
        approval=row.approval,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        performed_at=row.performed_at,
        proposer=row.proposer or "",
    )


def _digest(plan: CeremonyPlan) -> str:
    return sha256_hex(canonical_json(plan.as_dict()))


def _minute(at: datetime, text: str) -> str:
    return f"{at.isoformat(timespec='seconds')} {text}"
