"""Hiding addresses, accounts and telephone numbers in what leaves the suite, by a profile from policy data. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

from policies.catalogue.model import Text

# not the number of a control item: L3-8.1.4.1-a
_IPV4 = re.compile(r"(?<![\d.])(?<!L\d-)(\d{1,3}\.\d{1,3})\.\d{1,3}\.\d{1,3}(?![\d.])")
_COLONS = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:]{2,39}(?![0-9A-Za-z:])")  # maybe IPv6
_MAC = re.compile(r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b|\b[0-9A-Fa-f]{4}(?:[.-][0-9A-Fa-f]{4}){2}\b")
_TELEPHONE = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)|(?<!\d)(0\d{2,3})-?\d{7,8}(?!\d)")
_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")
_ACCOUNT_WORDS = re.compile(
    r"(?i)\b(username|user-name|local-user|login user|user)([ =]+)([^\s\"'%*;,]{1,64})"
)
MASK = "***"


@dataclass(frozen=True)
class Profile:
    """What to hide: addresses (the network half of IPv4 stays), accounts by field name, telephones and mail."""

    id: str
    title: Text
    addresses: bool
    accounts: frozenset[str]
    telephones: bool


def profile_from(value: Mapping[str, Any]) -> Profile:
    """Build from the value of a masking document, which the schema has checked."""
    title = Text(value["title"]["zh"], value["title"]["en"])
    return Profile(value["id"], title, value["addresses"], frozenset(value["accounts"]), value["telephones"])


def mask_value(value: Any, profile: Profile, name: str = "") -> Any:
    """A JSON value with its texts masked; fields named as accounts are hidden whole."""
    if name in profile.accounts and value not in (None, "", [], {}):
        return [MASK for _ in value] if isinstance(value, list) else MASK
    if isinstance(value, Mapping):
        return {mask_text(key, profile): mask_value(inner, profile, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [mask_value(inner, profile, name) for inner in value]
    return mask_text(value, profile) if isinstance(value, str) else value


def mask_text(text: str, profile: Profile) -> str:
    """A text with addresses, telephone numbers, mail addresses and named accounts masked."""
    if profile.addresses:
        text = _MAC.sub(MASK, text)
        text = _IPV4.sub(r"\1.*.*", text)
        text = _MAC.sub(MASK, text)
        text = _COLONS.sub(_hide_ipv6, text)
    if profile.telephones:
        text = _MAIL.sub(MASK, text)
        text = _TELEPHONE.sub(lambda m: f"{m[1]}****{m[2]}" if m[1] else f"{m[3]}-{MASK}", text)
    if profile.accounts:
        text = _ACCOUNT_WORDS.sub(rf"\1\2{MASK}", text)
    return text


def _hide_ipv6(match: re.Match[str]) -> str:
    """A time of day has colons too, so the standard library says what is an address."""
    try:
        IPv6Address(match[0])
    except ValueError:
        return match[0]
    return MASK
