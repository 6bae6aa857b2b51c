"""Kinds and versions of profiles, and the names of what a key may be for. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from cryptography.x509.oid import ExtendedKeyUsageOID

from kernel.errors import Invalid
from kernel.evidence.seal import DOCUMENT_SIGNING

KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)
EXTENDED_USAGES = {
    "server_auth": ExtendedKeyUsageOID.SERVER_AUTH,
    "client_auth": ExtendedKeyUsageOID.CLIENT_AUTH,
    "code_signing": ExtendedKeyUsageOID.CODE_SIGNING,
    "email_protection": ExtendedKeyUsageOID.EMAIL_PROTECTION,
    "document_signing": DOCUMENT_SIGNING,
    "time_stamping": ExtendedKeyUsageOID.TIME_STAMPING,
    "ocsp_signing": ExtendedKeyUsageOID.OCSP_SIGNING,
}


class Usage(StrEnum):
    """Whose certificate: a CA's, a service of the suite's own, or an applicant's."""

    AUTHORITY = "authority"
    SERVICE = "service"
    SUBJECT = "subject"


class Lint(StrEnum):
    """The rules that pkilint holds a certificate against before it is signed."""

    NONE = "none"
    PKIX = "pkix"  # RFC 5280 and its updates
    SERVER = "cabf-serverauth"  # CA/Browser Forum, TLS
    MAIL = "cabf-smime"  # CA/Browser Forum, S/MIME


class ProfileViolation(Invalid):
    """A request that its profile does not allow; ``place`` names the field."""


class VersionState(StrEnum):
    """A version waits for a second person, is in force, was in force, or was turned down."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    RETIRED = "retired"
    REJECTED = "rejected"


@dataclass(frozen=True)
class ProfileVersion:
    """One version of a profile as it is kept. ``version`` is the digest that certificates name, ``number`` counts from 1."""

    id: str
    number: int
    version: str
    document: Mapping[str, Any]
    state: VersionState
    proposed_by: str
    proposed_at: datetime
    reason: str
    approval: str  # "" for what was adopted as it was shipped
    decided_at: datetime | None = None
    proposer: str = ""  # the name of ``proposed_by``, where it has an account

    @property
    def key(self) -> str:
        """What people and addresses call it: ``person@3``."""
        return f"{self.id}@{self.number}"


@dataclass(frozen=True)
class Change:
    """A value of the document that differs; ``path`` such as ``names.dns.suffixes``, None where there is none."""

    path: str
    before: Any
    after: Any
