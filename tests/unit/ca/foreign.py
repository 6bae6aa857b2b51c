"""Another CA than ours: root, issuing CA, a leaf, and their CRLs, made by ``cryptography``."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
_ISSUED = datetime(2026, 11, 22, tzinfo=UTC)


@dataclass(frozen=True)
class Foreign:
    """DER of certificates; keys to sign lists with."""

    root: bytes
    issuing: bytes
    leaf: bytes
    root_key: ec.EllipticCurvePrivateKey
    issuing_key: ec.EllipticCurvePrivateKey
    leaf_key: ec.EllipticCurvePrivateKey

    @classmethod
    def make(cls, name: str = "省") -> "Foreign":
        root_key, issuing_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        root = certificate(f"{name}根", root_key, f"{name}根", root_key, ca=True)
        issuing = certificate(f"{name}签发", issuing_key, f"{name}根", root_key, ca=True)
        leaf = certificate(f"{name}某", leaf_key, f"{name}签发", issuing_key, ca=False)
        return cls(root, issuing, leaf, root_key, issuing_key, leaf_key)

    def crls(self, *, revoked: bool = False) -> bytes:
        """PEM of both lists; the newer one names the leaf."""
        number = x509.load_der_x509_certificate(self.leaf).serial_number if revoked else 0
        above = crl(self.root, self.root_key, 0)
        return above + crl(self.issuing, self.issuing_key, number)


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    *,
    ca: bool,
    serial: int | None = None,
) -> bytes:
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(START)
        .not_valid_after(END)
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    )
    if not ca:
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(usage, critical=False)
    return builder.sign(issuer_key, hashes.SHA256()).public_bytes(Encoding.DER)


def crl(issuer: bytes, key: ec.EllipticCurvePrivateKey, revoked: int) -> bytes:
    """PEM; ``revoked`` is a serial number, 0 for none."""
    at = _ISSUED + timedelta(hours=1) if revoked else _ISSUED
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.load_der_x509_certificate(issuer).subject)
        .last_update(at)
        .next_update(at + timedelta(days=30))
        .add_extension(x509.CRLNumber(2 if revoked else 1), critical=False)
    )
    if revoked:
        entry = x509.RevokedCertificateBuilder().serial_number(revoked).revocation_date(_ISSUED).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def long_crl(issuer: bytes, key: ec.EllipticCurvePrivateKey, numbers: list[int]) -> bytes:
    """DER of a list with all these serial numbers."""
    entries = [
        x509.RevokedCertificateBuilder().serial_number(number).revocation_date(_ISSUED).build()
        for number in numbers
    ]
    name = x509.load_der_x509_certificate(issuer).subject
    built = x509.CertificateRevocationListBuilder(name, _ISSUED, _ISSUED + timedelta(days=30), [], entries)
    return built.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
