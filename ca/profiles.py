"""Certificate profiles: what may be in a certificate of each kind, and the check of everything against it. Pure.

A profile is data (policies/data/cert_profiles). Its version is the digest of that data; every certificate names it.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from kernel.canonical import canonical_json, sha256_hex
from kernel.errors import Invalid, NotFound
from kernel.evidence.seal import DOCUMENT_SIGNING
from kernel.i18n import N_
from kernel.pki.algorithms import Algorithm

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


# lower-case letter-digit-hyphen labels (RFC 1123), 253 characters at most: no wildcard, no blank, no second spelling
_HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
)


class Usage(StrEnum):
    """Whose certificate: a CA's, a service of the suite's own, or an applicant's."""

    AUTHORITY = "authority"
    SERVICE = "service"
    SUBJECT = "subject"


class ProfileViolation(Invalid):
    """A request that its profile does not allow; ``place`` names the field."""


@dataclass(frozen=True)
class Attribute:
    """Rule for one attribute of the name: a fixed value, or a pattern that the whole value matches."""

    value: str | None
    pattern: re.Pattern[str] | None
    required: bool


@dataclass(frozen=True)
class Profile:
    """One kind of certificate."""

    id: str
    version: str
    title: Mapping[str, str]
    usage: Usage
    keys: frozenset[str]
    own_key: frozenset[str]
    subject: Mapping[str, Attribute]
    email: re.Pattern[str] | None
    dns_suffixes: tuple[str, ...]
    ip_prefixes: tuple[Any, ...]
    names_required: bool
    validity: timedelta
    renewal: timedelta
    key_usage: tuple[str, ...]
    extended_key_usage: tuple[str, ...]
    extended_critical: bool
    path_length: int | None
    policies: tuple[str, ...]
    ocsp_no_check: bool
    approvals: int

    # --- what a request must be
    def complete_subject(self, given: Mapping[str, str]) -> dict[str, str]:
        """The subject with fixed values filled in; ProfileViolation names the attribute that is wrong."""
        strangers = given.keys() - self.subject.keys()
        if strangers:
            raise self._violation(sorted(strangers)[0], N_("Profile %(profile)s has no such attribute."))
        complete: dict[str, str] = {}
        for key, rule in self.subject.items():
            value = self._value(key, rule, given.get(key))
            if value is not None:
                complete[key] = value
        return complete

    def check_names(self, names: Sequence[str]) -> None:
        """Every alternative name is of a kind, and within the bounds, that the profile allows."""
        if self.names_required and not names:
            raise self._violation("names", N_("This profile needs at least one alternative name."))
        if len(names) > 100:
            raise self._violation("names", N_("At most 100 alternative names."))
        for name in names:
            if not self._name_allowed(name):
                raise self._violation(
                    name[:120], N_("Profile %(profile)s does not allow this alternative name.")
                )

    def check_key(self, algorithm: Algorithm) -> None:
        """The key is of an allowed algorithm."""
        if algorithm.name not in self.keys:
            raise ProfileViolation(
                N_("Profile %(profile)s does not allow %(algorithm)s keys."),
                mend=N_("Allowed: %(allowed)s."),
                place="public key",
                profile=self.id,
                algorithm=algorithm.name,
                allowed=", ".join(sorted(self.keys)),
            )

    # --- what a certificate gets
    def extensions(self) -> list[tuple[x509.ExtensionType, bool]]:
        """The profile's constant extensions with their criticality (RFC 5280 section 4.2)."""
        authority = self.usage is Usage.AUTHORITY
        found: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(authority, self.path_length if authority else None), True),
            (self._key_usage(), True),
        ]
        if self.extended_key_usage:
            usages = [EXTENDED_USAGES[usage] for usage in self.extended_key_usage]
            found.append((x509.ExtendedKeyUsage(usages), self.extended_critical))
        if self.policies:
            informations = [x509.PolicyInformation(x509.ObjectIdentifier(oid), None) for oid in self.policies]
            found.append((x509.CertificatePolicies(informations), False))
        if self.ocsp_no_check:
            found.append((x509.OCSPNoCheck(), False))
        return found

    def _key_usage(self) -> x509.KeyUsage:
        flags = {usage: usage in self.key_usage for usage in KEY_USAGES}
        return x509.KeyUsage(**flags, encipher_only=False, decipher_only=False)

    def _value(self, key: str, rule: Attribute, given: str | None) -> str | None:
        if rule.value is not None:
            if given not in (None, rule.value):
                raise self._violation(key, N_("Profile %(profile)s sets this attribute itself."))
            return rule.value
        if given is None or not given.strip():
            if rule.required:
                raise self._violation(key, N_("Profile %(profile)s needs this attribute."))
            return None
        # category C: control, format (bidirectional marks), surrogate, private and unassigned characters
        if any(unicodedata.category(character)[0] == "C" for character in given):
            raise self._violation(key, N_("The value holds characters that can not be seen."))
        if rule.pattern is not None and not rule.pattern.fullmatch(given):
            raise self._violation(key, N_("The value does not fit profile %(profile)s."))
        return given

    def _name_allowed(self, name: str) -> bool:
        kind, _, value = name.partition(":")
        if kind == "dns":
            return _HOST.fullmatch(value) is not None and any(
                value == suffix or value.endswith("." + suffix) for suffix in self.dns_suffixes
            )
        if kind == "ip":
            return _within(value, self.ip_prefixes)
        return kind == "email" and self.email is not None and self.email.fullmatch(value) is not None

    def _violation(self, place: str, message: str) -> ProfileViolation:
        return ProfileViolation(
            message, mend=N_("See: weicheng ca profiles."), place=place[:120], profile=self.id
        )


class Profiles:
    """All profiles by id."""

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        loaded = [_profile(document) for document in documents]
        self._by_id = {profile.id: profile for profile in loaded}

    def get(self, profile_id: str) -> Profile:
        """The profile; NotFound names those there are."""
        if profile_id not in self._by_id:
            raise NotFound(
                N_("There is no profile %(profile)s."),
                mend=N_("Known: %(known)s."),
                profile=profile_id[:60],
                known=", ".join(sorted(self._by_id)),
            )
        return self._by_id[profile_id]

    def all(self) -> list[Profile]:
        return sorted(self._by_id.values(), key=lambda profile: profile.id)


def _profile(document: Mapping[str, Any]) -> Profile:
    """The profile; Invalid names the one whose data can not be used."""
    try:
        return _read(document)
    except (KeyError, ValueError, TypeError, AttributeError, re.error) as error:
        raise Invalid(
            N_("The certificate profile can not be used: %(detail)s"),
            mend=N_("Compare it with the schema of certificate profiles."),
            place=str(document.get("id", "?"))[:60],
            detail=f"{type(error).__name__}: {error}"[:200],
        ) from error


def _read(document: Mapping[str, Any]) -> Profile:
    names = document.get("names", {})
    return Profile(
        id=document["id"],
        version=sha256_hex(canonical_json(document))[:16],
        title=document["title"],
        usage=Usage(document["usage"]),
        keys=frozenset(document["keys"]),
        own_key=frozenset(document.get("own_key", ())),
        subject={key: _attribute(rule) for key, rule in document["subject"].items()},
        email=re.compile(names["email"]["pattern"]) if "email" in names else None,
        dns_suffixes=tuple(names.get("dns", {}).get("suffixes", ())),
        ip_prefixes=tuple(ipaddress.ip_network(text) for text in names.get("ip", {}).get("prefixes", ())),
        names_required=document.get("names_required", False),
        validity=timedelta(days=document["validity_days"]),
        renewal=timedelta(days=document.get("renewal_days", 30)),
        key_usage=tuple(document["key_usage"]),
        extended_key_usage=tuple(document.get("extended_key_usage", ())),
        extended_critical=document.get("extended_key_usage_critical", False),
        path_length=document.get("path_length"),
        policies=tuple(document.get("policies", ())),
        ocsp_no_check=document.get("ocsp_no_check", False),
        approvals=document["approvals"],
    )


def _attribute(rule: Mapping[str, Any]) -> Attribute:
    pattern = re.compile(rule["pattern"]) if "pattern" in rule else None
    return Attribute(rule.get("value"), pattern, rule.get("required", True))


def _within(value: str, prefixes: Iterable[Any]) -> bool:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return any(address.version == prefix.version and address in prefix for prefix in prefixes)
