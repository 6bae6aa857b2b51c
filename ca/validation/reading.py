"""Certificates and CRLs out of what people hand in: PEM with many blocks, DER, PKCS#7. All of it is bounded."""

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from asn1crypto import cms, crl, pem, x509
from cryptography.exceptions import UnsupportedAlgorithm

from ca.validation.model import Shown
from kernel.canonical import iso_utc
from kernel.errors import Invalid, LimitExceeded
from kernel.i18n import N_
from kernel.pki.names import SHORT_NAMES

T = TypeVar("T")
MOST_CERTIFICATES = 500
MOST_OCTETS = 64 * 2**20
# what asn1crypto and cryptography raise over octets that are no such structure, and (NotImplementedError) certvalidator over
# kinds of names, CRLs and signatures that it does not know
BROKEN = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    OverflowError,
    RecursionError,
    NotImplementedError,
    UnsupportedAlgorithm,
)


def certificates(data: bytes, place: str = "") -> list[bytes]:
    """DER of every certificate in PEM, DER or PKCS#7 octets, in their order; Invalid when there is none."""
    found = [der for kind, der in _parts(data, place) for der in _certificates_of(kind, der, place)]
    if not found:
        raise _nothing(N_("There is no certificate in it."), place)
    if len(found) > MOST_CERTIFICATES:
        raise LimitExceeded(
            N_("At most %(most)s certificates are looked at once."), place=place, most=MOST_CERTIFICATES
        )
    return found


def crls(data: bytes, place: str = "") -> list[bytes]:
    """DER of every CRL in PEM or DER octets; Invalid when there is none."""
    found = [der for kind, der in _parts(data, place) if kind in ("", "X509 CRL")]
    for der in found:
        _checked(_touch_crl, der, N_("This is no CRL."), place)
    if not found:
        raise _nothing(N_("There is no CRL in it."), place)
    return found


def certificate(der: bytes, place: str = "") -> x509.Certificate:
    """The parsed certificate, every field of it read."""
    return _checked(_touch, der, N_("This is no certificate."), place)


_ESCAPED = re.compile(r'([\\",+;<>])')


def name_text(name: x509.Name) -> str:
    """A distinguished name as ``kernel.pki.names.name_text`` writes it: even one that ``cryptography`` refuses."""
    parts = [
        "+".join(
            f"{SHORT_NAMES.get(one['type'].dotted, one['type'].dotted)}={_value(one['value'])}"
            for one in part
        )
        for part in name.chosen
    ]
    return ",".join(reversed(parts))


def _value(value: Any) -> str:
    escaped = _ESCAPED.sub(r"\\\1", str(value.native)).replace("\0", "\\00")
    if escaped[:1] == "#" or (escaped[:1] == " " and len(escaped) > 1):
        escaped = f"\\{escaped}"
    return f"{escaped[:-1]}\\ " if escaped.endswith(" ") else escaped  # RFC 4514 section 2.4


def about(der: bytes) -> Shown:
    """Subject, issuer, serial, digest and time of a certificate, as reports show them."""
    one = certificate(der)
    return Shown(
        subject=name_text(one.subject),
        issuer=name_text(one.issuer),
        serial=f"{one.serial_number:x}",
        sha256=one.sha256.hex(),
        not_before=iso_utc(one.not_valid_before),
        not_after=iso_utc(one.not_valid_after),
    )


def about_crl(der: bytes) -> dict[str, Any]:
    """Issuer, number and times of a CRL."""
    parsed = _checked(_touch_crl, der, N_("This is no CRL."), "")
    inner = parsed["tbs_cert_list"]
    number = parsed.crl_number_value
    return {
        "issuer": name_text(parsed.issuer)[:1000],
        "number": str(number.native)[:60] if number is not None else "",
        "this_update": inner["this_update"].native,
        "next_update": inner["next_update"].native,
    }


def _parts(data: bytes, place: str) -> Iterator[tuple[str, bytes]]:
    """(label of the PEM block or "", DER)."""
    if len(data) > MOST_OCTETS:
        raise LimitExceeded(
            N_("The file is larger than %(most)s MiB."), place=place, most=MOST_OCTETS // 2**20
        )
    if b"-----BEGIN" not in data[:65536]:
        yield "", data
        return
    try:
        for label, _headers, der in pem.unarmor(data, multiple=True):
            yield label, der
    except BROKEN as error:
        raise _nothing(N_("The PEM text is broken."), place) from error


def _certificates_of(kind: str, der: bytes, place: str) -> list[bytes]:
    if kind in ("CERTIFICATE", "X509 CERTIFICATE"):
        return [certificate(der, place).dump()]
    if kind in ("PKCS7", "CMS"):
        return _bundled(der, place)
    if kind == "":
        return _bundled(der, place) if _is_content_info(der) else [certificate(der, place).dump()]
    return []


def _is_content_info(der: bytes) -> bool:
    """Whether a SEQUENCE begins with an OID, as ContentInfo does; a certificate begins with a SEQUENCE."""
    long_form = der[1] & 0x7F if len(der) > 1 and der[1] & 0x80 else 0
    return der[2 + long_form : 3 + long_form] == b"\x06"


def _bundled(der: bytes, place: str) -> list[bytes]:
    """The certificates of a SignedData (RFC 5652), signed or not."""
    try:
        signed = cms.ContentInfo.load(der, strict=True)["content"]
        inside = [choice.chosen.dump() for choice in signed["certificates"] if choice.name == "certificate"]
    except BROKEN as error:
        raise _nothing(N_("This is no certificate and no PKCS#7."), place) from error
    return [certificate(one, place).dump() for one in inside]


def _checked(touch: Callable[[bytes], T], der: bytes, message: str, place: str) -> T:
    try:
        return touch(der)
    except BROKEN as error:
        raise _nothing(message, place) from error


def _touch(der: bytes) -> x509.Certificate:
    parsed = x509.Certificate.load(der, strict=True)
    inner = parsed["tbs_certificate"]
    for name in ("subject", "issuer", "validity", "serial_number", "extensions", "signature"):
        _ = inner[name].native
    _ = (
        parsed.subject.hashable,
        parsed.issuer.hashable,
        parsed.public_key.algorithm,
        parsed.public_key.sha1,
        parsed.key_identifier,
        parsed.authority_issuer_serial,
        parsed.critical_extensions,
    )
    return parsed


def _touch_crl(der: bytes) -> crl.CertificateList:
    parsed = crl.CertificateList.load(der, strict=True)
    inner = parsed["tbs_cert_list"]
    _ = (
        parsed.issuer.hashable,
        inner["this_update"].native,
        inner["next_update"].native,
        parsed.critical_extensions,
    )
    return parsed


def _nothing(message: str, place: str) -> Invalid:
    return Invalid(message, mend=N_("Give it in PEM, DER or PKCS#7."), place=place)
