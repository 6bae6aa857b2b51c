"""What a path may be used for: key usage, extended key usage (also of the CAs above), the host's name."""

import ipaddress
from collections.abc import Mapping, Sequence

from asn1crypto import x509

from ca.validation.model import Purpose, Question, Refusal, Why

# purpose -> (key usages of which one is needed, extended key usages of which one is needed)
_NEEDS: Mapping[Purpose, tuple[frozenset[str], frozenset[str]]] = {
    Purpose.TLS_SERVER: (
        frozenset({"digital_signature", "key_encipherment", "key_agreement"}),
        frozenset({"server_auth"}),
    ),
    Purpose.TLS_CLIENT: (frozenset({"digital_signature", "key_agreement"}), frozenset({"client_auth"})),
    # no extended key usage is of documents alone in RFC 5280; 1.3.6.1.5.5.7.3.36 is of RFC 9336
    Purpose.DOCUMENT: (frozenset({"digital_signature", "non_repudiation"}), frozenset()),
    Purpose.EMAIL: (frozenset({"digital_signature", "non_repudiation"}), frozenset({"email_protection"})),
    Purpose.CODE: (frozenset({"digital_signature"}), frozenset({"code_signing"})),
    Purpose.TIMESTAMP: (frozenset({"digital_signature", "non_repudiation"}), frozenset({"time_stamping"})),
    Purpose.CA: (frozenset({"key_cert_sign"}), frozenset()),
}


def refusal_of(path: Sequence[x509.Certificate], question: Question) -> Refusal | None:
    """Why the path, anchor first, is not for the asked purpose or host; None when it is."""
    return _purpose(path, question.purpose) or _host(path, question.host)


def _purpose(path: Sequence[x509.Certificate], purpose: Purpose) -> Refusal | None:
    if purpose is Purpose.ANY:
        return None
    needed, extended = _NEEDS[purpose]
    last = len(path) - 1
    leaf = path[last]
    if purpose is Purpose.CA and not leaf.ca:
        return Refusal(Why.PURPOSE, last, "basicConstraints", {"purpose": str(purpose)})
    if leaf.key_usage_value is not None and not needed & leaf.key_usage_value.native:
        return Refusal(Why.PURPOSE, last, "keyUsage", {"purpose": str(purpose)})
    for place in range(last, 0, -1):  # a CA that names usages speaks for no others
        if not _allows(path[place], extended, leaf=place == last):
            return Refusal(Why.PURPOSE, place, "extKeyUsage", {"purpose": str(purpose)})
    if purpose is Purpose.TIMESTAMP and not _only_stamps(leaf):
        return Refusal(Why.PURPOSE, last, "extKeyUsage", {"purpose": str(purpose)})
    return None


def _allows(certificate: x509.Certificate, wanted: frozenset[str], *, leaf: bool) -> bool:
    found = certificate.extended_key_usage_value
    if not wanted:
        return True
    if found is None:
        return not leaf or wanted != frozenset({"time_stamping"})
    return bool(({"any_extended_key_usage"} | wanted) & set(found.native))


def _only_stamps(leaf: x509.Certificate) -> bool:
    """RFC 3161 section 2.3: time-stamping alone, and critical."""
    found = leaf.extended_key_usage_value
    return (
        found is not None
        and found.native == ["time_stamping"]
        and "extended_key_usage" in leaf.critical_extensions
    )


def _host(path: Sequence[x509.Certificate], host: str) -> Refusal | None:
    if not host or is_named(names(path[-1]), host):
        return None
    extension = "subjectAltName"
    return Refusal(
        Why.HOST, len(path) - 1, extension, {"host": host, "names": ", ".join(names(path[-1])[:10])}
    )


def names(certificate: x509.Certificate) -> list[str]:
    """DNS names and addresses of the subject alternative name."""
    found = certificate.subject_alt_name_value
    return [str(one.native) for one in found or () if one.name in ("dns_name", "ip_address")]


def is_named(found: Sequence[str], host: str) -> bool:
    """Whether one of a certificate's alternative names is the host's (RFC 9525 section 6: alternative names only; a wildcard
    stands for the whole leftmost label)."""
    wanted = host.rstrip(".").lower()
    for name in found:
        if _same_address(name, wanted) or name.lower() == wanted:
            return True
        if name.startswith("*.") and wanted.partition(".")[2] == name[2:].lower() and "." in name[2:]:
            return True
    return False


def _same_address(name: str, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(name) == ipaddress.ip_address(wanted)
    except ValueError:
        return False
