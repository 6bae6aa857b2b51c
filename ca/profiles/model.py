"""Kinds and versions of profiles. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kernel.errors import Invalid


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
