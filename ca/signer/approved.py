"""Officers' approvals as the signer checks them: by keys and certificates of its own, not by what it is told.

An officer's certificate is one that a key of this signer has signed, with the policy OFFICER. With ``Signing.REQUIRED``
no certificate for a key elsewhere is signed without such approvals, whatever the process says that asks.
"""

import json
from base64 import b64decode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ca.encoding import names as naming
from ca.encoding.policies import OFFICER, OFFICER_SPELLINGS, settled
from ca.signer import rows
from ca.signer.model import (
    OFFICER_PROFILE,
    ApprovalRules,
    KeyInfo,
    KeyRole,
    Signing,
    SigningRefused,
)
from ca.signer.officers import Officers
from kernel.canonical import canonical_json, sha256_hex
from kernel.errors import WeichengError
from kernel.i18n import N_
from kernel.identity.model import DOCUMENT_FORMAT
from kernel.pki import cms, der
from kernel.pki.algorithms import SignatureInvalid, algorithm, verify

_FAULTS = (ValueError, TypeError, KeyError, IndexError, AttributeError, WeichengError, x509.ExtensionNotFound)

_SPECIAL = tuple(map(der.oid, (*OFFICER_SPELLINGS, ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string)))


@dataclass(frozen=True)
class Approved:
    """One approval: who gave it, what for, how many are needed."""

    officer: str
    filed_by: str
    subject: str
    what: Mapping[str, Any]
    needed: int


def are_concerned(rules: ApprovalRules, header: Mapping[str, Any], tbs: bytes) -> bool:
    """Whether there is anything to check: approvals that are given or demanded, or what not everybody may be certified as."""
    special = any(one in tbs for one in _SPECIAL)
    return special or bool(header.get("approvals")) or rules.signing is Signing.REQUIRED


def check_approvals(
    rules: ApprovalRules,
    certificate: x509.Certificate,
    header: Mapping[str, Any],
    keys: Collection[KeyInfo],
    known: Officers,
    now: datetime,
) -> None:
    """SigningRefused unless the to-be-signed ``certificate`` is for a key of ours or approved as the rules demand."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    officers = is_officers(certificate)
    if any(key.spki == spki for key in keys):
        if officers:  # or the signer itself could be made to approve
            raise _refused(N_("A key of the signer's own is no officer's."))
        return
    if _answers_ocsp(certificate):
        raise _refused(N_("Only a key of the signer's own answers OCSP requests."))
    given = header.get("approvals") or []
    policies = {OFFICER} if officers else _policies(certificate)
    if not given and not rules.let_pass(policies):
        raise _refused(N_("The certificate is not approved by officers' signatures."))
    try:
        approvals = [_verified(one, keys, known, now) for one in given]
        fitting = all(_fits(approved, certificate, spki, header) for approved in approvals)
    except _FAULTS as error:
        raise _refused(N_("An officer's approval does not hold.")) from error
    if not fitting:
        raise _refused(N_("What officers approved is another certificate."))
    _check_people(
        approvals, _logins(certificate) if officers else [], all_signed=not rules.let_pass(policies)
    )


def _check_people(approvals: Sequence[Approved], applicants: Sequence[str], *, all_signed: bool) -> None:
    """Enough officers, each another person than who filed; and nobody makes themselves an officer.

    Unless ``all_signed`` some have approved without a signature, which only the service has counted.
    """
    if not approvals:
        return
    people = {approved.officer for approved in approvals}
    filers = {approved.filed_by for approved in approvals}
    if people & (filers | set(applicants)):
        raise _refused(N_("Who files a request, or is to become an officer by it, can not approve it."))
    if all_signed and len(people) < max(approved.needed for approved in approvals):
        raise _refused(N_("Fewer officers have approved than are needed."))


def _verified(one: Mapping[str, Any], keys: Collection[KeyInfo], known: Officers, now: datetime) -> Approved:
    """The approval that a document and its signature make."""
    document = one["document"].encode()
    signed = cms.verify(b64decode(one["signature"], validate=True), document)
    officer = x509.load_der_x509_certificate(signed.signer_der)
    told = json.loads(document)
    sound = (
        is_officers(officer)
        and officer.not_valid_before_utc <= now < officer.not_valid_after_utc
        and not known.revoked(officer.serial_number)
        and _logins(officer) == [told["officer"]]
        and (told["format"], told["verdict"]) == (DOCUMENT_FORMAT, "approve")
        and sha256_hex(canonical_json(told["what"])) == told["digest"]
    )
    issuers = [key for key in keys if key.role is KeyRole.ISSUING and _signed_by(officer, key)]
    if not sound or not issuers:
        raise ValueError("not an officer's approval")
    known.add(issuers[0].name, officer.serial_number)
    subject, what = _approved(told, one)
    return Approved(told["officer"], told["filed_by"], subject, what, int(told["needed"]))


def _approved(told: Mapping[str, Any], one: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """The request that is meant and what was approved of it: by itself, or as a row of the batch that was signed."""
    if told["kind"] != rows.KIND:
        return told["subject"], told["what"]
    row = rows.included(one["row"], told["what"])
    return f"request:{row['request']}", row


def _fits(approved: Approved, certificate: x509.Certificate, spki: bytes, header: Mapping[str, Any]) -> bool:
    """Whether the certificate is the one that was approved: profile, request, subject, names, key."""
    what = approved.what
    names = naming.alternative_names(what["names"])
    return (
        (what["profile"], what["version"]) == (header["profile"], header["version"])
        and approved.subject == f"request:{header['request']}"
        and naming.name(what["subject"]) == certificate.subject
        and (names.public_bytes() if names is not None else None) == _names(certificate)
        and what["spki"] == spki.hex()
        and is_officers(certificate) == (what["profile"] == OFFICER_PROFILE)
    )


def _names(certificate: x509.Certificate) -> bytes | None:
    try:
        value = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return value.public_bytes()


def _signed_by(certificate: x509.Certificate, key: KeyInfo) -> bool:
    try:
        row = algorithm(key.algorithm)
        verify(key.spki, row.digest, certificate.signature, certificate.tbs_certificate_bytes)
    except SignatureInvalid:
        return False
    return True


def is_officers(certificate: x509.Certificate) -> bool:
    """Whether the certificate makes its holder an officer."""
    return OFFICER in _policies(certificate)


def _policies(certificate: x509.Certificate) -> set[str]:
    """The certificate policies it bears, as OIDs in their settled form (RFC 5280 section 4.2.1.4)."""
    try:
        value = certificate.extensions.get_extension_for_class(x509.CertificatePolicies).value
    except x509.ExtensionNotFound:
        return set()
    return {settled(one.policy_identifier.dotted_string) for one in value}


def _answers_ocsp(certificate: x509.Certificate) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return ExtendedKeyUsageOID.OCSP_SIGNING in usages


def _logins(certificate: x509.Certificate) -> list[str]:
    return [str(one.value) for one in certificate.subject.get_attributes_for_oid(NameOID.USER_ID)]


def _refused(message: str) -> SigningRefused:
    return SigningRefused(message, mend=N_("See docs/operate/signer.md."), place="signer")
