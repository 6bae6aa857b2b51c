"""Issuing at once: for profiles that need no approval, which two people agreed on when they put the profile in force.

Several requests are one piece of work with as many statements as one: devices come by the hundred, and so do the enrolment
protocols' requests. One that is refused stops no other.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from ca import store
from ca.authorities import authority_for
from ca.encoding.csr import applicant_of
from ca.issuance import Drawn, Issuance, Token, Wanted
from ca.model import Certificate, State
from ca.profiles import Profile
from ca.registration.filing import Application, Draft, Filing, check_key_histories
from ca.signer.model import ApprovalRules
from kernel.errors import Invalid, NeedsApproval, WeichengError
from kernel.i18n import N_
from kernel.identity.model import Principal
from kernel.store import Database, UnitOfWork

MOST = 200  # requests in one piece of work
Outcome = Certificate | WeichengError
_PEM = re.compile(rb"-----BEGIN [A-Z0-9 ]+-----.*?-----END [A-Z0-9 ]+-----", re.DOTALL)


@dataclass(frozen=True)
class Order:
    """Who asks for certificates of which profile and unit. ``evidence`` says how the applicants' identity was checked;
    subject and names are those of each CSR (PKCS#10, PEM or DER)."""

    by: Principal
    profile: str
    unit: str
    evidence: str
    csrs: Sequence[bytes]


Answer = list[Outcome] | WeichengError  # to an order: an outcome for each CSR, or why there is none for any
Place = tuple[int, int]  # of a CSR: number of the order, number in the order


class _Drafted(NamedTuple):
    order: Order
    profile: Profile
    draft: Draft


class Automatic:
    """Files, decides and issues in one act; Registration checks permissions before it comes here."""

    def __init__(self, database: Database, filing: Filing, issuance: Issuance, rules: ApprovalRules) -> None:
        self._rules = rules
        self._database = database
        self._filing = filing
        self._issuance = issuance

    def issue(self, orders: Sequence[Order]) -> list[Answer]:
        """The certificates in the order of their CSRs, or why there is none. NeedsApproval for a profile that asks for it.

        Orders of many people are one piece of work, and what is wrong with one stops no other. What could not be signed
        because the signer went away is issued later.
        """
        refused, outcomes, drafts = self._draft_all(orders)
        if drafts:
            with self._database.begin() as uow:
                outcomes |= _known_keys(uow, drafts)
                tokens = self._intend(uow, drafts, outcomes)
            outcomes |= zip(tokens, self._issuance.sign_all(list(tokens.values())), strict=True)
        return [
            refused.get(number) or [outcomes[number, at] for at in range(len(order.csrs))]
            for number, order in enumerate(orders)
        ]

    def _draft_all(
        self, orders: Sequence[Order]
    ) -> tuple[dict[int, WeichengError], dict[Place, Outcome], dict[Place, _Drafted]]:
        """What is refused as a whole, what is refused alone, and what may be issued as far as no other request matters."""
        refused: dict[int, WeichengError] = {}
        outcomes: dict[Place, Outcome] = {}
        drafts: dict[Place, _Drafted] = {}
        allowed = lru_cache(maxsize=None)(self._allowed)  # many ask for the same
        for number, order in enumerate(orders):
            profile, units = allowed(order.profile, order.unit)
            if isinstance(profile, WeichengError):
                refused[number] = profile
                continue
            for at, csr in enumerate(order.csrs):
                try:
                    drafts[number, at] = _Drafted(order, profile, self._draft(order, profile, units, csr))
                except WeichengError as error:
                    outcomes[number, at] = error
        return refused, outcomes, drafts

    def _allowed(self, profile_id: str, unit: str) -> tuple[Profile | WeichengError, Sequence[str]]:
        """The profile with its bounds for the unit, or why nothing of it is issued at once."""
        try:
            profile = self._require_automatic(profile_id)
            return profile, self._filing.bounds(profile, unit)
        except WeichengError as error:
            return error, ()

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

    def _draft(self, order: Order, profile: Profile, units: Sequence[str], csr: bytes) -> Draft:
        wanted = applicant_of(csr)
        asked = Application(profile.id, wanted.subject, wanted.names, order.unit, order.evidence, csr)
        return self._filing.draft_proven(order.by, asked, profile, units, wanted.spki, State.APPROVED)

    def _intend(
        self, uow: UnitOfWork, drafts: Mapping[Place, _Drafted], outcomes: dict[Place, Outcome]
    ) -> dict[Place, Token]:
        """The intents of what may be issued; why something may not is put into ``outcomes``. A profile has one CA."""
        drawn: dict[Place, Drawn] = {}
        for profile in {one.profile.id: one.profile for one in drafts.values()}.values():
            places = [at for at, one in drafts.items() if one.profile.id == profile.id and at not in outcomes]
            asked = [(drafts[at].order.by, _wanted(drafts[at])) for at in places]
            for at, made in zip(places, self._drawn(uow, profile, asked), strict=True):
                if isinstance(made, WeichengError):
                    outcomes[at] = made
                else:
                    drawn[at] = made
        kept = [drafts[at].draft for at in drawn]
        store.add_requests(uow.connection, [(one.request, one.csr, None) for one in kept])
        return dict(zip(drawn, self._issuance.intend(uow, list(drawn.values())), strict=True))

    def _drawn(
        self, uow: UnitOfWork, profile: Profile, asked: Sequence[tuple[Principal, Wanted]]
    ) -> Sequence[Drawn | WeichengError]:
        try:
            return self._issuance.draw(uow, authority_for(uow.connection, profile.id), profile, asked)
        except WeichengError as error:
            return [error] * len(asked)


def _known_keys(uow: UnitOfWork, drafts: Mapping[Place, _Drafted]) -> dict[Place, WeichengError]:
    """Whose key is certified for somebody else, or was revoked."""
    requests = [one.draft.request for one in drafts.values()]
    found = check_key_histories(uow.connection, [(one.spki, one.subject) for one in requests])
    return {place: error for place, error in zip(drafts, found, strict=True) if error is not None}


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


def _wanted(drafted: _Drafted) -> Wanted:
    of = drafted.draft.request
    return Wanted(drafted.profile, of.subject, of.names, of.spki, of.unit, of.id)
