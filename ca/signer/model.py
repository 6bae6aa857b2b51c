"""Keys of the CA and the table of what each may sign."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ca.encoding.policies import settled
from kernel.errors import NotPermitted, Unavailable
from kernel.i18n import N_


class KeyRole(StrEnum):
    """What a key is for; given at its making and never changed."""

    ROOT = "root"
    ISSUING = "issuing"
    OCSP = "ocsp"
    TIMESTAMP = "timestamp"
    EVIDENCE = "evidence"
    LOG = "log"


class Purpose(StrEnum):
    """What is to be signed: tbsCertificate, tbsCertList, CertificationRequestInfo (of the CA itself), ResponseData, the signed
    attributes of a CMS, or a tree head."""

    CERTIFICATE = "certificate"
    CRL = "crl"
    REQUEST = "request"
    OCSP = "ocsp"
    TIMESTAMP = "timestamp"
    EVIDENCE = "evidence"
    LOG = "log"


PURPOSES: Mapping[KeyRole, frozenset[Purpose]] = {
    KeyRole.ROOT: frozenset({Purpose.CERTIFICATE, Purpose.CRL, Purpose.REQUEST}),
    KeyRole.ISSUING: frozenset({Purpose.CERTIFICATE, Purpose.CRL, Purpose.REQUEST}),
    KeyRole.OCSP: frozenset({Purpose.OCSP}),
    KeyRole.TIMESTAMP: frozenset({Purpose.TIMESTAMP}),
    KeyRole.EVIDENCE: frozenset({Purpose.EVIDENCE}),
    KeyRole.LOG: frozenset({Purpose.LOG}),
}
# what the public status service has signed: answers to anybody, that bind the CA to nothing new
PUBLIC = frozenset({Purpose.OCSP, Purpose.TIMESTAMP})


OFFICER_PROFILE = "officer"  # of certificates with the policy OFFICER (ca.encoding.policies)


class Signing(StrEnum):
    """Whether approvals are signed by officers: not; by those who have a certificate for it; by all, or nothing is issued."""

    OFF = "off"
    WHERE_POSSIBLE = "where-possible"
    REQUIRED = "required"


@dataclass(frozen=True)
class ApprovalRules:
    """What the signer demands of approvals. ``unattended``: certificate policies (OIDs) whose certificates need none."""

    signing: Signing = Signing.WHERE_POSSIBLE
    unattended: frozenset[str] = frozenset()

    def let_pass(self, policies: Iterable[str]) -> bool:
        """Whether a certificate with these policies needs no approval that is signed."""
        named = {settled(policy) for policy in self.unattended}
        return self.signing is not Signing.REQUIRED or not named.isdisjoint(map(settled, policies))


WHERE_POSSIBLE = ApprovalRules()


@dataclass(frozen=True)
class KeyInfo:
    """The public side of a key: ``spki`` is its DER SubjectPublicKeyInfo, ``algorithm`` a row of kernel.pki."""

    name: str
    role: KeyRole
    algorithm: str
    spki: bytes


class Warranted(NamedTuple):
    """A certificate to be signed: the key's name, the tbsCertificate, and the warrant that was made for just this."""

    key: str
    tbs: bytes
    warrant: str


class NotActivated(Unavailable):
    """The signer waits for officers' shares."""


def not_activated(present: int, needed: int) -> NotActivated:
    return NotActivated(
        N_("The signer is not activated: %(present)s of %(needed)s shares are present."),
        mend=N_("Officers present their shares: weicheng ca signer activate."),
        present=present,
        needed=needed,
    )


class SigningRefused(NotPermitted):
    """A key was asked to sign what it may not, or bytes that are not what they were said to be."""


def refused(key: KeyInfo, purpose: Purpose) -> SigningRefused:
    """The error for what this key may not sign."""
    return SigningRefused(
        N_("Key %(key)s may not sign this (%(purpose)s)."), place=key.name, key=key.name, purpose=str(purpose)
    )


def check_role(key: KeyInfo, purpose: Purpose) -> None:
    """SigningRefused unless a key of this role signs for ``purpose``."""
    if purpose not in PURPOSES[key.role]:
        raise refused(key, purpose)
