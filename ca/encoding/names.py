"""Distinguished names and subject alternative names."""

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import NameOID

from kernel.errors import Invalid
from kernel.i18n import N_

# short name -> attribute, in the order in which they stand in a name (country first, RFC 5280 and GM/T 0015 practice)
ATTRIBUTES: Mapping[str, x509.ObjectIdentifier] = {
    "C": NameOID.COUNTRY_NAME,
    "ST": NameOID.STATE_OR_PROVINCE_NAME,
    "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME,
    "OU": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
    "CN": NameOID.COMMON_NAME,
    "title": NameOID.TITLE,
    "surname": NameOID.SURNAME,
    "givenName": NameOID.GIVEN_NAME,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "UID": NameOID.USER_ID,
}

_SHORT = {oid: key for key, oid in ATTRIBUTES.items()}
_KINDS: Mapping[type[x509.GeneralName], str] = {
    x509.DNSName: "dns",
    x509.IPAddress: "ip",
    x509.RFC822Name: "email",
    x509.UniformResourceIdentifier: "uri",
}


def name(subject: Mapping[str, str]) -> x509.Name:
    """Values in UTF8String, country in PrintableString; Invalid for an unknown attribute or a value that does not fit."""
    return _made(subject)[0]


def written(subject: Mapping[str, str]) -> str:
    """As ``name``, in text (RFC 4514)."""
    return _made(subject)[1]


def _made(subject: Mapping[str, str]) -> tuple[x509.Name, str]:
    if not subject.keys() <= ATTRIBUTES.keys():
        unknown = sorted(subject.keys() - ATTRIBUTES.keys())
        raise Invalid(N_("A name has no attribute %(attribute)s."), attribute=unknown[0][:40])
    return _named(tuple((key, subject[key]) for key in ATTRIBUTES if key in subject))


@lru_cache(maxsize=1024)  # asked several times on the way of a request
def _named(attributes: tuple[tuple[str, str], ...]) -> tuple[x509.Name, str]:
    try:
        made = x509.Name([_attribute(key, value) for key, value in attributes])
    except ValueError as error:
        raise Invalid(N_("The name can not be encoded: %(detail)s"), detail=str(error)[:200]) from error
    return made, made.rfc4514_string()


@lru_cache(maxsize=4096)  # country and organisation are those of many
def _attribute(key: str, value: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(ATTRIBUTES[key], value)


def alternative_names(names: Sequence[str]) -> x509.SubjectAlternativeName | None:
    """``dns:``, ``ip:``, ``email:`` and ``uri:`` texts; None for an empty list. Invalid names the wrong one."""
    if not names:
        return None
    return x509.SubjectAlternativeName([_general_name(text) for text in names])


def attributes_of(name: x509.Name) -> dict[str, str]:
    """The attributes by their short names; ValueError for one that has none here, occurs twice or is no text."""
    found: dict[str, str] = {}
    for attribute in name:
        key = _SHORT.get(attribute.oid)
        if key is None or key in found or not isinstance(attribute.value, str):
            raise ValueError(attribute.oid.dotted_string)
        found[key] = attribute.value
    return found


def text_of(name: x509.GeneralName) -> str:
    """An alternative name as text, such as ``dns:host``."""
    return f"{_KINDS.get(type(name), 'other')}:{name.value}"


def _general_name(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    try:
        if kind == "dns":
            return x509.DNSName(value)
        if kind == "ip":
            return x509.IPAddress(ipaddress.ip_address(value))
        if kind == "email":
            return x509.RFC822Name(value)
        if kind == "uri":
            return x509.UniformResourceIdentifier(value)
    except ValueError as error:
        raise _wrong(text) from error
    raise _wrong(text)


def _wrong(text: str) -> Invalid:
    return Invalid(
        N_("%(name)s is no alternative name."),
        mend=N_("Write dns:host, ip:address, email:address or uri:address."),
        name=text[:120],
    )
