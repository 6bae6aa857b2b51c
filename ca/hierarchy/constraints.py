"""Within which names a foreign CA may certify (RFC 5280 section 4.2.1.10). Pure."""

import ipaddress
from collections.abc import Sequence

from cryptography import x509

from ca.profiles import Profile
from kernel.errors import Invalid
from kernel.i18n import N_


def name_constraints(permitted: Sequence[str]) -> x509.NameConstraints:
    """``dns:suffix``, ``email:host`` and ``ip:prefix`` texts; Invalid names the wrong one."""
    return x509.NameConstraints([_name(text) for text in permitted], None)


def check_permitted(profile: Profile, permitted: Sequence[str]) -> None:
    """Every text is a constraint, and none goes beyond the alternative names that the profile allows."""
    if not permitted:
        raise Invalid(
            N_("Say within which names the foreign CA may certify."),
            mend=N_("Write dns:suffix, email:host or ip:prefix."),
            place="permitted",
        )
    for text in permitted:
        name = _name(text)
        if isinstance(name, x509.IPAddress):
            edges = ipaddress.ip_network(str(name.value))
            profile.check_names([f"ip:{edges[0]}", f"ip:{edges[-1]}"])
        elif isinstance(name, x509.RFC822Name):
            profile.check_names([f"email:anyone@{name.value}"])
        else:
            profile.check_names([text])


def _name(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    try:
        if kind == "dns" and value:
            return x509.DNSName(value)
        if kind == "email" and value and "@" not in value:
            return x509.RFC822Name(value)
        if kind == "ip":
            return x509.IPAddress(ipaddress.ip_network(value))
    except ValueError as error:
        raise _wrong(text) from error
    raise _wrong(text)


def _wrong(text: str) -> Invalid:
    return Invalid(
        N_("%(name)s is no constraint on names."),
        mend=N_("Write dns:suffix, email:host or ip:prefix."),
        place="permitted",
        name=text[:120],
    )
