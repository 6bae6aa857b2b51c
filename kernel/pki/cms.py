"""CMS SignedData (RFC 5652): sealed documents and the envelope of time-stamps.

One signer; signed attributes always present: content-type, message-digest, signing-certificate-v2 (RFC 5035) and, if asked,
signing-time. ``openssl cms -verify -binary`` accepts what ``sign`` makes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol

from asn1crypto import algos, cms, tsp, x509

from kernel.errors import IntegrityFailed, Invalid
from kernel.i18n import N_
from kernel.pki import algorithms, der
from kernel.pki.algorithms import Algorithm

_KNOWN = tsp.SigningCertificateV2  # whose module makes cms read the attribute signing-certificate-v2
SIGNED_DATA = "1.2.840.113549.1.7.2"
DATA = "1.2.840.113549.1.7.1"  # id-data, RFC 5652 section 4
TST_INFO = "1.2.840.113549.1.9.16.1.4"  # id-ct-TSTInfo, RFC 3161 section 2.4.2


class MalformedCms(Invalid):
    """Bytes that are no SignedData of one signer with signed attributes."""


class CmsRefused(IntegrityFailed):
    """A SignedData whose digest, signature or certificate does not hold; the message says which."""


class SealingKey(Protocol):
    """A private key elsewhere (signer process, HSM) and the certificates that go with it."""

    @property
    def certificate_der(self) -> bytes: ...
    @property
    def chain_der(self) -> Sequence[bytes]:
        """Issuing certificates without the root; may be empty."""

    @property
    def algorithm(self) -> Algorithm: ...
    def sign(self, data: bytes) -> bytes: ...


@dataclass(frozen=True)
class SignedContent:
    """What a verified SignedData says. ``signing_time`` is the signer's claim, not a proof."""

    content: bytes
    content_type: str
    signer_der: bytes
    certificates_der: tuple[bytes, ...]
    signing_time: datetime | None


def sign(
    key: SealingKey,
    content: bytes,
    *,
    detached: bool = True,
    content_type: str = DATA,
    signing_time: datetime | None = None,
    certificates: Sequence[bytes] | None = None,
) -> bytes:
    """DER ContentInfo with SignedData over ``content``.

    ``certificates`` are put in (default: the signer's and its chain), in DER SET order. ``content_type`` is a dotted OID.
    """
    attributes = der.set_of(_attributes(key, content, content_type, signing_time))
    digest_algorithm = _digest_algorithm(key.algorithm.digest)
    info = der.sequence(
        der.integer(1),
        _issuer_and_serial(key.certificate_der),
        digest_algorithm,
        b"\xa0" + attributes[1:],  # [0] IMPLICIT SET OF
        key.algorithm.identifier,
        der.octet_string(key.sign(attributes)),
    )
    put_in = [key.certificate_der, *key.chain_der] if certificates is None else certificates
    signed = der.sequence(
        der.integer(1 if content_type == DATA else 3),
        der.set_of([digest_algorithm]),
        der.sequence(der.oid(content_type), b"" if detached else der.explicit(0, der.octet_string(content))),
        der.explicit(0, b"".join(sorted(put_in))) if put_in else b"",  # [0] IMPLICIT SET OF
        der.set_of([info]),
    )
    return der.sequence(der.oid(SIGNED_DATA), der.explicit(0, signed))


def verify(
    sealed: bytes, content: bytes | None = None, *, signer_der: bytes | None = None, content_type: str = DATA
) -> SignedContent:
    """Check digest, signature and signing-certificate of a SignedData and return what it holds.

    ``content`` is the document of a detached signature; ``signer_der`` the certificate when it is not inside.
    Whether the signer is trusted is ``chain.verify_chain``'s question. Raises MalformedCms or CmsRefused.
    """
    try:
        signed = _signed_data(sealed)
        return _verified(signed, content, signer_der, content_type)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise MalformedCms(N_("This is no CMS SignedData of one signer.")) from error


def _attributes(
    key: SealingKey, content: bytes, content_type: str, signing_time: datetime | None
) -> list[bytes]:
    """The signed attributes in DER; written by hand, since a schema library takes ten times as long as the signature."""
    named = der.sequence(der.octet_string(algorithms.digest("sha256", key.certificate_der)))  # ESSCertIDv2
    attributes = [
        _attribute("1.2.840.113549.1.9.3", der.oid(content_type)),
        _attribute(
            "1.2.840.113549.1.9.4", der.octet_string(algorithms.digest(key.algorithm.digest, content))
        ),
        _attribute("1.2.840.113549.1.9.16.2.47", der.sequence(der.sequence(named))),
    ]
    if signing_time is not None:
        attributes.append(_attribute("1.2.840.113549.1.9.5", der.time(signing_time)))
    return attributes


def _attribute(dotted: str, value: bytes) -> bytes:
    return der.sequence(der.oid(dotted), der.set_of([value]))


@lru_cache(maxsize=8)
def _digest_algorithm(name: str) -> bytes:
    return algos.DigestAlgorithm({"algorithm": name}).dump()  # type: ignore[no-any-return]


@lru_cache(maxsize=16)
def _issuer_and_serial(certificate: bytes) -> bytes:
    parsed = x509.Certificate.load(certificate)
    return der.sequence(parsed.issuer.dump(), der.integer(parsed.serial_number))


def _signed_data(sealed: bytes) -> cms.SignedData:
    info = cms.ContentInfo.load(sealed, strict=True)
    if info["content_type"].native != "signed_data":
        raise ValueError("not SignedData")
    signed = info["content"]
    if len(signed["signer_infos"]) != 1 or not signed["signer_infos"][0]["signed_attrs"]:
        raise ValueError("not one signer with signed attributes")
    return signed


def _verified(
    signed: cms.SignedData, content: bytes | None, signer_der: bytes | None, content_type: str
) -> SignedContent:
    inside = signed["encap_content_info"]["content"]
    inner = bytes(inside) if inside.native is not None else None
    if inner is None and content is None:
        raise CmsRefused(N_("The signed document is missing."), mend=N_("Give it beside its signature."))
    if inner is not None and content is not None and inner != content:
        raise CmsRefused(N_("The document is not the one that was signed."))
    document = content if inner is None else inner
    assert document is not None
    info = signed["signer_infos"][0]
    attributes = {item["type"].dotted: item["values"] for item in info["signed_attrs"]}
    certificates = tuple(
        choice.chosen.dump() for choice in (signed["certificates"] or ()) if choice.name == "certificate"
    )
    signer = _signer(info, certificates, signer_der)
    _check_attributes(signed, info, attributes, document, signer, content_type)
    spki = x509.Certificate.load(signer).public_key.dump()
    try:
        algorithms.verify(
            spki,
            info["digest_algorithm"]["algorithm"].native,
            info["signature"].native,
            info["signed_attrs"].untag().dump(),
        )
    except algorithms.SignatureInvalid as error:
        raise CmsRefused(N_("The signature of the document is wrong.")) from error
    claimed = attributes.get("1.2.840.113549.1.9.5")
    return SignedContent(document, content_type, signer, certificates, claimed[0].native if claimed else None)


def _signer(info: cms.SignerInfo, certificates: Sequence[bytes], given: bytes | None) -> bytes:
    wanted = info["sid"].chosen
    if info["sid"].name != "issuer_and_serial_number":
        raise ValueError("signer named by key identifier")
    for candidate in [*certificates, *([given] if given else [])]:
        certificate = x509.Certificate.load(candidate)
        same_issuer = certificate.issuer.dump() == wanted["issuer"].dump()
        if same_issuer and certificate.serial_number == wanted["serial_number"].native:
            return candidate
    raise CmsRefused(N_("The signer's certificate is missing."))


def _check_attributes(
    signed: cms.SignedData,
    info: cms.SignerInfo,
    attributes: dict[str, Any],
    document: bytes,
    signer: bytes,
    content_type: str,
) -> None:
    declared = signed["encap_content_info"]["content_type"].dotted
    if declared != content_type or attributes["1.2.840.113549.1.9.3"][0].dotted != content_type:
        raise CmsRefused(N_("The signature is over another kind of content."))
    digest = info["digest_algorithm"]["algorithm"].native
    if digest not in ("sha256", "sha384", "sha512"):
        raise CmsRefused(N_("The signature uses a digest that is not accepted."))
    if attributes["1.2.840.113549.1.9.4"][0].native != algorithms.digest(digest, document):
        raise CmsRefused(N_("The document is not the one that was signed."))
    named = attributes.get("1.2.840.113549.1.9.16.2.47")
    if named is not None:
        first = named[0]["certs"][0]
        by = first["hash_algorithm"]["algorithm"].native
        if first["cert_hash"].native != algorithms.digest(by, signer):
            raise CmsRefused(N_("The signature names another certificate than the signer's."))
