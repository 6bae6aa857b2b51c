"""The extensions that all certificates of a profile share (RFC 5280 section 4.2), encoded by ``cryptography``. Pure."""

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID as Access

from ca.encoding.crl import freshest_crl
from ca.encoding.usages import EXTENDED_USAGES, KEY_USAGES
from ca.profiles.model import Usage
from ca.profiles.profile import Policy, Profile
from ca.scopes import ListKind, Scope

Extensions = list[tuple[x509.ExtensionType, bool]]  # value, whether critical


def constant_extensions(profile: Profile) -> Extensions:
    """What does not depend on the CA either."""
    authority = profile.usage is Usage.AUTHORITY
    flags = {usage: usage in profile.key_usage for usage in KEY_USAGES}
    found: Extensions = [
        (x509.BasicConstraints(authority, profile.path_length if authority else None), True),
        (x509.KeyUsage(**flags, encipher_only=False, decipher_only=False), True),
    ]
    if profile.extended_key_usage:
        usages = [EXTENDED_USAGES[usage] for usage in profile.extended_key_usage]
        found.append((x509.ExtendedKeyUsage(usages), profile.extended_critical))
    if profile.policies:
        found.append((x509.CertificatePolicies([_information(policy) for policy in profile.policies]), False))
    if profile.ocsp_no_check:
        found.append((x509.OCSPNoCheck(), False))
    return found


def _information(policy: Policy) -> x509.PolicyInformation:
    return x509.PolicyInformation(x509.ObjectIdentifier(policy.oid), [policy.cps] if policy.cps else None)


def pointers(profile: Profile, scope: Scope, base: str) -> Extensions:
    """Where status and issuer are found (RFC 5280 4.2.1.13, 4.2.1.15, 4.2.2.1): the profile's addresses, or those at ``base``.

    The deltas of lists that are kept elsewhere are not ours to name.
    """
    authority_id = scope.authority
    own = {
        "crl": (base + scope.path(ListKind.FULL),),
        "ocsp": (f"{base}/ocsp",) if profile.usage is Usage.SUBJECT else (),
        "issuer": (f"{base}/ca/{authority_id}.cer",),
    }
    given = {
        kind: tuple(url.replace("{authority}", authority_id) for url in urls)
        for kind, urls in profile.addresses.items()
    }
    found = own | given
    crls = [x509.DistributionPoint([_uri(url)], None, None, None) for url in found["crl"]]
    accesses = [x509.AccessDescription(Access.OCSP, _uri(url)) for url in found["ocsp"]]
    accesses += [x509.AccessDescription(Access.CA_ISSUERS, _uri(url)) for url in found["issuer"]]
    extensions: Extensions = []
    if crls:
        extensions.append((x509.CRLDistributionPoints(crls), False))
    if crls and "crl" not in given:
        extensions.append((freshest_crl(base + scope.path(ListKind.DELTA)), False))
    if accesses:
        extensions.append((x509.AuthorityInformationAccess(accesses), False))
    return extensions


def _uri(url: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(url)
