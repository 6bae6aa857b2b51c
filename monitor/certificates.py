"""What a TLS endpoint presents, and what is wrong with it (CA-12, MON-5)."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from kernel.assets import Asset
from kernel.pki.names import name_text
from monitor.model import CertificateFacts, EndpointReading, FindingKind, Observation

EXPIRING = timedelta(days=14)


def endpoint_name(asset: Asset) -> str:
    """``address:port``, an IPv6 address in brackets."""
    address = f"[{asset.address}]" if ":" in asset.address else asset.address
    return f"{address}:{asset.attributes['tls_port']}"


def facts_of(der: bytes) -> CertificateFacts | None:
    """What the certificate says, valid or not; None when it is no certificate that can be read (RFC 5280)."""
    try:
        certificate = x509.load_der_x509_certificate(der)
        return CertificateFacts(
            fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
            subject=name_text(certificate.subject),
            issuer=name_text(certificate.issuer),
            serial=f"{certificate.serial_number:x}",
            names=_names(certificate),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            key=_key(certificate),
            signature=_signature(certificate),
        )
    except (ValueError, TypeError, OverflowError):
        return None


def judge(
    asset: Asset, reading: EndpointReading, facts: CertificateFacts | None, now: datetime
) -> list[Observation]:
    """What is wrong with one endpoint at this moment."""
    endpoint = endpoint_name(asset)
    if not reading.reachable:
        return [_fault(FindingKind.UNREACHABLE_SERVICE, asset, endpoint, problem=reading.problem)]
    if facts is None:
        return []
    kind = _validity_fault(facts, now)
    if kind is None:
        return []
    told = {
        "certificate": facts.subject,
        "issuer": facts.issuer,
        "serial": facts.serial,
        "not_before": facts.not_before.isoformat(),
        "not_after": facts.not_after.isoformat(),
    }
    return [_fault(kind, asset, endpoint, **told)]


def _validity_fault(facts: CertificateFacts, now: datetime) -> FindingKind | None:
    if facts.not_after < now:
        return FindingKind.EXPIRED_CERTIFICATE
    if facts.not_before > now:
        return FindingKind.CERTIFICATE_NOT_YET_VALID
    # a certificate made for a short life (RFC 8555 servers renew at two thirds of it) is no warning by itself
    margin = min(EXPIRING, (facts.not_after - facts.not_before) / 3)
    return FindingKind.EXPIRING_CERTIFICATE if facts.not_after - now < margin else None


def _fault(kind: FindingKind, asset: Asset, endpoint: str, **details: str) -> Observation:
    return Observation(kind, asset.id, endpoint, {"endpoint": endpoint, **details})


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(str(name.value) for name in extension)


def _key(certificate: x509.Certificate) -> str:
    try:
        key = certificate.public_key()
    except Exception:  # noqa: BLE001 - an algorithm the library does not know, SM2 for one, is a fact and no fault
        return certificate.public_key_algorithm_oid.dotted_string
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}"
    return f"EC {key.curve.name}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__


def _signature(certificate: x509.Certificate) -> str:
    name: str = certificate.signature_algorithm_oid._name
    return name if name != "Unknown OID" else certificate.signature_algorithm_oid.dotted_string
