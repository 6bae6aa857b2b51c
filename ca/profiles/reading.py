"""From a profile's document (policies/schemas/cert_profiles.json) to the profile, and whether the profile makes sense. Pure."""

import re
from collections.abc import Mapping
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from ca.encoding.names import ATTRIBUTES
from ca.profiles.extensions import constant_extensions, pointers
from ca.profiles.model import Lint, Usage
from ca.profiles.profile import Policy, Profile
from ca.profiles.rules import EVERY_UNIT, Attribute, NameRules
from ca.scopes import Scope
from kernel.canonical import canonical_json, sha256_hex
from kernel.errors import Invalid
from kernel.i18n import N_

_NEVER = {
    "rsa": ({"key_agreement"}, "RSA keys agree on nothing (RFC 3279 section 2.3.1)"),
    "p": ({"key_encipherment", "data_encipherment"}, "EC keys encipher nothing (RFC 5480 section 3)"),
    "ed": (
        {"key_encipherment", "data_encipherment", "key_agreement"},
        "Ed25519 keys only sign (RFC 8410 section 5)",
    ),
}
_SIGNS_FOR_OTHERS = {"key_cert_sign", "crl_sign"}


def version_of(document: Mapping[str, Any]) -> str:
    """The digest by which certificates name a version of their profile."""
    return sha256_hex(canonical_json(document))[:16]


def text_of(document: Mapping[str, Any]) -> str:
    """The document as YAML, the way people write it."""
    import yaml

    return yaml.safe_dump(dict(document), allow_unicode=True, sort_keys=False, width=110)


def profile_of(document: Mapping[str, Any]) -> Profile:
    """The profile; Invalid names the one whose data can not be used, and why."""
    try:
        profile = _read(document)
        fault = _fault(profile)
        if not fault:  # OIDs and addresses are judged by their encoder
            for value, _ in (*constant_extensions(profile), *pointers(profile, Scope("a"), "http://a")):
                value.public_bytes()
    except (KeyError, ValueError, TypeError, AttributeError, re.error) as error:
        fault = f"{type(error).__name__}: {error}"[:200]
    if fault:
        raise Invalid(
            N_("The certificate profile can not be used: %(detail)s"),
            mend=N_("Compare it with the schema of certificate profiles."),
            place=str(document.get("id", "?"))[:60],
            detail=fault,
        )
    return profile


def _fault(profile: Profile) -> str:
    """What no schema can see: rights that do not go with the usage, times that do not fit; "" for none."""
    authority = profile.usage is Usage.AUTHORITY
    if bool(_SIGNS_FOR_OTHERS & set(profile.key_usage)) != authority:
        return "key_usage: key_cert_sign and crl_sign belong to authorities, and to them alone"
    if profile.path_length is not None and not authority:
        return "path_length: only authorities have one"
    if profile.usage is Usage.SUBJECT and not profile.own_key:
        return "own_key: applicants' certificates need a source of the key"
    if profile.renewal >= profile.validity:
        return "renewal_days: less than validity_days"
    for family, (usages, why) in _NEVER.items():
        if usages & set(profile.key_usage) and any(key.startswith(family) for key in profile.keys):
            return f"key_usage: {why}"
    strangers = profile.subject.keys() - ATTRIBUTES.keys()
    return f"subject: unknown attribute {sorted(strangers)[0]}" if strangers else ""


def _read(document: Mapping[str, Any]) -> Profile:
    return Profile(
        id=document["id"],
        version=version_of(document),
        title=document["title"],
        usage=Usage(document["usage"]),
        keys=frozenset(document["keys"]),
        own_key=frozenset(document.get("own_key", ())),
        subject={key: _attribute(rule) for key, rule in document["subject"].items()},
        names=_names(document.get("names", {}), document.get("names_required", False)),
        validity=timedelta(days=document["validity_days"]),
        renewal=timedelta(days=document.get("renewal_days", 30)),
        key_usage=tuple(document["key_usage"]),
        extended_key_usage=tuple(document.get("extended_key_usage", ())),
        extended_critical=document.get("extended_key_usage_critical", False),
        path_length=document.get("path_length"),
        policies=tuple(_policy(policy) for policy in document.get("policies", ())),
        addresses={kind: tuple(urls) for kind, urls in document.get("addresses", {}).items()},
        ocsp_no_check=document.get("ocsp_no_check", False),
        listed=document.get("listed", False),
        lint=Lint(document.get("lint", "none")),
        approvals=document["approvals"],
    )


def _names(document: Mapping[str, Any], required: bool) -> NameRules:
    dns = _by_unit(document.get("dns", {}), "suffixes")
    ip = _by_unit(document.get("ip", {}), "prefixes")
    return NameRules(
        dns=dns,
        ip={unit: tuple(ip_network(text) for text in texts) for unit, texts in ip.items()},
        email=_pattern(document, "email"),
        uri=_pattern(document, "uri"),
        required=required,
    )


def _by_unit(document: Mapping[str, Any], every: str) -> dict[str, tuple[str, ...]]:
    found = {unit: tuple(texts) for unit, texts in document.get("units", {}).items()}
    return {EVERY_UNIT: tuple(document[every]), **found} if every in document else found


def _pattern(document: Mapping[str, Any], kind: str) -> re.Pattern[str] | None:
    return re.compile(document[kind]["pattern"]) if kind in document else None


def _policy(policy: str | Mapping[str, str]) -> Policy:
    return Policy(policy, "") if isinstance(policy, str) else Policy(policy["oid"], policy.get("cps", ""))


def _attribute(rule: Mapping[str, Any]) -> Attribute:
    pattern = re.compile(rule["pattern"]) if "pattern" in rule else None
    return Attribute(rule.get("value"), pattern, rule.get("required", True))
