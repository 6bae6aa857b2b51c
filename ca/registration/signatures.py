"""Approvals signed by the officers themselves: who has to sign, what, and whether the signature is theirs.

The signer checks the same again by what it holds itself (ca.signer.approved); here it is found out while the officer is there.
"""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from ca.model import Request, State
from ca.registration.filing import bound
from ca.signer.model import OFFICER_PROFILE, Signing
from ca.tables import certificates
from kernel.clock import Clock
from kernel.errors import IntegrityFailed, Invalid, NotPermitted
from kernel.i18n import N_
from kernel.identity.approvals import Approvals
from kernel.identity.model import Principal, SignedDecision
from kernel.identity.store import user_certificates, users
from kernel.store import UnitOfWork

_IN_FORCE = (State.ISSUED, State.SUPERSEDED)
LARGEST = 16384  # octets of a signature: a CMS with a few certificates


class SignatureNeeded(Invalid):
    """This approval has to be signed with the officer's own key."""


@dataclass(frozen=True)
class Matter:
    """What officers decide on: its approval, what that is given for (JSON), and what it is called in errors."""

    approval: str
    what: Mapping[str, Any]
    place: str


def single(request: Request) -> Matter:
    """A request that is decided by itself."""
    return Matter(request.approval, bound(request), request.id)


class Signatures:
    """Wants, checks and hands on the signatures of officers' approvals."""

    def __init__(self, clock: Clock, approvals: Approvals, signing: Signing) -> None:
        self._clock = clock
        self._approvals = approvals
        self._signing = signing

    def document(self, connection: Connection, by: Principal, matter: Matter) -> bytes:
        """What this officer signs to approve the matter."""
        return self._approvals.document(connection, matter.approval, by, matter.what)

    def wanted(self, connection: Connection, by: Principal) -> bool:
        """Whether this officer's approval has to be signed. A suspended certificate still wants it: whoever stole a session
        could suspend it to approve without."""
        if self._signing is Signing.WHERE_POSSIBLE:
            states = (*_IN_FORCE, State.HELD)
            return bool(officer_certificates(connection, by, self._clock.now(), states))
        return self._signing is Signing.REQUIRED

    def check(
        self, uow: UnitOfWork, by: Principal, matter: Matter, signature: bytes | None
    ) -> SignedDecision | None:
        """The signed decision, or None where none is wanted. SignatureNeeded without one that is, IntegrityFailed for one
        that is not over this matter's document or not by a certificate that makes this person an officer."""
        if signature is None:
            if self.wanted(uow.connection, by):
                raise _needed(matter)
            return None
        document = self.document(uow.connection, by, matter)
        if _signer_of(signature, document) not in officer_certificates(uow.connection, by, self._clock.now()):
            raise IntegrityFailed(
                N_("The approval is not signed with your officer's certificate."),
                mend=N_(
                    "Sign it with the key of the certificate that is bound to your account and in force."
                ),
                place=matter.place,
            )
        return SignedDecision(document, signature)

    def given(self, connection: Connection, approval: str) -> list[dict[str, Any]]:
        """The signed decisions of an approval as the signer takes them."""
        return [
            {"document": one.document.decode(), "signature": b64encode(one.signature).decode()}
            for one in self._approvals.signatures(connection, approval)
        ]


def refuse_own(connection: Connection, by: Principal, asked: Iterable[Request]) -> None:
    """NotPermitted for who is to become an officer by what they approve, whether they sign or not."""
    made = {one.subject.get("UID") for one in asked if one.profile == OFFICER_PROFILE}
    if made and connection.execute(select(users.c.login).where(users.c.id == by.id)).scalar() in made:
        raise NotPermitted(
            N_("Who files a request, or is to become an officer by it, can not approve it."),
            mend=N_("A second person has to decide."),
            place="UID",
        )


def officer_certificates(
    connection: Connection, by: Principal, now: datetime, states: Sequence[State] = _IN_FORCE
) -> Sequence[bytes]:
    """Certificates (DER) in force by which this person is an officer: issued as such here, and bound to the account."""
    bound_here = certificates.c.fingerprint == user_certificates.c.fingerprint
    query: Any = select(certificates.c.der).where(
        bound_here,
        user_certificates.c.user == by.id,
        certificates.c.profile == OFFICER_PROFILE,
        certificates.c.state.in_(map(str, states)),
        certificates.c.not_before <= now,
        certificates.c.not_after > now,
    )
    return [bytes(der) for der in connection.execute(query).scalars()]


def _signer_of(signature: bytes, document: bytes) -> bytes:
    """The certificate (DER) whose key made the signature; MalformedCms or CmsRefused when it is not over the document."""
    from kernel.pki import cms

    if len(signature) > LARGEST:
        raise cms.MalformedCms(N_("This is no CMS SignedData of one signer."), place="signature")
    return cms.verify(signature, document).signer_der


def _needed(matter: Matter) -> SignatureNeeded:
    return SignatureNeeded(
        N_("Your approval has to be signed with the key of your officer's certificate."),
        mend=N_(
            "Take what you approve from its page, sign it and give the signature with the approval; "
            "or: weicheng ca approve --sign-with, for a batch weicheng ca batch approve --sign-with."
        ),
        place=matter.place,
    )
