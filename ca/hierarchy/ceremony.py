"""The key ceremony: two officers found a root and an issuing CA; each step can be repeated after a crash.

One officer proposes the plan, another performs it; the approval binds the plan's digest. The minutes are evidence, sealed
like all evidence once the CA can seal.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from sqlalchemy import Row

from ca import store
from ca.encoding import certificate as encoding
from ca.encoding import names as naming
from ca.issuance import Issuance, Wanted
from ca.model import Authority, Ceremony, CeremonyPlan
from ca.ports import Evidence, Signer
from ca.profiles import Profile, Profiles
from ca.signer.model import KeyInfo, KeyRole, Purpose
from kernel.audit.model import AuditAction
from kernel.canonical import canonical_json, sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, IntegrityFailed, Invalid
from kernel.evidence.model import Attachment, EvidenceKind
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import ApprovalState, Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.pki.algorithms import algorithm
from kernel.store import Database
from kernel.store.listing import Ask, Page, page_of

ROOT, ISSUING = "root", "issuing"


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
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._approvals = approvals
        self._signer = signer
        self._profiles = profiles
        self._issuance = issuance
        self._evidence = evidence

    def page(self, principal: Principal, ask: Ask) -> Page[Ceremony]:
        """Ceremonies, newest first. Filter: state (proposed, performed)."""
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            found = [_ceremony(row) for row in store.read_ceremonies(connection)]
        return page_of(
            found,
            ask,
            key=lambda one: one.id,
            text=lambda one: (one.id, one.plan.root_name, one.plan.issuing_name, one.proposer),
            filters={"state": lambda one: one.state},
            orders={"proposed": lambda one: one.id},
            default="-proposed",
            facets=("state",),
        )

    def show(self, principal: Principal, ceremony_id: str) -> Ceremony:
        self._access.require(principal, Permission.CA_READ)
        with self._database.read() as connection:
            return _ceremony(store.read_ceremony(connection, ceremony_id))

    def propose(self, principal: Principal, plan: CeremonyPlan) -> str:
        """Store the plan and ask for a second officer; returns the ceremony's id."""
        self._access.require(principal, Permission.CA_CEREMONY_PROPOSE)
        self._check(plan)
        ceremony_id = new_id("cer")
        with self._database.begin() as uow:
            if store.read_authorities(uow.connection):
                raise Conflict(N_("The CA is founded already."), mend=N_("See: weicheng ca authorities."))
            approval = self._approvals.open(
                uow,
                kind="ca:ceremony",
                subject=f"ceremony:{ceremony_id}",
                title=plan.root_name,
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
            store.add_ceremony(uow.connection, row)
            uow.audit(
                principal, AuditAction.CA_CEREMONY_PROPOSE, f"ceremony:{ceremony_id}", details=plan.as_dict()
            )
        return ceremony_id

    def perform(self, principal: Principal, ceremony_id: str) -> list[Authority]:
        """Approve as the second officer and do it; after a crash, called again, it goes on where it stopped."""
        self._access.require(principal, Permission.CA_CEREMONY_APPROVE)
        with self._database.begin() as uow:
            row = store.read_ceremony(uow.connection, ceremony_id)
            if row.performed_at is not None:
                raise Conflict(N_("The CA is founded already."), mend=N_("See: weicheng ca authorities."))
            plan = _plan(row.plan)
            approval = self._approvals.get(uow, row.approval)
            if approval.digest != _digest(plan):
                raise IntegrityFailed(
                    N_("The plan is not the one that was proposed."), place=f"ceremony:{ceremony_id}"
                )
            if approval.state is not ApprovalState.APPROVED:
                approval = self._approvals.decide(uow, row.approval, principal, approve=True)
        minutes = [_minute(self._clock.now(), f"plan {_digest(plan)} approved by {principal.name}")]
        root = self._root(plan, minutes)
        issuing = self._issuing(principal, plan, root, minutes)
        with self._database.begin() as uow:
            store.end_ceremony(uow.connection, ceremony_id, self._clock.now())
            target = f"ceremony:{ceremony_id}"
            uow.audit(principal, AuditAction.CA_CEREMONY_PERFORM, target, details={"plan": _digest(plan)})
            self._evidence.record(
                uow,
                kind=EvidenceKind.CA_CEREMONY,
                subject=target,
                source="ca",
                summary={
                    "algorithm": plan.algorithm,
                    "persons": [row.proposed_by, *approval.approved_by],
                    "witnesses": list(plan.witnesses),
                    "root": sha256_hex(root.certificate),
                    "issuing": sha256_hex(issuing.certificate),
                },
                attachments=[Attachment("minutes.txt", "\n".join(minutes).encode(), "text/plain")],
            )
        return [root, issuing]

    # --- steps
    def _root(self, plan: CeremonyPlan, minutes: list[str]) -> Authority:
        with self._database.read() as connection:
            known = {found.id: found for found in store.read_authorities(connection)}
        if ROOT in known:
            return known[ROOT]
        key = self._key(ROOT, KeyRole.ROOT, plan.algorithm, minutes)
        profile = self._profiles.get("root")
        profile.check_key(algorithm(plan.algorithm))
        subject = profile.complete_subject({"O": plan.organisation, "CN": plan.root_name})
        certificate = self._self_signed(profile, key, subject, plan.root_years)
        minutes.append(_minute(self._clock.now(), f"root certificate SHA-256 {sha256_hex(certificate)}"))
        root = _authority(ROOT, plan.root_name, key, certificate, None)
        with self._database.begin() as uow:
            store.add_authority(uow.connection, root, self._clock.now())
        return root

    def _issuing(
        self, principal: Principal, plan: CeremonyPlan, root: Authority, minutes: list[str]
    ) -> Authority:
        with self._database.read() as connection:
            known = {found.id: found for found in store.read_authorities(connection)}
        if ISSUING in known:
            return known[ISSUING]
        key = self._key(ISSUING, KeyRole.ISSUING, "p256", minutes)
        profile = self._profiles.get("issuing-ca")
        profile = replace(profile, validity=timedelta(days=365.25 * plan.issuing_years))
        subject = profile.complete_subject({"O": plan.organisation, "CN": plan.issuing_name})
        wanted = Wanted(profile, subject, (), key.spki, principal.unit)
        with self._database.begin() as uow:
            token = self._issuance.prepare(uow, principal, root, wanted)
        issued = self._issuance.sign(token, principal)
        minutes.append(_minute(self._clock.now(), f"issuing certificate SHA-256 {issued.fingerprint}"))
        issuing = _authority(ISSUING, plan.issuing_name, key, issued.der, root.id)
        with self._database.begin() as uow:
            store.add_authority(uow.connection, issuing, self._clock.now())
        return issuing

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
        name = naming.name(subject).public_bytes()
        template = encoding.compile_template(row, name, None, profile.extensions())
        now = self._clock.now().replace(microsecond=0)
        tbs = encoding.tbs_certificate(
            template,
            serial=int(new_id("x")[2:], 16) >> 1,
            subject=name,
            spki=key.spki,
            not_before=now - timedelta(minutes=1),
            not_after=now + timedelta(days=365.25 * years),
        )
        return encoding.signed(tbs, row.identifier, self._signer.sign(key.name, Purpose.CERTIFICATE, tbs))

    def _check(self, plan: CeremonyPlan) -> None:
        if not plan.witnesses:
            raise Invalid(N_("A ceremony needs at least one witness."), place="witnesses")
        if not 1 <= plan.issuing_years <= plan.root_years <= 30:
            raise Invalid(
                N_("The issuing CA may not outlive the root, and the root 30 years."), place="issuing_years"
            )
        root, issuing = self._profiles.get("root"), self._profiles.get("issuing-ca")
        root.check_key(algorithm(plan.algorithm))
        root.complete_subject({"O": plan.organisation, "CN": plan.root_name})
        issuing.complete_subject({"O": plan.organisation, "CN": plan.issuing_name})


def _authority(
    authority_id: str, name: str, key: KeyInfo, certificate: bytes, parent: str | None
) -> Authority:
    subject = x509.load_der_x509_certificate(certificate).subject.public_bytes()
    return Authority(authority_id, name, key.name, key.algorithm, certificate, subject, key.spki, parent)


def _ceremony(row: Row[Any]) -> Ceremony:
    return Ceremony(
        id=row.id,
        plan=_plan(row.plan),
        approval=row.approval,
        proposed_by=row.proposed_by,
        proposed_at=row.proposed_at,
        performed_at=row.performed_at,
        proposer=row.proposer or "",
    )


def _plan(stored: Mapping[str, Any]) -> CeremonyPlan:
    return CeremonyPlan(**{**stored, "witnesses": tuple(stored["witnesses"])})


def _digest(plan: CeremonyPlan) -> str:
    return sha256_hex(canonical_json(plan.as_dict()))


def _minute(at: datetime, text: str) -> str:
    return f"{at.isoformat(timespec='seconds')} {text}"
