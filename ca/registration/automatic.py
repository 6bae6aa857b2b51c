"""Issuing at once: for profiles that need no approval, which two people agreed on when they put the profile in force.

Several requests are one piece of work with as many statements as one: devices come by the hundred, and so do the enrolment
protocols' requests. One that is refused stops no other.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from ca import store
from ca.authorities import authority_for
from ca.encoding.csr import applicant_of
from ca.issuance import Issuance, Token, Wanted
from ca.model import Certificate, Request, State
from ca.profiles import Profile
from ca.registration.filing import Application, Draft, Filing, check_key_histories
from ca.signer.model import ApprovalRules
from kernel.canonical import sha256_hex
from kernel.errors import Invalid, NeedsApproval, WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.store import Database, UnitOfWork

MOST = 200  # requests in one piece of work
Outcome = Certificate | WeichengError
_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----.*?-----END [A-Z0-9 ]+-----", re.DOTALL)


class Automatic:
    """Files, decides and issues in one act; Registration checks permissions before it comes here."""

    def __init__(self, database: Database, filing: Filing, issuance: Issuance, rules: ApprovalRules) -> None:
        self._rules = rules
        self._database = database
        self._filing = filing
        self._issuance = issuance

    def issue(
        self, by: Principal, profile_id: str, unit: str, evidence: str, csrs: Sequence[bytes]
    ) -> list[Outcome]:
        """The certificates in the order of their CSRs, or why there is none. NeedsApproval for a profile that asks for it.

        Subject and names are those of the CSR. What could not be signed because the signer went away is issued later.
        """
        profile = self._require_automatic(profile_id)
        outcomes: dict[int, Outcome] = {}
        drafts: dict[int, Draft] = {}
        for place, csr in enumerate(csrs):
            try:
                drafts[place] = self._draft(by, profile, unit, evidence, csr)
            except WeichengError as error:
                outcomes[place] = error
        with self._database.begin() as uow:
            outcomes |= self._refused(uow, drafts)
            admitted = [place for place in drafts if place not in outcomes]
            tokens = (
                self._prepare(uow, by, profile, [drafts[place] for place in admitted]) if admitted else []
            )
        outcomes |= zip(admitted, self._issuance.sign_all(tokens, by), strict=True)
        return [outcomes[place] for place in range(len(csrs))]

    def _require_automatic(self, profile_id: str) -> Profile:
        profile = self._filing.applicable(profile_id, own_key=True)
        if profile.approvals:
            raise NeedsApproval(
                N_("Requests of profile %(profile)s have to be approved."),
                mend=N_("File the request; another person approves it."),
                place="profile",
                profile=profile.id,
            )
        if not self._rules.let_pass(policy.oid for policy in profile.policies):
            raise NeedsApproval(
                N_("The signer signs nothing of profile %(profile)s that no officer has approved."),
                mend=N_("Name the profile's policy in signer.unattended, at the signer too."),
                place="profile",
                profile=profile.id,
            )
        return profile

    def _draft(self, by: Principal, profile: Profile, unit: str, evidence: str, csr: bytes) -> Draft:
        wanted = applicant_of(csr)
        asked = Application(profile.id, wanted.subject, wanted.names, unit, evidence, csr)
        draft = self._filing.draft_proven(by, asked, profile, wanted.spki)
        return replace(draft, request=replace(draft.request, state=State.APPROVED))

    @staticmethod
    def _refused(uow: UnitOfWork, drafts: dict[int, Draft]) -> dict[int, Outcome]:
        found = check_key_histories(
            uow.connection, [(one.request.spki, one.request.subject) for one in drafts.values()]
        )
        return {place: error for place, error in zip(drafts, found, strict=True) if error is not None}

    def _prepare(
        self, uow: UnitOfWork, by: Principal, profile: Profile, drafts: Sequence[Draft]
    ) -> list[Token]:
        store.add_requests(
            uow.connection, [(one.request, one.csr, sha256_hex(one.request.spki), None) for one in drafts]
        )
        authority = authority_for(uow.connection, profile.id)
        return self._issuance.prepare_all(
            uow, by, authority, [_wanted(profile, one.request) for one in drafts]
        )


def split_csrs(data: bytes) -> list[bytes]:
    """The CSRs of a file: one in DER, or any number in PEM; Invalid when there are none or too many."""
    found = [data] if not data.lstrip().startswith(b"-----BEGIN") else _PEM.findall(data)
    if not 0 < len(found) <= MOST:
        raise Invalid(
            N_("The file holds %(count)s requests; one piece of work takes 1 to %(most)s."),
            mend=N_("Give PKCS#10 requests in PEM, one after another."),
            place="csr",
            count=len(found),
            most=MOST,
        )
    return found


def _wanted(profile: Profile, request: Request) -> Wanted:
    return Wanted(profile, request.subject, request.names, request.spki, request.unit, request.id)
