"""Building the room of graded protection, and the facts that it asks of the suite."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from cryptography.x509 import load_der_x509_certificate, load_der_x509_crl

from ca.model import Authority
from ca.service import CaService
from ca.signer.model import KeyRole
from console.compose.ca import build as build_ca
from console.compose.floor import Floor
from kernel.errors import NotFound
from kernel.identity.model import INCOMPATIBLE, Principal, UserState
from kernel.store.listing import every
from policies.assessment.conclusion import template_from
from policies.assessment.service import AssessmentService
from policies.catalogue.model import catalogue_from
from policies.lists import PolicyLists
from policies.package.masking import profile_from
from policies.package.service import PackageService
from policies.registry import load
from policies.service import PoliciesService, SuiteEvidence
from policies.systems.service import SystemsService


def build(floor: Floor) -> PoliciesService:
    """The service over one floor; all policy data is validated here, so that faulty data stops the start."""
    data = load()
    catalogue = catalogue_from([document.value for document in data.part("catalogue")], data.version)
    template = template_from(data.part("conclusions")[-1].value)  # the newest edition is in force
    profiles = [profile_from(document.value) for document in data.part("masking")]
    systems = SystemsService(floor.database, floor.clock, floor.access, floor.register)
    assessments = AssessmentService(
        floor.database,
        floor.clock,
        floor.access,
        floor.register,
        floor.evidence,
        systems,
        catalogue,
        template,
    )
    packages = PackageService(
        floor.database,
        floor.clock,
        floor.access,
        floor.evidence,
        floor.blobs,
        floor.evidence.sealer,
        systems,
        assessments,
        {profile.id: profile for profile in profiles},
        floor.settings.organisation,
        floor.settings.timezone,
    )
    suite = SuiteEvidence(floor.database, floor.access, floor.evidence, Facts(floor))
    lists = PolicyLists(floor.database, floor.clock, floor.access, catalogue)
    return PoliciesService(data, systems, assessments, packages, lists, suite)


class Facts:
    """Sign-in rules as they are in force, whether all people are bound by them, and how the CA stands."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def ca_status(self) -> Mapping[str, Any] | None:
        """Whether every CA's revocation list is its own and in its time, and whether the OCSP responder has its key."""
        ca = build_ca(self._floor)
        authorities = ca.authorities()
        if not authorities:
            return None
        counts = ca.counts()
        return {
            "crl_current": all(self._crl_current(ca, authority) for authority in authorities),
            "ocsp_current": ca.services.ready(KeyRole.OCSP),
            "authorities": [authority.name for authority in authorities],
            "issued": counts.get("issued", 0),
            "revoked": counts.get("revoked", 0),
        }

    def _crl_current(self, ca: CaService, authority: Authority) -> bool:
        try:
            crl = load_der_x509_crl(ca.publication.crl(authority.id))
        except NotFound:
            return False
        issuer = load_der_x509_certificate(authority.certificate)
        signed = crl.is_signature_valid(issuer.public_key())  # type: ignore[arg-type]
        ends = crl.next_update_utc
        return signed and ends is not None and crl.last_update_utc <= self._floor.clock.now() < ends

    def identity_policy(self) -> Mapping[str, Any]:
        """Whether every active account has a second factor, and what the settings demand."""
        identity, web = self._floor.settings.identity, self._floor.settings.web
        system = Principal.system("policies")
        users = [found.user for found in every(partial(self._floor.identity.page, system))]
        active = [user for user in users if user.state is UserState.ACTIVE]
        without = [user.id for user in active if not user.has_totp]
        return {
            "second_factor": not without,
            "accounts": len(active),
            "accounts_without_second_factor": without,
            "password_length": identity.password_length,
            "lock_after": identity.lock_after,
            "lock_minutes": identity.lock_minutes,
            "idle_minutes": web.idle_minutes,
            "separation": not [user for user in users if any(pair <= user.roles for pair in INCOMPATIBLE)],
        }
