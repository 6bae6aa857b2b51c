"""Proposals to found or change the hierarchy: checked as far as they can be, so that nobody meets for what can not be done."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from ca import figures, store
from ca.encoding.csr import read_csr, spki_of
from ca.hierarchy import store as hierarchy_store
from ca.hierarchy.constraints import check_permitted
from ca.hierarchy.model import CeremonyKind, CeremonyState, plan_digest
from ca.hierarchy.plan import LONGEST_LIFE, CeremonyPlan, PlannedAuthority, is_id
from ca.hierarchy.script import script_of
from ca.hierarchy.superior import given_to
from ca.model import ANY_PROFILE, Authority, AuthorityKind, AuthorityState
from ca.profiles import Profiles, Usage
from kernel.audit.model import AuditAction
from kernel.canonical import sha256_hex
from kernel.clock import Clock
from kernel.errors import Conflict, Invalid
from kernel.i18n import N_
from kernel.identity.access import Access
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal
from kernel.identity.permissions import Permission
from kernel.ids import new_id
from kernel.pki.algorithms import algorithm, algorithm_of
from kernel.pki.names import name_text
from kernel.store import Database, UnitOfWork


class Proposals:
    """What an officer proposes and another performs (Ceremonies); each returns the ceremony's id."""

    def __init__(
        self, database: Database, clock: Clock, access: Access, approvals: Approvals, profiles: Profiles
    ) -> None:
        self._database = database
        self._clock = clock
        self._access = access
        self._approvals = approvals
        self._profiles = profiles

    def found(self, principal: Principal, plan: CeremonyPlan) -> str:
        """A root and the CAs below it. Conflict when there is a CA already."""
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        plan.check(self._profiles)
        with self._database.begin() as uow:
            if store.read_authorities(uow.connection):
                raise Conflict(N_("The CA is founded already."), mend=N_("See: weicheng ca authorities."))
            return self._open(uow, principal, CeremonyKind.FOUNDING, plan.root.name, plan.as_dict())

    def extend(
        self,
        principal: Principal,
        planned: PlannedAuthority,
        organisation: str,
        witnesses: Sequence[str] = (),
    ) -> str:
        """One more issuing CA below the root."""
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        profile = self._profiles.get("issuing-ca")
        profile.check_key(algorithm(planned.algorithm))
        profile.complete_subject({"O": organisation, "CN": planned.name})
        self._check_years(planned.years)
        with self._database.begin() as uow:
            known = store.read_authorities(uow.connection)
            self._check_new_id(known, planned.id)
            self._check_profiles(known, planned.profiles, planned.id)
            one = {**vars(planned), "profiles": list(planned.profiles)}
            plan = {"issuing": [one], "organisation": organisation, "witnesses": list(witnesses)}
            return self._open(uow, principal, CeremonyKind.EXTENSION, planned.name, plan)

    def renew(self, principal: Principal, authority_id: str, years: int) -> str:
        """A new certificate for the CA's name and key: what it has signed verifies with the old and with the new one."""
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        self._check_years(years)
        with self._database.begin() as uow:
            found = self._ours(uow, authority_id)
            plan = {"authority": found.id, "years": years}
            return self._open(uow, principal, CeremonyKind.RENEWAL, found.name, plan)

    def roll_over(
        self, principal: Principal, authority_id: str, years: int, kind: str = "", *, offline: bool = False
    ) -> str:
        """A new key, the CA's next generation; a root keeps its name and is linked to the old one (RFC 4210 section 4.4).

        ``kind`` is the algorithm, by default the present one's; ``offline``: where a root's new key is made.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        self._check_years(years)
        with self._database.begin() as uow:
            old = self._ours(uow, authority_id)
            if old.state is not AuthorityState.ACTIVE:
                raise Conflict(N_("CA %(id)s is no longer active."), place=old.id, id=old.id)
            root = old.kind is AuthorityKind.ROOT
            chosen = kind or old.algorithm
            self._profiles.get("root" if root else "issuing-ca").check_key(algorithm(chosen))
            plan = {
                "authority": old.id,
                "successor": self._successor(uow, old),
                "name": old.name if root else _next_name(old),
                "algorithm": chosen,
                "years": years,
                "offline": root and offline,
                "links": root,
            }
            return self._open(uow, principal, CeremonyKind.ROLLOVER, old.name, plan)

    def certify(self, principal: Principal, csr: bytes, years: int, permitted: Sequence[str]) -> str:
        """A certificate of our root for a foreign CA, within the names ``permitted`` (``dns:suffix`` and so on)."""
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        self._check_years(years)
        profile = self._profiles.get("cross-ca")
        spki, read = spki_of(csr), read_csr(csr)
        profile.check_key(algorithm_of(spki))
        check_permitted(profile, permitted)
        with self._database.begin() as uow:
            ours = store.read_authorities(uow.connection)
            if any(read.subject.public_bytes() == one.subject or spki == one.spki for one in ours):
                raise Conflict(N_("This is a CA of ours, no foreign one."), place="csr")
            title = name_text(read.subject)
            plan = {
                "csr": b64encode(_der(read)).decode(),
                "years": years,
                "permitted": list(permitted),
                "subject": title,
            }
            return self._open(uow, principal, CeremonyKind.CROSS, title, plan)

    def adopt(self, principal: Principal, authority_id: str, given: bytes) -> str:
        """To hold what a superior CA gave: our certificate and those above it up to its root, PEM or PKCS#7.

        Invalid for what is not for this CA's name and key, IntegrityFailed for signatures that do not hold.
        """
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        with self._database.begin() as uow:
            found = self._ours(uow, authority_id)
            certificates = given_to(found, given, self._clock.now())
            held = hierarchy_store.read_certificates(uow.connection, found.id)
            if sha256_hex(certificates[0]) in {one.fingerprint for one in held}:
                raise Conflict(N_("This certificate is here already."), place=found.id)
            plan = {"authority": found.id, "certificates": [b64encode(one).decode() for one in certificates]}
            return self._open(uow, principal, CeremonyKind.ADOPTION, found.name, plan)

    def assign(self, principal: Principal, authority_id: str, profiles: Sequence[str]) -> str:
        """Which profiles the CA issues from now on; ``*`` is whatever no other CA names."""
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        with self._database.begin() as uow:
            found = self._ours(uow, authority_id)
            if found.kind is not AuthorityKind.ISSUING:
                raise Invalid(N_("A root issues to CAs alone."), place=found.id)
            self._check_profiles(store.read_authorities(uow.connection), profiles, found.id)
            plan = {"authority": found.id, "profiles": list(profiles), "before": list(found.profiles)}
            return self._open(uow, principal, CeremonyKind.ASSIGNMENT, found.name, plan)

    def retire(self, principal: Principal, authority_id: str) -> str:
        """The CA issues no more; asked again, when nothing it has issued is in its time, it signs nothing at all."""
        self._access.require_root(principal, Permission.CA_CEREMONY_PROPOSE)
        with self._database.begin() as uow:
            found = self._ours(uow, authority_id)
            state = AuthorityState.RETIRING
            if found.state is AuthorityState.RETIRING:
                state = AuthorityState.RETIRED
                self._check_nothing_lives(uow, found)
            plan = {"authority": found.id, "state": str(state)}
            return self._open(uow, principal, CeremonyKind.RETIREMENT, found.name, plan)

    # --- checks
    def _ours(self, uow: UnitOfWork, authority_id: str) -> Authority:
        found = store.read_authority(uow.connection, authority_id)
        if found.kind is AuthorityKind.SUPERIOR or found.state is AuthorityState.RETIRED:
            raise Conflict(N_("CA %(id)s has no key that signs."), place=found.id, id=found.id)
        for one in hierarchy_store.open_ceremonies(uow.connection):
            if one.plan.get("authority") == found.id:
                raise Conflict(
                    N_("Another ceremony for this CA is not finished."),
                    mend=N_("Perform or reject it first."),
                    place=one.id,
                )
        return found

    @staticmethod
    def _check_years(years: int) -> None:
        if not 1 <= years <= LONGEST_LIFE:
            raise Invalid(N_("A CA lives 1 to %(longest)s years."), place="years", longest=LONGEST_LIFE)

    @staticmethod
    def _check_new_id(known: Sequence[Authority], authority_id: str) -> None:
        if not is_id(authority_id) or any(one.id == authority_id for one in known):
            raise Invalid(
                N_("%(id)s can not be the short name of a new CA."),
                mend=N_("Use a-z, 0-9 and hyphen, at most 30 characters."),
                place="id",
                id=authority_id[:60],
            )

    def _check_profiles(self, known: Sequence[Authority], profiles: Sequence[str], owner: str) -> None:
        for profile_id in profiles:
            if profile_id != ANY_PROFILE and self._profiles.get(profile_id).usage is Usage.AUTHORITY:
                raise Invalid(
                    N_("Profile %(profile)s is not issued to applicants or services."),
                    place="profiles",
                    profile=profile_id,
                )
            taken = [
                one.id
                for one in known
                if one.id != owner and profile_id in one.profiles and one.state is AuthorityState.ACTIVE
            ]
            if taken:
                raise Conflict(
                    N_("CA %(id)s issues profile %(profile)s."),
                    mend=N_("Take it from that CA first."),
                    place="profiles",
                    id=taken[0],
                    profile=profile_id,
                )

    def _check_nothing_lives(self, uow: UnitOfWork, found: Authority) -> None:
        living = figures.living(uow.connection).get(found.id, 0)
        if living:
            raise Conflict(
                N_("%(count)s certificates of CA %(id)s are still in their time."),
                mend=N_("Revoke them or wait for their end."),
                place=found.id,
                id=found.id,
                count=living,
            )

    def _successor(self, uow: UnitOfWork, old: Authority) -> str:
        name = f"{old.id.removesuffix(f'-g{old.generation}')}-g{old.generation + 1}"
        self._check_new_id(store.read_authorities(uow.connection), name)
        return name

    # --- how
    def _open(
        self, uow: UnitOfWork, principal: Principal, kind: CeremonyKind, title: str, plan: Mapping[str, Any]
    ) -> str:
        ceremony_id = new_id("cer")
        whole = dict(plan) if kind is CeremonyKind.FOUNDING else {**plan, "title": title}
        target, digest = f"ceremony:{ceremony_id}", plan_digest(kind, whole)
        approval = self._approvals.open(
            uow,
            kind="ca:ceremony",
            subject=target,
            title=title,
            digest=digest,
            requested_by=principal,
            permission=Permission.CA_CEREMONY_APPROVE,
        )
        row = {
            "id": ceremony_id,
            "kind": str(kind),
            "plan": whole,
            "state": str(CeremonyState.PROPOSED),
            "approval": approval.id,
            "proposed_by": principal.id,
            "proposed_at": self._clock.now(),
        }
        hierarchy_store.add_ceremony(uow.connection, row, script_of(kind, whole))
        uow.audit(principal, AuditAction.CA_CEREMONY_PROPOSE, target, details={"kind": str(kind), **whole})
        return ceremony_id


def _next_name(old: Authority) -> str:
    """``… G2``: an issuing CA's name tells its generation, so that relying parties know its lists apart."""
    bare = old.name.removesuffix(f" G{old.generation}")
    suffix = f" G{old.generation + 1}"
    return bare[: 64 - len(suffix)] + suffix


def _der(csr: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return bytes(csr.public_bytes(Encoding.DER))
