"""Distinguished names as people read them: RFC 4514 with the short names of RFC 4519.

For reading only. Names are compared by their DER; texts that are kept in a register stay as ``rfc4514_string()`` writes them.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

# RFC 4514 section 3 names the first nine; the others are RFC 4519's, X.520's and (emailAddress) RFC 2985's
SHORT_NAMES: Mapping[str, str] = {
    "2.5.4.3": "CN",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
    "0.9.2342.19200300.100.1.1": "UID",
    "2.5.4.4": "sn",
    "2.5.4.5": "serialNumber",
    "2.5.4.12": "title",
    "2.5.4.15": "businessCategory",
    "2.5.4.17": "postalCode",
    "2.5.4.42": "givenName",
    "2.5.4.43": "initials",
    "2.5.4.46": "dnQualifier",
    "2.5.4.97": "organizationIdentifier",
    "1.2.840.113549.1.9.1": "emailAddress",
}

_DOTTED = re.compile(r"\d\.\d+\s*=")


def name_text(name: "x509.Name") -> str:
    """The whole name, the last part first."""
    return name.rfc4514_string(_overrides())


def name_of(text: str) -> "x509.Name":
    """The name that a text tells, with short names or object identifiers; ValueError for what is none."""
    from cryptography import x509

    return x509.Name.from_rfc4514_string(text, {short: oid for oid, short in _overrides().items()})


def respelled(text: str) -> str:
    """A name kept as RFC 4514 text, with short names for object identifiers; any other text as it is."""
    if _DOTTED.search(text) is None:  # as nearly all are: nothing to replace
        return text
    try:
        return name_text(name_of(text))
    except ValueError:
        return text


@lru_cache(maxsize=1)
def _overrides() -> "Mapping[x509.ObjectIdentifier, str]":
    from cryptography import x509

    return {x509.ObjectIdentifier(oid): short for oid, short in SHORT_NAMES.items()}
