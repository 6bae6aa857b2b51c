"""What validating a path is asked and answers (RFC 5280 section 6, CA-14). Pure values; reports are plain JSON."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """``unknown``: nothing speaks against it, but what is needed to say so (such as a CRL) is missing."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class Outcome(StrEnum):
    """What a single check came to."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"
    UNREACHED = "unreached"  # an earlier check had failed
    SKIPPED = "skipped"  # not asked for


class Purpose(StrEnum):
    """What the certificate is to be used for: key usage and extended key usage are held against it."""

    ANY = "any"
    TLS_SERVER = "tls_server"
    TLS_CLIENT = "tls_client"
    DOCUMENT = "document"
    EMAIL = "email"
    CODE = "code"
    TIMESTAMP = "timestamp"
    CA = "ca"


class Step(StrEnum):
    """The checks of one certificate of a path, in the order they are made."""

    SIGNATURE = "signature"
    VALIDITY = "validity"
    NAMES = "names"
    NAME_CONSTRAINTS = "name_constraints"
    POLICIES = "policies"
    BASIC_CONSTRAINTS = "basic_constraints"
    PATH_LENGTH = "path_length"
    KEY_USAGE = "key_usage"
    CRITICAL = "critical"
    PURPOSE = "purpose"
    HOST = "host"
    REVOCATION = "revocation"


class Why(StrEnum):
    """Reasons for a refusal; their texts are in ca/validation/words.py."""

    BAD_SIGNATURE = "bad_signature"
    WEAK = "weak"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    NAME_CHAINING = "name_chaining"
    NAME_NOT_PERMITTED = "name_not_permitted"
    NAME_EXCLUDED = "name_excluded"
    POLICY = "policy"
    POLICY_MAPPING = "policy_mapping"
    NOT_A_CA = "not_a_ca"
    PATH_LENGTH = "path_length"
    KEY_USAGE = "key_usage"
    CRITICAL_EXTENSION = "critical_extension"
    PURPOSE = "purpose"
    HOST = "host"
    REVOKED = "revoked"
    NEVER_ISSUED = "never_issued"
    NO_STATUS = "no_status"
    NO_PATH = "no_path"
    SELF_SIGNED = "self_signed"
    TOO_MANY = "too_many"
    UNREADABLE = "unreadable"
    OTHER = "other"
    # of documents
    ALTERED = "altered"
    BAD_DOCUMENT_SIGNATURE = "bad_document_signature"
    NO_SIGNER = "no_signer"
    MALFORMED = "malformed"
    UNSUPPORTED = "unsupported"
    CHANGED_AFTER = "changed_after"
    NOT_COVERED = "not_covered"
    BAD_STAMP = "bad_stamp"
    OTHER_IMPRINT = "other_imprint"


@dataclass(frozen=True)
class Question:
    """``at`` is the time of validation; ``policies`` the acceptable policy OIDs (none: any policy). ``host`` is a DNS name or
    address that the certificate has to be for. ``past`` says that ``at`` is not now."""

    at: datetime
    past: bool = False
    purpose: Purpose = Purpose.ANY
    host: str = ""
    policies: frozenset[str] = frozenset()
    require_policy: bool = False
    inhibit_mapping: bool = False
    inhibit_any: bool = False
    revocation: bool = True
    later_lists: bool = False  # CRLs made after ``at`` speak too: of a document that was signed then


@dataclass(frozen=True)
class Status:
    """What a register of issued certificates says of one of them at the asked time."""

    known: bool
    revoked_at: datetime | None = None
    reason: str = ""
    source: str = "register"  # where it was found: "register", "crl:NUMBER"


# (certificate, issuer's certificate, time) -> its status, or None for what another CA has issued; all DER
Register = Callable[[bytes, bytes, datetime], Status | None]


@dataclass(frozen=True)
class Material:
    """What a path may be made of: DER of anchors (trusted), intermediates and CRLs (not trusted, merely given)."""

    anchors: Sequence[bytes]
    intermediates: Sequence[bytes] = ()
    crls: Sequence[bytes] = ()
    register: Register = field(default=lambda _certificate, _issuer, _at: None)


@dataclass(frozen=True)
class Refusal:
    """Why not, and where: ``certificate`` counts from the anchor (0), -1 when no path was found; ``extension`` is its name in
    RFC 5280, "" when the fault is in no extension."""

    why: Why
    certificate: int = -1
    extension: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "reason": str(self.why),
            "certificate": self.certificate,
            "extension": self.extension,
            "params": dict(self.params),
        }


@dataclass(frozen=True)
class Check:
    """One check of one certificate."""

    step: Step
    outcome: Outcome
    params: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        return {
            "check": str(self.step),
            "outcome": str(self.outcome),
            **({"params": dict(self.params)} if self.params else {}),
        }


@dataclass(frozen=True)
class Shown:
    """A certificate of the path as a report shows it; times in ISO 8601, digests in hex."""

    subject: str
    issuer: str
    serial: str
    sha256: str
    not_before: str
    not_after: str
    checks: tuple[Check, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {**vars(self), "checks": [check.as_dict() for check in self.checks]}


@dataclass(frozen=True)
class PathReport:
    """The answer. ``path`` begins with the anchor; ``tried`` is how many paths were looked at; ``policies`` are the OIDs that
    the path stands for (none: it claims none)."""

    verdict: Verdict
    path: tuple[Shown, ...]
    refusal: Refusal | None
    tried: int
    policies: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "verdict": str(self.verdict),
            "path": [one.as_dict() for one in self.path],
            "refusal": self.refusal.as_dict() if self.refusal else None,
            "tried": self.tried,
            "policies": list(self.policies),
        }
